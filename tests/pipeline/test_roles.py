"""Queries only read, by the grammar of their database; the roles that SECURITY.md describes may do no more than they need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from leadlens.features import UsageError
from leadlens.pipeline.sources.queries import check_query
from leadlens.pipeline.writeback import write_scores
from tests.pipeline.little_project import LittleProject, leadlens
from tests.pipeline.postgres import DATABASE, PASSWORD, PostgresServer
from tests.pipeline.writeback_samples import run, scores

PAGE = Path(__file__).parents[2] / "SECURITY.md"
REFUSED = [
    ("mssql", "SELECT * INTO copy FROM leads"),
    ("mssql", "WITH x AS (SELECT 1 AS a) DELETE FROM leads"),
    ("mssql", "EXEC xp_cmdshell 'dir'"),
    ("mssql", "SELECT * FROM OPENROWSET('SQLNCLI', 'x', 'SELECT 1')"),
    ("mysql", "WITH x AS (SELECT 1) DELETE FROM leads"),
    ("mariadb", "SELECT * FROM leads INTO OUTFILE '/tmp/x'"),
    ("mysql", "SELECT GET_LOCK('a', 1)"),
    ("mysql", "SELECT LOAD_FILE('/etc/passwd')"),
    ("postgresql", "SELECT pg_notify('a', 'b')"),
    ("postgresql", "SELECT pg_catalog.pg_notify('a', 'b')"),
    ("postgresql", "SELECT pg_advisory_lock(1)"),
    ("postgresql", "SELECT pg_sleep(1e6)"),
    ("postgresql", "SELECT dblink_exec('x', 'DROP TABLE leads')"),
    ("postgresql", "WITH d AS (DELETE FROM leads RETURNING *) SELECT * FROM d"),
    ("postgresql", "SELECT * FROM leads FOR UPDATE"),
    ("oracle", "SELECT * FROM leads FOR UPDATE"),
    ("sqlite", "SELECT load_extension('x')"),
    ("snowflake", "SELECT 1; DROP TABLE leads"),
]


@pytest.mark.parametrize(("dialect", "query"), REFUSED)
def test_a_query_that_does_more_than_read_is_refused(dialect: str, query: str) -> None:
    with pytest.raises(UsageError):
        check_query(query, dialect, "data.leads.query")


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        ("mssql", "SELECT TOP 10 [lead id] AS lead_id FROM [dbo].[leads] WITH (NOLOCK)"),
        ("mysql", "SELECT `lead_id`, IF(a, 1, 2) FROM leads LIMIT 5"),
        (
            "postgresql",
            "WITH x AS (SELECT * FROM leads) SELECT DISTINCT ON (lead_id) *, a::text, b->>'c' FROM x",
        ),
        ("oracle", "SELECT lead_id FROM leads WHERE ROWNUM < 5"),
        (
            "snowflake",
            "SELECT v:a::string AS lead_id FROM leads QUALIFY row_number() OVER (PARTITION BY 1 ORDER BY 2) = 1",
        ),
        ("sqlite", "SELECT replace(a, 'INTO', 'x') FROM leads UNION ALL SELECT 'DELETE FROM leads'"),
    ],
)
def test_a_query_that_only_reads_passes(dialect: str, query: str) -> None:
    check_query(query, dialect, "data.leads.query")


def test_a_grammar_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be checked"):
        check_query("SELECT 1", "firebird", "data.leads.query")


@pytest.fixture
def roles(postgres_server: PostgresServer, postgres_url: str) -> Iterator[PostgresServer]:
    """The roles of the page, made as it says; their tables hold the little project's leads."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE leads (lead_id text, created_at timestamp)")
        connection.execute("INSERT INTO leads SELECT 'L' || n, '2024-03-01' FROM generate_series(1, 9) n")
        connection.execute("CREATE TABLE salaries (amount int)")
    (block,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for statement in filter(None, map(str.strip, block.split(";"))):
        postgres_server.execute(re.sub(r"'choose [^']*'", f"'{PASSWORD}'", statement), DATABASE)
    yield postgres_server
    postgres_server.execute("DROP SCHEMA leadlens CASCADE", DATABASE)
    for role in ("leadlens_read", "leadlens_write"):
        postgres_server.execute(f"DROP OWNED BY {role}", DATABASE)
        postgres_server.execute(f"DROP ROLE {role}", DATABASE)
    postgres_server.execute(
        "GRANT EXECUTE ON FUNCTION pg_notify(text, text), pg_advisory_lock(bigint), pg_advisory_lock(int, int) TO PUBLIC",
        DATABASE,
    )


def test_the_roles_of_the_page_can_what_they_need_and_no_more(
    roles: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("READ_PW", PASSWORD)
    project = LittleProject(tmp_path)
    project.data["leads"] = {
        "read": f"postgresql://leadlens_read:${{READ_PW}}@127.0.0.1:{roles.port}/{DATABASE}", "table": "leads",
    }  # fmt: skip
    answer = leadlens("check", project.write(), "--only-read")
    assert answer.code == 0, answer.err
    written = roles.url(DATABASE, "leadlens_write")
    for seed in (0, 1):
        assert write_scores(scores(seed=seed), written, table="leadlens.lead_scores", run=run()).rows == 5
    forbidden = {
        "leadlens_read": [
            "INSERT INTO leads VALUES ('x')", "SELECT * FROM salaries", "CREATE TABLE public.t (a int)",
            "SELECT * FROM leadlens.lead_scores", "SELECT pg_notify('a', 'b')", "SELECT pg_advisory_lock(1)",
            "SELECT pg_read_file('/etc/passwd')", "COPY leads TO PROGRAM 'true'",
            "SET default_transaction_read_only = off; DELETE FROM leads",
        ],
        "leadlens_write": [
            "SELECT * FROM leads", "SELECT * FROM salaries", "CREATE TABLE public.t (a int)", "DROP TABLE leads",
            "CREATE SCHEMA other", "CREATE ROLE x",
        ],
    }  # fmt: skip
    for role, statements in forbidden.items():
        for statement in statements:
            with (
                pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)),
                psycopg.connect(roles.url(DATABASE, role)) as connection,
            ):
                connection.execute(statement)
