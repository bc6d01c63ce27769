"""Read the events of a database part by part: here one after the other, or by workers at once.

Parts are first stored as the database gives them. Only then the types are known that all of them have together, since a
column may be empty or whole in one part and not in another; with these they become Parquet, each a source of its own.
"""

from __future__ import annotations

import base64
import os
import platform
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from leadlens.features import DuckDBEngine, UsageError
from leadlens.features.secrets import has_literal_secret, without_secrets
from leadlens.pipeline.config import expand, unexpanded
from leadlens.pipeline.prepared.identity import digest_of
from leadlens.pipeline.prepared.sorted_files import scan
from leadlens.pipeline.prepared.sources import EventReader, NewSource
from leadlens.pipeline.prepared.spread_reading import MEMORY
from leadlens.pipeline.sources.database import Asked, spool_database, spooled_batches, together
from leadlens.pipeline.sources.database_parts import database_parts
from leadlens.pipeline.sources.database_ranges import Part
from leadlens.pipeline.sources.parquet_bounds import without_values
from leadlens.pipeline.sources.unknown_words import count_words, text_columns

Task = dict[str, Any]
Run = Callable[[Callable[[Task], Task], Sequence[Task]], list[Task]]
_new_source = TypeAdapter(NewSource)


def run_here(function: Callable[[Task], Task], tasks: Sequence[Task]) -> list[Task]:
    """The answers to all tasks, made one after the other in this process."""
    return [function(task) for task in tasks]


class PartReading:
    """Reads the rows of a database in the parts that its source asks for; ``run`` does the work on them, perhaps elsewhere."""

    def __init__(self, run: Run | None = None) -> None:
        self._run, self._elsewhere = run or run_here, run is not None

    def read(self, reader: EventReader, after: str | None) -> list[NewSource]:
        """The rows, those beyond ``after`` of the source's cursor if it is given: a source for each part that has any, at least one.

        Raises as ``database_parts``, and ``UsageError`` where a worker has not what it takes to reach the database.
        """
        source, where = reader.source, reader.where
        assert source.partitions is not None
        (address,) = source.reads
        if self._elsewhere and has_literal_secret(address):
            raise UsageError(
                "workers read this database, and a password in its address would travel with their work",
                value=without_secrets(address),
                where=where,
                fix="write ${NAME} in its place, and set that environment variable here and for the workers",
            )
        asked = Asked(source.table, source.query, where, source.cursor if after else None, after)
        location, shown = expand(address, where), unexpanded(address)
        partitions = source.partitions
        with database_parts(location, shown, asked, partitions.column, partitions.count) as cut:
            spooled = self._run(
                spool_part,
                [
                    {
                        "address": address,
                        "variables": _variables(address) if self._elsewhere else None,
                        "asked": asked._replace(part=None)._asdict(),
                        "part": part.to_plain(),
                        "spool": str(reader.spool),
                    }
                    for part in cut
                ],
            )
        schema = together([schema for answer in spooled for schema in map(_schema, answer["schemas"])])
        columns = dict(source.columns)
        answers = self._run(
            type_part,
            [
                {**answer, "schema": _text(schema), "columns": columns, "spool": str(reader.spool)}
                for answer in spooled
            ],
        )
        for answer in spooled:
            shutil.rmtree(answer["folder"], ignore_errors=True)
        parts = []
        for answer in answers:
            part = _new_source.validate_python(answer["new"])
            parts.append(replace(part, mark=reader.mark(answer["size"], answer["digest"], after)))
        return reader.numbered([part for part in parts if part.rows] or parts[:1], after)


def spool_part(task: Task) -> Task:
    """The rows of one part, as they come, in a folder of this attempt."""
    asked = Asked(**task["asked"])._replace(part=Part.from_plain(task["part"]))
    shown = unexpanded(task["address"])
    if task["variables"] is not None:
        _refuse_unset(task["variables"], asked.where)
        shown += f", read by {platform.node()}"
    folder = Path(task["spool"]) / f"part-{uuid4().hex}"
    folder.mkdir(parents=True)
    schemas = spool_database(expand(task["address"], asked.where), shown, asked, str(folder))
    return {
        "folder": str(folder),
        "files": len(schemas),
        "schemas": list(dict.fromkeys(map(_text, schemas))),
    }


def type_part(task: Task) -> Task:
    """One part with the types that all have together, as ``NewSource``."""
    path, schema = Path(task["spool"]) / f"{uuid4().hex}.parquet", _schema(task["schema"])
    rows = 0
    with pq.ParquetWriter(path, schema, compression="lz4") as writer:
        for batch in spooled_batches(task["folder"], task["files"], schema):
            writer.write_batch(batch)
            rows += batch.num_rows
    with DuckDBEngine(memory=MEMORY, threads=1) as engine:
        of_file = scan(engine, [str(path)])
        described = engine.connection.execute(f"DESCRIBE SELECT * FROM {of_file}").fetchall()
        types = {row[0]: row[1] for row in described}
        empty = without_values(engine.connection, [str(path)], types)[str(path)]
        words = count_words(engine.connection, of_file, text_columns("events", task["columns"], types))
    new = NewSource(0, str(path), None, rows, types, empty=empty, words=words)
    return {
        "new": _new_source.dump_python(new, mode="json"),
        "size": path.stat().st_size,
        "digest": digest_of(path),
    }


def _variables(address: str) -> list[str]:
    """The environment variables that an address names and that are set here."""
    return [name for name in re.findall(r"\$\{(\w+)", address) if os.environ.get(name)]


def _refuse_unset(variables: Sequence[str], where: str) -> None:
    """Raise ``UsageError`` where one that is set on the other machine is not set here: no value of it travels."""
    for name in variables:
        if not os.environ.get(name):
            raise UsageError(
                "this environment variable is not set where a worker runs",
                value=name,
                where=f"{where}, on {platform.node()}",
                why="workers read this database themselves, and no secret travels with their work",
                fix=f"export {name}=… before the workers are started, for instance in Spark's conf/spark-env.sh",
            )


def _text(schema: pa.Schema) -> str:
    return base64.b64encode(schema.serialize()).decode()


def _schema(text: str) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))
