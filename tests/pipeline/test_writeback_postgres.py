"""A real PostgreSQL server: what is touched, kills, runs at once, and refusals that tell no password."""

from __future__ import annotations

import socket
import threading
import time
import traceback
from collections.abc import Callable
from datetime import UTC
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import make_url

from leadlens.features.errors import LeadlensError
from leadlens.pipeline.config import expand
from leadlens.pipeline.writeback import WriteResult, postgres, write_scores
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.postgres_errors import explained
from tests.pipeline.postgres import DATABASE, PASSWORD, PostgresServer
from tests.pipeline.writeback_samples import AS_OF, Database, StoppedRun, run, scores

_VERSIONS = "SELECT xmin::text, xmax::text, ctid::text, lead_id FROM lead_scores ORDER BY lead_id"
_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def test_unchanged_rows_are_not_even_locked(postgres_url: str) -> None:
    database = Database(postgres_url)
    write_scores(scores(), postgres_url, run=run())
    before = database.query(_VERSIONS)
    write_scores(scores(), postgres_url, run=run("run-2", day=1))
    assert database.query(_VERSIONS) == before
    frame = scores()
    frame.loc[2, "score"] = 99
    write_scores(frame, postgres_url, run=run("run-3", day=1))
    assert [row[3] for row in set(database.query(_VERSIONS)) - set(before)] == ["lead-2"]


def test_100_000_scores_survive_a_kill_before_the_commit(postgres_url: str) -> None:
    count = 100_000
    database = Database(postgres_url)
    seed_rows = scores(1_000)
    write_scores(seed_rows, postgres_url, run=run())
    before = database.everything()
    StoppedRun(postgres_url, "staged", count=count).kill()
    assert database.everything() == before
    result = write_scores(scores(count, seed=1), postgres_url, run=run("child"))
    assert (result.inserted, result.updated) == (count - 1_000, 1_000)
    assert database.query("SELECT count(*), count(DISTINCT lead_id) FROM lead_scores") == [(count, count)]
    assert database.query("SELECT count(*) FROM lead_scores_history") == [(count + 1_000,)]


def test_a_reader_sees_all_of_a_run_or_nothing(postgres_url: str) -> None:
    database = Database(postgres_url)
    write_scores(scores(), postgres_url, run=run())
    before = database.everything()
    stopped = StoppedRun(postgres_url, "merged")
    assert database.everything() == before
    assert stopped.finish() == (0, 5, 0)
    assert database.query("SELECT DISTINCT run_id FROM lead_scores") == [("child",)]


def test_two_runs_at_once_take_turns(postgres_url: str) -> None:
    database = Database(postgres_url)
    first = StoppedRun(postgres_url, "merged", count=5, seed=1)
    results: list[WriteResult] = []
    second = threading.Thread(
        target=lambda: results.append(write_scores(scores(7, seed=1), postgres_url, run=run("second")))
    )
    second.start()
    _await(lambda: database.query(_WAITING) == [(1,)])
    assert first.finish() == (5, 0, 0)
    second.join(30)
    assert [(result.inserted, result.updated, result.unchanged) for result in results] == [(2, 0, 5)]
    assert database.query("SELECT count(*), count(DISTINCT lead_id) FROM lead_scores") == [(7, 7)]


def test_waiting_for_another_run_has_an_end(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.05)
    with psycopg.connect(postgres_url) as other:
        postgres._lock(other)
        with pytest.raises(LeadlensError, match="another session locks the table"):
            write_scores(scores(), postgres_url, run=run())


def test_a_table_that_someone_has_locked(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LOCK_SECONDS", 0.05)
    write_scores(scores(), postgres_url, run=run())
    with psycopg.connect(postgres_url) as other:
        other.execute("LOCK TABLE lead_scores")
        with pytest.raises(LeadlensError, match="another session locks the table"):
            write_scores(scores(seed=1), postgres_url, run=run())


@pytest.mark.parametrize(("isolation", "encoding"), [("repeatable read", "utf8"), ("serializable", "latin1")])
def test_settings_of_the_database_do_not_matter(
    postgres_url: str, isolation: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    monkeypatch.setenv("PGCLIENTENCODING", encoding)
    monkeypatch.setenv(
        "PGOPTIONS", f"-c default_transaction_isolation={isolation.replace(' ', chr(92) + ' ')}"
    )
    for number in range(2):
        write_scores(scores(), postgres_url, run=run(f"run-{number}"))
    monkeypatch.undo()
    (text, moment), *_ = Database(postgres_url).query("SELECT reasons_text, as_of FROM lead_scores")
    assert text == scores()["reasons_text"][0]
    assert moment == AS_OF.replace(tzinfo=UTC)


def _refusal(to: str) -> LeadlensError:
    """The error, after a look that the password is nowhere in it, as it was given or encoded."""
    with pytest.raises(LeadlensError) as caught:
        write_scores(scores(), to, run=run())
    told = (
        "".join(traceback.format_exception(caught.value)) + str(caught.value.as_dict()) + repr(caught.value)
    )
    told = told.replace(repr(to), "")  # the line of this test
    for secret in (PASSWORD, quote(PASSWORD, safe=""), "wr0ng"):
        assert secret not in told
    assert "nothing was written" in str(caught.value)
    return caught.value


def test_refusals_name_the_cause_and_never_the_password(postgres_server: PostgresServer) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        nobody_there = PostgresServer(port).url(DATABASE)
        causes = {
            postgres_server.url(DATABASE, password="wr0ng"): "rejects the user or the password",
            postgres_server.url(DATABASE, user="nobody"): "rejects the user or the password",
            postgres_server.url("nowhere"): "there is no such database",
            nobody_there: "no PostgreSQL server answers there",
            nobody_there.replace("127.0.0.1", "no-such-host.invalid"): "there is no host with that name",
            f"{nobody_there}?host=/no/such/folder": "no PostgreSQL server answers there",
            f"{nobody_there}?no_such_option=1": "is invalid",
        }
        for to, cause in causes.items():
            assert cause in _refusal(to).what


def test_a_password_in_the_environment_opens_the_server_as_it_is(
    postgres_server: PostgresServer, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_PW", PASSWORD)
    written = f"postgresql://crm:${{CRM_PW}}@127.0.0.1:{postgres_server.port}/{DATABASE}"
    assert write_scores(scores(), expand(written, "--to"), run=run()).inserted == 5
    # Who encodes it twice is told what is meant, not to encode it.
    monkeypatch.setenv("CRM_PW", quote(PASSWORD, safe=""))
    assert "a password in ${NAME} is written as it is" in str(_refusal(expand(written, "--to")).fix)


def test_a_driver_that_quotes_the_password_is_not_repeated() -> None:
    url = make_url(PostgresServer(1).url(DATABASE))
    for form in (PASSWORD, quote(PASSWORD, safe="")):
        error = explained(psycopg.OperationalError(f"odd: {form}!"), url, "shown", TableNames.parse("t"))
        assert "odd: ***!" in str(error)


def test_a_user_without_rights_is_told_what_to_grant(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    write_scores(scores(), postgres_url, run=run())
    postgres_server.execute(
        f"DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'", DATABASE
    )
    guest = postgres_server.url(DATABASE, user="guest")
    error = _refusal(guest)
    assert error.what == "this user lacks a permission"
    assert 'GRANT the user SELECT, INSERT, UPDATE on "lead_scores"' in (error.fix or "")
    tables = "lead_scores, lead_scores_history, scoring_runs"
    Database(postgres_url).query(f"GRANT SELECT, INSERT, UPDATE ON {tables} TO guest")
    assert write_scores(scores(6, seed=1), guest, run=run("guest")).inserted == 1


def test_what_the_table_refuses_is_told(postgres_url: str) -> None:
    database = Database(postgres_url)
    write_scores(scores(), postgres_url, run=run())
    before = database.everything()
    database.query("ALTER TABLE lead_scores ADD CONSTRAINT modest CHECK (score < 99)")
    with pytest.raises(LeadlensError, match="a constraint of the table refuses a row"):
        write_scores(scores().assign(score=99), postgres_url, run=run("run-2"))
    with pytest.raises(LeadlensError, match="a lead_id is too long"):
        write_scores(
            scores(1).assign(lead_id="".join(map(chr, range(256, 9000)))), postgres_url, run=run("run-2")
        )
    with pytest.raises(LeadlensError, match="there is no such schema"):
        write_scores(scores(), postgres_url, table="nowhere.lead_scores", run=run("run-2"))
    assert database.everything() == before


@pytest.mark.parametrize("index", ["(lead_id) WHERE score > 50", "(lead_id, lower(grade))"])
def test_a_unique_index_of_some_rows_or_of_an_expression_is_no_key(postgres_url: str, index: str) -> None:
    database = Database(postgres_url)
    write_scores(scores(), postgres_url, run=run())
    database.query("ALTER TABLE lead_scores DROP CONSTRAINT lead_scores_pkey")
    database.query(f"CREATE UNIQUE INDEX some_leads ON lead_scores {index}")
    with pytest.raises(LeadlensError, match=r"\(lead_id\) is not its primary key"):
        write_scores(scores(), postgres_url, run=run())


def test_a_database_that_cannot_hold_a_character(postgres_server: PostgresServer) -> None:
    postgres_server.execute("CREATE DATABASE latin OWNER crm TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    with pytest.raises(LeadlensError, match="encoding of the database lacks a character"):
        write_scores(scores(), postgres_server.url("latin"), run=run())
    assert (
        write_scores(scores().assign(reasons_text="Größe"), postgres_server.url("latin"), run=run()).rows == 5
    )


def test_a_database_that_takes_no_writes(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
    with pytest.raises(LeadlensError, match="is read-only"):
        write_scores(scores(), postgres_url, run=run())
