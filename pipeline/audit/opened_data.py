"""The project with everything opened that it keeps from the model; only the audit reads it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from leadlens.features import History
from leadlens.pipeline.audit.evidence import Subject
from leadlens.pipeline.config import ProjectFile


@dataclass(frozen=True)
class KeptOut:
    """What the project keeps out: columns by ``known_after``, event types by ``data.events.where``."""

    columns: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()

    def holds(self, subject: Subject) -> bool:
        """Whether nothing of the subject reaches a model."""
        return subject.name in (self.event_types if subject.kind == "event" else self.columns)


def without_sheets(file: ProjectFile) -> ProjectFile:
    """The project without score sheets: the audit is about columns, not points."""
    return replace(file, project=file.project.model_copy(update={"scorecards": ()}))


def opened(file: ProjectFile) -> ProjectFile | None:
    """The project without ``known_after`` and ``data.events.where``; ``None`` if it has neither."""
    project = file.project
    if not project.known_after and all(source.where is None for source in project.data.sources("events")):
        return None
    data = project.data.without_where("events")
    return replace(file, project=project.model_copy(update={"known_after": (), "data": data}))


def kept_out(declared: History, everything: History) -> KeptOut:
    """What the opened history has and the one as declared has not."""
    types = "SELECT DISTINCT event_type AS t FROM events ORDER BY t"
    kept = set(declared.engine.frame(types)["t"])
    all_types = [str(name) for name in everything.engine.frame(types)["t"]]
    return KeptOut(declared.hidden, tuple(name for name in all_types if name not in kept))
