"""Numbers and dates of CSV files as they are written in Europe: read where it is clear, asked about where it is not."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from leadlens.features import DataError, Finding, History
from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import differences, open_prepared
from leadlens.pipeline.sources import open_history
from leadlens.pipeline.sources.csv_types import fitting_types, typed_csv
from leadlens.pipeline.sources.styles import COMMA, DAY_FIRST, DOTTED, MONTH_FIRST, UNCLEAR, styles_of
from tests.pipeline.little_project import LEADS, LittleProject


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    found = LittleProject(tmp_path)
    found.write()
    return found


@pytest.mark.parametrize(
    ("values", "kind", "first"),
    [
        (["1,5", "2", "1.234,75"], COMMA, 1.5),
        (["1,234", "0,5"], COMMA, 1.234),
        (["1.234", "1,5", "n/a"], COMMA, 1234.0),
        (["-3,25", "+1"], COMMA, -3.25),
        (["1234,567"], COMMA, 1234.567),
        (["1,234", "5,678"], None, None),  # thousands, or three decimals?
        (["1.200.000", "1.500"], COMMA, 1200000.0),  # a second group is none of decimals
        (["1.500", "250"], UNCLEAR, 1.5),
        (["1.500", "2.50"], "DOUBLE", 1.5),
        (["1.234.567,5", "1.500"], COMMA, 1234567.5),
        (["1.5", "1,5"], None, None),
        (["007", "1,5"], None, None),  # codes
        (["1,2", "1,2,3"], None, None),  # a list
        (["12345678901234567", "1,5"], None, None),  # an id
        (["31.01.2024", "1.2.2024 9:05"], DOTTED, pd.Timestamp("2024-01-31")),
        (["13/02/2024", "1/1/2024"], DAY_FIRST, pd.Timestamp("2024-02-13")),
        (["02-13-2024", "1-1-2024 2:05 PM"], MONTH_FIRST, pd.Timestamp("2024-02-13")),
        (["1/1/2024, 2:05:09pm", "2/13/2024"], MONTH_FIRST, pd.Timestamp("2024-01-01 14:05:09")),
        (["01/02/2024", "03/04/2024"], None, None),
        (["31.02.2024"], None, None),
        (["13/13/2024", "1/1/2024"], None, None),
        (["1.5", "2.5"], "DOUBLE", 1.5),
        (["2024-01-31"], "TIMESTAMP", pd.Timestamp("2024-01-31")),
    ],
)
def test_a_column_is_read_in_the_style_of_all_its_values(
    values: list[str], kind: str | None, first: object
) -> None:
    with connect_in_memory() as connection:
        connection.execute("CREATE TABLE x AS SELECT unnest(?::VARCHAR[]) AS c", [values])
        found = fitting_types(connection, ["c"], "x", styles=styles_of(None)).narrowest("c")
        assert found == kind
        if found:
            read = connection.execute(f"SELECT {typed_csv('c', found)} FROM x").fetchall()
            assert read[0][0] == first
            assert all(
                value is not None or text == "n/a" for text, (value,) in zip(values, read, strict=True)
            )


@pytest.mark.parametrize(("dates", "month"), [("day first", 2), ("month first", 1)])
def test_the_project_file_says_which_is_the_day(little: LittleProject, dates: str, month: int) -> None:
    little.leads["created_at"] = "01/02/2024"
    path = little.write()
    with pytest.raises(DataError, match="160 of 160 values") as refused:
        open_history(load_project(path))
    assert "`dates: day first` or `month first`" in str(refused.value.fix)
    little.data["leads"]["dates"] = dates
    with open_history(load_project(little.write())) as history:
        assert history.engine.value("SELECT month(min(created_at)) FROM leads") == month


def european(little: LittleProject) -> None:
    """All files as a German spreadsheet saves them."""
    for name in ("leads", "events"):
        frame = getattr(little, name).copy()
        for column in frame.select_dtypes("datetime").columns:
            frame[column] = frame[column].dt.strftime("%d.%m.%Y %H:%M:%S")
        little.files[f"data/{name}.csv"] = frame.to_csv(index=False, sep=";", decimal=",").encode()


def test_a_german_export_gives_the_same_history(little: LittleProject) -> None:
    little.leads["income"] += 0.25
    with open_history(load_project(little.write())) as history:
        want = tables(history)
    european(little)
    little.data["events"]["read"] = "data/events.csv"
    file = load_project(little.write())
    prepared = open_prepared(file)
    for opened in (open_history(file), prepared.history()):
        with opened as history:
            for name, frame in tables(history).items():
                pd.testing.assert_frame_equal(frame, want[name], obj=name)
            told = {(each.code, each.message.partition(":")[0]) for each in history.findings}
            assert {
                ("decimal-comma", "leads.income"),
                ("decimal-comma", "events.seconds"),
                ("day-first", "leads.created_at"),
                ("day-first", "events.occurred_at"),
            } <= told
    assert differences(file, prepared) == ()


def tables(history: History) -> dict[str, pd.DataFrame]:
    frames = {}
    for name in ("leads", "events"):
        names = ", ".join(sorted(set(history.engine.columns(name)) - {"event_id"}))
        frames[name] = history.engine.frame(f"SELECT {names} FROM {name} ORDER BY ALL")
    return frames


def test_each_source_has_a_style_of_its_own(little: LittleProject) -> None:
    """One German and one American export beside one with ISO dates are one table."""
    parts = [little.events[n::3].copy() for n in range(3)]
    want = sorted(zip(little.events["occurred_at"], little.events["seconds"].fillna(-1), strict=True))
    parts[0]["occurred_at"] = parts[0]["occurred_at"].dt.strftime("%d.%m.%Y %H:%M:%S")
    parts[1]["occurred_at"] = parts[1]["occurred_at"].dt.strftime("%m/%d/%Y %I:%M:%S %p")
    parts[0].to_csv(little.folder / "data" / "a.csv", index=False, sep=";", decimal=",")
    parts[1].to_csv(little.folder / "data" / "b.csv", index=False)
    parts[2].to_csv(little.folder / "data" / "c.csv", index=False)
    little.data["events"] = [{"read": f"data/{name}.csv"} for name in "abc"]  # type: ignore[assignment]
    file = load_project(little.write())
    for opened in (open_history(file), open_prepared(file).history()):
        with opened as history:
            rows = history.engine.frame("SELECT occurred_at, coalesce(seconds, -1) AS s FROM events")
            assert sorted(rows.itertuples(index=False, name=None)) == want


def test_a_query_sees_texts_as_they_are_written(little: LittleProject) -> None:
    little.leads["income"] = [f"{number},5" for number in range(LEADS)]
    little.data["leads"]["query"] = (
        "SELECT * REPLACE (CAST(replace(income, ',', '.') AS DOUBLE) AS income) FROM source"
    )
    with open_history(load_project(little.write())) as history:
        assert history.lead_attributes["income"] == "number"


def test_dates_that_could_be_either_are_named(little: LittleProject) -> None:
    little.leads["signed"] = [f"{1 + n % 12:02}/{1 + n % 7:02}/2024" for n in range(LEADS)]
    with open_history(load_project(little.write())) as history:
        told = [each for each in history.findings if each.code == "dates-as-text"]
    assert [each.count for each in told] == [LEADS]
    assert isinstance(told[0], Finding)
    assert "leads.signed holds dates" in told[0].message


@pytest.mark.parametrize("odd", ["", "on request"])
def test_dates_of_text_columns_are_named_with_a_way_to_read_them(little: LittleProject, odd: str) -> None:
    """Of Parquet and databases the type of a column is what they say it is, and of CSV one text makes text of all."""
    times = little.events["occurred_at"].dt.strftime("%Y-%m-%d %H:%M:%S") + "+02:00"
    little.events["due"] = [odd or times[0], *times[1:]]
    file = load_project(little.write())
    for opened in (open_history(file), open_prepared(file).history()):
        with opened as history:
            assert history.event_properties["due"] != "time"
            (told,) = (each for each in history.findings if each.code == "dates-as-text")
            assert told.count == len(times) - bool(odd)
            assert ("1 value of other text ('on request')" in told.message) == bool(odd)
    (query,) = re.findall("`query`: (.+)$", told.message)
    little.data["events"]["query"] = query
    with open_history(load_project(little.write())) as history:
        assert history.event_properties["due"] == "time"
        assert not any(each.code == "dates-as-text" for each in history.findings)
        assert (
            history.engine.value("SELECT count(*) FROM events WHERE due = occurred_at - INTERVAL 2 HOUR")
            == told.count
        )


def read_both_ways(little: LittleProject, table: str, column: str) -> tuple[list[object], set[str]]:
    """The values of a column in order, and the codes of what is said of it; read into memory and prepared alike."""
    file = load_project(little.write())
    results = []
    prepared = open_prepared(file)
    for opened in (open_history(file), prepared.history()):
        with opened as history:
            values = history.engine.frame(f"SELECT {column} AS v FROM {table} ORDER BY lead_id, v")["v"]
            messages = {
                each.code: each.message for each in history.findings if f"{table}.{column}" in each.message
            }
            results.append((list(values), messages))
    assert results[0] == results[1]
    assert differences(file, prepared) == ()
    return results[0][0], set(results[0][1])


def save(little: LittleProject, table: str, delimiter: str = ";", **columns: object) -> None:
    """A table with further columns, given as text, and dotted dates; no number of its own shows a mark of decimals."""
    frame = without_decimals(little, table).assign(**columns)
    for column in frame.select_dtypes("datetime").columns:
        frame[column] = frame[column].dt.strftime("%d.%m.%Y %H:%M:%S")
    little.files[f"data/{table}.csv"] = frame.to_csv(index=False, sep=delimiter).encode()
    little.data[table]["read"] = f"data/{table}.csv"


def without_decimals(little: LittleProject, table: str) -> pd.DataFrame:
    return getattr(little, table).drop(columns={"leads": "income", "events": "seconds"}[table])


BUDGETS = [f"{1 + n % 9}.500" for n in range(LEADS)]


@pytest.mark.parametrize("table", ["leads", "events"])
@pytest.mark.parametrize(
    ("delimiter", "other", "first", "code"),
    [
        (";", "7", 1500.0, "decimal-comma"),  # the dates and the semicolons say it
        (",", "7", 1.5, "unclear-decimals"),
        (",", "0,5", 1500.0, "decimal-comma"),  # another column says it
        (";", "0.25", 1.5, None),
        (";", "1.200.000", 1500.0, "decimal-comma"),
    ],
)
def test_what_a_point_means_is_shown_by_the_rest_of_the_file(
    little: LittleProject, table: str, delimiter: str, other: str, first: float, code: str | None
) -> None:
    rows = len(getattr(little, table))
    budgets = (BUDGETS * rows)[:rows]
    save(little, table, delimiter, budget=budgets, other=other)
    values, codes = read_both_ways(little, table, "budget")
    assert min(values) == first  # type: ignore[type-var]
    assert codes == ({code} if code else set())


@pytest.mark.parametrize("table", ["leads", "events"])
@pytest.mark.parametrize(("unit", "first"), [("", 1.0), (".500", 1.5)])
def test_a_column_of_signed_numbers_is_read(
    little: LittleProject, table: str, unit: str, first: float
) -> None:
    """+12 has no mark of which it could be unclear what it means; +1.500 has."""
    rows = len(getattr(little, table))
    save(little, table, ",", budget=[f"+{1 + n % 9}{unit}" for n in range(rows)], other="7")
    values, codes = read_both_ways(little, table, "budget")
    assert min(values) == first  # type: ignore[type-var]
    assert codes == ({"unclear-decimals"} if unit else set())


@pytest.mark.parametrize(("decimals", "first"), [("comma", 1500.0), ("point", 1.5)])
@pytest.mark.parametrize("query", [None, "SELECT * FROM source"])
def test_the_project_file_says_what_a_point_means(
    little: LittleProject, decimals: str, first: float, query: str | None
) -> None:
    little.leads = without_decimals(little, "leads").assign(budget=BUDGETS)
    if query:
        little.data["leads"]["query"] = query
    values, codes = read_both_ways(little, "leads", "budget")
    assert (min(values), codes) == (1.5, {"unclear-decimals"})  # type: ignore[type-var]
    little.data["leads"]["decimals"] = decimals
    values, codes = read_both_ways(little, "leads", "budget")
    assert min(values) == first  # type: ignore[type-var]
    assert "unclear-decimals" not in codes


def test_a_query_does_not_see_thousands_as_decimals(little: LittleProject) -> None:
    save(little, "leads", budget=BUDGETS, other="0,5")
    little.data["leads"]["query"] = (
        "SELECT * REPLACE (strptime(created_at, '%d.%m.%Y %H:%M:%S') AS created_at, "
        "CAST(replace(budget, '.', '') AS DOUBLE) AS budget) FROM source"
    )
    values, _ = read_both_ways(little, "leads", "budget")
    assert min(values) == 1500.0  # type: ignore[type-var]


def test_an_unclear_column_of_a_query_is_named_for_events_too(little: LittleProject) -> None:
    budgets = (BUDGETS * len(little.events))[: len(little.events)]
    frame = without_decimals(little, "events").assign(budget=budgets)
    little.files["data/events.csv"] = frame.to_csv(index=False).encode()
    little.data["events"] |= {"read": "data/events.csv", "query": "SELECT * FROM source"}
    _, codes = read_both_ways(little, "events", "budget")
    assert codes == {"unclear-decimals"}


def test_later_files_are_read_as_the_first(little: LittleProject) -> None:
    """What one file shows holds for those of its source that show nothing, whichever comes first."""
    budgets = (BUDGETS * len(little.events))[: len(little.events)]
    frame = without_decimals(little, "events").assign(budget=budgets)
    halves = frame[: len(frame) // 2], frame[len(frame) // 2 :]
    data = little.folder / "data"
    little.data["events"]["read"] = "data/part*.csv"
    little.files.pop("data/events.csv", None)
    halves[0].to_csv(data / "part1.csv", index=False)
    _, codes = read_both_ways(little, "events", "budget")
    assert codes == {"unclear-decimals"}
    halves[1].assign(share="0,5").to_csv(data / "part2.csv", index=False)
    values, codes = read_both_ways(little, "events", "budget")
    assert (min(values), codes) == (1500.0, {"decimal-comma"})  # type: ignore[type-var]
    halves[0].assign(event_id=[f"n{n}" for n in range(len(halves[0]))]).to_csv(
        data / "part3.csv", index=False
    )
    values, codes = read_both_ways(little, "events", "budget")
    assert (min(values), codes) == (1500.0, {"decimal-comma"})  # type: ignore[type-var]


def test_a_growing_file_is_not_cut_by_a_number_that_may_be_either(little: LittleProject) -> None:
    numbers = [f"{1 + n // 1000}.{n % 1000:03}" for n in range(len(little.events))]
    frame = without_decimals(little, "events").assign(nr=numbers)
    little.files["data/events.csv"] = frame.to_csv(index=False).encode()
    little.data["events"] |= {"read": "data/events.csv", "cursor": "nr"}
    with pytest.raises(DataError, match="cursor can be read in two ways") as refused:
        open_prepared(load_project(little.write()))
    assert refused.value.fix == "beside `read`: decimals: point, or comma"


def test_cells_of_a_workbook_are_numbers_already(little: LittleProject) -> None:
    """Semicolons and dotted dates say nothing where no character stands between the values."""
    from tests.pipeline.workbooks import write_xlsx

    rows = [["lead_id", "created_at", "weight"]]
    rows += [[f"L{n:03}", f"{1 + n % 28}.03.2024 08:00:00", 1.125 + n] for n in range(LEADS)]
    write_xlsx(little.folder / "data" / "leads.xlsx", {"leads": rows})
    little.data["leads"]["read"] = "data/leads.xlsx"
    values, codes = read_both_ways(little, "leads", "weight")
    assert (min(values), codes) == (1.125, {"unclear-decimals"})  # type: ignore[type-var]


def test_whole_numbers_of_one_source_are_numbers_beside_commas_of_another(little: LittleProject) -> None:
    parts = [little.events[n::2].drop(columns="seconds") for n in range(2)]
    parts[0].assign(seconds="7").to_csv(little.folder / "data" / "a.csv", index=False)
    parts[1].assign(seconds="1,5").to_csv(little.folder / "data" / "b.csv", index=False)
    little.data["events"] = [{"read": f"data/{name}.csv"} for name in "ab"]  # type: ignore[assignment]
    values, codes = read_both_ways(little, "events", "seconds")
    assert (set(values), codes) == ({7.0, 1.5}, {"decimal-comma"})
