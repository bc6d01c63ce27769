"""What the gates before a champion let through: real data sets, both demo worlds, the starter, and labels dealt anew.

Run by ``make bench-gates``. Trains each project and promotes it; then trains on labels that were dealt anew among leads,
where nothing can be learned, and asks the gate for signal. Prints both tables and ends with one line of JSON. With
``--docs`` the tables in docs/promotion.md are renewed. Files that ``--method`` names (docs/benchmark.md) learn from the same labels
of nothing, and are asked for signal in the same way. For a quick try:

    python -m benchmarks.gates starter --trials 1 --shuffles 2
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from benchmarks.data_sets import DATA, DATASETS, ROOT, in_words
from benchmarks.marks import put_between
from benchmarks.method import SEARCH, Given, Method, add_options, methods_of, predicted

if TYPE_CHECKING:
    from leadlens.models.judging.signal import Signal
    from leadlens.pipeline.config import ProjectFile
    from leadlens.pipeline.dataset.training_set import TrainingSet

WORLDS = ("b2b_software", "car_dealer")
SHUFFLED = ("starter", "olist_marketing_funnel", "x_education_leads")  # by age, by one age, in an order
DRIFTING, BLOCKS = (
    "bank_marketing",
    60,
)  # labels dealt within blocks of time: what is left to learn is when leads came
HEAD = (
    "data", "rows", "conversions (leads)", "ROC AUC", "p", "gain in log loss (90 %)", "ROC AUC at one time", "`promote`",
)  # fmt: skip
HEAD_SHUFFLED = (
    "labels dealt anew", "trainings", "pass", "by ranking alone", "by log loss alone", "smallest p",
    "told to know only when", "“not worse than the base rate”",
)  # fmt: skip


def main() -> None:
    """Train, promote, and deal labels anew, on every data set that is available."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("names", nargs="*", default=[*DATASETS, *WORLDS, "starter"])
    arguments.add_argument("--trials", type=int, default=2, help="of each training; 2")
    arguments.add_argument("--shuffles", type=int, default=40, help="trainings on labels dealt anew; 40")
    arguments.add_argument(
        "--skip", type=lambda text: frozenset(text.split(",")), default=frozenset(), help="projects, shuffles"
    )
    arguments.add_argument("--docs", action="store_true", help="renew the tables in docs/promotion.md")
    add_options(arguments)
    options = arguments.parse_args()
    figures: dict[str, Any] = {}
    rows: list[tuple[str, ...]] = []
    dealt: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEADLENS_HOME"] = str(Path(folder) / "home")
        files = {name: project(name, Path(folder)) for name in options.names}
        for name in (name for name, file in files.items() if file is None):
            print(f"{name}: skipped, its data are not here (set LEADLENS_DATA)", file=sys.stderr)
        for name, file in files.items() if "projects" not in options.skip else ():
            if file is not None:
                line, figures[name] = promoted(file, options.trials)
                rows.append((f"`{name}`", *line))
                print(f"{name}: {line[-1]}", file=sys.stderr, flush=True)
        for name, times, blocks in (
            shuffles(files, options.shuffles) if "shuffles" not in options.skip else ()
        ):
            file = files[name]
            assert file is not None
            for method in (None, *methods_of(options)):
                counts = counted(signals_of_nothing(file, times, options.trials, blocks, method))
                by = f", {method.name}" if method else ""
                shown = f"`{name}`" + (f", within {blocks} blocks of time" if blocks > 1 else "") + by
                figures[f"{name}, dealt anew{by}"] = counts
                dealt.append((shown, *map(str, counts.values())))
                print(f"{shown}: {counts}", file=sys.stderr, flush=True)
    tables = "\n\n".join(
        markdown(head, lines) for head, lines in ((HEAD, rows), (HEAD_SHUFFLED, dealt)) if lines
    )
    print(tables)
    if options.docs:
        write_page(tables)
    print(json.dumps({"bench": "gates", "figures": figures}))


def shuffles(files: Mapping[str, ProjectFile | None], total: int) -> Iterator[tuple[str, int, int]]:
    """Which labels are dealt anew, how often, and within how many blocks of time."""
    names = [name for name in SHUFFLED if files.get(name)]
    for at, name in enumerate(names):
        yield name, total * (at + 1) // len(names) - total * at // len(names), 1
    if files.get(DRIFTING):
        yield DRIFTING, -(-total // 10), BLOCKS


def project(name: str, folder: Path) -> ProjectFile | None:
    """A shipped project, a demo world or the starter, made once; ``None`` where the real data are not there."""
    from leadlens import load_project
    from leadlens.pipeline.demo import simulate, write_world
    from leadlens.pipeline.starter import write_starter

    home = folder / name
    if name == "starter":
        if not home.exists():
            write_starter(home)
        return load_project(home)
    if name not in WORLDS:
        return load_project(ROOT / "configs" / f"{name}.yaml") if DATA.is_dir() else None
    if not home.exists():
        home.mkdir()
        write_world(simulate(name), home / "data")
        (home / "scorecards").symlink_to(ROOT / "configs" / "scorecards")
        (home / "project.yaml").symlink_to(ROOT / "configs" / f"demo_{name}.yaml")
    return load_project(home)


def promoted(file: ProjectFile, trials: int) -> tuple[tuple[str, ...], dict[str, Any]]:
    """A row of the table and its figures."""
    from leadlens import promote, train
    from leadlens.pipeline.jobs.gates import PromotionRefused

    done = train(file, trials=trials)
    refused: list[str] = []
    try:
        promote(file, rows=done.training_set)
    except PromotionRefused as error:
        refused = [refusal.gate for refusal in error.refusals]
    signal = done.signal
    low, high = signal.interval
    line = (
        f"{signal.ranking.rows:,}",
        f"{signal.ranking.conversions:,} ({signal.ranking.converted_leads:,})",
        f"{signal.ranking.roc_auc:.3f}",
        _p(signal.ranking.p),
        f"{signal.gain:+.4f} ({low:+.4f} to {high:+.4f})",
        "–" if signal.same_time is None else f"{signal.same_time.roc_auc:.3f}",
        f"refuses: {', '.join(refused)}" if refused else "passes",
    )
    return line, {"refused": refused, **signal.to_dict()}


def signals_of_nothing(
    file: ProjectFile, times: int, trials: int, blocks: int = 1, method: Method | None = None
) -> Iterator[Signal]:
    """What models "know" that were trained on labels dealt anew among leads, within so many blocks of time: those of
    Leadlens, or a method's."""
    from leadlens import build_training_set, open_history
    from leadlens.models.judging.signal import measure_signal
    from leadlens.models.prediction import predict_frame
    from leadlens.models.training import TrainSettings, train_model
    from leadlens.pipeline.dataset.judged import comparable
    from leadlens.pipeline.dataset.policies import outcome_horizon

    history = open_history(file)
    rows = build_training_set(file, history)
    frame, spine, learn, test = (
        rows.matrix.frame,
        rows.matrix.spine.set_index("row_id"),
        rows.train,
        rows.test,
    )
    as_of, lead = spine["as_of"], spine["lead_id"]
    among = comparable(file.project, spine, at_ages=bool(rows.spine.policy.at_ages))

    def probability(label: pd.Series, seed: int) -> ArrayLike:
        if method:
            return predicted(method, Given.of(file, history, rows, label=label, seed=seed, seconds=SEARCH))[0]
        trained = train_model(
            frame.loc[learn],
            label[learn],
            as_of=as_of[learn],
            lead_id=lead[learn],
            horizon=pd.Timedelta(outcome_horizon(file.project)),
            settings=TrainSettings(trials=trials),
            seed=seed,
        )
        return predict_frame(trained.model, frame.loc[test])["probability"]

    for seed in range(times):
        label = dealt_anew(rows, seed, blocks)
        yield measure_signal(
            label[test],
            probability(label, seed),
            base_rate=float(label[learn].mean()),
            lead=lead[test],
            stratum=None if among is None else among[test],
            as_of=as_of[test],
        )


def dealt_anew(rows: TrainingSet, seed: int, blocks: int = 1) -> pd.Series:
    """Labels by row_id, dealt anew among the leads that have rows at the same ages, and that came within the same of so
    many blocks of time: all labels of a lead stay together."""
    spine = rows.matrix.spine.set_index("row_id").loc[rows.label.index].sort_values(["lead_id", "as_of"])
    ages = (spine["as_of"] - spine["created_at"]).astype(str).groupby(spine["lead_id"]).agg("|".join)
    block = np.ceil(spine.groupby("lead_id")["as_of"].min().rank(pct=True) * blocks)
    row_ids = pd.Series(spine.index, index=spine["lead_id"]).groupby(level=0).agg(list)
    rng, label = np.random.default_rng(seed), rows.label.copy()
    for leads in row_ids.groupby([ages, block]).agg(list):
        for own, given in zip(leads, rng.permutation(len(leads)), strict=True):
            label[own] = rows.label[leads[given]].to_numpy()
    return label


def counted(found: Iterator[Signal]) -> dict[str, Any]:
    """How many pass, and how many would have passed until 0.4.0."""
    signals = list(found)
    return {
        "trainings": len(signals),
        "pass": sum(signal.learned for signal in signals),
        "ranking": sum(signal.ranking.found for signal in signals),
        "log_loss": sum(signal.interval[0] > 0 for signal in signals),
        "smallest_p": round(min((signal.ranking.p for signal in signals), default=1.0), 3),
        "time_only": sum(signal.time_only is not None for signal in signals),
        "not_worse": sum(signal.interval[1] >= 0 for signal in signals),
    }


def markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def write_page(tables: str) -> None:
    """Put the tables between their two marks in docs/promotion.md."""
    put_between(ROOT / "docs" / "promotion.md", "bench-gates", tables)


def _p(value: float) -> str:
    return "< .0001" if value < 0.0001 else f"{value:.4f}".removeprefix("0")


if __name__ == "__main__":
    in_words(main)
