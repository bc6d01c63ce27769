"""Files of one table whose types, names or folders differ, as months of an export do: nothing is lost, nothing is made up."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leadlens.features import DataError, DuckDBEngine, History, LeadlensError
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import open_prepared
from leadlens.pipeline.sources import open_history
from leadlens.pipeline.sources.forgotten import Forgotten, add_forgotten
from leadlens.pipeline.sources.ids import id_text
from leadlens.pipeline.sources.plain_types import cast
from tests.pipeline.little_project import LEADS, LittleProject

QUERY = {"query": "SELECT * FROM source"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    project = LittleProject(tmp_path)
    project.write()
    return project


def halves(project: LittleProject, table: str = "events") -> tuple[pd.DataFrame, pd.DataFrame]:
    rows: pd.DataFrame = getattr(project, table)
    return rows[: len(rows) // 2].copy(), rows[len(rows) // 2 :].copy()


def write(project: LittleProject, first: Any, second: Any, table: str = "events", **settings: Any) -> None:
    for name, rows in (("a", first), ("b", second)):
        found = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
        pq.write_table(found, project.folder / "data" / f"part-{name}.parquet")
    project.data[table] = {"read": "data/part-*.parquet"} | settings


def opened(project: LittleProject) -> tuple[History, History]:
    """Read into memory and prepared."""
    file = load_project(project.write())
    return open_history(file), open_prepared(file).history()


def numbered(project: LittleProject) -> None:
    """Ids as whole numbers, as text."""
    for table in (project.leads, project.events, project.conversions):
        table["lead_id"] = table["lead_id"].str[1:].astype(int).astype(str)


@pytest.mark.parametrize("settings", [{}, QUERY], ids=["", "query"])
@pytest.mark.parametrize("kind", ["float64", "float32", "decimal"])
def test_ids_with_a_gap_are_those_of_the_other_files(
    project: LittleProject, kind: str, settings: dict[str, str]
) -> None:
    """A gap makes 12.0 of 12 in pandas; beside texts it stays 12."""
    numbered(project)
    first, second = halves(project)
    numbers = first["lead_id"].astype(float)
    numbers.iloc[0] = np.nan
    values = (
        pa.array(numbers.to_numpy(), from_pandas=True).cast(pa.decimal128(12, 2))
        if kind == "decimal"
        else pa.array(numbers.astype(kind).to_numpy(), from_pandas=True)
    )
    table = pa.Table.from_pandas(first, preserve_index=False)
    write(
        project,
        table.set_column(table.schema.get_field_index("lead_id"), "lead_id", values),
        second,
        **settings,
    )
    for history in opened(project):
        with history:
            assert history.engine.count("events") == len(project.events) - 1
            assert "event-unknown-lead" not in {finding.code for finding in history.findings}


def test_ids_of_text_that_were_numbers_once(project: LittleProject) -> None:
    numbered(project)
    project.events["lead_id"] += ".0"
    project.events.loc[0, "lead_id"] = "X7"  # so that the column is text in CSV, too
    project.events.to_csv(project.folder / "data" / "all.csv", index=False)
    for read in ("data/all.csv", "data/events.parquet"):
        project.data["events"] = {"read": read}
        for history in opened(project):
            with history:
                assert history.engine.count("events") == len(project.events) - 1


@pytest.mark.parametrize(
    ("text", "id"),
    [("12", "12"), ("12.0", "12"), (" 12.0 ", "12"), ("12.00", "12.00"), ("v2.0", "v2.0"), ("1.2.0", "1.2.0"), (" ", None), ("", None), ("-3.0", "-3.0"), ("9007199254740992.0", "9007199254740992.0")],
)  # fmt: skip
def test_an_id_of_text(text: str, id: str | None) -> None:
    with DuckDBEngine() as engine:
        found = engine.connection.execute(f"SELECT {id_text('x', 'VARCHAR')} FROM (SELECT ? AS x)", [text])
        assert found.fetchall() == [(id,)]


@pytest.mark.parametrize(
    ("value", "before", "text"),
    [
        ("12.0", "DOUBLE", "12"), ("1.5", "DOUBLE", "1.5"), ("1e300", "DOUBLE", "1e+300"), ("'nan'", "DOUBLE", "nan"),
        ("'-inf'", "DOUBLE", "-inf"), ("12.5", "FLOAT", "12.5"), ("1.50", "DECIMAL(9,2)", "1.5"), ("10.00", "DECIMAL(9,2)", "10"),
        ("100", "DECIMAL(9,0)", "100"), ("100", "BIGINT", "100"), ("16777215", "FLOAT", "16777215"),
        ("16777217", "FLOAT", "1.677722e+07"), ("9007199254740993", "DOUBLE", "9007199254740992.0"), ("NULL", "DOUBLE", None),
    ],
)  # fmt: skip
def test_numbers_as_text_are_the_same_whatever_they_were_stored_as(
    value: str, before: str, text: str | None
) -> None:
    with DuckDBEngine() as engine:
        assert (
            engine.value(
                f"SELECT {cast('x', before, 'VARCHAR')} FROM (SELECT CAST({value} AS {before}) AS x)"
            )
            == text
        )


def test_types_of_events_are_one_whatever_their_numbers_were_stored_as(project: LittleProject) -> None:
    first, second = halves(project)
    first["event_type"], second["event_type"] = 7.0, "7"
    write(project, first, second)
    for history in opened(project):
        with history:
            assert history.engine.frame("SELECT DISTINCT event_type AS t FROM events")["t"].tolist() == ["7"]


@pytest.mark.parametrize("settings", [{}, QUERY], ids=["", "query"])
@pytest.mark.parametrize("table", ["events", "leads"])
def test_nanoseconds_beside_dates_that_stand_for_never(
    project: LittleProject, table: str, settings: dict[str, str]
) -> None:
    """They end in 2262."""
    first, second = halves(project, table)
    first["until"] = pd.Series(datetime(2024, 5, 1), index=first.index).astype("datetime64[ns]")
    second["until"] = pd.Series(datetime(2999, 12, 31), index=second.index).astype("datetime64[us]")
    write(project, first, second, table, **settings)
    for history in opened(project):
        with history:
            found = history.engine.connection.execute(
                f"SELECT min(until), max(until) FROM {table}"
            ).fetchall()
            assert found == [(datetime(2024, 5, 1), datetime(2999, 12, 31))]


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("table", ["events", "leads"])
def test_names_that_differ_by_case_between_files_are_refused(
    project: LittleProject, table: str, mapped: bool
) -> None:
    first, second = halves(project, table)
    name = "page" if table == "events" else "city"
    second = second.rename(columns={name: name.title()})
    write(project, first, second, table, **({"columns": {name: name.title()}} if mapped else {}))
    file = load_project(project.write())
    for how in (open_history, open_prepared):
        with pytest.raises(DataError, match="two names differ only by case") as refused:
            how(file)
        assert "give it the same name in all files" in str(refused.value)


def test_missing_dates_of_typed_columns(project: LittleProject) -> None:
    never = datetime(1900, 1, 1)
    project.leads["last"] = [never if number % 2 else datetime(2024, 1, 1) for number in range(LEADS)]
    project.leads["closed_at"] = never
    project.leads.to_parquet(project.folder / "data" / "typed.parquet")
    project.events["due"] = never
    project.data["leads"] = {"read": "data/typed.parquet", "missing": ["1900-01-01", "n/a"]}
    project.data["events"]["missing"] = ["-1", "1900-01-01"]
    project.events["occurred_at"] = project.events["occurred_at"].dt.tz_localize("UTC").dt.as_unit("ns")
    for history in opened(project):
        with history:
            counts = "SELECT count(last), count(closed_at), (SELECT count(due) FROM events) FROM leads"
            assert history.engine.connection.execute(counts).fetchall() == [(LEADS // 2, 0, 0)]


def test_ids_that_single_precision_rounds_are_refused(project: LittleProject) -> None:
    ids = pa.array(np.arange(100_000_000, 100_000_000 + len(project.events)).astype("float32"))
    table = pa.Table.from_pandas(project.events, preserve_index=False)
    table = table.set_column(table.schema.get_field_index("lead_id"), "lead_id", ids)
    pq.write_table(table, project.folder / "data" / "single.parquet")
    project.data["events"] = {"read": "data/single.parquet"}
    file = load_project(project.write())
    for how in (open_history, open_prepared):
        with pytest.raises(LeadlensError, match="of 8 digits and more"):
            how(file)


def test_a_state_folder_is_no_column(
    project: LittleProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "lead_id=7"))
    with open_prepared(load_project(project.write())).history() as history:
        assert history.engine.value("SELECT count(DISTINCT lead_id) FROM events") == LEADS


def changed(project: LittleProject, attribute: str, *values: str) -> list[Any]:
    """To what these changes of an attribute change it, in the features of leads; read into memory and prepared."""
    rows = {
        "entity": "lead",
        "id": [f"L{n:03}" for n in range(len(values))],
        "attribute": attribute,
        "value": values,
    }
    project.changes = pd.DataFrame(rows).assign(known_at=datetime(2024, 3, 1))
    project.use("changes")
    found = []
    for history in opened(project):
        with history:
            sql = f"SELECT TRY_CAST(value AS {'TIMESTAMP' if attribute == 'born' else 'DOUBLE'}) AS v FROM changes ORDER BY id"
            found.append([row[0] for row in history.engine.connection.execute(sql).fetchall()])
    assert found[0] == found[1]
    return found[0]


def test_changes_are_written_as_their_attribute_is(project: LittleProject) -> None:
    """In files of one CRM both have decimal commas; 2.500 is 2500 in both."""
    project.leads["income"] = [f"{1 + number}.500,50" for number in range(LEADS)]
    project.leads["born"] = [f"{1 + number % 28:02}.02.1990" for number in range(LEADS)]
    assert changed(project, "income", "2.500", "12.000", "n/a", "on request") == [2500, 12000, None, None]
    assert changed(project, "born", "01.02.1991", "28.02.1992") == [
        datetime(1991, 2, 1),
        datetime(1992, 2, 28),
    ]


def test_changes_that_show_their_own_mark_of_decimals(project: LittleProject) -> None:
    assert changed(project, "income", "2.500", "12.000,5") == [2500, 12000.5]
    project.leads["income"] = [f"{1 + number}.500,50" for number in range(LEADS)]
    assert changed(project, "income", "2500.5", "12000") == [2500.5, 12000]  # by an interface, say
    assert changed(project, "income", "2.500", "12,5.0") == [2500, None]  # what is neither says nothing


def test_changes_that_may_have_thousands_are_misfits(project: LittleProject) -> None:
    """Of 1,500 nobody can tell; it is said, as ever."""
    assert changed(project, "income", "1,500", "2,500", "7") == [None, None, 7]


def test_changes_of_moments_have_zones_and_plausible_years(project: LittleProject) -> None:
    project.leads["born"] = project.leads["created_at"]
    found = changed(
        project,
        "born",
        "2024-05-01T10:00:00+02:00",
        "2024-05-01 10:00:00",
        "9999-12-31",
        "infinity",
        "2024-05-01 10:00:00Z",
    )
    eight, ten = datetime(2024, 5, 1, 8), datetime(2024, 5, 1, 10)
    assert found == [eight, ten, None, None, ten]


def test_names_are_text_digit_for_digit(project: LittleProject) -> None:
    """Only ids that rows are brought together by are whole numbers, however they are written."""
    project.events["event_type"] = ["1.0", "1", "1.10"] * (len(project.events) // 3) + ["1"] * (
        len(project.events) % 3
    )
    project.leads["plan"] = "1.0"
    project.leads.to_parquet(project.folder / "data" / "texts.parquet")
    project.data["leads"] = {"read": "data/texts.parquet"}
    project.changes = project.changes.assign(attribute="plan", value="1.0")
    project.use("changes")
    for history in opened(project):
        with history:
            types = history.engine.frame("SELECT DISTINCT event_type AS t FROM events ORDER BY t")["t"]
            assert types.tolist() == ["1", "1.0", "1.10"]
            assert history.engine.value("SELECT value FROM changes") == "1.0"


def test_outcomes_of_numbers_as_they_are_written(project: LittleProject) -> None:
    project.leads["rating"] = [3.5 + 0.5 * (number % 4) for number in range(LEADS)]
    project.settings["outcome"] = {"horizon": "10d", "column": "rating", "positive": ["4.5", "5.0"]}
    del project.data["conversions"], project.settings["spine"]
    for history in opened(project):
        with history:
            assert history.engine.count("conversions") == LEADS // 2


@pytest.mark.parametrize(
    ("what", "made"),
    [
        ("days such as 20260131", lambda at: at.dt.strftime("%Y%m%d").astype(int)),
        ("seconds", lambda at: at.astype("datetime64[s]").astype("int64")),
        ("milliseconds", lambda at: at.astype("datetime64[ms]").astype("int64")),
        ("microseconds", lambda at: at.astype("datetime64[us]").astype("int64")),
        ("nanoseconds", lambda at: at.astype("datetime64[ns]").astype("int64")),
        ("days of a spreadsheet", lambda at: (at - datetime(1899, 12, 30)) / pd.Timedelta("1D")),
    ],
)
def test_numbers_for_timestamps_come_with_the_query_that_reads_them(
    project: LittleProject, what: str, made: Callable[[pd.Series], pd.Series]
) -> None:
    wanted = project.leads["created_at"].copy()
    project.leads["created_at"] = made(wanted)
    file = load_project(project.write())
    with pytest.raises(LeadlensError, match=what) as refused:
        open_prepared(file)
    (query,) = re.findall("`query`: (SELECT .+)", str(refused.value))
    project.data["leads"]["query"] = query
    wanted = wanted.dt.normalize() if what.startswith("days such") else wanted
    for history in opened(project):
        with history:
            found = history.engine.frame("SELECT created_at FROM leads ORDER BY lead_id")["created_at"]
            assert ((found - wanted).abs() < pd.Timedelta("1ms")).all()


def test_who_was_forgotten_under_an_id_as_it_was_read_before_stays_so(project: LittleProject) -> None:
    """12.0 was an id of its own where it was text."""
    numbered(project)
    add_forgotten("little", ["12.0"])
    for history in opened(project):
        with history:
            assert history.engine.count("leads") == LEADS - 1
            assert not history.engine.count("leads WHERE lead_id = '12'")
    assert Forgotten.of("little").holds("12")
    assert not Forgotten.of("little").holds("120")
