"""`leadlens check --only-read` and `--verify`: bring the prepared history up to date, and say what is in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leadlens.features import Finding
from leadlens.pipeline.cluster import engine_settings, workers_of
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.prepared import differences, open_prepared
from leadlens.pipeline.progress import Progress, silent

COUNTED = (
    "leads",
    "accounts",
    "events",
    "conversions",
    "changes",
    "verdicts",
    "answers",
    "objections",
    "finished",
)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What `leadlens check --only-read` or `--verify` says: the prepared history, and how it differs from the sources.

    ``differences`` names tables (and "findings", "data end") that are not what a fresh reading makes of the sources;
    ``None`` where that was not asked for.
    """

    project: str
    version: int
    counts: dict[str, int]
    data_end: datetime | None
    findings: tuple[Finding, ...]
    differences: tuple[str, ...] | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "project": self.project,
            "data_version": self.version,
            "counts": self.counts,
            "data_end": self.data_end.isoformat() if self.data_end else None,
            "findings": [vars(finding) for finding in self.findings],
            "differences": None if self.differences is None else list(self.differences),
        }


def read(
    file: ProjectFile,
    *,
    verify: bool = False,
    engine: str | None = None,
    master: str | None = None,
    progress: Progress = silent,
) -> Reading:
    """Bring the prepared history up to date and say what is in it; with ``verify``, hold it to a fresh reading.

    ``engine`` and ``master`` stand in for the project's own: with ``"spark"`` the workers of a cluster read what is new. The fresh
    reading is always this machine's.
    """
    with workers_of(file, engine_settings(file, engine, master), progress) as workers:
        prepared = open_prepared(file, workers=workers)
    with prepared.history() as history:
        counts = {table: history.engine.count(table) for table in COUNTED if table != "events"}
        days = prepared.event_days  # far cheaper than to count the rows of a view
        counts["events"] = history.engine.count("events") if days is None else sum(days.values())
        return Reading(
            project=file.project.name,
            version=prepared.version,
            counts={table: counts[table] for table in COUNTED},
            data_end=history.shown(history.data_end),
            findings=history.findings,
            differences=differences(file, prepared) if verify else None,
        )
