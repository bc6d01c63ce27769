"""The type of a column that holds no value says nothing: a month in which nobody paid leaves amounts numbers."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leadlens.features import DuckDBEngine
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import open_prepared
from leadlens.pipeline.sources import open_history
from leadlens.pipeline.sources.parquet_bounds import without_values
from tests.pipeline.little_project import LittleProject

KINDS = {"due": "time", "paid": "boolean", "seconds": "number"}
QUERY = {"query": "SELECT * FROM source"}
# What pandas makes of a column without values: None has no type, and what was numbers once has that of numbers.
NOTHING = {
    "no type": pd.Series(None, dtype="object"),
    "numbers": pd.Series(np.nan, dtype="float64"),
    "text": pd.Series(None, dtype="string"),
    "empty text": pd.Series("", index=range(1000), dtype="string"),
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    project = LittleProject(tmp_path)
    project.events = project.events.assign(due=project.events["occurred_at"], paid=True)
    project.write()
    return project


def split(project: LittleProject, suffix: str, nothing: pd.Series) -> None:
    """The events in two files; in the first one, of the earlier half, three columns have no value."""
    events, half = project.events, len(project.events) // 2
    early = events[:half].assign(**{name: nothing.reindex(range(half)).to_numpy() for name in KINDS})
    early = early.astype(dict.fromkeys(KINDS, nothing.dtype))
    for name, rows in (("a", early), ("b", events[half:])):
        path = project.folder / "data" / f"part-{name}{suffix}"
        rows.to_csv(path, index=False) if suffix == ".csv" else rows.to_parquet(path, index=False)


def kinds(project: LittleProject) -> dict[str, str]:
    """Those of properties, read into memory and prepared, which must agree."""
    file = load_project(project.write())
    prepared = open_prepared(file)
    with DuckDBEngine() as engine:
        history = prepared.history(engine)
        assert history.event_properties == open_history(file).event_properties
        return {name: history.event_properties[name] for name in KINDS}


@pytest.mark.parametrize("query", [False, True], ids=["", "query"])
@pytest.mark.parametrize("together", [True, False], ids=["one source", "two sources"])
@pytest.mark.parametrize(
    ("suffix", "nothing"),
    [(".csv", "no type"), *((".parquet", nothing) for nothing in NOTHING)],
)
def test_columns_without_values_leave_the_type_to_others(
    project: LittleProject, suffix: str, nothing: str, together: bool, query: bool
) -> None:
    split(project, suffix, NOTHING[nothing])
    reads = [f"data/part-*{suffix}"] if together else [f"data/part-{name}{suffix}" for name in "ab"]
    project.data["events"] = [{"read": read} | (QUERY if query else {}) for read in reads]  # type: ignore[assignment]
    assert kinds(project) == KINDS


def test_values_that_come_later_give_a_column_its_type(project: LittleProject) -> None:
    """A night on which the first values come, and one on which their file is gone."""
    split(project, ".parquet", NOTHING["no type"])
    later = project.folder / "data/part-b.parquet"
    rows = later.read_bytes()
    later.unlink()
    project.data["events"] = {"read": "data/part-*.parquet"}
    before = kinds(project)
    assert set(before.values()) == {"category"}
    later.write_bytes(rows)
    assert kinds(project) == KINDS
    later.unlink()
    assert kinds(project) == before


def test_what_is_empty_everywhere_keeps_the_type_that_it_has(project: LittleProject) -> None:
    split(project, ".parquet", NOTHING["numbers"])
    project.data["events"] = {"read": "data/part-a.parquet"}
    assert kinds(project) == dict.fromkeys(KINDS, "number")


def test_attributes_of_leads_in_monthly_files(project: LittleProject) -> None:
    leads, half = project.leads.assign(born=project.leads["created_at"]), len(project.leads) // 2
    leads[:half].assign(born=None, income=None).to_parquet(project.folder / "data/month-1.parquet")
    leads[half:].to_parquet(project.folder / "data/month-2.parquet")
    project.data["leads"] = {"read": "data/month-*.parquet"}
    file = load_project(project.write())
    found = open_history(file).lead_attributes
    assert (found["born"], found["income"]) == ("time", "number")
    assert open_prepared(file).manifest.records.kinds["leads"] == dict(found)


def test_a_file_tells_of_its_columns_without_values(tmp_path: Path) -> None:
    some, none = str(tmp_path / "some[1].parquet"), str(tmp_path / "none.parquet")
    types = {
        "untyped": pa.null(),
        "empty": pa.float64(),
        "value": pa.string(),
        "blank": pa.string(),
        "nan": pa.float64(),
        "list": pa.list_(pa.int32()),
    }
    table = pa.table(
        [
            pa.array([None, value], kind)
            for kind, value in zip(types.values(), [None, None, "x", " ", np.nan, []], strict=True)
        ],
        list(types),
    )
    pq.write_table(table, some)
    pq.write_table(table.slice(0, 0), none)
    with duckdb.connect() as connection:
        rows = connection.execute(f"DESCRIBE SELECT * FROM '{none}'").fetchall()
        found = without_values(connection, [some, none], {row[0]: row[1] for row in rows})
    assert found == {some: ("untyped", "empty", "blank"), none: tuple(types)}


def test_a_file_without_statistics_may_hold_values(tmp_path: Path) -> None:
    path = str(tmp_path / "silent.parquet")
    pq.write_table(pa.table({"a": pa.array([None], pa.float64())}), path, write_statistics=False)
    with duckdb.connect() as connection:
        assert without_values(connection, [path], {"a": "DOUBLE"}) == {path: ()}
