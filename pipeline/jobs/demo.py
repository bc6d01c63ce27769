"""`leadlens demo`: simulate two worlds, then train, compare and score on them."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadlens.features import UsageError
from leadlens.models.judging import Comparison
from leadlens.pipeline.config import load_project
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.side_by_side import side_by_side
from leadlens.pipeline.state import tracking_uri


@dataclass(frozen=True, kw_only=True)
class BestLead:
    """The open lead with the highest score, as people are told of it."""

    lead_id: str
    score: int
    grade: str
    rule_points: float
    reasons: str


@dataclass(frozen=True, kw_only=True)
class WorldRun:
    """One simulated world with its jobs run: ``folder`` holds project, scores and page; ``leads`` were simulated.

    ``refused`` is what the gates said where the model was not promoted; then it scores as challenger.
    """

    name: str
    about: str
    folder: Path
    leads: int
    figures: dict[str, dict[str, float]]
    comparison: Comparison
    page: Path
    open_leads: int
    best: BestLead
    refused: str | None = None

    @property
    def scores(self) -> Path:
        """Where the scores were written."""
        return self.folder / "scores.csv"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        capacity = self.comparison.capacity
        return {
            "figures": self.figures,
            "conversions_found": {
                "calls": capacity.calls,
                "leadlens": capacity.model,
                "scorecard": capacity.rules,
            },
            "refused": self.refused,
            "open_leads": self.open_leads,
            "page": str(self.page),
            "scores": str(self.scores),
        }


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The worlds that were run; ``store`` is where their runs and models are kept."""

    worlds: tuple[WorldRun, ...]
    store: str

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"worlds": {world.name: world.to_dict() for world in self.worlds}}


def run_demo(
    directory: Path, *, seed: int = 7, leads: int | None = None, progress: Progress = silent
) -> Demo:
    """Write each world's project into ``directory/<world>`` and run every job on it, the worlds side by side."""
    from leadlens.pipeline.demo import WORLDS

    folders = {world: directory / world for world in WORLDS}
    for world, folder in folders.items():
        _refuse_others(world, folder)
    runs = side_by_side(_run, [(world, folder, seed, leads) for world, folder in folders.items()], progress)
    return Demo(worlds=tuple(runs), store=tracking_uri())


def _refuse_others(world: str, folder: Path) -> None:
    project = folder / "project.yaml"
    if os.path.lexists(project) and not (
        project.is_file() and f"name: demo_{world}\n" in project.read_text(errors="replace")
    ):
        raise UsageError(
            "there is a project already that is not this demo",
            value=str(project),
            why="nothing of yours is overwritten",
            fix="name another folder: leadlens demo --dir",
        )


def _write_project(world: str, folder: Path, seed: int, leads: int | None) -> None:
    from leadlens.pipeline.demo import simulate, write_world

    source = configs_folder()
    (folder / "scorecards").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / f"demo_{world}.yaml", folder / "project.yaml")
    shutil.copyfile(
        source / "scorecards" / f"demo_{world}.yaml", folder / "scorecards" / f"demo_{world}.yaml"
    )
    write_world(simulate(world, seed=seed, leads=leads), folder / "data")


def _run(world: str, folder: Path, seed: int, leads: int | None, *, progress: Progress) -> WorldRun:
    from leadlens.pipeline.jobs.compare import compare
    from leadlens.pipeline.jobs.gates import PromotionRefused
    from leadlens.pipeline.jobs.promote import promote
    from leadlens.pipeline.jobs.score import score
    from leadlens.pipeline.jobs.train import train

    def within(stage: str, done: int, total: int) -> None:
        progress(f"{world}: {stage[:1].lower()}{stage[1:]}", done, total)

    progress(f"{world}: simulating", 0, 0)
    _write_project(world, folder, seed, leads)
    file = load_project(folder)
    trained = train(file, progress=within)
    refused = None
    try:
        promote(file, rows=trained.training_set, progress=within)
    except PromotionRefused as error:  # a small world proves no model: its challenger scores, as in life
        refused = error.what
    compared = compare(file, out=folder, rows=trained.training_set, progress=within)
    # A simulated past: without its date, data that ended long ago are refused.
    scored = score(file, as_of=file.project.data.ends, to=str(folder / "scores.csv"), progress=within)
    truth = json.loads((folder / "data" / "truth.json").read_text(encoding="utf-8"))
    assert isinstance(compared.comparison, Comparison)  # a world has its sheet
    best = scored.scores.sort_values(["score", "lead_id"], ascending=[False, True]).iloc[0]
    return WorldRun(
        name=world,
        about=file.project.about,
        folder=folder,
        leads=truth["leads"],
        figures=trained.figures,
        comparison=compared.comparison,
        page=compared.page,
        open_leads=scored.leads,
        best=BestLead(
            lead_id=best.lead_id,
            score=int(best.score),
            grade=best.grade,
            rule_points=float(best.rule_points),
            reasons=best.reasons_text,
        ),
        refused=refused,
    )


def configs_folder() -> Path:
    """The configs of the repository, or their copy in an installed package."""
    here = Path(__file__).resolve().parents[1]  # in a checkout `leadlens/pipeline` is a link
    for folder in (here.parent / "configs", here / "configs"):
        if (folder / "demo_car_dealer.yaml").exists():
            return folder
    raise UsageError("the demo's project files are not installed", fix="install Leadlens again")
