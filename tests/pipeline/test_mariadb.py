"""MySQL and MariaDB as sources, on a real server in another time zone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from leadlens.features import DataError, UsageError
from leadlens.features.errors import UnavailableError
from leadlens.pipeline.sources import database_parts
from leadlens.pipeline.sources.database import (
    Asked,
    database_batches,
    read_database,
    spool_database,
    spooled_batches,
    together,
)
from leadlens.pipeline.sources.queries import check_query
from tests.pipeline import mariadb
from tests.pipeline.mariadb import MariaServer


@pytest.fixture(scope="module")
def server() -> Iterator[MariaServer]:
    with mariadb.running() as running:
        yield running


def read(server: MariaServer, table: str | None = None, query: str | None = None) -> pa.Table:
    return read_database(server.url(), "mysql+pymysql://crm:***@host/crm", table, query, "data.leads")


def test_values_are_what_they_are_in_the_database(server: MariaServer) -> None:
    server.execute(
        """
        CREATE TABLE typed (
            id BIGINT UNSIGNED PRIMARY KEY, made DATETIME(6), seen TIMESTAMP(6) NULL, day DATE, price DECIMAL(12, 2),
            ratio DOUBLE, yes BOOLEAN, flag BIT(1), stage ENUM('MQL', 'SQL'), name VARCHAR(80), latin VARCHAR(80) CHARACTER SET latin1,
            notes TEXT, more JSON, took TIME, raw VARBINARY(8)
        )
        """,
        """
        INSERT INTO typed VALUES
            (18446744073709551615, '2025-03-01 10:00:00.123456', '2025-03-01 10:00:00.5', '2025-03-01', 1234.50, 0.1, TRUE, b'1', 'MQL',
             'Zoë 🎈', 'Müller', 'a\nb', '{"a": 1}', '01:02:03', NULL),
            (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
        """,
    )
    rows = read(server, "typed")
    first, second = sorted(rows.to_pylist(), key=lambda row: row["made"] is None)
    assert str(first["id"]) == "18446744073709551615"
    assert str(first["made"]) == "2025-03-01 10:00:00.123456"
    assert str(first["seen"]) == "2025-03-01 04:30:00.500000", "the server's clock shows +05:30"
    assert str(first["day"])[:10] == "2025-03-01"
    assert float(first["price"]) == 1234.5
    assert first["ratio"] == 0.1
    assert first["yes"] in (1, True)
    assert first["flag"] in (1, True)
    assert (first["stage"], first["name"], first["latin"], first["notes"]) == (
        "MQL",
        "Zoë 🎈",
        "Müller",
        "a\nb",
    )
    assert all(value is None for name, value in second.items() if name != "id")


def test_dates_of_zeros_stay_what_they_are(server: MariaServer) -> None:
    server.execute(
        "SET sql_mode = ''",
        "CREATE TABLE zero (id INT PRIMARY KEY, at DATETIME, day DATE)",
        "INSERT INTO zero VALUES (1, '0000-00-00 00:00:00', '0000-00-00'), (2, '2025-01-02 03:04:05', '2025-01-02')",
    )
    rows = sorted(read(server, "zero").to_pylist(), key=lambda row: row["id"])
    assert (rows[0]["at"], rows[0]["day"]) == ("0000-00-00 00:00:00", "0000-00-00"), (
        "named by the error, or in `missing`"
    )
    assert "2025-01-02" in str(rows[1]["at"])


def test_names_and_percent_signs_are_taken_as_they_are(server: MariaServer) -> None:
    server.execute(
        "CREATE TABLE `odd name` (`lead id` INT, `100 %` INT, `a:b` INT)",
        "INSERT INTO `odd name` VALUES (1, 2, 3), (7, 8, 9)",
    )
    assert read(server, "odd name").column_names == ["lead id", "100 %", "a:b"]
    assert read(server, "crm.odd name").num_rows == 2
    asked = read(
        server,
        query="SELECT `lead id` % 2 AS odd, '50 %' AS share, ':x' AS colon FROM `odd name` WHERE `lead id` LIKE '%7%'",
    )
    assert asked.to_pylist() == [{"odd": 1, "share": "50 %", "colon": ":x"}]


def test_many_rows_come_in_order_of_nothing_and_all(server: MariaServer) -> None:
    server.execute(
        "CREATE TABLE many (id INT PRIMARY KEY, x DOUBLE)",
        "INSERT INTO many SELECT seq, seq / 3 FROM seq_1_to_120000",
    )
    rows = read(server, "many")
    assert rows.num_rows == 120_000
    assert sum(rows["id"].to_pylist()) == 120_000 * 120_001 // 2


@pytest.mark.parametrize(
    "query",
    ["DELETE FROM kept", "SELECT 1; DROP TABLE kept", "INSERT INTO kept VALUES (9)", "SELECT * FROM kept INTO OUTFILE '/tmp/x'",
     "SELECT * FROM kept FOR UPDATE", "SELECT * INTO @a FROM kept", "/*!50000 DELETE FROM kept */"],
)  # fmt: skip
def test_nothing_is_written(server: MariaServer, query: str) -> None:
    server.execute("CREATE OR REPLACE TABLE kept (id INT)", "INSERT INTO kept VALUES (1)")
    with pytest.raises((UsageError, DataError)):
        read(server, query=query)
    assert read(server, "kept").num_rows == 1


def test_a_query_that_calls_what_writes_is_stopped_by_the_server(server: MariaServer) -> None:
    server.execute(
        "CREATE OR REPLACE TABLE kept (id INT)",
        "CREATE OR REPLACE FUNCTION sneaky() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO kept VALUES (5); RETURN 1; END",
    )
    with pytest.raises(DataError, match=r"(?i)read.only"):
        read(server, query="SELECT sneaky() AS x")
    assert read(server, "kept").num_rows == 0


def test_what_is_not_there_is_said_with_what_is(server: MariaServer) -> None:
    server.execute("CREATE TABLE IF NOT EXISTS leads (id INT)")
    with pytest.raises(UsageError, match="there is no such table") as wrong:
        read(server, "lead")
    assert "leads" in str(wrong.value)
    with pytest.raises(UnavailableError, match="Access denied") as refused:
        read_database(server.url(password="s3cr3t"), "shown", "leads", None, "data.leads")
    assert "s3cr3t" not in str(refused.value)
    gone = f"mysql+pymysql://crm:secret-word@127.0.0.1:1/{mariadb.DATABASE}"
    with pytest.raises(UnavailableError, match="Can't connect") as lost:
        read_database(gone, "shown", "leads", None, "data.leads")
    assert "secret-word" not in str(lost.value)


def test_only_rows_beyond_the_cursor_are_read(server: MariaServer) -> None:
    server.execute(
        "CREATE OR REPLACE TABLE grows (id INT PRIMARY KEY)", "INSERT INTO grows SELECT seq FROM seq_1_to_12"
    )
    for asked in ({"table": "grows", "query": None}, {"table": None, "query": "SELECT * FROM grows"}):
        batches = database_batches(
            server.url(), "shown", asked["table"], asked["query"], "data.events", cursor="id", after="9"
        )
        assert sorted(pa.Table.from_batches(batches)["id"].to_pylist()) == [10, 11, 12], "9 < 10 as numbers"


@pytest.mark.parametrize("column", ["id", "made", "seen", "day", "price"])
def test_parts_hold_every_row_once(
    column: str, server: MariaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_parts, "FEWEST_ROWS", 1)
    server.execute(
        """
        CREATE OR REPLACE TABLE cut (
            id BIGINT UNSIGNED, made DATETIME(6), seen TIMESTAMP(6) NULL, day DATE, price DECIMAL(30, 2)
        )
        """,
        """
        INSERT INTO cut
        SELECT 18446744073709551600 + seq, '2025-03-30 00:00:00.5' + INTERVAL seq HOUR, '2025-03-30 00:00:00' + INTERVAL seq SECOND,
            '2025-02-25' + INTERVAL seq DAY, seq * 123456789012345678.25
        FROM seq_1_to_12
        """,
        "INSERT INTO cut VALUES (NULL, NULL, NULL, NULL, NULL)",
    )
    for table, query in (("cut", None), (None, "SELECT cut.*, '50 %' AS note FROM cut")):
        asked, rows = Asked(table, query, "data.events"), []
        with database_parts.database_parts(server.url(), "shown", asked, column, 4) as parts:
            for number, part in enumerate(parts):
                folder = tmp_path / f"{table}-{number}"
                folder.mkdir()
                schemas = spool_database(server.url(), "shown", asked._replace(part=part), str(folder))
                for batch in spooled_batches(str(folder), len(schemas), together(schemas)):
                    rows += batch.to_pylist()
                assert 1 <= len(rows) <= 4 * (number + 1)
        assert len(parts) == 4
        expected = read(server, table, query).to_pylist()
        assert sorted(map(str, (row.values() for row in rows))) == sorted(
            map(str, (row.values() for row in expected))
        )


@pytest.mark.parametrize(
    "query",
    ["SELECT TOP 5 [Lead Id] FROM [dbo].[Leads] WHERE name LIKE N'%50 %%'", "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
     "SELECT a FROM t CROSS APPLY OPENJSON(t.j) AS j", "SELECT DATEADD(day, -7, GETDATE()) AS a"],
)  # fmt: skip
def test_queries_of_sql_server_may_ask(query: str) -> None:
    check_query(query, "mssql", "data.leads.query")


@pytest.mark.parametrize(
    "query",
    ["SELECT * INTO kept FROM t", "EXEC sp_who", "DELETE FROM t OUTPUT deleted.*", "MERGE t USING s ON t.a = s.a WHEN MATCHED THEN DELETE;",
     "SELECT 1; DROP TABLE t"],
)  # fmt: skip
def test_queries_of_sql_server_may_not_write(query: str) -> None:
    with pytest.raises((UsageError, DataError)):
        check_query(query, "mssql", "data.leads.query")
