"""The public data sets of the benchmark and the simulated worlds beside them: their names, and their projects.

Each public data set has a project file and a sheet in configs/ and a card in docs/benchmark/.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leadlens.pipeline.config import ProjectFile

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("LEADLENS_DATA") or ROOT / "configs/../../shared/data")
# By name: the out-of-time ROC AUC that Leadlens must reach.
DATASETS = {
    "bank_marketing": 0.74,
    "x_education_leads": 0.897,
    "olist_marketing_funnel": 0.68,
    "cdnow": 0.772,
    "bpic2012_loan_leads": 0.72,
}
WORLDS = ("demo_b2b_software", "demo_car_dealer")


def in_words(main: Callable[[], None]) -> None:
    """Run a benchmark; data that are not there or a name that nobody knows end it without a traceback."""
    from leadlens import LeadlensError

    try:
        main()
    except LeadlensError as error:
        raise SystemExit(str(error)) from None


def project_of(name: str, folder: Path, leads: int | None = None) -> ProjectFile:
    """A shipped project; the data of a world are simulated into the folder."""
    from leadlens.pipeline.config import load_project
    from leadlens.pipeline.demo import simulate, write_world

    file = load_project(ROOT / "configs" / f"{name}.yaml")
    if name not in WORLDS:
        return file
    write_world(simulate(name.removeprefix("demo_"), seed=7, leads=leads), folder / name / "data")
    sheets = tuple(str(file.resolve(sheet)) for sheet in file.project.scorecards)
    project = file.project.model_copy(update={"scorecards": sheets})
    return replace(file, path=folder / name / "project.yaml", project=project)
