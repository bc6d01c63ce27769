"""Tables as values: what is handed on, when it goes, and whose it is."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest

from leadlens.features import DataError, DuckDBEngine
from leadlens.features.engines import Table


def names(engine: DuckDBEngine) -> list[str]:
    return list(engine.frame("SELECT table_name AS n FROM duckdb_tables() WHERE temporary ORDER BY n")["n"])


def test_a_table_goes_with_its_block_and_its_name_is_free_again() -> None:
    engine = DuckDBEngine()
    with (
        Table.make(engine, "rows", "SELECT 1 AS n") as one,
        Table.make(engine, "rows", "SELECT 2 AS n") as two,
    ):
        assert (one.name, two.name) == ("rows", "rows_2")
        assert engine.value(f"SELECT sum(n) FROM (FROM {one} UNION ALL FROM {two})") == 3
    assert names(engine) == []
    with Table.of(engine, "rows", pd.DataFrame({"n": [1, 2, 3]})) as again:
        assert (again.name, again.rows, len(again)) == ("rows", 3, 3)


def test_a_step_that_fails_leaves_nothing() -> None:
    engine = DuckDBEngine()
    with pytest.raises(DataError, match="'rows' failed"):
        Table.make(engine, "rows", "SELECT nonsense")
    with Table.make(engine, "rows", "SELECT 1 AS n") as table:
        assert table.name == "rows"
        with pytest.raises(RuntimeError), Table.make(engine, "more", f"FROM {table}"):
            raise RuntimeError
        assert names(engine) == ["rows"]


def test_a_table_of_the_user_with_the_same_name_is_left_alone() -> None:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE labels AS SELECT 7 AS mine")
    engine = DuckDBEngine(connection)
    with pytest.raises(DataError):
        Table.make(engine, "labels", "SELECT nonsense")
    table = Table.make(engine, "labels", "SELECT 1 AS n")
    assert engine.value("SELECT n FROM labels") == 1
    table.drop()
    table.drop()
    assert connection.execute("SELECT mine FROM labels").fetchall() == [(7,)]


def test_an_empty_table_is_a_table() -> None:
    with Table.make(DuckDBEngine(), "rows", "SELECT 1 AS n WHERE FALSE") as table:
        assert table.rows == 0
        assert table
