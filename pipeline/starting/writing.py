"""`leadlens init DIR --from EXPORT`: read it, propose a project, try it, write it. Nothing is ever overwritten."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leadlens.features import UsageError
from leadlens.features.attributes.personal import snake_case
from leadlens.pipeline.config import Project, ProjectFile
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.starting.conversions import Conversions
from leadlens.pipeline.starting.domains import Domains, colleagues
from leadlens.pipeline.starting.late import Late
from leadlens.pipeline.starting.people import Leads
from leadlens.pipeline.starting.project_text import project_yaml, settings
from leadlens.pipeline.starting.proposing import Proposal, propose
from leadlens.pipeline.starting.proving import prove
from leadlens.pipeline.starting.sheet import sheet_yaml
from leadlens.pipeline.starting.tables import read_export

_SHEET = "scorecards/ready.yaml"


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What is asked of whoever sits at the terminal; each is given the guess and returns what holds."""

    conversion: Callable[[Sequence[Conversions], Leads], Conversions | None]
    domains: Callable[[Domains], tuple[str, ...]]
    late: Callable[[Proposal], tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Started:
    """What was written and what it rests on; ``notes`` are what the audit's probes say of it."""

    proposal: Proposal
    written: tuple[Path, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        proposal, way = self.proposal, self.proposal.conversions
        return {
            "written": [str(path) for path in self.written],
            "systems": proposal.systems,
            "leads": {
                "table": proposal.leads.table.label, "id": proposal.leads.id.name, "created": proposal.leads.created.name,
                "sure": proposal.leads.sure, "why": proposal.leads.why,
            },
            "conversions": None if way is None else {"how": way.how, "sure": way.sure, "leads": way.leads, "dated": not way.flat},
            "other_conversions": [each.how for each in proposal.ways if each is not way],
            "events": [{"table": each.table.label, "how": each.how, "left_out": list(each.left_out)} for each in proposal.events],
            "changes": [field.column for each in proposal.changes for field in each.fields],
            "known_after": {each.column: each.why for each in (*proposal.late, *proposal.account_late)},
            "excluded_events": list(proposal.excluded),
            "horizon_days": proposal.horizon.length.days,
            "internal_domains": list(proposal.domains.names),
            "left_out": list(proposal.left_out),
            "check": [*proposal.check, *self.notes],
        }  # fmt: skip


def init_from(
    directory: str | Path,
    given: str,
    *,
    leads: str | None = None,
    conversion: str | None = None,
    domains: Sequence[str] = (),
    asking: Asking | None = None,
    progress: Progress = silent,
) -> Started:
    """Write a project that reads the export ``given``, a file or a folder. ``leads``, ``conversion`` and ``domains`` settle what is guessed else.

    Raises ``UsageError`` where a file to write is there already, or the export has no leads; ``DataError`` where nothing of it can
    be read.
    """
    directory = Path(directory)
    targets = [directory / "project.yaml", directory / _SHEET]
    for target in targets:
        if os.path.lexists(target):
            raise UsageError(
                "this file already exists; nothing was written",
                value=str(target),
                fix="choose an empty folder",
            )
    progress("Reading the export", 0, 0)
    export = read_export(given, targets[0])
    progress("Looking at names and values", 0, 0)
    proposal = propose(
        export, leads=leads, conversion=conversion, choose=asking.conversion if asking else None
    )
    names = tuple(domains) or (asking.domains(proposal.domains) if asking else proposal.domains.names)
    if names != proposal.domains.names:
        found = sum(colleagues(export, proposal.leads, name) for name in names)
        proposal = replace(proposal, domains=Domains(names, "as you said", found, said=True))
    name = _name_of(directory)
    made = _make_folders(directory)
    try:

        def file_of(each: Proposal) -> ProjectFile:
            return ProjectFile(
                targets[0].absolute(), Project.model_validate(_openable(settings(each, name, None)))
            )

        proved = prove(proposal, file_of, progress)
        proposal = proved.proposal
        if asking is not None:
            proposal = _as_said(proposal, asking.late(proposal))
        sheet = sheet_yaml(proposal, export.connection)
        texts = {targets[0]: project_yaml(proposal, name, _SHEET if sheet else None)}
        if sheet is not None:
            texts[targets[1]] = sheet
        for target, text in texts.items():
            target.parent.mkdir(exist_ok=True)
            with target.open("x", encoding="utf-8") as file:  # never through a link that goes nowhere
                file.write(text)
    except BaseException:
        _remove_empty(made)
        raise
    return Started(proposal=proposal, written=tuple(texts), notes=proved.notes)


def _openable(project: dict[str, Any]) -> dict[str, Any]:
    """Settings that can be checked, also of a project whose conversions are an open point."""
    if "conversions" not in project["data"] and "column" not in project["outcome"]:
        return project | {"data": project["data"] | {"conversions": project["data"]["leads"]}}
    return project


def _as_said(proposal: Proposal, late: tuple[str, ...]) -> Proposal:
    """The columns that are filled in later, as whoever sits at the terminal said."""
    kept = tuple(each for each in proposal.late if each.column in late)
    known = {each.column for each in kept}
    added = tuple(Late(name, "as you said") for name in late if name not in known)
    return replace(proposal, late=(*kept, *added))


def _name_of(directory: Path) -> str:
    name = snake_case(directory.absolute().name).strip("_-")[:60]
    plain = "".join(each if each.isascii() and (each.isalnum() or each in "_-") else "" for each in name)
    return plain if plain and plain[0].isalnum() else "leads"


def _make_folders(directory: Path) -> list[Path]:
    """The folders that were made, the innermost last."""
    missing = [each for each in (directory, *directory.absolute().parents) if not each.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder cannot be created: {error.strerror}", value=str(directory)) from None
    return missing[::-1]


def _remove_empty(made: Sequence[Path]) -> None:
    for folder in reversed(made):
        for inner in (folder / "scorecards", folder):
            if inner.is_dir() and not any(inner.iterdir()):
                inner.rmdir()
