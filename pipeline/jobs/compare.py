"""`leadlens compare`: the serving model and the sheet (or the model alone) on out-of-time leads, as a page and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from leadlens.models.judging import Comparison, ModelReport
from leadlens.pipeline.config import ProjectFile, ProjectOrPath, as_project
from leadlens.pipeline.dataset.judged import (
    OutOfTime,
    compare_lenses,
    out_of_time,
    report_alone,
    score_out_of_time,
)
from leadlens.pipeline.dataset.protected import sheets_that_read
from leadlens.pipeline.dataset.time_split import split_snapshots
from leadlens.pipeline.dataset.training_set import TrainingSet
from leadlens.pipeline.elsewhere import noting_written
from leadlens.pipeline.jobs.working import while_at_work
from leadlens.pipeline.prepared import open_history, open_prepared
from leadlens.pipeline.private import private_files
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.published.comparing import publish_comparison
from leadlens.pipeline.published.people import people_of
from leadlens.pipeline.registry.serving import serving_model
from leadlens.pipeline.scorecards.project import SHEET_CHANGED, load_sheets
from leadlens.pipeline.state import state_is_writable, writable_state
from leadlens.pipeline.threads import one_blas_thread
from leadlens.pipeline.views.links import Links, segment


@dataclass(frozen=True)
class Compared:
    """The comparison and where it was written; ``leads`` is the list of all leads beside the page, where there are two lenses to
    part them. ``note`` says why the page (``leadlens app``) does not show it."""

    comparison: Comparison | ModelReport
    version: str
    alias: str
    page: Path
    json: Path
    leads: Path | None = None
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "version": self.version,
            "alias": self.alias,
            "page": str(self.page),
            "json": str(self.json),
            "leads": None if self.leads is None else str(self.leads),
            "note": self.note,
            **self.comparison.to_dict(),
        }

    def _repr_html_(self) -> str:
        return self.comparison._repr_html_()


@one_blas_thread
@private_files()
@while_at_work
def compare(
    file: ProjectOrPath,
    *,
    out: Path | None = None,
    rows: TrainingSet | None = None,
    progress: Progress = silent,
) -> Compared:
    """Judge champion (else challenger) and sheet on out-of-time leads, which the model never saw.

    Without a sheet the report is on the model alone.

    ``rows`` saves building again what `train` has just built (``Training.training_set``).

    Raises ``DataError`` when no model is registered, or this model has seen some of the project's out-of-time leads;
    ``UsageError`` without ``out`` where the state folder can only be read.
    """
    from leadlens.pipeline.report import refuse_others, write_report

    file = as_project(file)
    folder = out or writable_state() / "reports" / file.project.name
    page, payload, leads = (folder / name for name in ("report.html", "report.json", "report_leads.csv"))
    refuse_others(page, payload, leads)
    progress("Opening the model", 0, 0)
    served = serving_model(file.project.name)
    if rows is None:
        progress("Reading the history", 0, 0)
        history = open_history(file)
        warnings = [finding.message for finding in history.findings if finding.level == "warning"]
        progress("Scoring the out-of-time leads by both lenses", 0, 0)
        sheets = load_sheets(file)
        with split_snapshots(history, file.project) as split:
            (judged,) = score_out_of_time(file, history, split, [served.bundle], sheets)
        if judged.sample is not None:
            warnings.append(judged.sample.message)
        if sheets is not None and sheets.version != served.bundle.recipe.sheet_version:
            warnings.append(SHEET_CHANGED)
        warnings += sheets_that_read(history, file.project, sheets)
    else:
        judged, warnings = out_of_time(rows, served.bundle), list(rows.warnings)
    warnings += [*judged.proxies, *served.cautions]
    judged.refuse_seen()
    progress("Judging", 0, 0)
    judge = report_alone if judged.scored.rules is None else compare_lenses
    comparison = judge(file, judged, served.display_name, warnings)
    folder.mkdir(parents=True, exist_ok=True)
    people = _people(file)
    base = file.project.page.url
    links = Links(None if base is None else f"{base}/{segment(file.project.name)}")
    with noting_written(file.project.name, "compare", page, payload, leads) as note:
        write_report(comparison, page, payload, leads, people=people, links=links)
    if people is not None and state_is_writable():
        progress("Publishing for the page", 0, 0)
        note = _publish(file, judged, comparison, people)
    return Compared(
        comparison,
        served.version,
        served.alias,
        page,
        payload,
        leads if isinstance(comparison, Comparison) else None,
        note,
    )


def _people(file: ProjectFile) -> pa.Table | None:
    """By what people know the leads; ``None`` where the project publishes nothing."""
    if not file.project.page.publish:
        return None
    with open_prepared(file).history() as history:
        return people_of(history, file.project.page)


def _publish(
    file: ProjectFile, judged: OutOfTime, comparison: Comparison | ModelReport, people: pa.Table
) -> str | None:
    """Show it on the page; returns why it is not."""
    rules = judged.scored.rules
    rows = None if rules is None else (judged.frame(), rules.readable_ledger())
    return publish_comparison(file, comparison, people, rows)
