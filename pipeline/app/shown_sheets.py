"""The sheets of a project as the page shows them: files, versions, and by which of them leads are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leadlens.features.errors import LeadlensError, UsageError
from leadlens.models.scorecard import ScorecardSet, Sheet
from leadlens.models.scorecard.insights.comparison import compare_sheets
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.scorecards.project import ProjectSheet, sheets_of, store_of
from leadlens.pipeline.scorecards.versions import SheetMove, SheetVersion, next_stages


@dataclass(frozen=True)
class ShownSheet:
    """One sheet: its file if the project names one that can be read, its versions, the latest first, and what scores leads.

    ``is_stuck``: no leads can be scored at all until a file or a version that cannot be read is put right.
    """

    name: str
    about: str
    file: Sheet | None
    path: Path | None
    live: Sheet | None
    versions: Sequence[SheetVersion]
    moves: Sequence[SheetMove]
    is_stuck: bool = False

    @property
    def file_is_kept(self) -> bool:
        """Whether the file is one of the versions."""
        return self.file is not None and self.file.version in {kept.version for kept in self.versions}

    @property
    def active(self) -> SheetVersion | None:
        """The active version."""
        return next((kept for kept in self.versions if kept.stage == "active"), None)

    def called(self, version: str) -> str:
        """A version as people tell it apart: its number among those that were kept, and its fingerprint."""
        oldest_first = [kept.version for kept in reversed(self.versions)]
        return f"{oldest_first.index(version) + 1} · {version}" if version in oldest_first else version

    def last_move(self, version: str) -> SheetMove:
        """How a version came to where it is."""
        return [move for move in self.moves if move.version == version][-1]


@dataclass(frozen=True)
class ShownVersion:
    """One version of a sheet; ``kept`` is ``None`` for a file that was not kept yet."""

    sheet: Sheet
    of: ShownSheet
    kept: SheetVersion | None

    @property
    def moves(self) -> Sequence[SheetMove]:
        """Its history so far, the last move first."""
        return [move for move in reversed(self.of.moves) if move.version == self.sheet.version]

    @property
    def ways(self) -> Sequence[str]:
        """The stages that it may be moved to."""
        if self.kept is None:
            return ()
        was_tested = any(move.to_stage == "test" for move in self.moves)
        return next_stages(self.kept.stage, was_tested=was_tested)

    @property
    def is_live(self) -> bool:
        """Whether leads are scored by it."""
        return self.of.live is not None and self.of.live.version == self.sheet.version

    @property
    def differences(self) -> Sequence[str]:
        """In which settings it differs from what leads are scored by."""
        if self.of.live is None or self.is_live:
            return []
        return [difference.text for difference in compare_sheets(self.of.live, self.sheet).differences]


def shown_sheets(file: ProjectFile) -> tuple[list[ShownSheet], list[str]]:
    """Every sheet that the project names or has a version of, and what is wrong with files that cannot be read."""
    problems: list[str] = []
    of_project: list[ProjectSheet] = []
    try:
        of_project = sheets_of(file)
        if of_project:
            ScorecardSet(tuple(item.live for item in of_project))  # as the night does: not two of one name
        problems += [str(item.broken) for item in of_project if item.broken is not None]
        is_stuck = False
    except LeadlensError as error:
        problems.append(str(error))
        is_stuck = True
    named = {item.live.name: item for item in of_project}
    store = store_of(file)
    kept = store.names() if store.path.exists() else []
    shown = [_shown(file, name, named.get(name), name in kept) for name in dict.fromkeys([*named, *kept])]
    return [replace(each, is_stuck=is_stuck) for each in shown], [
        _without_folders(file, text) for text in problems
    ]


def shown_sheet(file: ProjectFile, name: str) -> ShownSheet:
    """The sheet of this name. Raises ``UsageError`` where there is none."""
    sheets, _ = shown_sheets(file)
    for sheet in sheets:
        if sheet.name == name:
            return sheet
    raise UsageError(
        "there is no such sheet in this project", value=name, known=[each.name for each in sheets]
    )


def shown_version(file: ProjectFile, name: str, version: str) -> ShownVersion:
    """A version that is kept, or the file by its version. Raises ``UsageError`` where there is none.

    Raises ``DataError`` for a version that this release cannot read.
    """
    shown = shown_sheet(file, name)
    kept = next((each for each in shown.versions if each.version == version), None)
    if kept is not None:
        return ShownVersion(store_of(file).get(name, version), shown, kept)
    if shown.file is not None and shown.file.version == version:
        return ShownVersion(shown.file, shown, None)
    raise UsageError(
        "there is no such version of this sheet",
        value=version,
        known=[each.version for each in shown.versions],
    )


def _without_folders(file: ProjectFile, text: str) -> str:
    """A problem with files by their names alone: where they are is for whoever runs the page."""
    folders = {place.parent for name in file.project.scorecards for place in (file.resolve(name),)}
    folders |= {file.path.parent, file.path.absolute().parent, store_of(file).path.parent}
    for folder in sorted(map(str, folders), key=len, reverse=True):
        text = text.replace(f"{folder}/", "")
    return text


def _shown(file: ProjectFile, name: str, item: ProjectSheet | None, is_kept: bool) -> ShownSheet:
    store = store_of(file)
    versions = store.versions(name)[::-1] if is_kept else []
    live = item.live if item is not None else None
    written = item.file if item is not None else None
    about = live.about if live is not None else ""
    return ShownSheet(
        name=name,
        about=about,
        file=written,
        path=item.path if item is not None else None,
        live=live,
        versions=versions,
        moves=store.history(name) if is_kept else [],
    )
