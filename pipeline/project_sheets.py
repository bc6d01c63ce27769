"""The score sheets of a project: the files that are edited, and the versions that went live."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from features import UsageError
from models.scorecard import Sheet
from pipeline.config import ProjectFile
from pipeline.sheet_store import SheetStore
from pipeline.state import state_folder

_FORMS = "a sheet's name (its file), name@active, name@<version>, or the path of a sheet"


@dataclass(frozen=True)
class ProjectSheet:
    """One sheet of a project: ``file`` as it stands in its YAML, ``active`` as it went live, if it did."""

    path: Path
    file: Sheet
    active: Sheet | None

    @property
    def live(self) -> Sheet:
        """What leads are scored by: the active version, else the file."""
        return self.active or self.file

    @property
    def note(self) -> str | None:
        """What a user should know where the file is not what leads are scored by."""
        if self.active is None or self.active.version == self.file.version:
            return None
        return (
            f"leads are scored by the active version {self.active.version} of {self.file.name}; {self.path.name} "
            f"was edited since: see `leadlens scorecard diff CONFIG {self.file.name}@active {self.file.name}`"
        )


def store_of(file: ProjectFile) -> SheetStore:
    """Where the versions of the project's sheets are kept."""
    return SheetStore(state_folder() / "sheets" / f"{file.project.name}.sqlite")


def active_version(file: ProjectFile, name: str) -> Sheet | None:
    """The active version of a sheet, ``None`` while there is none."""
    store = store_of(file)
    kept = store.path.exists() and name in store.names()
    return store.active(name) if kept else None


def sheets_of(file: ProjectFile) -> list[ProjectSheet]:
    """The sheets that the project file names, in its order. Raises ``UsageError`` for one that cannot be read."""
    found = []
    for told in file.project.scorecards:
        path = file.resolve(told)
        sheet = Sheet.load(path)
        found.append(ProjectSheet(path, sheet, active_version(file, sheet.name)))
    return found


def notes_of(file: ProjectFile) -> list[str]:
    """What a user should know of the sheets whose files are not what leads are scored by."""
    return [found.note for found in sheets_of(file) if found.note is not None]


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
                why="a version goes live by `leadlens scorecard move CONFIG active`",
                fix=f"name the sheet alone for its file: {name}",
            )
        return active, None
    if which.endswith((".yaml", ".yml")) or "/" in which:
        return Sheet.load(which), Path(which)
    sheets = {found.file.name: found for found in sheets_of(file)}
    if which not in sheets:
        raise UsageError(
            "there is no such sheet in this project", value=which, known=list(sheets), fix=_FORMS
        )
    return sheets[which].file, sheets[which].path
