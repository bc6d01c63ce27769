"""A person in files outside of the state folder: those that commands wrote where somebody chose, and those that are named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadlens.features import DataError
from leadlens.pipeline.elsewhere import WrittenFile, rewritten
from leadlens.pipeline.forgetting.person import Person
from leadlens.pipeline.forgetting.removal import Removal, Stored
from leadlens.pipeline.forgetting.tables import TABLES, forget_in_file, has_elsewhere, rows_in_file
from leadlens.pipeline.forgetting.workbooks import rows_of_workbook
from leadlens.pipeline.pulling.files import pulled_tables

TEXTS = (".html", ".json", ".csv", ".md", ".txt", ".svg", ".yaml", ".yml", ".jsonl", ".log")
_LONGEST_LINE = 200
_MENTIONED = "it mentions the lead"
_UNREADABLE = "it cannot be read, so nobody knows whether it has the lead"


@dataclass(frozen=True)
class LeftToOwner:
    """A file that still has the person, which is not ours to take away; ``fix`` says what to do."""

    path: Path
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.path}: {self.why}; {self.fix}"


def forget_in_written(file: WrittenFile, person: Person) -> Iterator[Removal | LeftToOwner]:
    """Remove a person from a file that a command wrote.

    Tables are written anew without their rows, lines of a log are blackened, and what else mentions them is removed: the command makes it
    again. A page that was edited since is somebody's work and stays: it is named. Raises ``OSError`` and ``LeadlensError``.
    """
    path = Path(file.path)
    if not path.exists():
        return
    if file.command == "log":
        if count := _blackened(path, person.by_distinct_words):
            yield Removal(file.path, "mentions in the log redacted", count)
        return
    if path.is_dir() or path.suffix.lower() in TABLES:
        as_written = file.is_as_written
        yield from forget_in_named(path, person)
        if as_written:
            rewritten(file)
    elif why := _mention(path, person):
        if file.is_as_written and why == _MENTIONED:
            Path(os.path.realpath(path)).unlink()  # a symbolic link stays one, as when it is written
            rewritten(file)
            yield Removal(file.path, f"file removed; leadlens {file.command} writes it again", 1)
        else:
            yield LeftToOwner(
                path,
                f"{why}, and was edited since leadlens {file.command} wrote it",
                "take the lead out of it, or delete it",
            )


def forget_in_named(path: Path, person: Person) -> Iterator[Removal | LeftToOwner]:
    """Remove a person from the tables at a path, a file or a folder; any other file that mentions them is named.

    Raises ``OSError`` and ``LeadlensError``.
    """
    for each in _files(path):
        if each.suffix.lower() not in TABLES:
            if why := _mention(each, person):
                yield LeftToOwner(each, why, "take the lead out of it, or delete it")
            continue
        try:
            count, more = forget_in_file(each, person.ids), has_elsewhere(each, person.ids)
        except DataError as error:
            yield LeftToOwner(each, f"{_UNREADABLE}: {error.value}", "look into it, or delete it")
            continue
        if count:
            each.with_name(f".{each.name}.crc").unlink(missing_ok=True)  # Spark's, of the file as it was
            yield Removal(str(each), "rows removed", count)
        if more:
            yield LeftToOwner(
                each,
                f"{more:,} of its rows have the id in a column that is not for ids",
                "take it out, or delete it",
            )


def forget_in_pulled(folder: Path, person: Person) -> Iterator[Removal]:
    """Remove a person from files that `leadlens pull` wrote."""
    for path, columns in pulled_tables(folder):
        if count := forget_in_file(path, person.ids, columns):
            yield Removal(str(path), "rows removed", count)


def stored_in_written(path: Path, person: Person) -> Iterator[Stored]:
    """What a file has of a person: rows of a table, lines of a text. Raises ``OSError`` and ``LeadlensError``."""
    for each in _files(path) if path.exists() else ():
        if each.suffix.lower() in TABLES:
            rows = rows_in_file(each, person.ids)
        elif each.suffix.lower() == ".xlsx":
            rows = rows_of_workbook(each, person.ids)
        else:
            rows = lines_of(each, person)
        if rows:
            yield Stored(str(each), "file written by a command", tuple(rows))


def lines_of(path: Path, person: Person) -> list[dict[str, Any]]:
    """The lines of a text that mention a person, each by its number, without what is not shown of it."""
    found = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        for match in person.mentions(line):
            begins = max(0, match.start() - _LONGEST_LINE // 2)
            shown = line[begins : match.end() + _LONGEST_LINE // 2].strip()
            found.append({"line": number, "text": shown})
            break
    return found


def _mention(path: Path, person: Person) -> str | None:
    """Whether a text or a workbook mentions a person, in words; one that cannot be read may."""
    try:
        if path.suffix.lower() == ".xlsx":
            found = bool(rows_of_workbook(path, person.ids))
        else:
            found = person.mentioned_in(_text(path))
    except DataError:
        return _UNREADABLE
    return _MENTIONED if found else None


def _files(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    kinds = (*TABLES, ".xlsx", *TEXTS)
    return sorted(each for each in path.rglob("*") if each.is_file() and each.suffix.lower() in kinds)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def _blackened(path: Path, person: Person) -> int:
    """Overwrite mentions in place, letter by letter: a command may be appending to the log."""
    text = path.read_bytes().decode("utf-8", errors="surrogateescape")
    count = 0
    with path.open("r+b") as log:
        for match in person.mentions(text):
            log.seek(len(text[: match.start()].encode("utf-8", errors="surrogateescape")))
            log.write(b"*" * len(match[0].encode("utf-8", errors="surrogateescape")))
            count += 1
        os.fsync(log.fileno())
    return count
