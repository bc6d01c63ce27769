"""Few conversions: Leadlens with and without its sheet beside logistic regression, the sheet and the base rate.

    python -m benchmarks.little_data [--conversions 10 20 30 50 100 300] [--seeds 3] [--method my_method.py] [data set …]

Of each real data set, leads are drawn so that as many conversions are left as asked for, and others in the same share; each
model learns from these alone, as do the files that ``--method`` names (docs/benchmark.md), and is judged on all out-of-time rows.
Prints means over seeds as Markdown, and JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.data_sets import DATASETS, ROOT, in_words
from benchmarks.method import SEARCH, Given, Method, add_options, check_names, methods_of, predicted
from leadlens import load_project
from leadlens.models.statistics import log_loss, roc_auc

if TYPE_CHECKING:
    from leadlens.pipeline.config import ProjectFile

LENSES = ("leadlens", "leadlens + sheet", "logistic regression", "sheet", "base rate")


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--conversions", type=int, nargs="+", default=[10, 20, 30, 50, 100, 300])
    parser.add_argument("--seeds", type=int, default=3)
    add_options(parser)
    parser.add_argument("datasets", nargs="*", default=list(DATASETS))
    options = parser.parse_args()
    methods = methods_of(options)
    check_names(methods, LENSES)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEADLENS_HOME"] = folder
        for name in options.datasets:
            file = load_project(ROOT / "configs" / f"{name}.yaml")
            found += judge(file, options.conversions, options.seeds, methods)
            print(f"{name}: done", file=sys.stderr)
    table = pd.DataFrame(found)
    means = table.groupby(["set", "conversions"], sort=False)[[c for c in table if ":" in c]].mean()
    print(markdown(means, [*LENSES, *(method.name for method in methods)]))
    print(json.dumps({"bench": "little_data", "figures": table.drop(columns="seed").to_dict("records")}))


def judge(
    file: ProjectFile, counts: list[int], seeds: int, methods: Sequence[Method] = ()
) -> list[dict[str, Any]]:
    """One row per number of conversions and seed: ROC AUC and log loss of every lens."""
    from leadlens import build_training_set, open_history
    from leadlens.features.durations import parse_duration
    from leadlens.models.prediction import sheet_points
    from leadlens.models.training import TrainSettings, train_model

    history = open_history(file)
    rows = build_training_set(file, history)
    frame, label = rows.matrix.frame, rows.label
    spine = rows.matrix.spine.set_index("row_id")
    points = sheet_points(rows.rules, frame.index)
    if points is None:
        raise SystemExit(f"{file.project.name} has no sheet, which this track judges beside")
    lead, outcome = spine.loc[rows.train, "lead_id"], label[rows.train]
    won = lead[outcome == 1].unique()
    lost = np.setdiff1d(lead.unique(), won)
    later, truth = frame.loc[rows.test], label[rows.test].to_numpy(float)
    found = []
    for conversions in (count for count in counts if count <= len(won)):
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            kept = {
                *rng.choice(won, conversions, replace=False),
                *rng.choice(lost, len(lost) * conversions // len(won), replace=False),
            }
            at = rows.train[lead.isin(kept).to_numpy()]

            def learned(sheet: bool, at: Any = at, seed: int = seed) -> np.ndarray:
                trained = train_model(
                    frame.loc[at],
                    label[at],
                    as_of=None if history.clock == "none" else spine.loc[at, "as_of"],
                    lead_id=spine.loc[at, "lead_id"],
                    horizon=pd.Timedelta(parse_duration(file.project.outcome.horizon)),
                    rule_points=points.loc[at] if sheet else None,
                    settings=TrainSettings(trials=20),
                    seed=seed,
                )
                return trained.model.predict_proba(later, points.loc[rows.test] if sheet else None)

            probability = {
                "leadlens": learned(sheet=False),
                "leadlens + sheet": learned(sheet=True),
                "logistic regression": logistic(frame.loc[at], label[at], later),
                "sheet": sheet_alone(points.loc[at], label[at], points.loc[rows.test]),
                "base rate": np.full(len(truth), label[at].mean()),
            }
            if methods:
                given = Given.of(file, history, rows, learn=at, seed=seed, seconds=SEARCH)
                probability |= {method.name: predicted(method, given)[0] for method in methods}
            figures: dict[str, Any] = {"set": file.project.name, "conversions": conversions, "seed": seed}
            for lens, p in probability.items():
                figures[f"auc: {lens}"] = round(float(roc_auc(truth, p)), 4)
                line = np.log(p) - np.log1p(-p)
                figures[f"loss: {lens}"] = round(float(log_loss(truth, line).mean()), 4)
            found.append(figures)
    return found


def sheet_alone(points: pd.DataFrame, label: pd.Series, later: pd.DataFrame) -> np.ndarray:
    """The sheet's points calibrated on the same leads."""
    from leadlens.models.scorecard.scoring.probability import calibrate_points
    from leadlens.models.statistics import expit

    line = calibrate_points(points.sum(axis=1).to_numpy(), label.to_numpy(float), None)
    return np.asarray(expit(line.log_odds(later.sum(axis=1).to_numpy())))


def logistic(frame: pd.DataFrame, label: pd.Series, later: pd.DataFrame) -> np.ndarray:
    """Logistic regression at its defaults, on standardised numbers and one column per category."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [name for name in frame if frame[name].dtype.kind in "fiu"]
    texts = [name for name in frame if name not in numbers]
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), texts),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(frame, label)
        p = fitted.predict_proba(later)[:, 1]
    return np.clip(p, 1e-9, 1 - 1e-9)


def markdown(means: pd.DataFrame, lenses: Sequence[str] = LENSES) -> str:
    """ROC AUC / log loss of every lens."""
    lines = [
        f"| data set | conversions | {' | '.join(lenses)} |",
        f"|---|---:|{'---|' * len(lenses)}",
    ]
    for (name, conversions), row in means.iterrows():  # type: ignore[misc]
        cells = [f"{row[f'auc: {lens}']:.3f} / {row[f'loss: {lens}']:.3f}" for lens in lenses]
        lines.append(f"| `{name}` | {conversions} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    in_words(main)
