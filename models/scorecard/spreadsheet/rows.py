"""The rows of a table as spreadsheet programs save it: any of their encodings, separators and line ends."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from leadlens.features.errors import UsageError

_MOST_BYTES = 20_000_000
_DELIMITERS = ",;\t"
_OLD_NAMES = {"silent": "inactive_for"}
_BOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods, .xls


@dataclass(frozen=True)
class Row:
    """One row: its number in the spreadsheet, from 1 on, and its cells, stripped."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """``header`` and ``rows`` as read, without empty rows; ``delimiter`` is what separated them."""

    header: Row
    rows: tuple[Row, ...]
    delimiter: str


def read_table(source: str | bytes, name: str, columns: Sequence[str]) -> Table:
    """The table in ``source``; ``columns`` are the names by which its delimiter is recognised.

    Raises ``UsageError`` for what is no such table.
    """
    text = source if isinstance(source, str) else _decoded(source, name)
    text = text.removeprefix("\ufeff")
    first = text.split("\n", 1)[0].strip().strip('"').lower()
    if first.startswith("sep=") and len(first) <= 5:  # how a file names its delimiter to Excel
        text = text.partition("\n")[2]
    delimiter, known = _delimiter(text, columns)
    if known < 2:
        raise UsageError(
            "this is not the table of a score sheet",
            where=name,
            value=first,
            why="its first line must name the columns",
            fix=f"begin with {', '.join(columns[:5])} …; an exported sheet shows how it looks",
        )
    try:
        header, *rows = _understood(text, delimiter)
    except csv.Error as error:
        raise UsageError(
            f"this table cannot be read: {error}",
            where=name,
            fix="is there a quotation mark missing, or one too many? Save it as CSV from the spreadsheet program",
        ) from None
    return Table(header, tuple(rows), delimiter)


def header_name(cell: str) -> str:
    """The name of a column as people may write it: ``At least`` is ``at_least``; old names are those of today."""
    name = "_".join(cell.casefold().replace("-", " ").split())
    return _OLD_NAMES.get(name, name)


def _decoded(raw: bytes, name: str) -> str:
    if len(raw) > _MOST_BYTES:
        raise UsageError(
            "this table is larger than 20 MB", where=name, value=f"{len(raw):,} bytes", fix="is it the data?"
        )
    if raw.startswith(_BOOKS):
        raise UsageError(
            "this is a workbook, not a table in text",
            where=name,
            fix="in the spreadsheet program, choose Save as … CSV UTF-8",
        )
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    even, odd = raw[:200:2].count(0), raw[1:200:2].count(0)
    guesses = ["utf-16"] if wide else ["utf-16-le"] if odd > 20 else ["utf-16-be"] if even > 20 else []
    for encoding in (*guesses, "utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UsageError("this is not text", where=name, value=raw[:20], fix="save it as CSV UTF-8")


def _parsed(text: str, delimiter: str, strict: bool = False) -> list[Row]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)
    rows = (
        Row(number, tuple(cell.replace("\r\n", "\n").replace("\r", "\n").strip() for cell in cells))
        for number, cells in enumerate(lines, start=1)
    )
    return [row for row in rows if any(row.cells)]


def _delimiter(text: str, columns: Sequence[str]) -> tuple[str, int]:
    """The delimiter by which the first line names the most columns, and how many."""
    line = next((line for line in re.split(r"[\r\n]", text[:100_000]) if re.search(r"\w", line)), "")
    counts = {}
    for delimiter in _DELIMITERS:
        cells = next(csv.reader([line], delimiter=delimiter), [])
        counts[delimiter] = sum(header_name(cell) in columns for cell in cells)
    best = max(counts, key=lambda delimiter: counts[delimiter])
    return best, counts[best]


def _understood(text: str, delimiter: str) -> list[Row]:
    """The rows, taken out of single cells where a program has put them there. Raises ``csv.Error``."""
    for outer in ("", *_DELIMITERS.replace(delimiter, "")):
        with contextlib.suppress(csv.Error):
            rows = _parsed(_unwrapped(text, outer) if outer else text, delimiter, strict=True)
            if not _wrapped(rows, delimiter):
                return rows
    return _parsed(text, delimiter, strict=True)


def _wrapped(rows: list[Row], delimiter: str) -> bool:
    """Whether a program that splits elsewhere has put whole lines into single cells and saved them so."""
    header, *lines = rows
    if any(mark in cell for cell in header.cells for mark in _DELIMITERS):
        return True
    first = header_name(header.cells[0]) == "section"  # a section holds no delimiter, but a label may
    cells_by_row = (row.cells for row in lines if not row.cells[0].startswith("#"))
    return any(delimiter in cells[0] and (first or not any(cells[1:])) for cells in cells_by_row)


def _unwrapped(text: str, outer: str) -> str:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=outer)
    return "\n".join(outer.join(cells).rstrip(outer) for cells in rows)
