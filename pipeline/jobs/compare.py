"""`leadlens compare`: the serving model and the sheet on the same later leads, as a page and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features import DataError
from models.judging import Comparison
from pipeline.config import ProjectFile
from pipeline.dataset.judged import compare_rows
from pipeline.dataset.training_set import TrainingSet, build_training_set
from pipeline.progress import Progress, silent
from pipeline.sources import open_history
from pipeline.state import state_folder
from pipeline.threads import one_blas_thread


@dataclass(frozen=True)
class Compared:
    """The comparison and where it was written."""

    comparison: Comparison
    version: str
    alias: str
    page: Path
    json: Path

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "version": self.version,
            "alias": self.alias,
            "page": str(self.page),
            "json": str(self.json),
            **self.comparison.to_dict(),
        }

    def _repr_html_(self) -> str:
        return self.comparison._repr_html_()


@one_blas_thread
def compare(
    file: ProjectFile,
    *,
    out: Path | None = None,
    rows: TrainingSet | None = None,
    progress: Progress = silent,
) -> Compared:
    """Judge champion (else challenger) and sheet on leads that the model never saw.

    ``rows`` saves building again what `train` has just built (``Training.training_set``).

    Raises ``DataError`` when no model is registered, or the project's later leads are not later for this model.
    """
    from pipeline.registry.mlflow_registry import Registry
    from pipeline.report import write_report

    progress("Opening the model", 0, 0)
    served = Registry(file.project.name).serving()
    if rows is None:
        progress("Reading the history", 0, 0)
        history = open_history(file)
        progress("Building features and rule points", 0, 0)
        rows = build_training_set(file, history, served.bundle)
    if rows.test_from.isoformat() < served.bundle.recipe.test_from:
        raise DataError(
            "the model has seen these leads",
            value=f"judged from {rows.test_from:%Y-%m-%d}, trained to {served.bundle.recipe.test_from[:10]}",
            why="a model judged on its own training rows looks better than it is",
            fix="train again, or a later judge.test_from",
        )
    warnings = list(rows.warnings)
    if rows.sheet is not None and rows.sheet.version != served.bundle.recipe.sheet_version:
        warnings.append(
            "the score sheet changed since the model was trained: train again to have it as prior"
        )
    progress("Judging", 0, 0)
    found = compare_rows(file, served.bundle, rows, served.display_name, warnings)
    folder = out or state_folder() / "reports" / file.project.name
    folder.mkdir(parents=True, exist_ok=True)
    page, facts = folder / "report.html", folder / "report.json"
    write_report(found, page, facts)
    return Compared(found, served.version, served.alias, page, facts)
