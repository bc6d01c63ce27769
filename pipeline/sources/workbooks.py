"""Read a sheet of an Excel or OpenDocument workbook: as its CSV would be, but for dates, which are known by the kind of a cell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from leadlens.features import DataError, UsageError
from leadlens.features.errors import listed
from leadlens.pipeline.sources.to_duckdb import refuse_equal_names

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_BLOCK_ROWS = 1 << 16
_MOST_DIGITS = 10**15  # a spreadsheet keeps fifteen digits of a number


def is_workbook(path: str | Path) -> bool:
    """Whether a file is a workbook, by its name."""
    return Path(path).suffix.lower() in WORKBOOKS


def open_workbook(
    path: Path, sheet: str | None, where: str, missing: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """The rows of a sheet as text, block by block; at least one block. Texts in ``missing`` are NULL.

    ``sheet`` may be left out where one alone has cells. The first row that is not empty is the header; empty rows and columns without
    a name and without values are passed over. A whole number is text without a point, a date ``2024-01-31``, a time of
    day ``09:30:00``. What a formula gave is read; a cell with an error is empty.

    Raises ``UsageError`` where it is not clear which sheet is meant, ``DataError`` for what is no workbook, needs a password or holds a number that
    lost digits.
    """
    from python_calamine import load_workbook

    with _readable(path, where), load_workbook(str(path)) as workbook:
        yield from _rows_of(_sheet(workbook, sheet, where), where, frozenset(("", *missing)))


@contextmanager
def _readable(path: Path, where: str) -> Iterator[None]:
    """What a workbook that cannot be read raises, as errors for people."""
    from python_calamine import CalamineError, PasswordError

    try:
        yield
    except PasswordError as error:
        raise DataError(
            "this workbook needs a password",
            value=path.name,
            where=where,
            fix="save it without one, or export the sheet as CSV",
        ) from error
    except CalamineError as error:
        raise DataError(
            "this workbook cannot be read",
            value=f"{path.name}: {error}",
            where=where,
            fix="open it in a spreadsheet program and save it again, or export the sheet as CSV",
        ) from error


def _sheet(workbook: CalamineWorkbook, name: str | None, where: str) -> CalamineSheet:
    names = workbook.sheet_names
    if name is not None:
        if name not in names:
            raise UsageError(
                "this workbook has no such sheet",
                value=name,
                known=names,
                where=f"{where}.table",
                fix=f"its sheets: {listed(names)}",
            )
        return workbook.get_sheet_by_name(name)
    filled = [sheet for each in names if (sheet := workbook.get_sheet_by_name(each)).height]
    if not filled:
        raise DataError(
            "this workbook is empty", where=where, fix="even without rows, a sheet needs a header"
        )
    if len(filled) > 1:
        raise UsageError(
            "which sheet to read is not set",
            value=listed(sheet.name for sheet in filled),
            where=where,
            fix=f"table: {filled[0].name}",
        )
    return filled[0]


def filled_sheets(path: Path, where: str) -> list[str]:
    """The names of the sheets of a workbook that have cells. Raises as ``open_workbook`` does."""
    from python_calamine import load_workbook

    with _readable(path, where), load_workbook(str(path)) as workbook:
        return [name for name in workbook.sheet_names if workbook.get_sheet_by_name(name).height]


def _rows_of(sheet: CalamineSheet, where: str, missing: frozenset[str]) -> Iterator[pa.RecordBatch]:
    rows = enumerate(sheet.iter_rows(), 1)
    header: Sequence[Any] = next((row for _, row in rows if any(cell != "" for cell in row)), ())
    if not header:
        raise DataError(
            "this sheet is empty", value=sheet.name, where=where, fix="name another one: table: …"
        )
    names = [_text(cell, (1, place), where).strip() for place, cell in enumerate(header)]
    refuse_equal_names(filter(None, names), where, "rename one of them in the sheet")
    schema = pa.schema([(name or f"column_{place}", pa.string()) for place, name in enumerate(names, 1)])
    nameless = [place for place, name in enumerate(names) if not name]
    kept = [place for place, name in enumerate(names) if name]
    yield pa.RecordBatch.from_pylist([], schema=pa.schema([schema.field(place) for place in kept]))
    while block := list(islice(rows, _BLOCK_ROWS)):
        filled = [(number, row) for number, row in block if any(cell != "" for cell in row)]
        for number, row in filled:
            if unnamed := next((place for place in nameless if row[place] != ""), None):
                raise DataError(
                    "a value stands in a column without a name",
                    value=str(row[unnamed]),
                    where=f"{where}, cell {_cell(number, unnamed)}",
                    fix="give the column a name in the header, and remove titles above it and totals below",
                )
        columns = [
            pa.array(
                [_value(row[place], (number, place), where, missing) for number, row in filled], pa.string()
            )
            for place in kept
        ]
        yield pa.RecordBatch.from_arrays(columns, [schema.field(place).name for place in kept])


def _value(cell: Any, at: tuple[int, int], where: str, missing: frozenset[str]) -> str | None:
    text = _text(cell, at, where)
    return None if text in missing else text


def _text(cell: Any, at: tuple[int, int], where: str) -> str:
    """A cell as a CSV file would have it.

    >>> [_text(cell, (1, 0), "") for cell in (7.0, 0.25, True, "007", dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 9, 30))]
    ['7', '0.25', 'true', '007', '2024-01-31', '2024-01-31 09:30:00']
    """
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        if abs(cell) >= _MOST_DIGITS:
            raise DataError(
                "this number has more digits than a spreadsheet keeps",
                value=f"{cell:.15g}",
                where=f"{where}, cell {_cell(*at)}",
                why="the last digits are lost: an id that long is no longer the same id",
                fix="export it again with the column as text, or as CSV",
            )
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, dt.timedelta):
        return str(cell.total_seconds())
    return str(cell)  # a whole number, a date or a time of day


def _cell(row: int, place: int) -> str:
    """The name of a cell.

    >>> _cell(2, 0), _cell(7, 27)
    ('A2', 'AB7')
    """
    letters = ""
    while place >= 0:
        place, letter = place // 26 - 1, place % 26
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"
