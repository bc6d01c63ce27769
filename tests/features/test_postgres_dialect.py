"""PostgreSQL's dialect keeps the promises of the primitives, on a real server."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import psycopg
import pytest

from leadlens.features import DuckDBEngine
from leadlens.features.conditions.condition import Condition
from leadlens.features.conformance import CASES
from leadlens.features.conformance.primitives import _samples
from leadlens.features.engines.dialect import CastTo, DuckDBDialect, interval_parts
from leadlens.features.engines.postgres_dialect import PostgresDialect
from leadlens.features.errors import UsageError
from tests.models.postgres_tables import copy_frame
from tests.pipeline.postgres import PostgresServer, postgres_server

__all__ = ["postgres_server"]
POSTGRES = PostgresDialect()


class _Postgres(DuckDBEngine):
    """Enough of an engine for the cases that only register a frame and read a SELECT."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        super().__init__()
        self.dialect = PostgresDialect()
        self.server = connection

    def register(self, name: str, frame: pd.DataFrame) -> None:
        copy_frame(self.server, name, frame)

    def frame(self, sql: str) -> pd.DataFrame:
        found = self.server.execute(sql)
        assert found.description is not None
        rows = [
            [float(cell) if isinstance(cell, Decimal) else cell for cell in row] for row in found.fetchall()
        ]
        return pd.DataFrame(rows, columns=[column.name for column in found.description], dtype="object")

    def drop(self, *names: str) -> None:
        for name in names:
            self.server.execute(f"DROP TABLE IF EXISTS {self.dialect.quote(name)}")


@pytest.fixture(scope="module")
def engine(postgres_server: PostgresServer) -> Iterator[_Postgres]:
    # letters of all languages have small and capital forms; the server's default, C, knows those of ASCII only
    postgres_server.execute(
        "CREATE DATABASE letters TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
    )
    with psycopg.connect(postgres_server.url("letters", "postgres"), autocommit=True) as connection:
        yield _Postgres(connection)
    postgres_server.execute("DROP DATABASE letters")


@pytest.mark.parametrize("name", ["time", "text", "aggregates", "timestamps", "conditions"])
def test_postgres_keeps_the_promises_about(engine: _Postgres, name: str) -> None:
    next(case for case in CASES if case.name == name).check(engine)


def _value(engine: _Postgres, sql: str) -> Any:
    return engine.frame(f"SELECT {sql} AS x").iloc[0, 0]


def _cast(engine: _Postgres, text: str, kind: CastTo) -> Any:
    """From a column: a constant would be cast before CASE is asked."""
    engine.register("told", pd.DataFrame({"x": [text]}))
    return engine.frame(f"SELECT {POSTGRES.try_cast('x', kind)} FROM told").iloc[0, 0]


def test_numbers(engine: _Postgres) -> None:
    assert _value(engine, POSTGRES.rounded("CAST(2.0000000005 AS DOUBLE PRECISION) + 0.1", 9)) == 2.100000001
    assert _value(engine, POSTGRES.rounded("-CAST(0.1 AS DOUBLE PRECISION) - 0.2", 9)) == -0.3
    assert _value(engine, POSTGRES.power("0.5", "CAST(2 AS DOUBLE PRECISION)")) == 0.25
    assert _value(engine, POSTGRES.power("0.5", "NULL")) is None
    assert _value(engine, POSTGRES.bit_count("CAST(13 AS BIGINT)")) == 3
    assert _value(engine, POSTGRES.text("TRUE")) == "true"
    assert _cast(engine, "1e999", "number") is None


def test_what_is_too_small_for_a_double_is_nothing_and_no_error(engine: _Postgres) -> None:
    tiny = POSTGRES.power("0.5", "CAST(4000 AS DOUBLE PRECISION)")
    assert _value(engine, POSTGRES.rounded(f"1000000 * {tiny}", 9)) == 0
    nearly = POSTGRES.power("0.5", "CAST(990 AS DOUBLE PRECISION)")
    assert _value(engine, POSTGRES.rounded(f"CAST(0.1 AS DOUBLE PRECISION) * {nearly}", 9)) == 0


@pytest.mark.parametrize(
    "text",
    ["today", "now", "infinity", "epoch", "2024-02-30", "2024-01-01 10:00:00+02", "2024-01-01T10:00:00Z",
     "2024-01-02", " 2024-01-02 03:04:05.000006 ", "2024-01-01 10:00"],
)  # fmt: skip
def test_moments_are_read_from_text_as_duckdb_reads_them(engine: _Postgres, text: str) -> None:
    with DuckDBEngine() as other:
        wanted = other.value(f"SELECT {DuckDBDialect().try_cast(DuckDBDialect().literal(text), 'time')}")
        if text in ("infinity", "epoch"):  # DuckDB knows these; no CRM writes them
            wanted = None
    assert _cast(engine, text, "time") == wanted


def test_texts_are_ordered_by_their_bytes_whatever_the_collation(engine: _Postgres) -> None:
    engine.register("words", pd.DataFrame({"w": ["a", "B"]}))
    for text in ("w < 'Z'", "w BETWEEN 'A' AND 'Z'", "NOT w >= 'Z'"):
        held = Condition.parse(text, {"w": "category"}).sql(POSTGRES)
        assert 'COLLATE "C"' in held  # the server of these tests has no collation with another order
        assert engine.frame(f"SELECT w FROM words WHERE {held}")["w"].tolist() == ["B"], text
    assert "COLLATE" not in Condition.parse("w = 'Z' AND n > 1", {"w": "category", "n": "number"}).sql(
        POSTGRES
    )
    assert engine.frame(f"SELECT {POSTGRES.latest('w', '1')} FROM words").iloc[0, 0] == "a"


def test_rows_for_each_value_that_is_there(engine: _Postgres) -> None:
    rows = POSTGRES.row_for_each(["CASE WHEN k > 3 THEN 1 END", "NULL", "CASE WHEN k > 5 THEN 2 END"])
    engine.register("sample", _samples()[["k"]].head(4))  # 0, 4, 1, 5
    assert engine.frame(f"SELECT k, {rows} AS n FROM sample")["n"].tolist() == [1, 1]


@pytest.mark.parametrize(
    "text", ["it's", "a\\b", "\\'; DROP TABLE leads; --", "%_", "$$", "E'x'", "\n", "\u2028", "{0}"]
)
def test_texts_come_back_as_they_were(engine: _Postgres, text: str) -> None:
    assert _value(engine, POSTGRES.literal(text)) == text
    assert _value(engine, f"1 AS {POSTGRES.quote(text)}, 2") == 1
    engine.server.execute("SET standard_conforming_strings = on")


def test_a_text_that_postgres_cannot_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="NUL"):
        POSTGRES.literal("a\0b")


@pytest.mark.parametrize(
    "length", [timedelta(0), timedelta(days=30), timedelta(hours=-36), timedelta(seconds=5.5)]
)
def test_lengths_are_spoken_exactly(length: timedelta) -> None:
    sign, number, unit = interval_parts(length)
    said = timedelta(**{unit: number})
    assert (said if sign == "-" else -said) == length
    assert math.copysign(1, number) == 1
