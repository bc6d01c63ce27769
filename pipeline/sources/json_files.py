"""Read JSON lines, and JSON files of one list, as rows of text: objects in objects become columns with a point."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa

from leadlens.features import DataError
from leadlens.features.errors import listed
from leadlens.pipeline.sources.to_duckdb import refuse_equal_names

JSON = (".jsonl", ".ndjson", ".json")
_BLOCK_ROWS = 1 << 16
_MOST_COLUMNS = 5_000
_Row = dict[str, str | None]


class _Number(str):
    """A number as it is written: read and written again, 1.10 would be 1.1."""


def open_json(
    path: Path, encoding: str, where: str, missing: Collection[str] = ()
) -> Iterator[pa.RecordBatch]:
    """The rows of a file as text, block by block; at least one block. Texts in ``missing`` are NULL.

    A line is an object, or the whole file a list of objects. Numbers stay as they are written; ``{"page": {"url": "/"}}`` is the column
    ``page.url``; a list is JSON text. A column that a row lacks is NULL. The file is read twice, since only then all columns are known.
    Raises ``DataError`` with the line for what is no such file.
    """
    names: dict[str, None] = {}
    for row in _rows(path, encoding, where):
        names |= dict.fromkeys(row)
        if len(names) > _MOST_COLUMNS:
            raise DataError(
                f"the rows of this file have more than {_MOST_COLUMNS:,} different names",
                value=listed(names, 5),
                where=where,
                why="names that differ from row to row are values",
                fix="turn them into rows, {name: …, value: …}, before the export",
            )
    if not names:
        raise DataError(
            "this file is empty", where=where, fix="without a row it is not known which columns there are"
        )
    refuse_equal_names(names, where, "rename one of them in the export")
    schema = pa.schema([(name, pa.string()) for name in names])
    empty = frozenset(("", *missing))
    yield pa.RecordBatch.from_pylist([], schema=schema)
    rows = _rows(path, encoding, where)
    while block := list(islice(rows, _BLOCK_ROWS)):
        columns = ([None if (text := row.get(name)) in empty else text for row in block] for name in names)
        yield pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in columns], schema=schema)


def _rows(path: Path, encoding: str, where: str) -> Iterator[_Row]:
    with _lines(path, encoding, where) as lines:
        begun = False
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not begun and text.startswith("["):
                yield from _of_list(line + lines.read(), where)
                return
            if not begun and text == "{":
                _refuse_object(line + lines.read(), where)
            if text:
                begun = True
                yield _row(_parsed(line, f"{where}, line {number}"), f"{where}, line {number}")


@contextmanager
def _lines(path: Path, encoding: str, where: str) -> Iterator[io.TextIOWrapper]:
    own = {"utf-8": "utf-8-sig"}.get(encoding, encoding)
    try:
        with (
            pa.input_stream(str(path), compression="detect") as stream,
            io.TextIOWrapper(stream, encoding=own) as lines,
        ):
            yield lines
    except UnicodeDecodeError as error:
        raise DataError(
            f"this file is not {encoding.upper()} text",
            value=error.object[max(0, error.start - 15) : error.start + 15].decode("ascii", "replace"),
            where=where,
            fix="JSON is UTF-8; else set `encoding: cp1252`, latin-1 or utf-16 beside `read`",
        ) from None


def _of_list(text: str, where: str) -> Iterator[_Row]:
    found = _parsed(text, where)
    for number, value in enumerate(found, 1):
        yield _row(value, f"{where}, item {number}")


def _refuse_object(text: str, where: str) -> None:
    """Raise ``DataError`` for a file that is one object over several lines."""
    value = _parsed(text, where)
    lists = [name for name, inner in value.items() if isinstance(inner, list)]
    raise DataError(
        "this file is one object, and rows are expected",
        value=listed(value, 5),
        where=where,
        fix=f"save the list in it, such as {lists[0]}, as a file: [{{…}}, {{…}}], or each of its items as a line"
        if lists
        else "write each row as a line, or all as a list: [{…}, {…}]",
    )


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(
            "this is not JSON",
            value=str(error) if isinstance(error, json.JSONDecodeError) else text.strip(),
            where=where,
            fix="a line is one object, {…}, or the whole file a list of them, [{…}, {…}]",
        ) from None


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _row(value: Any, where: str) -> _Row:
    if not isinstance(value, dict):
        raise DataError(
            "a row is an object",
            value=json.dumps(value, ensure_ascii=False),
            where=where,
            fix='write {"lead_id": "7", …}',
        )
    row: _Row = {}
    _flatten("", value, row, where)
    return row


def _flatten(prefix: str, value: dict[str, Any], row: _Row, where: str) -> None:
    for key, inner in value.items():
        name = prefix + key
        if isinstance(inner, dict) and inner:
            _flatten(f"{name}.", inner, row, where)
            continue
        if name in row:
            raise DataError(
                "two values of a row have the same name",
                value=name,
                where=where,
                why="an object's names are joined by a point, and one of them has a point itself",
                fix="rename one of them in the export",
            )
        if isinstance(inner, str) or inner is None:
            row[name] = None if inner is None else str(inner)
        else:
            row[name] = None if inner == {} else json.dumps(_as_read(inner), ensure_ascii=False)


def _as_read(value: Any) -> Any:
    """What is in a list, with numbers as numbers."""
    if isinstance(value, _Number):
        return float(value) if len(value) > 300 or not value.lstrip("-").isdigit() else int(value)
    if isinstance(value, list):
        return [_as_read(each) for each in value]
    if isinstance(value, dict):
        return {name: _as_read(each) for name, each in value.items()}
    return value
