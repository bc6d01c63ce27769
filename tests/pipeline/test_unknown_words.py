"""Words for “not known” are read as missing, wherever they come from, and told with column, word and count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import psycopg
import pytest

from leadlens.features import Finding, History
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.sources.csv_files import read_csv_files
from leadlens.pipeline.sources.opening import open_history as open_plainly
from leadlens.pipeline.sources.unknown_words import words_for
from tests.pipeline.little_project import LEADS, LittleProject, leadlens

EVERY_SEVENTH = len(range(0, LEADS, 7))


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    return LittleProject(tmp_path)


def with_words(values: list[object], word: str) -> list[object]:
    """The values as text, with the word in place of every seventh."""
    return [word if n % 7 == 0 else str(value) for n, value in enumerate(values)]


COUNTS: list[object] = [n * 3 % 50 for n in range(LEADS)]


def told(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.message for finding in findings if finding.code == "unknown-words"]


def test_every_word_of_the_list_is_unknown_in_a_csv_file(little: LittleProject) -> None:
    words = sorted(words_for("number"))
    numbers = [1.5 * n for n in range(LEADS)]
    shapes: dict[str, tuple[str, list[object], Callable[[str], str]]] = {
        "turnover": ("number", [*numbers], str.upper),
        "staff": ("number", [n * 3 % 50 for n in range(LEADS)], str),
        "since": ("time", [f"2024-01-{1 + n % 28:02}" for n in range(LEADS)], " {} ".format),
        "keen": ("boolean", ["true" if n % 3 else "false" for n in range(LEADS)], str.title),
    }
    for name, (_, values, spelling) in shapes.items():
        little.leads[name] = [
            spelling(words[n // 2]) if n % 2 and n // 2 < len(words) else str(value)
            for n, value in enumerate(values)
        ]
    with open_plainly(load_project(little.write())) as history:
        assert {name: history.lead_attributes[name] for name in shapes} == {
            name: kind for name, (kind, _, _) in shapes.items()
        }
        known = history.engine.frame(f"SELECT {', '.join(f'count({name})' for name in shapes)} FROM leads")
    assert known.iloc[0].tolist() == [LEADS - len(words)] * 4
    for name in shapes:
        [message] = [message for message in told(history.findings) if message.startswith(f"leads.{name}:")]
        assert f"{len(words)} values that stand for “not known” (" in message


def test_words_far_down_a_long_file_are_unknown(tmp_path: Path) -> None:
    """The first thousand rows rule most types out; words may come later."""
    rows = [f"{n},{n * 3},2024-01-{1 + n % 28:02},{'true' if n % 2 else 'false'}" for n in range(2500)]
    rows[2000] = "2000,N/A,unknown,-"
    path = tmp_path / "long.csv"
    path.write_text("id,staff,since,keen\n" + "\n".join(rows) + "\n")
    with duckdb.connect() as connection:
        words, _ = read_csv_files(
            connection, "long", [str(path)], "utf-8", "long", lambda names: ({"id"}, set())
        )
        types = {row[0]: row[1] for row in connection.execute("DESCRIBE long").fetchall()}
        [row] = connection.execute("SELECT staff, since, keen FROM long WHERE id = 2000").fetchall()
    assert types == {"id": "BIGINT", "staff": "BIGINT", "since": "TIMESTAMP", "keen": "BOOLEAN"}
    assert row == (None, None, None)
    assert words == {"staff": {"N/A": 1}, "since": {"unknown": 1}, "keen": {"-": 1}}


@pytest.mark.parametrize("open_it", [open_history, open_plainly])
def test_own_words_leave_a_column_of_csv_its_type(
    little: LittleProject, open_it: Callable[[ProjectFile], History]
) -> None:
    since: list[object] = [f"2024-01-{1 + n % 28:02}" for n in range(LEADS)]
    little.leads["since"] = with_words(since, "(ask)")
    little.leads["keen"] = with_words(["true", "false"] * (LEADS // 2), "(ask)")
    little.leads["staff"] = with_words(COUNTS, "Select")
    little.data["leads"]["missing"] = ["(ask)", "Select"]
    little.events["since"] = ["(ask)", *["2024-01-05"] * (len(little.events) - 1)]
    little.write()
    little.events.to_csv(little.folder / "data" / "events.csv", index=False)
    little.data["events"] = {"read": "data/events.csv", "missing": ["(ask)"]}
    with open_it(load_project(little.write())) as history:
        kinds = {name: history.lead_attributes[name] for name in ("since", "keen", "staff")}
        known = history.engine.frame("SELECT count(since), count(keen), count(staff) FROM leads")
        assert history.event_properties["since"] == "time"
    assert kinds == {"since": "time", "keen": "boolean", "staff": "number"}
    assert known.iloc[0].tolist() == [LEADS - EVERY_SEVENTH] * 3


@pytest.mark.parametrize("word", ["NULL", "#N/A", "k.A."])
def test_column_word_and_count_are_told(little: LittleProject, word: str) -> None:
    little.leads["staff"] = with_words(COUNTS, word)
    with open_history(load_project(little.write())) as history:
        assert history.lead_attributes["staff"] == "number"
    assert told(history.findings) == [
        f"leads.staff: {EVERY_SEVENTH} values that stand for “not known” ({word!r} {EVERY_SEVENTH}), read as missing"
    ]


@pytest.mark.parametrize("kind", ["parquet", "duckdb", "postgresql"])
def test_words_among_texts_of_a_table_are_unknown_too(
    little: LittleProject, kind: str, postgres_url: str
) -> None:
    """A column of text in a database or a Parquet file is a column of numbers, though an eighth of it says “unknown”."""
    frame = little.leads.assign(
        staff=with_words(COUNTS, "unknown"),
        closed_at=["N/A" if n % 2 else "2024-09-09 10:00:00" for n in range(LEADS)],
        city=with_words(list(little.leads["city"]), "NULL"),
    )
    if kind == "parquet":
        frame.to_parquet(little.folder / "own.parquet")
        little.data["leads"] = {"read": "own.parquet"}
    elif kind == "duckdb":
        with duckdb.connect(str(little.folder / "own.duckdb")) as connection:
            connection.execute("CREATE TABLE people AS FROM frame")
        little.data["leads"] = {"read": "own.duckdb", "table": "people"}
    else:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS wordy")
            connection.execute(
                "CREATE TABLE wordy (lead_id text, created_at timestamp, staff text, closed_at text, city text)"
            )
            rows = frame[["lead_id", "created_at", "staff", "closed_at", "city"]].itertuples(index=False)
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO wordy VALUES (%s, %s, %s, %s, %s)", list(rows))
        little.data["leads"] = {"read": postgres_url, "table": "wordy"}
    with open_history(load_project(little.write())) as history:
        assert history.lead_attributes["staff"] == "number"
        counts = history.engine.frame(
            "SELECT count(staff), count(closed_at), count(city), max(closed_at) FROM leads"
        )
    assert counts.iloc[0].tolist() == [
        LEADS - EVERY_SEVENTH,
        LEADS // 2,
        LEADS - EVERY_SEVENTH,
        pd.Timestamp("2024-09-09 10:00"),
    ]
    assert sorted(told(history.findings)) == [
        f"leads.{name}: {count} values that stand for “not known” ({word!r} {count}), read as missing"
        for name, word, count in (
            ("city", "NULL", EVERY_SEVENTH),
            ("closed_at", "N/A", 80),
            ("staff", "unknown", EVERY_SEVENTH),
        )
    ]


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("N/A", False),
        ("\\N", False),
        ("#REF!", False),
        ("nan", False),
        ("None", True),
        ("NA", True),
        ("Null", True),
        ("-", True),
    ],
)
def test_texts_lose_only_what_no_text_says(little: LittleProject, word: str, read: bool) -> None:
    """Null is a surname, NA is Namibia, None may be a plan."""
    little.leads["plan"] = with_words(["basic", "pro"] * (LEADS // 2), word)
    with open_history(load_project(little.write())) as history:
        values = set(history.engine.frame("SELECT DISTINCT plan AS p FROM leads WHERE plan IS NOT NULL")["p"])
    assert values == {"basic", "pro", *([word] if read else [])}
    assert len(told(history.findings)) == (not read)


@pytest.mark.parametrize("word", ["NULL", "N/A", "-", "(null)"])
def test_leads_of_no_account_are_no_colleagues(little: LittleProject, word: str) -> None:
    little.leads["account_id"] = with_words(list(little.leads["account_id"]), word)
    little.events["event_id"] = [word if n % 2 else f"e{n}" for n in range(len(little.events))]
    with open_history(load_project(little.write())) as history:
        accounts = set(history.engine.frame("SELECT DISTINCT account_id AS a FROM leads")["a"].dropna())
        assert history.engine.count("events") == len(
            little.events
        )  # no event gives way to another of the same id
    assert accounts == {f"A{number}" for number in range(20)}
    half = len(little.events) // 2
    assert told(history.findings) == [
        f"leads.account_id: {EVERY_SEVENTH} values that stand for “not known” ({word!r} {EVERY_SEVENTH}), read as missing",
        f"events.event_id: {half} values that stand for “not known” ({word!r} {half}), read as missing",
    ]


def test_whole_numbers_with_gaps_are_ids_beside_words(little: LittleProject) -> None:
    little.leads["account_id"] = ["NULL" if n % 5 == 0 else f"{n}.0" for n in range(LEADS)]
    with open_history(load_project(little.write())) as history:
        assert history.engine.count("leads WHERE account_id = '7'") == 1
        assert history.engine.count("leads WHERE account_id IS NULL") == LEADS // 5


def test_codes_are_what_they_are(little: LittleProject) -> None:
    little.events.loc[::3, "event_type"] = "N/A"
    with open_history(load_project(little.write())) as history:
        assert history.engine.count("events WHERE event_type = 'N/A'") == len(little.events.loc[::3])
    assert not told(history.findings)


def test_a_number_of_events_stays_one_when_a_day_brings_words(little: LittleProject) -> None:
    """A file of nothing but NULL, too; what was read before is not read again."""
    little.data["events"] = {"read": "data/days/*.csv"}
    path = little.write()
    days = path.parent / "data" / "days"
    days.mkdir()
    thirds = [
        little.events.iloc[start::3].assign(value=range(len(little.events.iloc[start::3])))
        for start in range(3)
    ]
    thirds[0].to_csv(days / "0.csv", index=False)
    with open_history(load_project(path)) as history:
        assert history.event_properties["value"] == "number"
    thirds[1].assign(value="NULL").to_csv(days / "1.csv", index=False)
    third = thirds[2].assign(value=with_words(list(thirds[2]["value"]), "unknown"))
    third.to_csv(days / "2.csv", index=False)
    with open_history(load_project(path)) as history:
        assert history.event_properties["value"] == "number"
        known = len(thirds[0]) + sum(value != "unknown" for value in third["value"])
        assert history.engine.count("events WHERE value IS NOT NULL") == known
        prepared = told(history.findings)
        assert prepared == [
            f"events.value: {len(little.events) - known} values that stand for “not known” "
            f"('NULL' {len(thirds[1])}, 'unknown' {len(third) - (known - len(thirds[0]))}), read as missing"
        ]
    with open_plainly(load_project(path)) as history:
        assert told(history.findings) == prepared


def test_an_outcome_that_is_not_known_is_none(little: LittleProject) -> None:
    little.leads["won"] = ["1" if n % 4 == 0 else "N/A" if n % 4 == 1 else "0" for n in range(LEADS)]
    del little.data["conversions"]
    little.settings["outcome"] = {"column": "won", "positive": ["1"]}
    del little.settings["spine"]
    with open_history(load_project(little.write())) as history:
        assert history.engine.count("conversions") == LEADS // 4
        assert history.engine.count("unlabelled") == LEADS // 4


def test_people_are_told(little: LittleProject) -> None:
    little.leads["income"] = with_words(list(little.leads["income"]), "N/A")
    assert (
        f"leads.income: {EVERY_SEVENTH} values that stand for “not known” ('N/A' {EVERY_SEVENTH})"
        in leadlens("check", little.write()).out
    )


@pytest.mark.parametrize("order", [("lead_id", "contact"), ("contact", "lead_id")])
def test_words_are_read_by_each_use_of_a_column(little: LittleProject, order: tuple[str, str]) -> None:
    """`nan` may be an id and is no text: that none is found among ids says nothing of a text made of the same column."""
    little.leads.loc[3, "lead_id"] = little.events.loc[3, "lead_id"] = "nan"
    little.events = little.events.rename(columns={"lead_id": "who"})
    little.data["events"]["columns"] = dict.fromkeys(order, "who")
    with open_history(load_project(little.write())) as history:
        frame = history.engine.frame("SELECT lead_id, contact FROM events")
    assert (frame["lead_id"] == "nan").sum() == 1
    assert frame["contact"].isna().sum() == 1
    assert frame["contact"].nunique() == LEADS - 1


def test_a_long_file_of_texts_alone_is_read(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("name,city\n" + "".join(f"name {n},city {n % 9}\n" for n in range(1500)))
    with duckdb.connect() as connection:
        read_csv_files(connection, "texts", [str(path)], "utf-8", "texts")
        assert connection.execute("SELECT count(*), count(DISTINCT city) FROM texts").fetchone() == (1500, 9)
