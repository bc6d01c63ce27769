"""A sheet that is handed out as one query scores in the warehouse as it does here, to the last line."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.features import History, Step
from leadlens.features.errors import UsageError
from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.sql_export.formatting import (
    lines_of,
    tables_read,
    tokens,
    with_tables,
    without_idle_joins,
)
from leadlens.models.scorecard.sql_export.warehouse import DIALECTS, sheet_sql
from tests.laws import histories as small
from tests.laws.random_sheets import EXAMPLES, Content, as_sheet, sheets, worlds
from tests.models.histories import DAY, START, open_small
from tests.models.postgres_tables import copy_history, frame_of
from tests.models.warehouse_cases import AS_OF, RICH, check_ledger, check_scores, expected, rich_history
from tests.pipeline.postgres import PostgresServer, postgres_server

__all__ = ["postgres_server"]


@pytest.fixture(scope="module")
def postgres(postgres_server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    postgres_server.execute(
        "CREATE DATABASE sheets TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"
    )
    with psycopg.connect(postgres_server.url("sheets", "postgres"), autocommit=True) as connection:
        yield connection
    postgres_server.execute("DROP DATABASE sheets")


@pytest.fixture(scope="module")
def history() -> History:
    return rich_history()


@pytest.fixture(scope="module")
def rich() -> Sheet:
    return Sheet.model_validate(RICH)


def test_the_rich_sheet_uses_everything(rich: Sheet, history: History) -> None:
    found = expected(rich, history, AS_OF)
    assert set(found.ledger["rule"]) == {rule.label for rule in rich.rules if rule.points} | {
        "Starting points"
    }
    assert set(found.scores["stage"]) == {"Lead", "MQL", "SQL", "Disqualified"}
    assert set(found.scores["route"].dropna()) == {route.label for route in rich.routes}
    assert set(found.scores["disqualified_by"].dropna()) == {bar.label for bar in rich.disqualify}


@pytest.mark.parametrize("as_of", [AS_OF, START + 30 * DAY, START - DAY])
def test_duckdb_scores_alike(rich: Sheet, history: History, as_of: datetime) -> None:
    wanted = expected(rich, history, as_of)
    check_scores(history.engine.frame(sheet_sql(rich, history, "duckdb", as_of)), wanted)
    check_ledger(history.engine.frame(sheet_sql(rich, history, "duckdb", as_of, ledger=True)), wanted)


@pytest.mark.parametrize("as_of", [AS_OF, START + 30 * DAY])
def test_postgres_scores_alike(
    rich: Sheet, history: History, postgres: psycopg.Connection[Any], as_of: datetime
) -> None:
    copy_history(postgres, history)
    wanted = expected(rich, history, as_of)
    check_scores(frame_of(postgres, sheet_sql(rich, history, "postgres", as_of)), wanted)
    check_ledger(frame_of(postgres, sheet_sql(rich, history, "postgres", as_of, ledger=True)), wanted)


def test_postgres_needs_no_settings_of_ours(
    rich: Sheet, history: History, postgres: psycopg.Connection[Any]
) -> None:
    copy_history(postgres, history)
    odd = ("TimeZone = 'Pacific/Auckland'", "IntervalStyle = sql_standard", "DateStyle = 'German, DMY'",
           "extra_float_digits = 0")  # fmt: skip
    query = sheet_sql(rich, history, "postgres", AS_OF)
    try:
        for setting in odd:
            postgres.execute(f"SET {setting}".encode())
        check_scores(frame_of(postgres, query), expected(rich, history, AS_OF))
    finally:
        postgres.execute("RESET ALL")


moments_asked = st.integers(5, 70).map(lambda days: small.START + timedelta(days=days))


@settings(EXAMPLES)
@given(tables=worlds(), content=sheets(), as_of=moments_asked, movement=st.booleans())
def test_random_sheets_score_alike_in_duckdb(
    tables: small.Tables, content: Content, as_of: datetime, movement: bool
) -> None:
    sheet, history = as_sheet(content), small.open_tables(tables)
    wanted = expected(sheet, history, as_of, movement)
    check_scores(history.engine.frame(sheet_sql(sheet, history, "duckdb", as_of, movement=movement)), wanted)
    check_ledger(history.engine.frame(sheet_sql(sheet, history, "duckdb", as_of, ledger=True)), wanted)


@settings(EXAMPLES, max_examples=max(1, EXAMPLES.max_examples // 2))
@given(data=st.data())
def test_random_sheets_score_alike_in_postgres(
    postgres: psycopg.Connection[Any], data: st.DataObject
) -> None:
    sheet, history = as_sheet(data.draw(sheets())), small.open_tables(data.draw(worlds()))
    as_of = data.draw(moments_asked)
    copy_history(postgres, history)
    wanted = expected(sheet, history, as_of)
    check_scores(frame_of(postgres, sheet_sql(sheet, history, "postgres", as_of)), wanted)
    check_ledger(frame_of(postgres, sheet_sql(sheet, history, "postgres", as_of, ledger=True)), wanted)


def test_the_moment_is_written_once_and_may_be_changed_by_hand(rich: Sheet, history: History) -> None:
    query = sheet_sql(rich, history, "duckdb", AS_OF)
    now = f"'{AS_OF:%Y-%m-%d %H:%M:%S.%f}'"
    assert query.count(now) == 1
    then = START + 41 * DAY
    check_scores(history.engine.frame(query.replace(now, f"'{then}'")), expected(rich, history, then))


def test_a_moment_with_an_offset_is_turned_to_utc(rich: Sheet, history: History) -> None:
    assert sheet_sql(rich, history, "spark", AS_OF.replace(tzinfo=UTC)) == sheet_sql(
        rich, history, "spark", AS_OF
    )


def plain(**parts: Any) -> Sheet:
    return Sheet.model_validate({"sheet": "plain", **parts})


OPENED = {"label": "Opened", "when": "event_type = 'open'", "points": 3}


def test_steps_that_nobody_needs_are_left_out() -> None:
    history = open_small([{"lead_id": "a", "age": 40.0}], lead_attributes={"age": "number"})
    query = sheet_sql(plain(actions=[OPENED]), history, "postgres", AS_OF)
    read = tables_read(tokens(query[query.index("WITH") :], "postgres"))
    assert read & {"leads", "accounts", "events", "changes"} == {"leads", "events"}
    assert "lead_as_of" not in query
    assert '"age"' not in query
    ledger = sheet_sql(plain(actions=[OPENED]), history, "postgres", AS_OF, ledger=True)
    assert "sheet_base" not in ledger


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_step_has_a_name_of_its_own_and_is_made_before_it_is_read(
    rich: Sheet, history: History, dialect: str
) -> None:
    query = sheet_sql(rich, history, dialect, AS_OF)
    names = re.findall(r"^(\w+) AS \($", query, re.MULTILINE)
    assert len(names) == len(set(names))
    made: set[str] = set()
    for name, body in re.findall(r"^(\w+) AS \(\n(.*?)^\)", query, re.MULTILINE | re.DOTALL):
        assert tables_read(tokens(body, dialect)) <= made | {"leads", "accounts", "events", "changes"}, name
        made.add(name)
    assert [line for line in query.splitlines() if len(line) > 140] == []


NASTY = [
    "it's",
    "a\\",
    "\\'",
    "'; DROP TABLE leads; --",
    "x\n); SELECT 1",
    "x\u2028\rDROP",
    "*/ /*",
    "$$",
    "{0} %s",
    '`"',
]


@pytest.mark.parametrize("label", NASTY)
def test_no_label_gets_out_of_its_quotes(label: str, postgres: psycopg.Connection[Any]) -> None:
    column = "a\"b`c' --"
    sheet = plain(
        attributes=[{"label": label, "when": f'"{column.replace(chr(34), chr(34) * 2)}" > 1', "points": 2}],
        routes=[{"label": label, "when": "total > 1", "action": label, "queue": label}],
    )
    history = open_small([{"lead_id": "a", column: 2.0}], lead_attributes={column: "number"})
    copy_history(postgres, history)
    wanted = expected(sheet, history, AS_OF)
    assert wanted.scores["action"].tolist() == [sheet.routes[0].action]
    check_scores(history.engine.frame(sheet_sql(sheet, history, "duckdb", AS_OF)), wanted)
    check_ledger(history.engine.frame(sheet_sql(sheet, history, "duckdb", AS_OF, ledger=True)), wanted)
    check_scores(frame_of(postgres, sheet_sql(sheet, history, "postgres", AS_OF)), wanted)
    check_ledger(frame_of(postgres, sheet_sql(sheet, history, "postgres", AS_OF, ledger=True)), wanted)


def test_a_column_called_like_a_step_is_not_renamed() -> None:
    history = open_small(
        [{"lead_id": "a", "FROM": "lead_as_of", "lead_as_of": "x"}],
        lead_attributes={"FROM": "category", "lead_as_of": "category"},
    )
    sheet = plain(
        attributes=[{"label": "A", "when": "\"FROM\" = 'lead_as_of' AND lead_as_of = 'x'", "points": 4}],
        thresholds={"mql": {"points": 3, "when": "trend >= 0 AND trim(lead_as_of) = 'x'"}},
    )
    wanted = expected(sheet, history, AS_OF)
    assert wanted.scores["stage"].tolist() == ["MQL"]
    check_scores(history.engine.frame(sheet_sql(sheet, history, "duckdb", AS_OF)), wanted)


def test_a_long_list_fills_its_lines() -> None:
    history = open_small([{"lead_id": "a", "city": "c77"}], lead_attributes={"city": "category"})
    sheet = plain(
        lists={"cities": [f"c{number}" for number in range(3000)]},
        attributes=[{"label": "Near", "when": "city IN cities", "points": 1}],
    )
    query = sheet_sql(sheet, history, "duckdb", AS_OF)
    assert max(map(len, query.splitlines())) <= 120
    assert len(query.splitlines()) < 600
    check_scores(history.engine.frame(query), expected(sheet, history, AS_OF))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_lines_change_nothing_but_the_space_between_tokens(
    rich: Sheet, history: History, dialect: str
) -> None:
    query = sheet_sql(rich, history, dialect, AS_OF)
    statement = "\n".join(line for line in query.splitlines() if not line.startswith("--"))
    flat = " ".join(token.text for token in tokens(statement, dialect))
    again = "\n".join(lines_of(tokens(statement[statement.index("SELECT\n  s.lead_id") :], dialect)))
    assert flat.endswith(" ".join(token.text for token in tokens(again, dialect)))


def test_tables_are_told_from_columns_and_aliases() -> None:
    sql = "SELECT extract(epoch FROM s.at), trim(BOTH ' ' FROM lower(x)), \"JOIN\" FROM s JOIN \"s\" AS t ON 'FROM s' = t.s"
    told = with_tables(tokens(sql, "postgres"), lambda name: f"my_{name}")
    assert "".join(f"{' ' * token.spaced}{token}" for token in told) == (
        "SELECT extract(epoch FROM s.at), trim(BOTH ' ' FROM lower(x)), \"JOIN\" FROM my_s JOIN my_s AS t ON 'FROM s' = t.s"
    )


def test_only_joins_that_nothing_is_read_from_are_left_out() -> None:
    sql = "SELECT s.x, b.y FROM s LEFT JOIN t AS a ON a.row_id = s.row_id LEFT JOIN u AS b ON b.row_id = s.row_id"
    assert tables_read(without_idle_joins(tokens(sql, "duckdb"))) == {"s", "u"}


def test_another_database_is_refused_with_the_names_there_are() -> None:
    history = open_small([{"lead_id": "a"}])
    with pytest.raises(UsageError, match="did you mean: postgres"):
        sheet_sql(plain(actions=[OPENED]), history, "postgresql", AS_OF)


@pytest.mark.parametrize("section", ["attributes", "routes", "thresholds", "disqualify"])
def test_a_rule_that_reads_a_feature_is_refused_by_name(section: str) -> None:
    history = rich_history(leads=5)
    history.engine.run([Step("unlabelled", "SELECT lead_id FROM leads WHERE FALSE")])
    feature = "any__count_7d"
    when = f'feature."{feature}" > 1'
    parts: dict[str, Any] = {
        "attributes": [{"label": "Reads one", "when": when, "points": 1}],
        "disqualify": [{"label": "Reads one", "when": when}],
        "routes": [{"label": "Reads one", "when": when, "action": "call"}],
        "thresholds": {"mql": {"when": when}},
    }
    label = "MQL" if section == "thresholds" else "Reads one"
    with pytest.raises(UsageError, match="SQL alone cannot compute") as told:
        sheet_sql(
            plain(actions=[OPENED], **copy.deepcopy({section: parts[section]})), history, "duckdb", AS_OF
        )
    assert label in str(told.value)
    assert feature in str(told.value)
