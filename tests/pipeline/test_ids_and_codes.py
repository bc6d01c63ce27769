"""What names something is text, digit for digit, and found whatever the case of its column's name."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from leadlens.features import DuckDBEngine, Finding
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.sources.contract import CONTRACT
from leadlens.pipeline.sources.opening import read_tables
from tests.pipeline.little_project import LittleProject

LINKS = ("lead_id", "account_id", "old_id", "id")
IDS = [
    (table, name)
    for table, columns in CONTRACT.items()
    for name, how in columns.items()
    if how.startswith("id")
]
# Each list is the values of one column.
TEXTS = (
    ["1_10", "11_0", "1_100"],
    ["1.10", "1.1", "1.100"],
    ["007", "7", "07"],
    ["1e5", "100000", "1E5"],
    ["12345678901234567890", "12345678901234567891", "1"],
    ["2024-01-01", "2024-01-02", "2024-01-03"],
    ["TRUE", "true", "False"],
    ["+1", "1", "-0"],
    ["0x10", "16", "0b1"],
    ["inf", "nan", "NaN"],
    ["1,000", "1000", "1 000"],
)


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    return LittleProject(tmp_path)


def read(little: LittleProject, table: str, column: str, values: list[str]) -> list[str]:
    """The column as it is read from a CSV file of the table."""
    frame = pd.DataFrame({column: values})
    for name, how in CONTRACT[table].items():
        if how.endswith("!") and name != column:
            frame[name] = "2024-05-01" if how.startswith("timestamp") else "x"
    little.data[table] = {"read": "data/own.csv"}
    path = little.write()
    frame.to_csv(path.parent / "data" / "own.csv", index=False)
    with DuckDBEngine() as engine:
        found: list[Finding] = []
        read_tables(engine, load_project(path), [table], found)
        return [row[0] for row in engine.connection.execute(f'SELECT "{column}" FROM {table}').fetchall()]


@pytest.mark.parametrize(("table", "column"), IDS)
def test_a_text_that_looks_like_a_number_stays_as_it_is(
    little: LittleProject, table: str, column: str
) -> None:
    for values in TEXTS:
        want = list(values)
        if (table, column) == (
            "changes",
            "value",
        ):  # what an attribute changes to is read as the attribute is
            want = [None if value in ("nan", "NaN") else value for value in values]  # type: ignore[misc]
        assert read(little, table, column, values) == want


@pytest.mark.parametrize(("table", "column"), [pair for pair in IDS if pair[1] in LINKS])
def test_whole_numbers_with_gaps_are_the_ids_they_were(
    little: LittleProject, table: str, column: str
) -> None:
    """Tools write a column of whole numbers with gaps as 12.0: the same lead as 12 elsewhere."""
    assert read(little, table, column, ["12.0", "7.0", "120.0"]) == ["12", "7", "120"]
    assert read(little, table, column, ["12.0", "7", "120"]) == ["12", "7", "120"]


def test_event_types_like_versions_are_kept_apart(little: LittleProject) -> None:
    """In the prepared history, too, where each file is read for itself."""
    little.data["events"] = {"read": "data/days/*.csv"}
    path = little.write()
    (path.parent / "data" / "days").mkdir()
    for day, kinds in enumerate((["1.0", "2.0", "1.0"], ["1.10", "1.1", "2.0"])):
        frame = little.events.head(3).assign(event_type=kinds, event_id=[f"{day}{n}" for n in range(3)])
        frame.to_csv(path.parent / "data" / "days" / f"{day}.csv", index=False)
    with open_history(load_project(path)) as history:
        found = history.engine.frame(
            "SELECT event_type AS t, count(*) AS n FROM events GROUP BY 1 ORDER BY 1"
        )
    assert dict(zip(found["t"], found["n"], strict=True)) == {"1.0": 2, "1.1": 1, "1.10": 1, "2.0": 2}


@pytest.mark.parametrize("spelling", [str.upper, str.title, lambda name: name.title().replace("_Id", "_ID")])
def test_contract_columns_are_found_in_any_case(little: LittleProject, spelling) -> None:  # type: ignore[no-untyped-def]
    little.use("accounts", "changes")
    little.leads.loc[:9, "closed_at"] = pd.Timestamp("2024-06-01")
    little.events["known_at"] = little.events["occurred_at"] + pd.Timedelta(days=1)
    with open_history(load_project(little.write())) as history:
        want = {
            table: history.engine.frame(f"SELECT * FROM {table} ORDER BY ALL")
            for table in ("leads", "events", "conversions", "changes")
        }
    for table in ("leads", "events", "conversions", "accounts", "changes"):
        names = {name: spelling(name) for name in CONTRACT[table]}
        setattr(little, table, getattr(little, table).rename(columns=names))
    with open_history(load_project(little.write())) as history:
        for table, frame in want.items():
            pd.testing.assert_frame_equal(history.engine.frame(f"SELECT * FROM {table} ORDER BY ALL"), frame)
