"""Statements that come again are parsed once, whoever runs them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from leadlens.features import DataError, DuckDBEngine, Step
from leadlens.features.engines.parsed import ParsedSql


def test_a_statement_is_parsed_once_for_all_connections() -> None:
    parsed = ParsedSql(most=2)
    with duckdb.connect() as one, duckdb.connect() as other:
        first = parsed.statement(one, "SELECT 1")
        assert parsed.statement(other, "SELECT 1") is first
        assert other.execute(first).fetchall() == one.execute(first).fetchall() == [(1,)]


def test_only_the_last_ones_are_kept() -> None:
    parsed = ParsedSql(most=2)
    with duckdb.connect() as connection:
        kept, gone = (parsed.statement(connection, f"SELECT {number}") for number in (1, 2))
        assert parsed.statement(connection, "SELECT 1") is kept  # asked for after the other
        parsed.statement(connection, "SELECT 3")
        assert parsed.statement(connection, "SELECT 1") is kept
        assert parsed.statement(connection, "SELECT 2") is not gone


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", f"SELECT {'1 + ' * 60_000} 1"], ids=["two", "long"])
def test_other_texts_stay_as_they_are(sql: str) -> None:
    with duckdb.connect() as connection:
        assert ParsedSql(most=9).statement(connection, sql) == sql


def test_each_engine_reads_its_own_tables() -> None:
    """The same names and texts, of other types: at once, and one after the other."""
    parsed = ParsedSql(most=9)

    def answer(value: str) -> object:
        with DuckDBEngine(parsed=parsed) as engine:
            engine.run(
                [Step("source", f"SELECT {value} AS x"), Step("twice", "SELECT x, x AS y FROM source")]
            )
            engine.define([Step("seen", "SELECT * FROM twice")])
            return engine.frame("SELECT * FROM seen").iloc[0].tolist(), engine.value(
                "SELECT typeof(y) FROM seen"
            )

    wanted = {"7": ([7, 7], "INTEGER"), "'a'": (["a", "a"], "VARCHAR"), "TRUE": ([True, True], "BOOLEAN")}
    values = list(wanted) * 20
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(answer, values))
    assert found == [wanted[value] for value in values]


def test_what_is_no_sql_is_said_as_ever() -> None:
    with (
        DuckDBEngine(parsed=ParsedSql(most=9)) as engine,
        pytest.raises(DataError, match="the step 'odd' failed"),
    ):
        engine.run([Step("odd", "SELEC 1")])
