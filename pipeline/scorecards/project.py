"""The score sheets of a project: the files that are edited, and the versions that went live."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from leadlens.features import UsageError
from leadlens.models.scorecard import ScorecardSet, Sheet
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.scorecards.versions import SheetStore
from leadlens.pipeline.state import state_folder

SHEET_CHANGED = (
    "the score sheet changed since the model was trained: train again, and the model starts from its points"
)
_FORMS = "a sheet's name (its file), name@active, name@<version>, or the path of a sheet"


@dataclass(frozen=True)
class ProjectSheet:
    """One sheet of a project: ``file`` as it is in its YAML, ``active`` as it went live, if it did.

    ``broken`` says why the file cannot be read; the active version is there then.
    """

    path: Path
    file: Sheet | None
    active: Sheet | None
    broken: UsageError | None = None

    @property
    def live(self) -> Sheet:
        """What leads are scored by: the active version, else the file."""
        sheet = self.active or self.file
        assert sheet is not None
        return sheet

    @property
    def note(self) -> str | None:
        """What a user should know where the file is not what leads are scored by."""
        if self.active is None:
            return None
        text = f"leads are scored by the active version {self.active.version} of {self.active.name}"
        if self.broken is not None:
            return f"{text}, since its file cannot be read: {str(self.broken).splitlines()[0]} ({self.path.name})"
        if self.file is None or self.active.version == self.file.version:
            return None
        name = self.active.name
        return f"{text}, not by {self.path.name}: `leadlens scorecard diff CONFIG {name}@active {name}` shows the differences"


def store_of(file: ProjectFile) -> SheetStore:
    """Where the versions of the project's sheets are kept."""
    return SheetStore(state_folder() / "sheets" / f"{file.project.name}.sqlite")


def active_version(file: ProjectFile, name: str) -> Sheet | None:
    """The active version of a sheet, ``None`` while there is none."""
    store = store_of(file)
    kept = store.path.exists() and name in store.names()
    return store.active(name) if kept else None


def sheets_of(file: ProjectFile) -> list[ProjectSheet]:
    """The sheets that the project file names, in its order.

    A file that cannot be read stops nothing as long as it is plain which active version it is about. Raises
    ``UsageError`` for one that cannot be read otherwise.
    """
    sheets: list[ProjectSheet] = []
    for name in file.project.scorecards:
        path = file.resolve(name)
        try:
            sheet = Sheet.load(path)
            sheets.append(ProjectSheet(path, sheet, active_version(file, sheet.name)))
        except UsageError as error:
            sheets.append(ProjectSheet(path, None, None, error))
    broken = [item for item in sheets if item.broken is not None]
    if not broken:
        return sheets
    lost = _active_without_file(file, sheets)
    if len(broken) > 1 or len(lost) != 1:
        assert broken[0].broken is not None
        raise broken[0].broken
    return [replace(item, active=lost[0]) if item is broken[0] else item for item in sheets]


def load_sheets(file: ProjectFile) -> ScorecardSet | None:
    """The project's sheets as they go live: of each the active version, else its file; ``None`` without any."""
    live = [sheet.live for sheet in sheets_of(file)]
    return ScorecardSet(tuple(live)) if live else None


def _active_without_file(file: ProjectFile, sheets: list[ProjectSheet]) -> list[Sheet]:
    """Active versions that no file of the project is called like."""
    store = store_of(file)
    named = {item.file.name for item in sheets if item.file is not None}
    kept = store.names() if store.path.exists() else []
    active = [store.active(name) for name in kept if name not in named]
    return [sheet for sheet in active if sheet is not None]


def notes_of(file: ProjectFile) -> list[str]:
    """What a user should know of the sheets whose files are not what leads are scored by, or are so unexpectedly."""
    sheets = sheets_of(file)
    notes = [item.note for item in sheets if item.note is not None]
    store = store_of(file)
    kept = store.names() if store.path.exists() else []
    for item in sheets:
        name = item.file.name if item.file is not None and item.active is None else None
        if name in kept and any(item.to_stage == "active" for item in store.history(str(name))):
            notes.append(f"no version of {name} is active any more: leads are scored by its file")
    if not any(item.broken for item in sheets):
        notes += [
            f"version {sheet.version} of {sheet.name} is active, but no sheet of the project is called so: it scores "
            "nobody (was `sheet:` renamed?)"
            for sheet in _active_without_file(file, sheets)
        ]
    return notes


def choose_sheet(file: ProjectFile, which: str | None) -> tuple[Sheet, Path | None]:
    """The sheet that is meant, and its file where it is one: by default the project's first.

    Raises ``UsageError`` where there is none, or no such one.
    """
    if which is None:
        if not file.project.scorecards:
            raise UsageError(
                "this project has no score sheet",
                where=str(file.path),
                fix="write one (`leadlens scorecard new`) and name it under `scorecards:`, or say --sheet PATH",
            )
        path = file.resolve(file.project.scorecards[0])
        return Sheet.load(path), path
    name, at, version = which.partition("@")
    if at and "/" not in version:
        store = store_of(file)
        if version != "active":
            return store.get(name, version), None
        active = store.active(name)
        if active is None:
            raise UsageError(
                "no version of this sheet is active",
                value=name,
                why="a version goes live with `leadlens scorecard move CONFIG active`",
                fix=f"name the sheet alone for its file: {name}",
            )
        return active, None
    if which.endswith((".yaml", ".yml")) or "/" in which:
        return Sheet.load(which), Path(which)
    known = []
    for place in map(file.resolve, file.project.scorecards):
        sheet = Sheet.load(place)
        if sheet.name == which:
            return sheet, place
        known.append(sheet.name)
    raise UsageError(
        "there is no such sheet in this project",
        value=which,
        known=known,
        fix=f"{_FORMS}; here: {', '.join(known)}",
    )
