"""Leadlens, sheet and other methods on the same out-of-time rows of the public data sets and both simulated worlds.

Run by ``make bench-quality``; docs/benchmark.md has the rules. Leadlens learns with and without the hand-written sheet; the peers
(benchmarks/methods) and the files that ``--method`` names learn from the same rows and columns, without the sheet, in an environment of
their own. Prints a table per metric, what each ``--method`` is ahead by, and ends with one line of JSON. With ``--docs`` the tables in
docs/real_data.md are renewed, and the standings in docs/benchmark.md. For a quick try:

    python -m benchmarks.quality olist_marketing_funnel --method benchmarks/methods/logistic_regression.py

Searches get as many processor seconds as Leadlens took, in half minutes, one at least; all on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks import standings
from benchmarks.data_sets import DATASETS, ROOT, WORLDS, in_words, project_of
from benchmarks.marks import put_between
from benchmarks.method import PEERS, Given, Method, add_options, check_names, methods_of, predicted, shipped
from leadlens.models.judging import Measured
from leadlens.models.judging.intervals import cluster_bootstrap
from leadlens.models.judging.metrics import HIGHER_IS_BETTER

if TYPE_CHECKING:
    from leadlens.pipeline.config import ProjectFile

LEVEL = "level_gap"  # what drift moves first
OURS, ALONE, SHEET, BASE_RATE = "leadlens", "leadlens_without_sheet", "scorecard", "base_rate"
OWN = {OURS: "Leadlens", ALONE: "without sheet", SHEET: "sheet", BASE_RATE: "base rate"}
TITLES = {
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "ece": "Expected calibration error",
    LEVEL: "Level: how far the mean probability is from the share that converted",
}
BETTER_HIGH = {**HIGHER_IS_BETTER, LEVEL: False}
HALF_A_MINUTE = 30


@dataclass(frozen=True)
class Gap:
    """One lens minus another on the same rows, 90 % interval by leads; positive is better for the one."""

    other: str
    value: float
    low: float
    high: float

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low > 0 or self.high < 0

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
                metric: float(np.mean([measure(Measured(self.label, one), metric) for one in each]))
                for metric in TITLES
            }
            for lens, each in self.predicted.items()
        }

    @property
    def others(self) -> list[str]:
        """The lenses that are not of this project."""
        return [lens for lens in self.predicted if lens not in OWN]

    def best_peer(self, metric: str, but: str = "") -> str | None:
        """The other lens that turned out best on these very rows, which none of them could have known beforehand."""
        figures = self.figures()
        others = {lens: figures[lens][metric] for lens in self.others if lens != but}
        sign = 1 if BETTER_HIGH[metric] else -1
        return max(others, key=lambda lens: sign * others[lens]) if others else None

    def gaps(self, ours: str, resamples: int) -> dict[str, dict[str, Gap]]:
        """Metric -> "best_peer" or another lens -> how far ``ours`` is from it."""
        beside = [lens for lens in (*OWN, "logistic_regression") if lens in self.predicted and lens != ours]
        others = {
            metric: {"best_peer": self.best_peer(metric, ours)} | {lens: lens for lens in beside}
            for metric in TITLES
        }
        measured = {
            lens: [Measured(self.label, one) for one in each] for lens, each in self.predicted.items()
        }
        needed = {ours} | {str(lens) for each in others.values() for lens in each.values() if lens}

        def differences(weight: np.ndarray | None = None) -> dict[str, float]:
            found = {}
            for metric, each in others.items():
                value = {
                    lens: float(np.mean([measure(one, metric, weight) for one in measured[lens]]))
                    for lens in needed
                    if lens == ours or lens in each.values()
                }
                sign = 1 if BETTER_HIGH[metric] else -1
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


def measure(lens: Measured, metric: str, weight: np.ndarray | None = None) -> float:
    """A metric of ``TITLES``."""
    if metric == LEVEL:
        return abs(float(np.average(lens.probability - lens.label, weights=weight)))
    return float(getattr(lens, metric)(weight))


def main() -> None:
    """Learn and judge on every data set that is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--docs", action="store_true", help="renew the tables in docs/real_data.md")
    parser.add_argument("--sheet", type=Path, help="a score sheet other than the project's")
    parser.add_argument(
        "--peers", type=Path, help="a Python with benchmarks/peers.txt; the five are not judged without"
    )
    add_options(parser)
    parser.add_argument("--seeds", type=int, default=1, help="of every model; 1, with the project's seed")
    parser.add_argument("--resamples", type=int, default=500, help="of leads, for the intervals")
    parser.add_argument("names", nargs="*", default=[*DATASETS, *WORLDS])
    options = parser.parse_args()
    if options.docs and (
        options.method or options.sheet or not options.peers or not set(DATASETS) <= set(options.names)
    ):
        parser.error("--docs is for all public data sets with their own sheets and the five --peers")
    from leadlens.pipeline.threads import processors, share_processors

    share_processors(processors())  # one thread for everybody
    asked = methods_of(options)
    methods = [*(shipped(options.peers) if options.peers else []), *asked]
    check_names(methods, OWN)
    judged: dict[str, Judged] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEADLENS_HOME"] = folder  # no earlier run is resumed
        for name in options.names:
            started = time.perf_counter()
            file = with_sheet(project_of(name, Path(folder)), options.sheet)
            judged[name] = judge(file, options.seeds, methods)
            spent = ", ".join(f"{lens} {seconds:.0f}" for lens, seconds in judged[name].cpu.items())
            print(
                f"{name}: {time.perf_counter() - started:.0f} s; processor seconds: {spent}", file=sys.stderr
            )
    gaps = {
        name: {
            ours: each.gaps(ours, options.resamples) for ours in (OURS, ALONE, *(one.name for one in asked))
        }
        for name, each in judged.items()
    }
    page = tables_of(judged, gaps)
    print(page)
    for method in asked:
        print(f"\n{versus(method.name, {name: each[method.name] for name, each in gaps.items()})}")
    if options.docs:
        write_page(page)
    print(json.dumps({"bench": "quality", "figures": rounded(figures_of(judged, gaps))}))


def with_sheet(file: ProjectFile, sheet: Path | None) -> ProjectFile:
    """The project with ``sheet`` in the place of its own."""
    if sheet is None:
        return file
    return replace(file, project=file.project.model_copy(update={"scorecards": (str(sheet.absolute()),)}))


def judge(file: ProjectFile, seeds: int, methods: Sequence[Method]) -> Judged:
    """Every lens on the out-of-time rows of a project."""
    from leadlens import training_set
    from leadlens.models.prediction import sheet_points, sheet_probability
    from leadlens.pipeline.dataset.judged import fit_sheet_probability
    from leadlens.pipeline.dataset.learning import learn
    from leadlens.pipeline.threads import one_blas_thread

    dataset = training_set(file)
    rows, first = dataset.rows, file.project.model.seed
    if rows.weight is not None:
        raise SystemExit(
            f"{file.project.name}: not all rows fit in memory, and methods would learn from others"
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
        halves = max(1, round(judged.cpu[OURS] / (seed - first + 1) / HALF_A_MINUTE))
        given = Given.of(file, dataset.history, rows, seed=seed, seconds=halves * HALF_A_MINUTE)
        for method in methods:
            probability, spent = predicted(method, given)
            judged.add(method.name, probability)
            judged.cpu[method.name] = judged.cpu.get(method.name, 0.0) + spent
    if rows.rules is not None:
        fitted = fit_sheet_probability(rows.rules, rows.label[rows.train], rows.train_weight)
        judged.add(SHEET, sheet_probability(fitted, rows.rules, later))
    judged.add(BASE_RATE, np.full(len(later), rows.base_rate))
    return judged


def tables_of(judged: dict[str, Judged], gaps: dict[str, dict[str, dict[str, dict[str, Gap]]]]) -> str:
    """Markdown: a table per metric, one row per data set; the best of each row in bold."""
    present = dict.fromkeys(lens for each in judged.values() for lens in each.predicted)
    lenses = [*(lens for lens in OWN if lens in present), *(lens for lens in present if lens not in OWN)]
    figures = {name: each.figures() for name, each in judged.items()}
    lines: list[str] = []
    for metric, title in TITLES.items():
        peers = any(lens not in OWN for lens in lenses)
        ahead = ["Leadlens ahead of the best peer by (90 %)", "without sheet"] if peers else []
        heads = ["data", *map(shown, lenses), *ahead]
        lines += [f"**{title}**", "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        for name, each in figures.items():
            values = {lens: round(each[lens][metric], 3) for lens in lenses if lens in each}
            best = (max if BETTER_HIGH[metric] else min)(values.values())
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
        lines += [f"| mean | {' | '.join([*cells, *['' for _ in ahead]])} |", ""]
    return "\n".join(lines).rstrip()


def shown(lens: str) -> str:
    """The name of a lens in a table."""
    return {**OWN, **PEERS}.get(lens, lens)


def versus(method: str, gaps: dict[str, dict[str, dict[str, Gap]]]) -> str:
    """Markdown: what a method is ahead by, and whether beyond chance; data set -> metric -> lens -> gap."""
    lenses = list(OWN)
    lines = [
        f"**{method}: how far it is ahead (90 %); in bold where chance does not explain it**",
        "",
        f"| data | metric | {' | '.join(map(shown, lenses))} |",
        "|---" * (2 + len(lenses)) + "|",
    ]
    for name, metrics in gaps.items():
        for metric, by in metrics.items():
            cells = [
                "–" if lens not in by else f"**{by[lens]}**" if by[lens].beyond_chance else str(by[lens])
                for lens in lenses
            ]
            lines.append(f"| `{name}` | {TITLES[metric].partition(':')[0]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def figures_of(
    judged: dict[str, Judged], gaps: dict[str, dict[str, dict[str, dict[str, Gap]]]]
) -> dict[str, Any]:
    """For the line of JSON: metrics of Leadlens and sheet by data set, and under ``peers`` those of the others."""
    found: dict[str, Any] = {}
    for name, each in judged.items():
        figures = each.figures()
        found[name] = {
            **{lens: values for lens, values in figures.items() if lens in OWN},
            "peers": {lens: values for lens, values in figures.items() if lens not in OWN},
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
    """Put the tables between the two marks in docs/real_data.md, and the standings into docs/benchmark.md."""
    put_between(ROOT / "docs" / "real_data.md", "bench-quality", tables)
    standings.write()


if __name__ == "__main__":
    in_words(main)
