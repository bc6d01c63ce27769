"""A column of any type of DuckDB, Parquet or PostgreSQL is read: as a number, a date, true or false, or text."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.sources.opening import open_history as open_plainly
from tests.pipeline.little_project import LEADS, LittleProject

MOMENT = pd.Timestamp("2020-02-03 04:05:06")
# SQL of a value, the kind that it must have, and what is read of it.
DUCKDB: dict[str, tuple[str, str, Any]] = {
    "tinyint": ("7::TINYINT", "number", 7.0),
    "hugeint": ("170141183460469231731687303715884105727::HUGEINT", "number", 2.0**127),
    "uhugeint": ("7::UHUGEINT", "number", 7.0),
    "ubigint": ("18446744073709551615::UBIGINT", "number", 2.0**64),
    "bignum": ("'12345678901234567890123'::BIGNUM", "number", 12345678901234567890123.0),
    "float": ("1.5::FLOAT", "number", 1.5),
    "decimal": ("12345678901234567890.12::DECIMAL(38, 2)", "number", 12345678901234567890.12),
    "boolean": ("true", "boolean", True),
    "date": ("DATE '2020-02-03'", "time", pd.Timestamp("2020-02-03")),
    "timestamp_s": ("TIMESTAMP_S '2020-02-03 04:05:06'", "time", MOMENT),
    "timestamp_ms": ("TIMESTAMP_MS '2020-02-03 04:05:06'", "time", MOMENT),
    "timestamp_ns": ("TIMESTAMP_NS '2020-02-03 04:05:06'", "time", MOMENT),
    "timestamptz": ("TIMESTAMPTZ '2020-02-03 06:05:06+02'", "time", MOMENT),
    "time": ("TIME '10:20:30'", "category", "10:20:30"),
    "time_ns": ("'10:20:30'::TIME_NS", "category", "10:20:30"),
    "timetz": ("'10:20:30+02:00'::TIMETZ", "category", "10:20:30+02"),
    "interval": ("INTERVAL 36 HOUR", "number", 1.5),
    "uuid": (
        "'6f8d8e70-0000-4000-8000-000000000001'::UUID",
        "category",
        "6f8d8e70-0000-4000-8000-000000000001",
    ),
    "blob": (r"'\xAA\x00'::BLOB", "category", r"\xAA\x00"),
    "bit": ("'0101'::BIT", "category", "0101"),
    "json": ("""'{"a": 1}'::JSON""", "category", '{"a": 1}'),
    "list": ("['a', 'b']", "category", "[a, b]"),
    "numbers": ("[1, 2]", "category", "[1, 2]"),
    "array": ("[1, 2, 3]::INTEGER[3]", "category", "[1, 2, 3]"),
    "nested": ("[{'a': [1]}]", "category", "[{'a': [1]}]"),
    "struct": ("{'a': 1, 'b': 'x'}", "category", "{'a': 1, 'b': x}"),
    "map": ("MAP {'k': 1}", "category", "{k=1}"),
    "enum": ("'a'::ENUM('a', 'b')", "category", "a"),
    "union_of": ("union_value(word := 'x')", "category", "x"),
    "variant": ("'x'::VARIANT", "category", "x"),
    "nothing": ("NULL", "category", None),
}
POSTGRES: dict[str, tuple[str, str, Any]] = {
    "smallint": ("7::smallint", "number", 7.0),
    "numeric": ("1.25::numeric(10, 2)", "number", 1.25),
    "huge": ("123456789012345678901234567890::numeric", "number", 123456789012345678901234567890.0),
    "real": ("1.5::real", "number", 1.5),
    "money": ("1.5::money", "category", "$1.50"),
    "boolean": ("true", "boolean", True),
    "date": ("DATE '2020-02-03'", "time", pd.Timestamp("2020-02-03")),
    "timestamptz": ("TIMESTAMPTZ '2020-02-03 06:05:06+02'", "time", MOMENT),
    "time": ("TIME '10:20:30'", "category", "10:20:30"),
    "timetz": ("TIMETZ '10:20:30+02'", "category", "10:20:30+02:00"),
    "interval": ("INTERVAL '36 hours'", "number", 1.5),
    "uuid": (
        "'6f8d8e70-0000-4000-8000-000000000001'::uuid",
        "category",
        "6f8d8e70-0000-4000-8000-000000000001",
    ),
    "bytea": (r"'\xaa00'::bytea", "category", "aa00"),
    "bit": ("B'0101'", "category", "0101"),
    "json": ("""'{"a": [1, "x"]}'::json""", "category", '{"a": [1, "x"]}'),
    "jsonb": ("""'["a", {"b": null}]'::jsonb""", "category", '["a", {"b": null}]'),
    "texts": ("ARRAY['a', 'b']", "category", '["a", "b"]'),
    "matrix": ("ARRAY[[1, 2], [3, 4]]", "category", "[[1, 2], [3, 4]]"),
    "mood": ("'happy'::mood", "category", "happy"),
    "pair": ("ROW(1, 'x')::pair", "category", "(1,x)"),
    "range": ("int4range(1, 5)", "category", "[1, 5)"),
    "inet": ("'10.0.0.1'::inet", "category", "10.0.0.1"),
    "point": ("point(1, 2)", "category", "(1,2)"),
    "tsvector": ("to_tsvector('simple', 'cat')", "category", "'cat':1"),
    "nothing": ("NULL::int4range", "category", None),
}


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    return LittleProject(tmp_path)


def check(little: LittleProject, wanted: dict[str, tuple[str, str, Any]]) -> None:
    """Every column of leads and events is of its kind and has its value, prepared and read into memory."""
    file = load_project(little.write())
    for read in (open_history, open_plainly):
        with read(file) as history:
            for table, kinds in (("leads", history.lead_attributes), ("events", history.event_properties)):
                for name, (_, kind, value) in wanted.items():
                    found = history.engine.connection.execute(
                        f'SELECT DISTINCT "{name}" FROM {table}'
                    ).fetchall()
                    assert (name, kinds[name], found) == (name, kind, [(value,)])


def select(wanted: dict[str, tuple[str, str, Any]]) -> str:
    return ", ".join(f'{sql} AS "{name}"' for name, (sql, _, _) in wanted.items())


def test_every_type_of_duckdb(little: LittleProject) -> None:
    with duckdb.connect(str(little.folder / "all.duckdb")) as connection:
        for table in ("leads", "events"):
            frame = getattr(little, table)  # noqa: F841 - DuckDB finds it by its name
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"CREATE TABLE {table} AS SELECT *, {select(DUCKDB)} FROM frame")
            little.data[table] = {"read": "all.duckdb", "table": table}
    check(little, DUCKDB)


def test_every_type_of_duckdb_from_a_query(little: LittleProject) -> None:
    """A query sees the types as they are, and may give any."""
    little.data["leads"]["query"] = f"SELECT *, {select(DUCKDB)} FROM source"
    little.data["events"]["query"] = f"SELECT *, {select(DUCKDB)} FROM source"
    check(little, DUCKDB)
    rows = little.leads.assign(tags=[["a", "b"]] * LEADS, of=[{"size": n} for n in range(LEADS)])
    rows.to_parquet(little.folder / "own.parquet")
    little.data["leads"] = {
        "read": "own.parquet",
        "query": "SELECT * EXCLUDE (tags, of), tags[2] AS second, of.size AS size FROM source",
    }
    with open_history(load_project(little.write())) as history:
        assert history.engine.value("SELECT min(second) FROM leads") == "b"
        assert history.lead_attributes["size"] == "number"


def test_every_type_of_postgresql(little: LittleProject, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS odd_leads, odd_events")
        connection.execute("DROP TYPE IF EXISTS mood, pair")
        connection.execute("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (a int, b text)")
        for table, columns in (
            ("leads", ["lead_id", "created_at"]),
            ("events", ["event_id", "lead_id", "occurred_at", "event_type"]),
        ):
            rows = getattr(little, table)[columns]
            types = ", ".join(f"{name} {'timestamp' if name.endswith('_at') else 'text'}" for name in columns)
            connection.execute(f"CREATE TEMP TABLE plain ({types})")
            with connection.cursor() as cursor:
                marks = ", ".join(["%s"] * len(columns))
                cursor.executemany(f"INSERT INTO plain VALUES ({marks})", list(rows.itertuples(index=False)))
            connection.execute(f"CREATE TABLE odd_{table} AS SELECT *, {select(POSTGRES)} FROM plain")
            connection.execute("DROP TABLE plain")
            little.data[table] = {"read": postgres_url, "table": f"odd_{table}"}
    try:
        check(little, POSTGRES)
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("DROP TABLE odd_leads, odd_events")
            connection.execute("DROP TYPE mood, pair")


def arrow(kind: str, rows: int) -> pa.Array:
    """A column of a Parquet file."""
    values: dict[str, tuple[Any, pa.DataType | None]] = {
        "int": (7, pa.int16()),
        "half": (1.5, pa.float16()),
        "wide": (Decimal("1.5"), pa.decimal256(50, 2)),
        "text": ("x", pa.large_string()),
        "view": ("x", pa.string_view()),
        "date": (dt.date(2020, 2, 3), pa.date32()),
        "time": (dt.time(10, 20), pa.time64("ns")),
        "bytes": (b"x", pa.binary(1)),
        "list": ([1], pa.list_(pa.int8())),
        "map": ([("k", 1)], pa.map_(pa.string(), pa.int64())),
        "struct": ({"a": 1}, None),
        "bool": (True, pa.bool_()),
        "null": (None, pa.null()),
    }
    value, sql_type = values[kind]
    return pa.array([value] * rows, sql_type)


@pytest.mark.parametrize(
    ("first", "second", "kind", "values"),
    [
        ("half", "int", "number", {1.5, 7.0}),
        ("wide", "null", "number", {1.5, None}),
        ("int", "text", "category", {"7", "x"}),
        ("list", "text", "category", {"[1]", "x"}),
        ("struct", "list", "category", {"{'a': 1}", "[1]"}),
        ("date", "int", "category", {"2020-02-03", "7"}),
        ("time", "map", "category", {"10:20:00", "{k=1}"}),
        ("view", "bytes", "category", {"x"}),
        ("bool", "int", "number", {1.0, 7.0}),
    ],
)
def test_files_of_one_table_may_differ_in_their_types(
    little: LittleProject, first: str, second: str, kind: str, values: set[Any]
) -> None:
    path = little.write()
    for table in ("leads", "events"):
        whole = pa.Table.from_pandas(getattr(little, table), preserve_index=False)
        (path.parent / "data" / table).mkdir()
        for number, name in enumerate((first, second)):
            part = whole.slice(number * 80, 80)
            pq.write_table(
                part.append_column("odd", arrow(name, 80)), path.parent / "data" / table / f"{number}.parquet"
            )
        little.data[table] = {"read": f"data/{table}/*.parquet"}
    file = load_project(little.write())
    for read in (open_history, open_plainly):
        with read(file) as history:
            for table in ("leads", "events"):
                found = history.engine.connection.execute(f"SELECT DISTINCT odd FROM {table}").fetchall()
                assert {row[0] for row in found} == values
            assert (history.lead_attributes["odd"], history.event_properties["odd"]) == (kind, kind)
