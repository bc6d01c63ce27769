"""Model and hand-written sheet on the same out-of-time rows of the five real data sets, with two peers at defaults.

Run by ``make bench-quality``. Prints a table and ends with one line of JSON. With ``--docs`` the table in
docs/real_data.md is renewed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
# Required out-of-time ROC AUC (the project's first issue).
DATASETS = {
    "bank_marketing": 0.74,
    "x_education_leads": 0.897,
    "olist_marketing_funnel": 0.68,
    "cdnow": 0.772,
    "bpic2012_loan_leads": 0.72,
}
METRICS = ("roc_auc", "average_precision", "log_loss", "brier", "ece")


def main() -> None:
    """Train and evaluate on every data set that is available."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--docs", action="store_true", help="renew the table in docs/real_data.md")
    arguments.add_argument("--sheet", type=Path, help="a score sheet other than the project's")
    arguments.add_argument("datasets", nargs="*", default=list(DATASETS))
    options = arguments.parse_args()
    figures: dict[str, dict[str, dict[str, float]]] = {}
    peers: dict[str, dict[str, float]] = {}
    notes: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEADLENS_HOME"] = folder  # no earlier run is resumed
        for name in options.datasets:
            started = time.perf_counter()
            figures[name], peers[name], notes[name] = judge(name, options.sheet)
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    table = table_of(figures, peers, notes)
    print(table)
    if options.docs:
        write_page(table)
    print(json.dumps({"bench": "quality", "figures": figures}))


def judge(name: str, sheet: Path | None) -> tuple[dict[str, dict[str, float]], dict[str, float], str]:
    """Metrics of model and sheet, ROC AUC of the peers, and the interval of their difference as text."""
    from pipeline import build_training_set, load_project, open_history, train

    file = load_project(ROOT / "configs" / f"{name}.yaml")
    if sheet is not None:
        file = replace(file, project=file.project.model_copy(update={"scorecards": (str(sheet.absolute()),)}))
    done = train(file)
    assert done.comparison is not None
    rows = build_training_set(file, open_history(file))
    difference = done.comparison.difference.set_index("metric").loc["roc_auc"]
    note = f"{difference['value']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f})"
    return done.figures, peer_auc(rows), note


def peer_auc(rows: Any) -> dict[str, float]:
    """Logistic regression and LightGBM, both at their defaults, on the same features, all of them."""
    from lightgbm import LGBMClassifier
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    frame = rows.matrix.frame.copy()
    texts = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    for name in texts:
        frame[name] = frame[name].astype("category")
    numbers = [name for name in frame if name not in texts]
    train_rows, test_rows = rows.train, rows.test
    linear = make_pipeline(
        make_column_transformer(
            (
                make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()),
                numbers,
            ),
            (OneHotEncoder(handle_unknown="ignore", min_frequency=20), texts),
        ),
        LogisticRegression(max_iter=2000),
    )
    plain = frame.astype(dict.fromkeys(texts, "object")).replace({None: np.nan})
    plain[texts] = plain[texts].fillna("missing")
    linear.fit(plain.loc[train_rows], rows.label[train_rows])
    trees = LGBMClassifier(verbose=-1, n_jobs=2, random_state=0)
    renamed = frame.set_axis(
        [f"f{at}" for at in range(frame.shape[1])], axis=1
    )  # LightGBM refuses some characters
    trees.fit(renamed.loc[train_rows], rows.label[train_rows])
    return {
        "logistic regression": roc_auc_score(
            rows.label[test_rows], linear.predict_proba(plain.loc[test_rows])[:, 1]
        ),
        "LightGBM": roc_auc_score(rows.label[test_rows], trees.predict_proba(renamed.loc[test_rows])[:, 1]),
    }


def table_of(
    figures: dict[str, dict[str, dict[str, float]]], peers: dict[str, dict[str, float]], notes: dict[str, str]
) -> str:
    """Markdown: one row per data set."""
    head = (
        "| data | ROC AUC: Leadlens | sheet | difference (90 %) | logistic regression | LightGBM | asked for "
        "| log loss: Leadlens | sheet | ECE: Leadlens | sheet |"
    )
    lines = [head, "|---" * 11 + "|"]
    for name, metrics in figures.items():
        ours, sheet, peer = metrics["leadlens"], metrics["scorecard"], peers[name]
        lines.append(
            f"| `{name}` | **{ours['roc_auc']:.3f}** | {sheet['roc_auc']:.3f} | {notes[name]} "
            f"| {peer['logistic regression']:.3f} | {peer['LightGBM']:.3f} | {DATASETS[name]:g} "
            f"| {ours['log_loss']:.3f} | {sheet['log_loss']:.3f} | {ours['ece']:.3f} | {sheet['ece']:.3f} |"
        )
    return "\n".join(lines)


def write_page(table: str) -> None:
    """Put the table between its two marks in docs/real_data.md."""
    path = ROOT / "docs" / "real_data.md"
    before, _, rest = path.read_text(encoding="utf-8").partition("<!-- bench-quality -->\n")
    _, _, after = rest.partition("<!-- /bench-quality -->")
    path.write_text(
        f"{before}<!-- bench-quality -->\n{table}\n<!-- /bench-quality -->{after}", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
