"""The benefit of the kinds of features added after version 0.1.0: trained with and without them on the same rows.

Run by ``make bench-vocabulary``, on the five real data sets and both simulated worlds. Rows, split, folds and seed
are the same on both sides; intervals are paired, by resampling whole leads. Tuning is random too: ``--seeds 5``
trains five times on each side, and reports the mean of the differences and their spread. Prints a table
and ends with one line of JSON.

What version 0.1.0 had is approximated by the columns of today: its limit of behaviours and its fixed windows are
not restored. A reading that replaced an earlier one (``51-200`` as a number, not as a text) counts as known; ``disposable`` mail domains are ``corporate`` on the side without.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.data_sets import DATASETS, WORLDS, project_of
from leadlens.models.judging import Measured
from leadlens.models.judging.intervals import cluster_bootstrap
from leadlens.pipeline.threads import one_blas_thread

if TYPE_CHECKING:
    from leadlens.pipeline.config import ProjectFile
    from leadlens.pipeline.dataset.training_set import TrainingSet

METRICS = ("roc_auc", "log_loss")
RESAMPLES = 1000

# Kinds of columns that version 0.1.0 did not have, by name; {window} stands for the plan's windows.
NEW: tuple[tuple[str, str], ...] = (
    ("sessions", r"any__(sessions(_{window})?|per_session)"),
    ("times of day", r"any__(office_hours|weekend)"),
    ("trend and surge", r"any__(trend|surge)"),
    ("active days per window", r"any__active_days_{window}"),
    ("sums per window", r"any__sum_.+_{window}"),
    ("sums per event type", r"(?!any__).+__(sum|mean)_.+"),
    ("shares of activity", r".+__share"),
    ("e-mail rates", r"mail_(opened|clicked)_per_(sent|opened)"),
    ("last and first values", r"(last_(?!action$)|first_).+"),
    ("own purchases", r"bought__.+"),
    ("account roll-ups", r"best_colleague_30d|account_(last_activity|conversions|last_conversion)"),
)
# Windows of their own are new only where the project names none: version 0.1.0 had 7, 30 and 90 days.
NEW_WINDOWS = ("windows of 1 and 365 days", r".+__(count|active_days|sessions|sum_.+)_(1|365)d")
OLD_READINGS = ("number", "category", "flag", "filled", "age", "email_kind", "seniority")


def main() -> None:
    """Train and evaluate on every data set that is available and on both worlds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=[*DATASETS, *WORLDS])
    parser.add_argument(
        "--seeds", type=int, default=1, help="trainings on each side; 1, with the project's seed"
    )
    parser.add_argument("--leads", type=int, help="of each world; by default its own number")
    options = parser.parse_args()
    results: dict[str, Vocabulary] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.names:
            started = time.perf_counter()
            results[name] = measure(project_of(name, Path(folder), options.leads), options.seeds)
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    print(table_of(results))
    print(
        json.dumps(
            {"bench": "vocabulary", "figures": {name: each.figures() for name, each in results.items()}}
        )
    )


@dataclass(frozen=True)
class Gain:
    """One metric with all columns and without the new ones; the difference is with minus without, at 90 %.

    ``by_seed`` are the differences of the single trainings, of which ``difference`` is the mean.
    """

    with_new: float
    without: float
    difference: float
    low: float
    high: float
    by_seed: tuple[float, ...]

    def __str__(self) -> str:
        spread = (
            f", seeds {min(self.by_seed):+.4f} … {max(self.by_seed):+.4f}" if len(self.by_seed) > 1 else ""
        )
        return f"{self.difference:+.4f} ({self.low:+.4f} to {self.high:+.4f}{spread})"


@dataclass(frozen=True)
class Vocabulary:
    """The gains from the new columns of one project; empty where it has none."""

    columns: int
    new: dict[str, int]
    gains: dict[str, Gain]

    def figures(self) -> dict[str, Any]:
        """For the line of JSON."""
        without = self.columns - sum(self.new.values())
        gains = {metric: {**vars(gain), "by_seed": list(gain.by_seed)} for metric, gain in self.gains.items()}
        return {"columns": self.columns, "columns_without": without, "new": self.new, **gains}


def measure(file: ProjectFile, seeds: int = 1) -> Vocabulary:
    """Train with and without the new columns on the same rows, and evaluate both on the same out-of-time rows."""
    from leadlens import build_training_set, open_history

    history = open_history(file)
    rows = build_training_set(file, history)
    new = new_columns(rows, file.project.features.windows is None)
    counted, columns = dict(Counter(new.values())), rows.matrix.frame.shape[1]
    if not new:
        return Vocabulary(columns, {}, {})
    frames = (rows.matrix.frame, as_before(rows, new))
    timeless, first = history.clock == "none", file.project.model.seed
    probability = [
        [_out_of_time(file, rows, frame, timeless, first + at) for frame in frames] for at in range(seeds)
    ]
    return Vocabulary(columns, counted, gains_of(rows, probability))


def new_columns(rows: TrainingSet, chosen_windows: bool) -> dict[str, str]:
    """Column -> kind, of all columns that version 0.1.0 could not have made."""
    from leadlens.features.durations import format_duration

    windows = f"({'|'.join(map(format_duration, rows.plan.windows)) or '-'})"
    kinds = [NEW_WINDOWS, *NEW] if chosen_windows else list(NEW)
    patterns = [(kind, re.compile(pattern.replace("{window}", windows))) for kind, pattern in kinds]
    attributes = {feature.name: feature for feature in rows.plan.attributes}
    known = {(item.source, item.column) for item in attributes.values() if item.reading in OLD_READINGS}
    kind_of = {}
    for column in rows.matrix.columns:
        if item := attributes.get(column.name):
            if item.reading not in OLD_READINGS and (item.source, item.column) in known:
                kind_of[column.name] = "more readings of a column"
        elif kind := next((kind for kind, pattern in patterns if pattern.fullmatch(column.name)), None):
            kind_of[column.name] = kind
    return kind_of


def as_before(rows: TrainingSet, new: dict[str, str]) -> pd.DataFrame:
    """The matrix without the new columns, with mail domains classified as before."""
    mails = [feature.name for feature in rows.plan.attributes if feature.reading == "email_kind"]
    frame = rows.matrix.frame.drop(columns=list(new))
    return frame.assign(**{name: frame[name].replace("disposable", "corporate") for name in mails})


@one_blas_thread
def _out_of_time(
    file: ProjectFile, rows: TrainingSet, frame: pd.DataFrame, timeless: bool, seed: int
) -> np.ndarray:
    """The probability of every out-of-time row, by a model trained as `leadlens train` does."""
    from leadlens.models.prediction import sheet_points
    from leadlens.models.training import TrainSettings, train_model
    from leadlens.pipeline.dataset.policies import outcome_horizon

    train_rows, test_rows, settings = rows.train, rows.test, file.project.model
    spine = rows.matrix.spine.set_index("row_id").loc[train_rows]
    trained = train_model(
        frame.loc[train_rows],
        rows.label[train_rows],
        as_of=None if timeless else spine["as_of"],
        lead_id=spine["lead_id"],
        horizon=pd.Timedelta(outcome_horizon(file.project)),
        rule_points=sheet_points(rows.rules, train_rows),
        settings=TrainSettings(
            trials=settings.trials,
            folds=settings.folds,
            drop_time_proxies=settings.drop_time_proxies,
            n_jobs=1,
        ),
        seed=seed,
    )
    return trained.model.predict_proba(frame.loc[test_rows], sheet_points(rows.rules, test_rows))


def gains_of(rows: TrainingSet, probability: Sequence[Sequence[np.ndarray]]) -> dict[str, Gain]:
    """Per metric; ``probability`` holds, per seed, that of every out-of-time row with and without the new columns."""
    test_rows = rows.test
    label = rows.label[test_rows].to_numpy()
    measured = [[Measured(label, side) for side in sides] for sides in probability]

    def figures(weight: np.ndarray | None) -> dict[str, float]:
        values: dict[str, float] = {}
        for metric in METRICS:
            each = np.array([[getattr(side, metric)(weight) for side in sides] for sides in measured])
            values |= {f"{metric}.{at}": gap for at, gap in enumerate(each[:, 0] - each[:, 1])}
            with_new, without = each.mean(axis=0)
            values |= {f"{metric}.with": with_new, f"{metric}.without": without, metric: with_new - without}
        return values

    lead = pd.factorize(rows.matrix.spine.set_index("row_id").loc[test_rows, "lead_id"])[0]
    value, interval = figures(None), cluster_bootstrap(figures, lead.astype(np.int64), resamples=RESAMPLES)
    return {
        metric: Gain(
            float(value[f"{metric}.with"]),
            float(value[f"{metric}.without"]),
            float(value[metric]),
            *interval[metric],
            tuple(float(value[f"{metric}.{at}"]) for at in range(len(probability))),
        )
        for metric in METRICS
    }


def table_of(results: dict[str, Vocabulary]) -> str:
    """Markdown: one row per project, then what is new in each."""
    lines = [
        "| data | columns: 0.1.0 kinds | all | ROC AUC: 0.1.0 kinds | all | difference (90 %) "
        "| log loss: 0.1.0 kinds | all | difference (90 %) |",
        "|---" * 9 + "|",
    ]
    for name, each in results.items():
        if not each.gains:
            lines.append(f"| `{name}` | {each.columns} | {each.columns} | no new columns |" + " – |" * 5)
            continue
        auc, loss = (each.gains[metric] for metric in METRICS)
        lines.append(
            f"| `{name}` | {each.columns - sum(each.new.values())} | {each.columns} | {auc.without:.4f} "
            f"| {auc.with_new:.4f} | {auc} | {loss.without:.4f} | {loss.with_new:.4f} | {loss} |"
        )
    lines.append("")
    lines += [
        f"{name}: {', '.join(f'{count} {kind}' for kind, count in each.new.items())}"
        for name, each in results.items()
        if each.new
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
