"""`leadlens demo`: simulate two worlds, train, compare and score on them, and tell what came out."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from features import UsageError
from pipeline.config import load_project
from pipeline.progress import Progress, silent
from pipeline.state import tracking_uri


@dataclass(frozen=True)
class Demo:
    """Figures per world, the pages to open, and the story."""

    worlds: dict[str, dict[str, Any]]
    words: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"worlds": self.worlds}


def run_demo(
    directory: Path, *, seed: int = 7, leads: int | None = None, progress: Progress = silent
) -> Demo:
    """Write each world's project into ``directory/<world>`` and run every job on it."""
    from pipeline.demo import WORLDS

    worlds: dict[str, dict[str, Any]] = {}
    words: list[str] = []
    for world in WORLDS:
        folder = directory / world
        progress(f"{world}: simulating", 0, 0)
        _write_project(world, folder, seed, leads)
        facts, told = _run(world, folder, progress)
        worlds[world] = facts
        words += [*told, ""]
    program = _program().with_name("mlflow")
    words += [f"All runs and models: {program} ui --backend-store-uri {tracking_uri()}"]
    return Demo(worlds, words)


def _write_project(world: str, folder: Path, seed: int, leads: int | None) -> None:
    from pipeline.demo import simulate, write_world

    source = configs_folder()
    (folder / "scorecards").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / f"demo_{world}.yaml", folder / "project.yaml")
    shutil.copyfile(
        source / "scorecards" / f"demo_{world}.yaml", folder / "scorecards" / f"demo_{world}.yaml"
    )
    write_world(simulate(world, seed=seed, leads=leads), folder / "data")


def _run(world: str, folder: Path, progress: Progress) -> tuple[dict[str, Any], list[str]]:
    from pipeline.jobs.compare import compare
    from pipeline.jobs.promote import promote
    from pipeline.jobs.score import score
    from pipeline.jobs.train import train

    def within(stage: str, done: int, total: int) -> None:
        progress(f"{world}: {stage[:1].lower()}{stage[1:]}", done, total)

    file = load_project(folder)
    trained = train(file, progress=within)
    promote(file, rows=trained.training_set, progress=within)
    compared = compare(file, out=folder, rows=trained.training_set, progress=within)
    scored = score(file, to=str(folder / "scores.csv"), progress=within)
    truth = json.loads((folder / "data" / "truth.json").read_text(encoding="utf-8"))
    best = scored.scores.sort_values(["score", "lead_id"], ascending=[False, True]).iloc[0]
    facts = {
        "figures": trained.figures,
        "conversions_found": {
            "calls": compared.comparison.capacity.calls,
            "leadlens": compared.comparison.capacity.model,
            "scorecard": compared.comparison.capacity.rules,
        },
        "open_leads": len(scored.scores),
        "page": str(compared.page),
        "scores": str(folder / "scores.csv"),
    }
    words = [
        f"== {file.project.about}  (simulated: {truth['leads']:,} leads)",
        *compared.comparison.story(),
        f"The best open lead, {best.lead_id}: {best.score} ({best.grade}); by hand {best.rule_points:g} points.",
        f"  {best.reasons_text}",
        f"Open {compared.page} for the comparison, {folder / 'scores.csv'} for all scores.",
        f"One lead line by line: {_program()} explain {folder} {best.lead_id}",
    ]
    return facts, words


def _program() -> Path:
    """How this command was called, so that what is printed can be typed."""
    called = Path(sys.argv[0])
    return called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called


def configs_folder() -> Path:
    """The configs of the repository, or their copy in an installed package."""
    here = Path(__file__).parents[1]
    for folder in (here.parent / "configs", here / "configs"):
        if (folder / "demo_car_dealer.yaml").exists():
            return folder
    raise UsageError("the demo's project files are not installed", fix="install Leadlens again")
