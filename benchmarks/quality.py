"""Leadlens, sheet and peers on the same out-of-time rows of the five real data sets and both simulated worlds.

Run by ``make bench-quality``. Leadlens learns with and without the hand-written sheet; the peers (benchmarks/peers.py) learn from
the same rows and columns, without the sheet, in an environment of their own that ``--peers`` names. Prints a table
per metric and ends with one line of JSON. With ``--docs`` the tables in docs/real_data.md are renewed.

Searches of peers get as many processor seconds as Leadlens took, in half minutes, one at least; all on one thread. What peers predict is kept
in .leadlens/bench by a digest of all that it depends on, so that a second run asks Leadlens alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leadlens.models.judging import Measured
from leadlens.models.judging.intervals import cluster_bootstrap
from leadlens.models.judging.metrics import HIGHER_IS_BETTER, METRICS

if TYPE_CHECKING:
    from leadlens.pipeline.config import ProjectFile
    from leadlens.pipeline.dataset.dataset import Dataset

ROOT = Path(__file__).parents[1]
KEPT = ROOT / ".leadlens" / "bench" / "predicted"
# Required out-of-time ROC AUC (the project's first issue).
DATASETS = {
    "bank_marketing": 0.74,
    "x_education_leads": 0.897,
    "olist_marketing_funnel": 0.68,
    "cdnow": 0.772,
    "bpic2012_loan_leads": 0.72,
}
WORLDS = ("demo_b2b_software", "demo_car_dealer")
OURS, ALONE, SHEET, BASE_RATE = "leadlens", "leadlens_without_sheet", "scorecard", "base_rate"
PEERS = {
    "logistic_regression": "logistic regression",
    "hist_gradient_boosting": "HistGradientBoosting",
    "lightgbm_tuned": "LightGBM, tuned",
    "catboost": "CatBoost",
    "flaml": "FLAML",
}
NAMES = {OURS: "Leadlens", ALONE: "without sheet", SHEET: "sheet", BASE_RATE: "base rate", **PEERS}
TITLES = {
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "ece": "Expected calibration error",
}
HALF_A_MINUTE = 30


@dataclass(frozen=True)
class Gap:
    """Leadlens minus another lens on the same rows, 90 % interval by leads; positive is better for Leadlens."""

    other: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.4f} ({self.low:+.4f} to {self.high:+.4f})"


@dataclass
class Judged:
    """One data set: ``predicted`` holds, per lens, the probabilities of each seed; ``cpu`` the seconds of learning."""

    label: np.ndarray
    lead: np.ndarray
    predicted: dict[str, list[np.ndarray]] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    def add(self, lens: str, probability: np.ndarray) -> None:
        self.predicted.setdefault(lens, []).append(np.asarray(probability, dtype=float))

    def figures(self) -> dict[str, dict[str, float]]:
        """Metrics per lens, means over seeds."""
        return {
            lens: {
                metric: float(np.mean([getattr(Measured(self.label, one), metric)() for one in each]))
                for metric in METRICS
            }
            for lens, each in self.predicted.items()
        }

    def best_peer(self, metric: str) -> str | None:
        """The peer that turned out best on these very rows, which none of them could have known beforehand."""
        figures = {lens: values[metric] for lens, values in self.figures().items() if lens in PEERS}
        sign = 1 if HIGHER_IS_BETTER[metric] else -1
        return max(figures, key=lambda lens: sign * figures[lens]) if figures else None

    def gaps(self, ours: str, resamples: int) -> dict[str, dict[str, Gap]]:
        """Metric -> "best_peer", "logistic_regression", "scorecard", "base_rate" -> how far ``ours`` is from it."""
        others = {
            metric: {"best_peer": self.best_peer(metric)}
            | {lens: lens for lens in ("logistic_regression", SHEET, BASE_RATE) if lens in self.predicted}
            for metric in METRICS
        }
        measured = {
            lens: [Measured(self.label, one) for one in each] for lens, each in self.predicted.items()
        }
        needed = {ours} | {str(lens) for each in others.values() for lens in each.values() if lens}

        def differences(weight: np.ndarray | None = None) -> dict[str, float]:
            found = {}
            for metric, each in others.items():
                value = {
                    lens: float(np.mean([getattr(one, metric)(weight) for one in measured[lens]]))
                    for lens in needed
                    if lens == ours or lens in each.values()
                }
                sign = 1 if HIGHER_IS_BETTER[metric] else -1
                for name, lens in each.items():
                    if lens:
                        found[f"{metric}.{name}"] = sign * (value[ours] - value[lens])
            return found

        value, interval = differences(), cluster_bootstrap(differences, self.lead, resamples=resamples)
        return {
            metric: {
                name: Gap(lens, value[key], *interval[key])
                for name, lens in each.items()
                if lens and (key := f"{metric}.{name}")
            }
            for metric, each in others.items()
        }


def main() -> None:
    """Learn and judge on every data set that is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--docs", action="store_true", help="renew the tables in docs/real_data.md")
    parser.add_argument("--sheet", type=Path, help="a score sheet other than the project's")
    parser.add_argument(
        "--peers", type=Path, help="a Python with benchmarks/peers.txt; none are judged without"
    )
    parser.add_argument("--seeds", type=int, default=1, help="of every model; 1, with the project's seed")
    parser.add_argument("--resamples", type=int, default=500, help="of leads, for the intervals")
    parser.add_argument("names", nargs="*", default=[*DATASETS, *WORLDS])
    options = parser.parse_args()
    from leadlens.pipeline.threads import processors, share_processors

    share_processors(processors())  # one thread for everybody
    judged: dict[str, Judged] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEADLENS_HOME"] = folder  # no earlier run is resumed
        for name in options.names:
            started = time.perf_counter()
            file = project_of(name, Path(folder), options.sheet)
            judged[name] = judge(file, options.seeds, options.peers, Path(folder) / f"{name}-rows")
            spent = ", ".join(f"{lens} {seconds:.0f}" for lens, seconds in judged[name].cpu.items())
            print(
                f"{name}: {time.perf_counter() - started:.0f} s; processor seconds: {spent}", file=sys.stderr
            )
    gaps = {
        name: {ours: each.gaps(ours, options.resamples) for ours in (OURS, ALONE)}
        for name, each in judged.items()
    }
    page = tables_of(judged, gaps)
    print(page)
    if options.docs:
        write_page(page)
    print(json.dumps({"bench": "quality", "figures": rounded(figures_of(judged, gaps))}))


def project_of(name: str, folder: Path, sheet: Path | None) -> ProjectFile:
    """A shipped project, its world simulated if it is one, with ``sheet`` in the place of its own."""
    from benchmarks.vocabulary import project_of as shipped

    file = shipped(name, folder)
    if sheet is None:
        return file
    return replace(file, project=file.project.model_copy(update={"scorecards": (str(sheet.absolute()),)}))


def judge(file: ProjectFile, seeds: int, peers: Path | None, folder: Path) -> Judged:
    """Every lens on the out-of-time rows of a project; ``folder`` is where the rows are exported for the peers."""
    from leadlens import training_set
    from leadlens.models.prediction import sheet_points, sheet_probability
    from leadlens.pipeline.dataset.judged import fit_sheet_probability
    from leadlens.pipeline.dataset.learning import learn
    from leadlens.pipeline.threads import one_blas_thread

    dataset = training_set(file)
    rows, first = dataset.rows, file.project.model.seed
    if rows.weight is not None:
        raise SystemExit(
            f"{file.project.name}: not all rows fit in memory, and peers would learn from others"
        )
    later = rows.test
    spine = rows.matrix.spine.set_index("row_id").loc[later]
    judged = Judged(rows.label[later].to_numpy(float), pd.factorize(spine["lead_id"])[0].astype(np.int64))
    for seed in range(first, first + seeds):
        settings = file.project.model.model_copy(update={"seed": seed})
        seeded = replace(file, project=file.project.model_copy(update={"model": settings}))
        for lens, seen in ((OURS, rows), (ALONE, replace(rows, rules=None))):
            started = time.process_time()
            model = one_blas_thread(learn)(seeded, dataset.history, seen).model
            judged.cpu[lens] = judged.cpu.get(lens, 0.0) + time.process_time() - started
            judged.add(
                lens, model.predict_proba(rows.matrix.frame.loc[later], sheet_points(seen.rules, later))
            )
        if peers is not None:
            halves = max(1, round(judged.cpu[OURS] / (seed - first + 1) / HALF_A_MINUTE))
            predicted, spent = predicted_by_peers(dataset, peers, folder, seed, halves * HALF_A_MINUTE)
            for lens, column in predicted.loc[later].items():
                judged.add(str(lens), column)
                judged.cpu[str(lens)] = judged.cpu.get(str(lens), 0.0) + spent[str(lens)]
    if rows.rules is not None:
        fitted = fit_sheet_probability(rows.rules, rows.label[rows.train], rows.train_weight)
        judged.add(SHEET, sheet_probability(fitted, rows.rules, later))
    judged.add(BASE_RATE, np.full(len(later), rows.base_rate))
    return judged


def predicted_by_peers(
    dataset: Dataset, python: Path, folder: Path, seed: int, seconds: int
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Probability by row_id and peer, and the processor seconds of each; kept where nothing has changed."""
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(dataset.to_arrow(), folder / "rows.parquet")
    (folder / "folds.json").write_text(json.dumps(folds_of(dataset)), encoding="utf-8")
    digest = hashlib.sha256(f"{seed} {seconds}".encode())
    here = Path(__file__).parent
    for path in (folder / "rows.parquet", folder / "folds.json", here / "peers.py", here / "peers.txt"):
        digest.update(path.read_bytes())
    kept = KEPT / digest.hexdigest()[:16]
    if not (kept / "peers.json").exists():
        command = [python, here / "peers.py", folder, "--seed", str(seed), "--seconds", str(seconds)]
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        subprocess.run(list(map(str, command)), check=True, env={**os.environ, **one_thread})
        kept.mkdir(parents=True, exist_ok=True)
        for name in ("peers.parquet", "peers.json"):  # the latter last: with it the folder is whole
            (kept / name).write_bytes((folder / name).read_bytes())
    spent = json.loads((kept / "peers.json").read_text(encoding="utf-8"))
    return pd.read_parquet(kept / "peers.parquet"), spent


def folds_of(dataset: Dataset) -> list[list[list[int]]]:
    """The folds that Leadlens tunes on, as positions among the training rows."""
    from leadlens.models.folds import make_folds
    from leadlens.pipeline.dataset.policies import outcome_horizon

    rows, project = dataset.rows, dataset.file.project
    spine = rows.matrix.spine.set_index("row_id").loc[rows.train]
    folds = make_folds(
        rows.label[rows.train],
        None if dataset.history.clock == "none" else spine["as_of"],
        spine["lead_id"],
        pd.Timedelta(outcome_horizon(project)),
        n_folds=project.model.folds,
        seed=project.model.seed,
    )
    return [[side.tolist() for side in fold] for fold in folds]


def tables_of(judged: dict[str, Judged], gaps: dict[str, dict[str, dict[str, dict[str, Gap]]]]) -> str:
    """Markdown: a table per metric, one row per data set; the best of each row in bold."""
    present = {lens for each in judged.values() for lens in each.predicted}
    lenses = [lens for lens in NAMES if lens in present]
    figures = {name: each.figures() for name, each in judged.items()}
    lines: list[str] = []
    for metric, title in TITLES.items():
        peers = any(lens in PEERS for lens in lenses)
        versus = ["Leadlens ahead of the best peer by (90 %)", "without sheet"] if peers else []
        heads = ["data", *(NAMES[lens] for lens in lenses), *versus]
        lines += [f"**{title}**", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        for name, each in figures.items():
            values = {lens: round(each[lens][metric], 3) for lens in lenses if lens in each}
            best = (max if HIGHER_IS_BETTER[metric] else min)(values.values())
            cells = [
                "–"
                if lens not in values
                else ("**{:.3f}**" if values[lens] == best else "{:.3f}").format(values[lens])
                for lens in lenses
            ]
            if peers:
                cells += [str(gaps[name][ours][metric]["best_peer"]) for ours in (OURS, ALONE)]
            lines.append(f"| `{name}` | {' | '.join(cells)} |")
        means = {
            lens: np.mean([each[lens][metric] for each in figures.values()])
            for lens in lenses
            if all(lens in each for each in figures.values())
        }
        cells = [f"{means[lens]:.4f}" if lens in means else "–" for lens in lenses]
        lines += [f"| mean | {' | '.join([*cells, *['' for _ in versus]])} |", ""]
    return "\n".join(lines).rstrip()


def figures_of(
    judged: dict[str, Judged], gaps: dict[str, dict[str, dict[str, dict[str, Gap]]]]
) -> dict[str, Any]:
    """For the line of JSON: metrics of Leadlens and sheet by data set, and under ``peers`` those of the others."""
    found: dict[str, Any] = {}
    for name, each in judged.items():
        figures = each.figures()
        found[name] = {
            **{lens: values for lens, values in figures.items() if lens not in PEERS},
            "peers": {lens: values for lens, values in figures.items() if lens in PEERS},
            "ahead_of": {
                ours: {metric: {to: vars(gap) for to, gap in by.items()} for metric, by in metrics.items()}
                for ours, metrics in gaps[name].items()
            },
            "processor_seconds": {lens: round(seconds, 1) for lens, seconds in each.cpu.items()},
        }
    return found


def rounded(value: Any) -> Any:
    """The same with six decimals."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return round(value, 6) if isinstance(value, float) else value


def write_page(tables: str) -> None:
    """Put the tables between the two marks in docs/real_data.md."""
    path = ROOT / "docs" / "real_data.md"
    before, _, rest = path.read_text(encoding="utf-8").partition("<!-- bench-quality -->\n")
    _, _, after = rest.partition("<!-- /bench-quality -->")
    path.write_text(
        f"{before}<!-- bench-quality -->\n{tables}\n<!-- /bench-quality -->{after}", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
