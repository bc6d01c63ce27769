"""Sheets as files and versions: begin one, check it, export, import, keep, move."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from leadlens.features import UsageError
from leadlens.features.history import Finding
from leadlens.features.regular_files import refuse_no_file
from leadlens.models.scorecard import ScorecardSet, Sheet, check_sheet
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.protected import sheets_that_read
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.scorecards import templates
from leadlens.pipeline.scorecards.project import choose_sheet, notes_of, sheets_of, store_of
from leadlens.pipeline.scorecards.versions import SheetVersion

WITHDRAWN = "withdrawn"
_EMPTY = """\
# Points by hand. docs/scorecards/language.md describes every setting.
sheet: {name}
about: Who is worth a call

attributes: # who the lead is: fit
  # - {{label: Large firm, when: "account.employees >= 1000", points: 15}}

actions: # what the lead did: engagement
  # - {{label: Sent the form, when: "event_type = 'form_submitted'", points: 10}}

disqualify: # out, whatever the points
  # - {{label: Student, when: "occupation = 'student'"}}

thresholds: {{mql: 30, sql: 60}}
"""


def describe_templates() -> dict[str, str]:
    """Name and one sentence of every ready sheet."""
    return templates.about()


def new_sheet(path: Path, ready: str | None) -> list[Path]:
    """Write an empty sheet with examples in comments, or a copy of a ready one and its lists.

    Raises ``UsageError`` where a file is there already, or no ready sheet has the name.
    """
    if path.suffix not in (".yaml", ".yml"):
        better = path if path.name not in ("", "..") else path / "sheet"
        fix = f"write {better.with_suffix('.yaml')}"
        raise UsageError("a sheet is a YAML file", value=str(path), fix=fix)
    texts: dict[Path, str] = {}
    if ready is None:
        name = "".join(c if c.isascii() and c.isalnum() else "_" for c in path.stem.lower())
        texts[path] = _EMPTY.format(name=name[:60])  # as long as a sheet's name may be
    else:
        source = templates.path(ready).parent
        first, *lists = templates.parts(ready)
        texts[path] = (source / first).read_text(encoding="utf-8")
        texts |= {path.parent / part: (source / part).read_text(encoding="utf-8") for part in lists}
    for target in texts:
        refuse_existing(target)
    for target, text in texts.items():
        write_text(target, text)
    return list(texts)


@dataclass(frozen=True)
class Checked:
    """A sheet checked against the data."""

    sheet: str
    version: str
    rules: int
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**vars(self), "findings": [vars(finding) for finding in self.findings]}


def checked(file: ProjectFile, which: str | None) -> Checked:
    """Read a sheet and check it against the project's data.

    Raises ``UsageError`` for what cannot be used at all, also for two sheets of one name in the project.
    """
    sheet, path = choose_sheet(file, which)
    ours = {file.resolve(name).resolve() for name in file.project.scorecards}
    if path is not None and path.resolve() in ours:
        ScorecardSet(tuple(item.file for item in sheets_of(file) if item.file is not None))
    history = open_history(file)
    findings = check_sheet(sheet, history)
    findings += [
        Finding("protected-in-sheet", message)
        for message in sheets_that_read(history, file.project, ScorecardSet((sheet,)))
    ]
    if which is None:
        findings += [Finding("sheet-not-active", note, "note") for note in notes_of(file)]
    return Checked(sheet.name, sheet.version, len(sheet.rules), tuple(findings))


def render_check(result: Checked) -> list[str]:
    """For people."""
    rules = f"{result.rules} rule" + ("s" if result.rules != 1 else "")
    lines = [f"{result.sheet} {result.version}: {rules} that can be used with these data"]
    marks = {"warning": "!", "note": " "}
    return [*lines, *(f"{marks[item.level]} {item.message}" for item in result.findings)]


def as_sql(file: ProjectFile, which: str | None, dialect: str, as_of: datetime | None, ledger: bool) -> str:
    """The sheet as one query."""
    from leadlens.models.scorecard.sql_export.warehouse import sheet_sql

    sheet, _ = choose_sheet(file, which)
    history = open_history(file)
    return sheet_sql(sheet, history, dialect, history.moment(as_of), ledger)


def import_sheet(table: Path, out: Path, force: bool) -> Sheet:
    """Read an exported table and write it as YAML. Raises ``UsageError`` with line and rule for what is wrong."""
    from leadlens.models.scorecard.language.yaml_text import yaml_text
    from leadlens.models.scorecard.spreadsheet.table import from_csv

    refuse_no_file(table)
    try:
        raw = table.read_bytes()
    except OSError as error:
        raise UsageError(f"this table cannot be read: {error.strerror}", value=str(table)) from None
    sheet = from_csv(raw, str(table))
    refuse_existing(out, force)
    write_text(out, yaml_text(sheet))
    return sheet


def save_version(file: ProjectFile, which: str | None, reason: str, author: str | None) -> SheetVersion:
    """Keep a sheet's file as a version."""
    sheet, path = choose_sheet(file, which)
    text = None if path is None else path.read_text(encoding="utf-8-sig")
    return store_of(file).save(sheet, author, reason, text)


def move_version(
    file: ProjectFile, which: str | None, to: str, reason: str, author: str | None
) -> SheetVersion:
    """Take a version to another stage. A file is meant as the version that it was saved as."""
    sheet, path = choose_sheet(file, which)
    store = store_of(file)
    kept = [v.version for v in store.versions(sheet.name)] if sheet.name in store.names() else []
    if path is not None and sheet.version not in kept:
        raise UsageError(
            "this file was not saved as a version yet",
            value=f"{sheet.name} {sheet.version}",
            why="what goes live must be kept exactly as it was",
            fix="leadlens scorecard save CONFIG --reason …",
        )
    return store.move(sheet.name, sheet.version, to, author, reason)


def history_of(file: ProjectFile, which: str | None) -> dict[str, Any]:
    """Versions and moves of a sheet, JSON-ready."""
    sheet, _ = choose_sheet(file, which)
    store = store_of(file)
    known = sheet.name in store.names()
    return {
        "sheet": sheet.name,
        "file": sheet.version,
        "versions": [vars(version) for version in store.versions(sheet.name)] if known else [],
        "moves": [vars(item) for item in store.history(sheet.name)] if known else [],
    }


def render_history(history: dict[str, Any]) -> list[str]:
    """For people."""
    if not history["versions"]:
        return [f"{history['sheet']}: no version was saved yet (leadlens scorecard save CONFIG)"]
    stages = {version["version"]: version["stage"] for version in history["versions"]}
    lines = [f"{history['sheet']}: the file is version {history['file']}"]
    if stages.get(history["file"]) == WITHDRAWN:
        lines.append(
            "note: the file is a draft that was withdrawn; to go on with it, save it again: leadlens scorecard save CONFIG"
        )
    listed = [version for version in history["versions"] if version["stage"] != WITHDRAWN]
    withdrawn = [version for version in history["versions"] if version["stage"] == WITHDRAWN]
    lines += ["", *_versions(listed, history)]
    if withdrawn:
        lines += ["", f"Withdrawn drafts: {len(withdrawn)}", *_versions(withdrawn, history)]
    return lines


def _versions(versions: Sequence[dict[str, Any]], history: dict[str, Any]) -> list[str]:
    lines = []
    for version in versions:
        here = "  = the file" if version["version"] == history["file"] else ""
        lines.append(f"{version['version']}  {version['stage']:9}{here}".rstrip())
        for item in history["moves"]:
            if item["version"] == version["version"]:
                way = f"{item['from_stage'] or 'saved'} → {item['to_stage']}"
                who = f"{item['author']}: {item['reason']}" if item["reason"] else item["author"]
                lines.append(f"    {item['moved_at'][:16].replace('T', ' ')}  {way:20} {who}")
    return lines


def write_text(path: Path, text: str) -> None:
    """Write a file, and the folders it needs. Raises ``UsageError`` where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # a link that goes nowhere would make a file where it points to
        with path.open("w" if path.exists() else "x", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"this file cannot be written: {error.strerror}", value=str(path)) from None


def refuse_existing(path: Path, force: bool | None = None) -> None:
    """Raise ``UsageError`` where a file is there already; ``force`` replaces it, and is ``None`` where none can."""
    # unlike Path.exists never an error; what goes to a device or a pipe replaces nothing
    if not force and os.path.lexists(path) and not (path.is_char_device() or path.is_fifo()):
        raise UsageError(
            "there is a file already",
            value=str(path),
            why="nothing is overwritten unasked",
            fix="name another one" + (", or say --force to replace it" if force is not None else ""),
        )
