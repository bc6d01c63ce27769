"""Versions of score sheets, and their way from draft to test to active to archived: who, when and why."""

from __future__ import annotations

import getpass
import json
import os
import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from leadlens.features.errors import DataError, UsageError
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.language.yaml_text import yaml_text
from leadlens.pipeline.scorecards.version_file import SheetFile
from leadlens.pipeline.state import state_folder

STAGES = ("draft", "test", "active", "archived", "withdrawn")
# Where a version may go from each stage; from archived it is a roll back.
_WAYS = {
    "draft": ("test", "withdrawn"),
    "test": ("draft", "active"),
    "active": ("archived",),
    "archived": ("active",),
    "withdrawn": ("draft",),
}


def next_stages(stage: str, *, was_tested: bool) -> tuple[str, ...]:
    """Where a version may go from a stage; only a draft that nobody ever tested can be withdrawn.

    >>> next_stages("draft", was_tested=False), next_stages("draft", was_tested=True)
    (('test', 'withdrawn'), ('test',))
    """
    return tuple(to for to in _WAYS[stage] if not (was_tested and to == "withdrawn"))


@dataclass(frozen=True)
class SheetVersion:
    """A saved version of a sheet: where it is now, and when, by whom and why it was saved (UTC, ISO 8601).

    ``is_new`` is false when :meth:`SheetStore.save` found the version there already, and not withdrawn.
    """

    sheet: str
    version: str
    stage: str
    saved_at: str
    author: str
    reason: str
    is_new: bool = False


@dataclass(frozen=True)
class SheetMove:
    """One move of a version; ``from_stage`` is ``None`` when it was saved."""

    sheet: str
    version: str
    moved_at: str
    author: str
    from_stage: str | None
    to_stage: str
    reason: str


class SheetStore:
    """The versions of every sheet, in one SQLite file that several processes may use at once.

    A version is known by its content: whoever saves the same sheet again finds what is there. Each method is one
    transaction, so a process that is killed leaves all of its change or nothing. At most one version of a sheet
    is active.

    Methods raise ``UsageError`` for a name, a version or a move that is not possible, ``DataError`` for a file or
    a version that this release cannot read, and ``LeadlensError`` if the file cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = state_folder() / "sheets.sqlite" if path is None else Path(path)
        self._file = SheetFile(self.path)

    def save(
        self, sheet: Sheet, author: str | None = None, reason: str = "", yaml: str | None = None
    ) -> SheetVersion:
        """Keep this version, as a draft; one that was withdrawn is a draft again. ``yaml`` is the file it was read from,
        comments and all.
        """
        content = json.dumps(sheet.content(), sort_keys=True)
        written = _storable(yaml_text(sheet) if yaml is None else yaml)
        author, reason, now = _author(author), _line(reason), _now()
        key = (sheet.name, sheet.version)
        with self._file.writing() as store:
            added = store.execute(
                "INSERT INTO versions VALUES (?, ?, ?, ?, 'draft', ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (*key, content, written, now, author, reason, _release()),
            )
            before = None
            if added.rowcount != 1 and _version(store, *key).stage == "withdrawn":
                before = "withdrawn"
            is_new = added.rowcount == 1 or before is not None
            if is_new:
                move = SheetMove(
                    sheet=sheet.name,
                    version=sheet.version,
                    moved_at=now,
                    author=author,
                    from_stage=before,
                    to_stage="draft",
                    reason=reason,
                )
                _set(store, move)
            return replace(_version(store, *key), is_new=is_new)

    def move(
        self, sheet_name: str, version: str, to: str, author: str | None = None, reason: str = ""
    ) -> SheetVersion:
        """Take a version to another stage: draft → test → active → archived, back to draft from test, and from
        archived to active again. Making one active archives the one that was. A draft that never was on test can be
        withdrawn, and be a draft again.

        ``version`` may be its first digits; a ``reason`` is required.
        """
        author, reason = _author(author), _line(reason)
        if to not in STAGES:
            raise UsageError(
                "there is no such stage", value=to, known=STAGES, fix=f"one of {', '.join(STAGES)}"
            )
        if not reason:
            raise UsageError(
                "a move needs a reason",
                value=reason,
                why="whoever reads the scores later wants to know why they changed",
                fix="say in a few words why",
            )
        with self._file.writing() as store:
            full = self._find(store, sheet_name, version)
            now, at = _now(), _version(store, sheet_name, full).stage
            ways = next_stages(at, was_tested=_was_tested(store, sheet_name, full))
            if to not in ways:
                raise UsageError(
                    f"version {full} of {sheet_name} is {'already in this stage' if to == at else f'{at}, not ready for this'}",
                    value=to,
                    fix=f"from {at} it can go to {' or '.join(ways)}",
                )

            def record(version: str, from_stage: str, to_stage: str, reason: str) -> None:
                move = SheetMove(
                    sheet=sheet_name,
                    version=version,
                    moved_at=now,
                    author=author,
                    from_stage=from_stage,
                    to_stage=to_stage,
                    reason=reason,
                )
                _set(store, move)

            if to == "active":
                former = store.execute(
                    "SELECT version FROM versions WHERE sheet = ? AND stage = 'active'", (sheet_name,)
                ).fetchone()
                if former is not None:
                    record(former[0], "active", "archived", f"version {full} takes its place: {reason}")
            record(full, at, to, reason)
            return _version(store, sheet_name, full)

    def names(self) -> list[str]:
        """The sheets that have a version here, by name."""
        with self._file.reading() as store:
            return _names(store)

    def versions(self, sheet_name: str) -> list[SheetVersion]:
        """The versions of a sheet, first saved first."""
        with self._file.reading() as store:
            self._known(store, sheet_name)
            rows = store.execute(
                "SELECT sheet, version, stage, saved_at, author, reason FROM versions WHERE sheet = ? ORDER BY rowid",
                (sheet_name,),
            )
            return [SheetVersion(*row) for row in rows]

    def history(self, sheet_name: str) -> list[SheetMove]:
        """Every move of the sheet's versions, the first one first."""
        with self._file.reading() as store:
            self._known(store, sheet_name)
            rows = store.execute(
                "SELECT sheet, version, moved_at, author, from_stage, to_stage, reason FROM moves WHERE sheet = ? "
                "ORDER BY number",
                (sheet_name,),
            )
            return [SheetMove(*row) for row in rows]

    def active(self, sheet_name: str) -> Sheet | None:
        """The active version of a sheet, ``None`` while there is none."""
        with self._file.reading() as store:
            self._known(store, sheet_name)
            row = store.execute(
                "SELECT version, content, release FROM versions WHERE sheet = ? AND stage = 'active'",
                (sheet_name,),
            ).fetchone()
        return None if row is None else self._replayed(sheet_name, *row)

    def get(self, sheet_name: str, version: str) -> Sheet:
        """A version exactly as it was saved, lists inside; ``version`` may be its first digits."""
        with self._file.reading() as store:
            full = self._find(store, sheet_name, version)
            row = store.execute(
                "SELECT version, content, release FROM versions WHERE sheet = ? AND version = ?",
                (sheet_name, full),
            ).fetchone()
        return self._replayed(sheet_name, *row)

    def yaml(self, sheet_name: str, version: str) -> str:
        """The file that a version was read from, comments and all."""
        with self._file.reading() as store:
            full = self._find(store, sheet_name, version)
            row = store.execute(
                "SELECT yaml FROM versions WHERE sheet = ? AND version = ?", (sheet_name, full)
            )
            return str(row.fetchone()[0])

    def _known(self, store: sqlite3.Connection, sheet_name: str) -> None:
        names = _names(store)
        if sheet_name not in names:
            fix = None if names else "save a version of it first"
            raise UsageError(
                "no version of this sheet is kept",
                value=sheet_name,
                known=names,
                where=str(self.path),
                fix=fix,
            )

    def _find(self, store: sqlite3.Connection, sheet_name: str, version: str) -> str:
        """The full version that begins so."""
        self._known(store, sheet_name)
        kept = store.execute(
            "SELECT version FROM versions WHERE sheet = ? ORDER BY rowid DESC", (sheet_name,)
        )
        known = [row[0] for row in kept]
        digits = version.strip().lower()
        matching = [name for name in known if digits and name.startswith(digits)]
        if len(matching) == 1:
            return str(matching[0])
        what = "several versions begin so" if matching else "there is no such version"
        raise UsageError(f"{what} of sheet {sheet_name}", value=version, known=matching or known)

    def _replayed(self, sheet_name: str, version: str, content: str, release: str) -> Sheet:
        try:
            sheet = Sheet.model_validate(json.loads(content))
            why = f"this release reads it as version {sheet.version}"
        except (ValidationError, ValueError) as error:
            sheet, why = None, str(error).splitlines()[0]
            if isinstance(error, ValidationError):
                first = error.errors()[0]
                why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        if sheet is None or sheet.version != version:
            raise DataError(
                f"version {version} of {sheet_name} cannot be read any more by this release of Leadlens",
                where=str(self.path),
                why=f"{why}; a score must be repeated exactly or not at all",
                fix=f"use Leadlens {release}, which saved it, or save a new version from its YAML",
            )
        return sheet


def _names(store: sqlite3.Connection) -> list[str]:
    return [row[0] for row in store.execute("SELECT DISTINCT sheet FROM versions ORDER BY sheet")]


def _version(store: sqlite3.Connection, sheet: str, version: str) -> SheetVersion:
    row = store.execute(
        "SELECT sheet, version, stage, saved_at, author, reason FROM versions WHERE sheet = ? AND version = ?",
        (sheet, version),
    ).fetchone()
    return SheetVersion(*row)


def _was_tested(store: sqlite3.Connection, sheet: str, version: str) -> bool:
    tested = store.execute(
        "SELECT 1 FROM moves WHERE sheet = ? AND version = ? AND to_stage = 'test' LIMIT 1", (sheet, version)
    )
    return tested.fetchone() is not None


def _set(store: sqlite3.Connection, move: SheetMove) -> None:
    key = (move.sheet, move.version)
    store.execute("UPDATE versions SET stage = ? WHERE sheet = ? AND version = ?", (move.to_stage, *key))
    _log(store, move)


def _log(store: sqlite3.Connection, move: SheetMove) -> None:
    store.execute(
        "INSERT INTO moves (sheet, version, moved_at, author, from_stage, to_stage, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (move.sheet, move.version, move.moved_at, move.author, move.from_stage, move.to_stage, move.reason),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _author(given: str | None) -> str:
    """Who it is: as given, else ``LEADLENS_AUTHOR``, else the name of the account."""
    for name in (given, os.environ.get("LEADLENS_AUTHOR")):
        if name is not None and _line(name):
            return _line(name)
    try:
        return _line(getpass.getuser()) or "unknown"
    except (OSError, KeyError, ImportError):  # an account without a name, in a container
        return "unknown"


def _line(text: str) -> str:
    return _storable(" ".join(text.split()))


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # bytes of the command line that are no text


def _release() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("leadlens")
    except PackageNotFoundError:
        return "unknown"
