"""What is found out about new files of events before they are read, by workers: a file to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter

from leadlens.features import DuckDBEngine
from leadlens.pipeline.cluster.workers import Workers
from leadlens.pipeline.config import Project, ProjectFile
from leadlens.pipeline.prepared.event_casting import VALUES, count_scan, count_values
from leadlens.pipeline.prepared.event_scan import EventScan
from leadlens.pipeline.prepared.manifest import FileMark
from leadlens.pipeline.prepared.small_files import SMALL
from leadlens.pipeline.prepared.sources import EventReader, NewSource, Numbers
from leadlens.pipeline.sources.reading import Readable

MEMORY = "600MB"  # of DuckDB in one worker process; rows only stream through it
_FORGOTTEN = "forgotten_ids"
_TOGETHER = 500  # small files in one task
_new_sources = TypeAdapter(list[NewSource])


class SpreadReading:
    """Does on workers what ``EventReader`` and ``EventCaster`` do with one file after the other.

    Parameters
    ----------
    engine : has the table ``forgotten_ids`` where anybody is forgotten.
    """

    def __init__(self, workers: Workers, engine: DuckDBEngine, file: ProjectFile) -> None:
        self._workers, self._engine = workers, engine
        self._project = {
            "path": str(file.path),
            "project": file.project.without_passwords().model_dump(mode="json", by_alias=True),
        }

    def files(self, reader: EventReader, files: Mapping[int, FileMark], rows_only: bool) -> list[NewSource]:
        """As ``EventReader.read_numbered``; large files one by one, small ones some hundred at once."""
        small = [number for number, mark in files.items() if mark.size <= SMALL]
        groups = [[number] for number, mark in files.items() if mark.size > SMALL]
        groups += [small[first : first + _TOGETHER] for first in range(0, len(small), _TOGETHER)]
        tasks = [
            {
                **self._project,
                "name": reader.given.place,
                "place": reader.place,
                "spool": str(reader.spool / uuid4().hex[:12]),
                "files": [[number, files[number].model_dump(mode="json")] for number in group],
                "rows_only": rows_only,
            }
            for group in groups
        ]
        new = {
            each.number: each
            for answer in self._workers.run(read_files, tasks)
            for each in _new_sources.validate_python(answer["new"])
        }
        return [new[number] for number in files]

    def values(self, scans: Sequence[EventScan], columns: Sequence[str]) -> None:
        """As ``count_values``."""
        if not scans or not columns:
            return
        shared, given = self._workers.folder / f"values-{uuid4().hex[:12]}", self._given()
        shared.mkdir()
        tasks = [{**given, "scan": scan, "columns": list(columns), "to": str(shared)} for scan in scans]
        for answer in self._workers.run(count_values_there, tasks):
            rows = self._engine.dialect.parquet(answer["file"])
            self._engine.connection.execute(f"INSERT INTO {VALUES} SELECT * FROM {rows}")

    def counts(self, scans: Sequence[EventScan], conditions: list[str]) -> dict[int, list[int]]:
        """As ``count_scan`` of each scan: rows for which each condition holds, by source."""
        given = self._given()
        tasks = [{**given, "scan": scan, "conditions": conditions} for scan in scans]
        answers = self._workers.run(count_there, tasks)
        return {number: counts for answer in answers for number, counts in answer["counts"]}

    def _given(self) -> dict[str, Any]:
        """The people who are left out, for whom the statements ask."""
        known = self._engine.connection.execute(
            f"SELECT count(*) FROM duckdb_tables() WHERE table_name = '{_FORGOTTEN}'"
        ).fetchall()
        if not known[0][0]:
            return {"forgotten": None}
        path = self._workers.folder / f"forgotten-{uuid4().hex[:12]}.parquet"
        self._engine.connection.execute(
            f"COPY {_FORGOTTEN} TO {self._engine.dialect.literal(str(path))} (FORMAT parquet)"
        )
        return {"forgotten": str(path)}


def read_files(task: dict[str, Any]) -> dict[str, Any]:
    """On a worker: some files of one source, as ``NewSource``."""
    project = Project.model_validate(task["project"])
    file = ProjectFile(Path(task["path"]), project)
    source = dict(project.data.places("events"))[task["name"]]
    with DuckDBEngine(memory=MEMORY, threads=1) as engine:
        given = Readable(file, "events", task["name"], source)
        reader = EventReader(given, task["place"], engine.connection, Path(task["spool"]), Numbers(0))
        marks = {number: FileMark.model_validate(mark) for number, mark in task["files"]}
        new = reader.read_numbered(marks, task["rows_only"])
    return {"new": _new_sources.dump_python(new, mode="json")}


def count_values_there(task: dict[str, Any]) -> dict[str, Any]:
    """On a worker: the values of text columns of one scan, as a file."""
    path = Path(task["to"]) / f"{uuid4().hex}.parquet"
    with _engine(task) as engine:
        engine.connection.execute(
            f"CREATE TABLE {VALUES} (source INTEGER, column_name VARCHAR, value VARCHAR, rows HUGEINT)"
        )
        count_values(engine, _scan(task), task["columns"])
        literal = engine.dialect.literal(str(path))
        engine.connection.execute(
            f"COPY (SELECT source, column_name, value, CAST(rows AS BIGINT) AS rows FROM {VALUES}) TO {literal} (FORMAT parquet)"
        )
    return {"file": str(path)}


def count_there(task: dict[str, Any]) -> dict[str, Any]:
    """On a worker: the rows of one scan for which each condition holds, by source."""
    with _engine(task) as engine:
        return {"counts": list(count_scan(engine, _scan(task), task["conditions"]).items())}


def _scan(task: dict[str, Any]) -> EventScan:
    numbers, rows = task["scan"]
    return EventScan(tuple(numbers), rows)


def _engine(task: dict[str, Any]) -> DuckDBEngine:
    engine = DuckDBEngine(memory=MEMORY, threads=1)
    if task["forgotten"] is not None:
        rows = engine.dialect.parquet(task["forgotten"])
        engine.connection.execute(f"CREATE TEMP TABLE {_FORGOTTEN} AS SELECT * FROM {rows}")
    return engine
