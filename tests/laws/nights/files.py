"""The source files of a project: rows in memory, written the way exports are, and only where something changed."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]
Kind = Literal["id", "text", "time", "number", "boolean", "code"]
Form = Literal["csv", "parquet", "duckdb"]

# Every column that a source may have, in the order of its files. Ids and timestamps are the contract's.
COLUMNS: dict[str, dict[str, Kind]] = {
    "leads": {"lead_id": "id", "created_at": "time", "account_id": "id", "closed_at": "time", "income": "number",
              "city": "text", "keen": "boolean", "born": "time", "email": "text", "won": "text", "secret": "text"},
    "accounts": {"account_id": "id", "industry": "text", "staff": "number"},
    "events": {"event_id": "id", "lead_id": "id", "occurred_at": "time", "known_at": "time", "event_type": "text",
               "retracted_at": "time", "page": "text", "amount": "number", "paid": "boolean", "due": "time",
               "campaign": "text", "code": "code"},
    "conversions": {"lead_id": "id", "converted_at": "time", "kind": "text", "product": "text", "value": "number"},
    "changes": {"entity": "text", "id": "id", "attribute": "text", "value": "text", "known_at": "time"},
    "aliases": {"old_id": "id", "lead_id": "id", "merged_at": "time"},
    "verdicts": {"lead_id": "id", "given_at": "time", "verdict": "text", "reason": "text", "by": "text"},
    "answers": {"lead_id": "id", "answered_at": "time", "question": "text", "answer": "text"},
}  # fmt: skip
# A time zone in some files makes text of a column of the user's own, so only the contract's timestamps have one.
ZONED = {"created_at", "closed_at", "occurred_at", "known_at", "retracted_at", "converted_at"}
_ARROW = {"id": pa.string(), "text": pa.string(), "time": pa.timestamp("us"), "number": pa.float64(),
          "boolean": pa.bool_(), "code": pa.string()}  # fmt: skip


_RESTORED = 1_600_000_000  # seconds since 1970


@dataclass
class SourceFile:
    """Rows of one file, which may lack ``columns`` that others have.

    ``zone`` writes timestamps with one, ``whole`` ids and codes as whole numbers (where all of them are) and columns without values
    without a type, as pandas does; ``written`` is what stands on disk, ``on_disk`` under which name; ``age`` takes a file back to an
    earlier year, as a restored one is.
    """

    rows: list[Row]
    columns: tuple[str, ...]
    zone: bool = False
    whole: bool = False
    age: int = 0
    on_disk: str | None = None
    written: object = None

    def fit(self, row: Row) -> Row:
        """The row as this file can hold it."""
        return {name: row.get(name) for name in self.columns}


@dataclass
class SourceTable:
    """One table of a project as named files of one form; ``names`` maps the contract's column names to the files'.

    With ``groups`` it is several sources: files whose names begin with the same letter are one, with a form and column names of its own.
    """

    table: str
    form: Form
    files: dict[str, SourceFile] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    groups: dict[str, tuple[Form, dict[str, str]]] = field(default_factory=dict)

    @property
    def rows(self) -> list[Row]:
        """Of all files; what a file lacks is ``None``."""
        return [dict.fromkeys(COLUMNS[self.table]) | row for file in self.files.values() for row in file.rows]

    @property
    def columns(self) -> set[str]:
        """Of any file."""
        return {name for file in self.files.values() for name in file.columns}

    @property
    def read(self) -> list[dict[str, Any]]:
        """The sources as a project file names them."""
        if self.form == "duckdb":
            return [self._source(f"{self.table}.duckdb", self.names, self.columns) | {"table": self.table}]
        if not self.groups:
            return [self._source(f"{self.table}-*.{self.form}", self.names, self.columns)]
        found = []
        for letter, (form, names) in self.groups.items():
            files = [file for name, file in self.files.items() if name[0] == letter]
            if files:
                columns = {name for file in files for name in file.columns}
                found.append(self._source(f"{self.table}-{letter}*.{form}", names, columns))
        return found

    @staticmethod
    def _source(read: str, names: dict[str, str], columns: set[str]) -> dict[str, Any]:
        renamed = {name: new for name, new in names.items() if name in columns}
        return {"read": f"data/{read}"} | ({"columns": renamed} if renamed else {})

    def _written_as(self, name: str) -> tuple[Form, dict[str, str]]:
        """The form of a file, and its names of columns."""
        return self.groups.get(name[0], (self.form, self.names))

    def write(self, folder: Path) -> None:
        """Bring the folder to this state: files are removed, renamed, and written where their rows changed."""
        if self.form == "duckdb":
            self._write_database(folder / f"{self.table}.duckdb")
            return
        paths = {
            f"{self.table}-{name}.{self._written_as(name)[0]}": file for name, file in self.files.items()
        }
        kept = {file.on_disk for file in self.files.values()}
        for path in folder.glob(f"{self.table}-*.*"):
            if path.name not in kept:
                path.unlink()
        moved = {name: file for name, file in paths.items() if file.on_disk not in (None, name)}
        for number, file in enumerate(moved.values()):  # by way of a third name: two may have swapped theirs
            os.rename(folder / str(file.on_disk), folder / f"moving-{number}")
        for number, (name, file) in enumerate(moved.items()):
            os.rename(folder / f"moving-{number}", folder / name)
            file.on_disk = name
        for name, file in paths.items():
            as_ = self._written_as(name.removeprefix(f"{self.table}-"))
            content = repr((file.columns, file.rows, file.zone, file.whole, *as_))
            if file.written != content:
                self._write_file(folder / name, file, *as_)
                if file.age:
                    os.utime(folder / name, (_RESTORED - file.age, _RESTORED - file.age))
                file.on_disk, file.written = name, content

    def _write_file(self, path: Path, file: SourceFile, form: Form, names: dict[str, str]) -> None:
        if form == "parquet":
            pq.write_table(self._arrow(file, names), path)
            return
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(names.get(name, name) for name in file.columns)
        writer.writerows(
            [_cell(row[name], file.zone and name in ZONED) for name in file.columns] for row in file.rows
        )
        path.write_text(text.getvalue(), encoding="utf-8")

    def _arrow(self, file: SourceFile, names: dict[str, str]) -> pa.Table:
        arrays = []
        for name in file.columns:
            kind, values = COLUMNS[self.table][name], [row[name] for row in file.rows]
            arrow = _ARROW[kind]
            if file.zone and name in ZONED:
                arrow = pa.timestamp("us", "UTC")
            if (
                kind in ("code", "id")
                and file.whole
                and all(value is None or value.isdigit() for value in values)
            ):
                values, arrow = [None if value is None else int(value) for value in values], pa.int64()
            if file.whole and all(value is None for value in values):
                arrow = pa.null()
            arrays.append(pa.array(values, arrow))
        return pa.table(arrays, [names.get(name, name) for name in file.columns])

    def _write_database(self, path: Path) -> None:
        content = repr([(file.columns, file.rows) for file in self.files.values()])
        first = next(iter(self.files.values()))
        if first.written == content:
            return
        path.unlink(missing_ok=True)
        columns = _ordered(self.table, self.columns)
        whole = SourceFile([dict.fromkeys(columns) | row for row in self.rows], columns)
        with duckdb.connect(str(path)) as database:
            database.from_arrow(self._arrow(whole, self.names)).create(self.table)
        for file in self.files.values():
            file.written = None
        first.written = content


def _ordered(table: str, columns: Iterable[str]) -> tuple[str, ...]:
    wanted = set(columns)
    return tuple(name for name in COLUMNS[table] if name in wanted)


def _cell(value: Any, zone: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat(" ") + ("Z" if zone else "")
    return str(value)
