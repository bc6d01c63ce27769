"""Parquet files of one table, read into memory: names, types and folders may differ between them."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.pipeline.config import Source
from leadlens.pipeline.sources.duckdb_files import plain_relation
from leadlens.pipeline.sources.parquet_bounds import without_values
from leadlens.pipeline.sources.partitions import Partitions, lacking, rows_with
from leadlens.pipeline.sources.plain_types import cast, plain, plain_type, type_together, types_of
from leadlens.pipeline.sources.to_duckdb import refuse_equal_names

_quote = DuckDBDialect().quote


def read_parquet(
    con: duckdb.DuckDBPyConnection, table: str, source: Source, folders: Mapping[str, Partitions], where: str
) -> None:
    """Read files into a ``table``, each with the columns that its ``folders`` are named after; a `query` sees columns of odd types as they are.

    Their rows stand below each other as in one file: see ``together``. Raises ``DataError`` for names that differ by case alone.
    """
    paths, rows, added = list(folders), dict[str, str](), dict[str, dict[str, str | None]]()
    for path in paths:  # DuckDB would silently rename a second column of the same name
        names = pq.read_schema(path).names
        refuse_equal_names(names, f"{where} ({Path(path).name})", "rename one of them in the export")
        rows[path] = rows_with(path, folders[path], names)
        added[path] = lacking(folders[path], names)
    types = {path: types_of(con.sql(f"FROM {rows[path]}")) for path in paths}
    refuse_equal_names(
        dict.fromkeys(name for own in types.values() for name in own),
        where,
        "give it the same name in all files",
    )
    if all(kinds == types[paths[0]] for kinds in types.values()) and not any(folders.values()):
        every = con.read_parquet(
            [glob.escape(path) for path in paths], union_by_name=True, hive_partitioning=False
        )
        plain_relation(every, source).create(table)
        return
    empty = {
        path: {
            *without_values(con, [path], own)[path],
            *(name for name, value in added[path].items() if value is None),
        }
        for path, own in types.items()
    }
    valued = {name for path, own in types.items() for name in own if name not in empty[path]}
    kinds: dict[str, list[str]] = {}
    for path, own in types.items():
        empty[path] &= valued  # the type of what holds no value says nothing, where others hold some
        for name, kind in own.items():
            if name not in empty[path]:
                kinds.setdefault(name, []).append(kind)
    resolved = {name: type_together(con, map(plain_type, each)) for name, each in kinds.items()}
    seen_as_is = {
        name
        for name, each in kinds.items()
        if source.query is not None and list(map(plain_type, each)) != each
    }
    selects = []
    for path, own in types.items():
        values = []
        for name in resolved if source.query is None else own:
            kind, value = resolved[name], _quote(name)
            if name not in own or name in empty[path]:
                value = "NULL" if name in seen_as_is else f"CAST(NULL AS {kind})"
            elif name not in seen_as_is:
                value = cast(plain(value, own[name]), plain_type(own[name]), kind)
            values.append(f"{value} AS {_quote(name)}")
        selects.append(f"SELECT {', '.join(values)} FROM {rows[path]}")
    if source.query is not None:
        plain_relation(con.sql(" UNION ALL BY NAME ".join(selects)), source).create(table)
        return
    for place, select in enumerate(selects):
        con.execute(f"INSERT INTO {table} {select}" if place else f"CREATE TABLE {table} AS {select}")
