"""Conditions: what is allowed comes out as SQL written anew, everything else is refused in plain words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.features.conditions.condition import Condition
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.errors import UsageError
from leadlens.features.history import Kind
from tests.features.condition_attacks import COLUMNS, LISTS, TABLES

DUCKDB = DuckDBDialect()


def parse(text: str) -> Condition:
    return Condition.parse(text, COLUMNS, "sheet.yaml:7 ('Rule')", TABLES, LISTS)


def written(text: str) -> str:
    return parse(text).sql(DUCKDB, {"": "e", "account": "a"})


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("age > 30", """("e"."age" > 30)"""),
        ("AGE >= 30.5", """("e"."age" >= CAST(30.5 AS DOUBLE))"""),
        ("age < -3", """("e"."age" < -3)"""),
        ("name == 'O''Neil'", """("e"."name" = 'O''Neil')"""),
        ("name != 'x'", """("e"."name" <> 'x')"""),
        ("job = 'IT'", """("e"."Job" = 'IT')"""),
        ('"Größe in cm" > 180', """("e"."Größe in cm" > 180)"""),
        ("event_type IN ('a', 'b')", """("e"."event_type" IN ('a', 'b'))"""),
        ("age NOT IN (1, 2)", """(NOT ("e"."age" IN (1, 2)))"""),
        ("age BETWEEN 18 AND 25", """("e"."age" BETWEEN 18 AND 25)"""),
        ("age NOT BETWEEN 18 AND 25", """(NOT ("e"."age" BETWEEN 18 AND 25))"""),
        ("name LIKE '%a_'", """("e"."name" LIKE '%a_')"""),
        ("name NOT ILIKE 'A%'", """(NOT ("e"."name" ILIKE 'A%'))"""),
        ("age IS NULL", """("e"."age" IS NULL)"""),
        ("age IS NOT NULL", """(NOT ("e"."age" IS NULL))"""),
        ("student", """"e"."student\""""),
        ("NOT student", """(NOT "e"."student")"""),
        ("student = TRUE", """("e"."student" = TRUE)"""),
        ("student IS FALSE", """("e"."student" IS FALSE)"""),
        ("TRUE", "TRUE"),
        ("created >= DATE '2026-01-31'", """("e"."created" >= TIMESTAMP '2026-01-31 00:00:00.000000')"""),
        ("created < '2026-01-31 17:00'", """("e"."created" < TIMESTAMP '2026-01-31 17:00:00.000000')"""),
        (
            "date > TIMESTAMP '2026-01-31T17:00+02:00'",
            """("e"."date" > TIMESTAMP '2026-01-31 15:00:00.000000')""",
        ),
        ("comment = 'x'", """("e"."comment" = 'x')"""),
        ("lower(trim(name)) = 'x'", """(lower(trim("e"."name")) = 'x')"""),
        ("length(name) > 3", """(length("e"."name") > 3)"""),
        ("coalesce(name, comment, '') = ''", """(coalesce("e"."name", "e"."comment", '') = '')"""),
        (
            "age / 2 > 1 + age",
            """((CAST("e"."age" AS DOUBLE) / nullif(CAST(2 AS DOUBLE), 0)) > """
            """(CAST(1 AS DOUBLE) + CAST("e"."age" AS DOUBLE)))""",
        ),
        (
            "age > 1 AND student AND name = 'x' OR TRUE",
            """((("e"."age" > 1) AND "e"."student" AND ("e"."name" = 'x')) OR TRUE)""",
        ),
        (
            "account.industry = 'IT' AND Account.SIZE > 5",
            """(("a"."industry" = 'IT') AND ("a"."size" > 5))""",
        ),
        ("name IN rivals", """("e"."name" IN ('Acme', 'O''Neil'))"""),
        ("name NOT IN Rivals", """(NOT ("e"."name" IN ('Acme', 'O''Neil')))"""),
        ("NOT name IN rivals", """(NOT ("e"."name" IN ('Acme', 'O''Neil')))"""),
        (
            "lower(account.industry) IN sectors AND age > 1",
            """((lower("a"."industry") IN ('IT')) AND ("e"."age" > 1))""",
        ),
        ("age > 1_000 OR age < 1e3", """(("e"."age" > 1000) OR ("e"."age" < CAST(1000.0 AS DOUBLE)))"""),
        ("name = '--' AND name <> '/*;*/'", """(("e"."name" = '--') AND ("e"."name" <> '/*;*/'))"""),
        ("name = 'c:\\'", """("e"."name" = 'c:\\')"""),
        ("name LIKE '\\_%'", """("e"."name" LIKE '\\_%')"""),
        ("name = '\u2018x\u2019 \u200d'", """("e"."name" = '\u2018x\u2019 \u200d')"""),
        ("\n age\t>\r\n1 ", """("e"."age" > 1)"""),
        ("name ISNULL OR age NOTNULL", """(("e"."name" IS NULL) OR (NOT ("e"."age" IS NULL)))"""),
        (
            "'2026-01-31' BETWEEN date AND created",
            """(TIMESTAMP '2026-01-31 00:00:00.000000' BETWEEN "e"."date" AND "e"."created")""",
        ),
        (
            "coalesce('2026-01-31', date, '2026-02-01') < created",
            """(coalesce(TIMESTAMP '2026-01-31 00:00:00.000000', "e"."date", """
            """TIMESTAMP '2026-02-01 00:00:00.000000') < "e"."created")""",
        ),
    ],
)
def test_what_is_allowed_is_written_anew(text: str, sql: str) -> None:
    assert written(text) == sql


def test_a_condition_knows_its_columns_and_the_texts_it_seeks() -> None:
    condition = parse(
        "event_type IN ('a', 'b') AND account.industry = 'IT' AND lower(name) = 'n' AND age > 3"
    )
    assert condition.columns_used == {"event_type", "account.industry", "name", "age"}
    assert condition.texts_sought() == {("event_type", "a"), ("event_type", "b"), ("account.industry", "IT")}
    assert str(condition).startswith("event_type IN")


RESERVED = [
    "case",
    "end",
    "order",
    "group",
    "select",
    "from",
    "where",
    "table",
    "user",
    "desc",
    "limit",
    "map",
    "any",
    "time",
    "interval",
    "default",
]


@pytest.mark.parametrize("word", RESERVED)
def test_a_column_may_be_called_like_a_word_of_sql(word: str) -> None:
    for text in (
        f"{word} = 'x'",
        f"NOT {word} IN sectors AND lower({word}) LIKE 'a%'",
        f"account.{word} = 'x'",
    ):
        found = Condition.parse(text, {word: "text"}, None, {"account": {word: "text"}}, LISTS)
        assert [name.removeprefix("account.") for name in found.columns_used] == [word]
    with pytest.raises(UsageError):
        Condition.parse(f"{word} = 'x'", COLUMNS)


@pytest.mark.parametrize(
    "word", [*RESERVED, "and", "not", "null", "true", "in", "like", "call", "lower", "date"]
)
def test_in_quotes_a_column_may_be_called_anything(word: str) -> None:
    tables = {"account": {word: "text"}, "rule": {word: "boolean"}}
    for text in (f"\"{word}\" = 'x'", f'account."{word}" IN sectors', f'NOT rule."{word}"'):
        found = Condition.parse(text, {word: "text"}, None, tables, LISTS)  # type: ignore[arg-type]
        assert len(found.columns_used) == 1


@pytest.mark.parametrize("word", ["call", "and", "notnull"])
def test_of_a_reserved_word_the_message_says_to_quote_it(word: str) -> None:
    with pytest.raises(UsageError, match=f'where it is the column, write "{word}"'):
        Condition.parse(f"{word} = 'x'", {word: "text"})


def test_names_with_spaces_and_of_other_tables() -> None:
    tables: dict[str, dict[str, Kind]] = {
        "account": {"Staff Count": "number"},
        "rule": {"demo": "boolean"},
        "feature": {"events_7d": "number"},
        "lead": {"total": "number"},
    }
    text = (
        "account.\"Staff Count\" > 3 AND rule.demo AND NOT rule.demo AND stage <> 'Lead' "
        "AND feature.events_7d >= 1 AND lead.total > total AND (disqualified OR NOT disqualified)"
    )
    found = Condition.parse(
        text, {"stage": "category", "total": "number", "disqualified": "boolean"}, None, tables
    )
    assert found.columns_used == {
        *(
            "account.Staff Count",
            "rule.demo",
            "stage",
            "feature.events_7d",
            "lead.total",
            "total",
            "disqualified",
        )
    }
    with pytest.raises(UsageError, match=r'quote the column alone: account\."Staff Count"'):
        Condition.parse('"account.Staff Count" > 3', {}, None, tables)


def test_two_hundred_alternatives_are_no_problem() -> None:
    assert written(" OR ".join(f"age={i}" for i in range(180))).count(" OR ") == 179
    assert written("name IN (" + ", ".join(f"'{i}'" for i in range(200)) + ")").count("'") == 400


def test_no_row_of_data_makes_a_condition_fail() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE e (age BIGINT); INSERT INTO e VALUES (0), (9223372036854775807), (NULL)"
        )
        sql = written("age * 9000000000 + 1 > 7 / age OR -age < 3")
        assert connection.execute(f"SELECT {sql} FROM e").fetchall() == [(True,), (True,), (None,)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("age > '30'", "age is a number; write age > 30 without quotes"),
        ("'30' < age", "age is a number"),
        ("age IN (1, '2')", "without quotes"),
        ("name = 30", "name is text here, or empty in every row; a text is compared in quotes: name = '30'"),
        ("name IS known", "name IS NOT NULL where it is known, name IS NULL where not"),
        ("name IS NOT missing", "name IS NOT NULL where it is known, name IS NULL where not"),
        ("student = 'yes'", "write student or NOT student"),
        ("created > 3", "created is a date"),
        ("created > 'yesterday'", "DATE '2026-01-31'"),
        ("created > DATE '2026-02-30'", "this is not a date"),
        ("created > DATE '0026-01-01'", "too early"),
        ("evnt_type = 'x'", "did you mean: event_type?"),
        ("account.industri = 'x'", "did you mean: account.industry"),
        ("industry = 'x'", "account.industry"),
        ('event_type = "email"', "single quotes: 'email'"),
        ("age = NULL", "IS NULL"),
        ("age", "age is a number, not a condition"),
        ("NOT age", "not a condition"),
        ("age > 1 AND name", "name is text, not a condition"),
        ("name + 1 > 2", "need numbers"),
        ("lower(age) = 'x'", "need text"),
        ("age LIKE '3%'", "need text"),
        ("name LIKE comment", "LIKE takes a pattern in quotes"),
        ("age IN ()", "x IN ('a', 'b')"),
        ("coalesce(name, 3) = 'x'", "in quotes"),
        ("name = \u2018x\u2019", "no column"),
        ("name = 'x", "a quote is opened and not closed"),
        ("(age > 3", "opened and not closed"),
        ("age > 3)", "closed and was never opened"),
        ("age > 99999999999999999999", "too large"),
        ("age = 1.2.3", "so many parts"),
        ("age = . 2.5", "this is not a number"),
        ("age > 1 student", "near 'student'"),
        ("name IN (rivals)", "write x IN rivals"),
        ("name IN rivls", "did you mean: rivals?"),
        ("age IN rivals", "age is a number, and lists hold texts"),
        ("created IN rivals", "created is a date, and lists hold texts"),
        ("'2026-01-31' BETWEEN name AND created", "name is text, but 2026-01-31 00:00:00 is a date"),
        (
            "coalesce('2026-01-31', name, created) = created",
            "name is text, but 2026-01-31 00:00:00 is a date",
        ),
        ("read_csv('x') = 1", "'read_csv' is not a function that conditions know"),
        ("student (age > 1)", "AND or OR is missing"),
        ("age + 1 = 'x'", "age + 1 is a number; write age + 1 = 30 without quotes"),
        ("TRUE = 'x'", "TRUE is true or false, but 'x' is text"),
        ("age\u200b > 1", "control character, U+200B ZERO WIDTH SPACE"),
        ("", "empty"),
        ("   ", "empty"),
    ],
)
def test_a_mistake_is_told_in_plain_words(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    message = str(caught.value)
    assert told in message
    assert message.startswith("sheet.yaml:7 ('Rule'): ")


def test_a_name_that_differs_by_case_from_two_columns_is_ambiguous() -> None:
    with pytest.raises(UsageError, match="no column 'PAGE'"):
        Condition.parse("PAGE = 'x'", {"page": "text", "Page": "text"})
    assert Condition.parse("Page = 'x'", {"page": "text", "Page": "text"}).columns_used == {"Page"}


@pytest.mark.parametrize("thing", [None, True, 3, ["age > 1"], b"age > 1"])
def test_what_is_no_text_is_refused(thing: object) -> None:
    with pytest.raises(UsageError, match="empty"):
        Condition.parse(thing, COLUMNS)  # type: ignore[arg-type]


quotable = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cf")), max_size=30)


@settings(max_examples=150, deadline=None)
@given(value=quotable, column=quotable.filter(str.strip))
def test_any_text_and_any_column_name_arrive_unchanged(value: str, column: str) -> None:
    text = '"' + column.replace('"', '""') + "\" = '" + value.replace("'", "''") + "'"
    condition = Condition.parse(text, {column: "text"})
    with duckdb.connect() as connection:
        name = DUCKDB.quote(column)
        found = connection.execute(
            f"SELECT {condition.sql(DUCKDB)}, {condition.sql(DUCKDB, 't')} FROM (SELECT $1 AS {name}) AS t",
            [value],
        ).fetchall()
    assert found == [(True, True)]


WORDS = """age name student created account.industry 1 2.5 'x' 'it''s' NULL TRUE DATE '2026-01-31' ( ) , = <>
< > + - * / AND OR NOT IN BETWEEN LIKE IS lower( length( coalesce( SELECT FROM ; -- " ' [ ] { } :: ? $1 CASE
WHEN END * ."""
words = st.sampled_from(WORDS.split())


@settings(max_examples=400, deadline=None)
@given(st.lists(words, max_size=12).map(" ".join) | st.text(max_size=40))
def test_any_text_is_refused_or_runs(text: str) -> None:
    try:
        condition = parse(text)
    except UsageError:
        return
    held = condition.sql(DUCKDB, {"": "e", "account": "a"})
    row: dict[str, Any] = {
        "age": 3,
        "name": "x",
        "student": True,
        "created": datetime(2026, 1, 1),
        "date": datetime(2026, 1, 1),
    }
    picked = ", ".join(f"{DUCKDB.literal(row.get(name))} AS {DUCKDB.quote(name)}" for name in COLUMNS)
    with duckdb.connect() as connection:
        connection.execute(
            f"SELECT {held} FROM (SELECT {picked}) AS e, (SELECT 'IT' AS industry, 3 AS size) AS a"
        ).fetchall()
