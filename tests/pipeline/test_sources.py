"""The same history from every kind of source, and nothing that depends on how rows happen to be stored."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadlens.features import History, LeadlensError
from leadlens.features.errors import RoomError
from leadlens.features.matrix import build_matrix
from leadlens.features.planning import plan_vocabulary
from leadlens.features.settings import FeatureSettings
from leadlens.features.spine import SpinePolicy, build_spine
from leadlens.pipeline.config import load_project
from leadlens.pipeline.sources import open_history
from leadlens.pipeline.sources.reading import Readable, read_source
from tests.pipeline.little_project import LittleProject

TABLES = ("leads", "accounts", "events", "conversions", "changes")


@pytest.fixture
def project(tmp_path: Path) -> LittleProject:
    """The little project with everything that sources write differently: decimals, zones, gaps, odd text."""
    found = LittleProject(tmp_path).use("accounts", "changes")
    found.leads.loc[::7, "income"] = None
    found.leads.loc[3, "city"] = 'São "Paulo", SP\n(centre)'
    found.leads.loc[5:9, "closed_at"] = found.leads.loc[5:9, "created_at"] + timedelta(days=40)
    found.leads["newsletter"] = [number % 3 == 0 for number in range(len(found.leads))]
    found.leads["postcode"] = [f"0{1000 + number % 5}" for number in range(len(found.leads))]
    return found


def opened(project: LittleProject) -> History:
    return open_history(load_project(project.write()))


def content(history: History) -> dict[str, pd.DataFrame]:
    return {table: history.engine.frame(f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES}


def assert_same(left: History, right: History) -> None:
    for table, frame in content(left).items():
        pd.testing.assert_frame_equal(frame, content(right)[table], obj=table)
    assert left.lead_attributes == right.lead_attributes
    assert left.account_attributes == right.account_attributes
    assert left.event_properties == right.event_properties
    assert left.data_end == right.data_end


def as_parquet(project: LittleProject) -> None:
    for name in TABLES:
        getattr(project, name).to_parquet(project.folder / f"{name}.parquet")
        project.data[name]["read"] = f"{name}.parquet"


def as_csv(project: LittleProject) -> None:
    for name in TABLES:
        project.files[f"data/{name}.csv"] = getattr(project, name).to_csv(index=False).encode()
        project.data[name]["read"] = f"data/{name}.csv"


def as_globbed_parquet(project: LittleProject) -> None:
    (project.folder / "parts").mkdir()
    for start in range(0, len(project.leads), 50):
        part = project.leads.iloc[start : start + 50]
        part.to_parquet(project.folder / f"parts/leads-{start}.parquet")
    project.data["leads"]["read"] = "parts/leads-*.parquet"


def as_globbed_csv(project: LittleProject) -> None:
    """Parts that differ in delimiter, packing and the order of columns."""
    (project.folder / "parts").mkdir()
    first, second, third = (project.leads.iloc[start::3] for start in range(3))
    project.files["parts/1.csv"] = first.to_csv(index=False).encode()
    project.files["parts/2.csv"] = second[second.columns[::-1]].to_csv(index=False, sep=";").encode()
    project.files["parts/3.csv.gz"] = gzip.compress(third.to_csv(index=False).encode())
    project.data["leads"]["read"] = "parts/*.csv*"


def as_windows_csv(project: LittleProject) -> None:
    text = project.leads.to_csv(index=False, lineterminator="\r\n")
    project.files["data/leads.csv"] = text.encode("cp1252")
    project.data["leads"]["encoding"] = "cp1252"


def as_utf16_csv(project: LittleProject) -> None:
    project.files["data/leads.csv"] = project.leads.to_csv(index=False, sep="\t").encode("utf-16")


def as_duckdb(project: LittleProject) -> None:
    with duckdb.connect(str(project.folder / "crm.duckdb")) as database:
        for name in TABLES:
            database.register("found", getattr(project, name))
            database.execute(f'CREATE TABLE "the {name}" AS SELECT * FROM found')
            project.data[name] |= {"read": "crm.duckdb", "table": f"the {name}"}


def as_renamed(project: LittleProject) -> None:
    project.leads = project.leads.rename(columns={"lead_id": "Contact Id", "created_at": "Created"})
    project.data["leads"]["columns"] = {"lead_id": "Contact Id", "created_at": "Created"}


def as_filtered(project: LittleProject) -> None:
    other = project.leads.assign(lead_id="X" + project.leads["lead_id"], city="Nowhere")
    project.leads = pd.concat([other, project.leads])
    project.data["leads"]["where"] = "city <> 'Nowhere'"


def as_queried(project: LittleProject) -> None:
    project.leads["created_at"] = project.leads["created_at"].astype("int64") // 10**6
    project.data["leads"]["query"] = (
        "SELECT * REPLACE (to_timestamp(created_at) AS created_at) FROM source WHERE city IS NOT NULL"
    )


def as_gaps_in_words(project: LittleProject) -> None:
    project.leads["income"] = [
        "not told" if value != value else "-1" if number == 7 else str(value)
        for number, value in enumerate(project.leads["income"])
    ]
    project.data["leads"]["missing"] = ["not told", "-1"]


def as_doubled(project: LittleProject) -> None:
    project.leads = pd.concat([project.leads, project.leads.iloc[::-1]])
    project.events = pd.concat([project.events.iloc[::-1], project.events])


def as_zoned(project: LittleProject) -> None:
    project.leads["created_at"] = (
        project.leads["created_at"].dt.tz_localize("UTC").dt.tz_convert("America/St_Johns").astype(str)
    )


@pytest.mark.parametrize(
    "rewrite",
    [as_csv, as_parquet, as_globbed_parquet, as_globbed_csv, as_windows_csv, as_utf16_csv, as_duckdb, as_renamed,
     as_filtered, as_queried, as_gaps_in_words, as_doubled, as_zoned],
)  # fmt: skip
def test_every_kind_of_file_gives_the_same_history(
    project: LittleProject, rewrite: Callable[[LittleProject], None]
) -> None:
    plain = opened(project)
    rewrite(project)
    assert_same(plain, opened(project))


@pytest.fixture
def database(project: LittleProject, postgres_url: str) -> str:
    """The project's tables in PostgreSQL, in a schema of their own, typed as a CRM would type them."""
    engine = sa.create_engine(sa.make_url(postgres_url).set(drivername="postgresql+psycopg"))
    types = {
        "created_at": sa.DateTime(timezone=True), "closed_at": sa.DateTime(timezone=True),
        "occurred_at": sa.DateTime(timezone=True), "income": sa.Numeric(12, 2), "seconds": sa.Numeric(8, 3),
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA sales"))
        for name in TABLES:
            frame = getattr(project, name).copy()
            for column in ("created_at", "closed_at", "occurred_at"):
                if column in frame:
                    frame[column] = frame[column].dt.tz_localize("UTC")
            own = {column: kind for column, kind in types.items() if column in frame}
            frame.to_sql(name, connection, schema="sales", index=False, dtype=own)
        connection.execute(sa.text("ALTER ROLE crm SET timezone = 'Asia/Kolkata'"))
    engine.dispose()
    return postgres_url


def test_postgres_tables_give_the_same_history(
    project: LittleProject, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = opened(project)
    monkeypatch.setenv("CRM_URL", database)
    for name in TABLES:
        project.data[name] = {"read": "${CRM_URL}", "table": f"sales.{name}"}
    assert_same(plain, opened(project))


def test_a_postgres_query_gives_the_same_history(project: LittleProject, database: str) -> None:
    plain = opened(project)
    query = "SELECT *, 'a:b 100%' AS note FROM sales.leads WHERE city NOT LIKE '%nowhere%' AND ':x' <> '::'"
    project.data["leads"] = {"read": database, "query": query}
    project.settings["features"] = {}
    project.settings["known_after"] = ["note"]
    assert_same(plain, opened(project))


def test_postgres_types_without_a_counterpart_are_read_as_text(project: LittleProject, database: str) -> None:
    project.data["leads"] = {
        "read": database,
        "query": "SELECT lead_id, created_at, gen_random_uuid() AS a, '{\"x\": 1}'::jsonb AS b, ARRAY[1, 2] AS c, "
        "interval '1 day' AS d, '10.0.0.1'::inet AS e, '\\x00ff'::bytea AS f, time '10:00' AS g, 'NaN'::numeric AS h, "
        "123456789012345678901234567890::numeric AS i, NULL AS j, date '2020-01-01' AS k FROM sales.leads",
    }
    assert len(opened(project).lead_attributes) == 11


def test_a_query_cannot_write_to_the_database(project: LittleProject, database: str) -> None:
    for query in (
        "WITH gone AS (DELETE FROM sales.leads RETURNING *) SELECT * FROM gone",
        "SELECT *, lo_create(7) AS x FROM sales.leads",
    ):
        project.data["leads"] = {"read": database, "query": query}
        with pytest.raises(LeadlensError, match=r"read-only|data-modifying|changes or locks|acts on"):
            opened(project)


def test_big_whole_ids_with_gaps_keep_their_digits(project: LittleProject, database: str) -> None:
    """A column of whole numbers with NULLs must not pass through floating point."""
    query = "SELECT lead_id, created_at, CASE WHEN city <> 'Bern' THEN 9007199254740993 END AS account_id FROM sales.leads"
    project.data["leads"] = {"read": database, "query": query}
    history = opened(project)
    assert history.engine.count("leads WHERE account_id = '9007199254740993'") > 0


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_order_and_duplicates_of_raw_rows_change_no_feature(tmp_path: Path, rng: random.Random) -> None:
    """Rows of every table, shuffled and (events and leads) repeated: same features, even where ids are shared."""
    straight, shuffled = (LittleProject(tmp_path).use("accounts", "changes") for _ in range(2))
    for each in (straight, shuffled):
        each.events.loc[40:60, "event_id"] = (
            "shared"  # by different events: one of them counts, always the same
        )
        each.changes = pd.concat([each.changes, each.changes.assign(value="Cusco")])  # at the same moment
    for name in TABLES:
        frame = getattr(shuffled, name)
        again = frame.iloc[rng.sample(range(len(frame)), len(frame) // 3)]
        rows = pd.concat([frame, again]) if name in ("events", "leads") else frame
        setattr(shuffled, name, rows.iloc[rng.sample(range(len(rows)), len(rows))])
    pd.testing.assert_frame_equal(features(straight), features(shuffled))


def features(project: LittleProject) -> pd.DataFrame:
    history = opened(project)
    history.engine.connection.execute("SET threads = 1")  # type: ignore[attr-defined]
    spine = build_spine(history, SpinePolicy(at_ages=(timedelta(days=1), timedelta(days=3))))
    matrix = build_matrix(history, plan_vocabulary(history, spine, FeatureSettings(max_event_keys=5)), spine)
    return pd.concat([matrix.spine, matrix.frame], axis=1)


def test_order_of_flat_rows_is_their_rank_not_their_place(tmp_path: Path) -> None:
    project = LittleProject(tmp_path)
    project.settings |= {
        "data": {"leads": {"read": "data/leads.csv"}},
        "order": {"column": "wave"},
        "spine": {},
    }
    project.settings["outcome"] = {"column": "won"}
    project.leads = project.leads.drop(columns="created_at").assign(
        wave=[number // 10 for number in range(160)], won=["yes", "no"] * 80
    )
    straight = content(opened(project))
    project.leads = project.leads.sample(frac=1, random_state=1)
    for table, frame in content(opened(project)).items():
        pd.testing.assert_frame_equal(frame, straight[table])
    assert straight["leads"]["created_at"].nunique() == 16


def test_csv_text_loses_nothing(tmp_path: Path) -> None:
    """Leading zeros, twenty digits and mixed columns stay as they are written; the rest is typed."""
    project = LittleProject(tmp_path)
    project.data.clear()
    rows = ["lead_id,created_at,code,big,whole,part,flag,day,moment,mixed"]
    rows += [f"{n:05},2024-01-01,{n:03},{10**20 + n},{n},{n}.5,{str(n > 1).lower()},2024-01-0{n + 1},"
             f"2024-01-01 10:0{n}:00+02:00,{'x' if n else 1}" for n in range(3)]  # fmt: skip
    project.files["data/flat.csv"] = io.StringIO("\n".join(rows)).getvalue().encode()
    project.data["leads"] = {"read": "data/flat.csv"}
    project.settings |= {"outcome": {"column": "flag"}, "spine": {}}
    history = opened(project)
    found = history.engine.frame("SELECT * FROM leads ORDER BY lead_id")
    assert list(found["lead_id"]) == ["00000", "00001", "00002"]
    assert list(found["code"]) == ["000", "001", "002"]
    assert history.lead_attributes == {
        "code": "category", "big": "number", "whole": "number", "part": "number", "day": "time", "moment": "time",
        "mixed": "category",
    }  # fmt: skip
    assert str(found["moment"][0]) == "2024-01-01 08:00:00"


def test_too_little_memory_is_told_as_such(tmp_path: Path) -> None:
    project = LittleProject(tmp_path)
    file = load_project(project.write())
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '200KB'")
        with pytest.raises(RoomError, match="not enough memory") as caught:
            read_source(
                connection, Readable(file, "leads", "data.leads", file.project.data.leads), "raw_leads"
            )
    assert "engine: {memory: 4GB}" in str(caught.value)
