"""Messages that were wrong, unclear or led in a circle: what each says now, and that following it works."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pandas as pd
import psycopg
import pytest

from leadlens.features import DataError, UsageError
from leadlens.features.attributes.readings import default_readings
from leadlens.features.label import build_labels
from leadlens.features.matrix import build_matrix
from leadlens.features.planning import plan_vocabulary
from leadlens.features.spine import build_spine
from leadlens.pipeline.config import load_project
from leadlens.pipeline.dataset.policies import feature_settings, spine_policy
from leadlens.pipeline.prepared import open_history
from tests.pipeline.little_project import LEADS, LittleProject


def as_parquet(little: LittleProject) -> None:
    """Leads as Parquet, whose texts stay texts: of CSV many of them are read as what they are."""
    little.data["leads"]["read"] = "data/leads.parquet"
    little.write()
    little.leads.to_parquet(little.folder / "data" / "leads.parquet", index=False)


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    return LittleProject(tmp_path)


# dates


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("%d/%m/%y", "'01/03/24'"),
        ("%m/%d/%y", "'03/01/24'"),
        ("%d.%m.%Y %H:%M", "00:00'"),
        ("%m-%d-%Y", "'03-01-2024'"),
    ],
)
def test_a_date_is_refused_with_the_way_to_read_it(little: LittleProject, pattern: str, first: str) -> None:
    want = little.leads["created_at"].dt.floor("min" if "%M" in pattern else "D")
    little.leads["created_at"] = want.dt.strftime(pattern)
    as_parquet(little)
    with pytest.raises(
        DataError, match=r"160 of 160 values in leads\.created_at are not timestamps"
    ) as refused:
        open_history(load_project(little.write()))
    assert first in str(refused.value.value)
    [query] = re.findall(r"SELECT \* REPLACE .*? FROM source", str(refused.value.fix))
    little.data["leads"]["query"] = query
    with open_history(load_project(little.write())) as history:
        found = history.engine.frame("SELECT created_at AS at FROM leads ORDER BY lead_id")["at"]
    assert found.tolist() == want.tolist()


# numbers


@pytest.mark.parametrize(
    "written",
    [
        lambda n: f"{n:,.2f}".replace(",", " ").replace(".", ",").replace(" ", "."),  # 37.503,44
        lambda n: f"{n:.2f}".replace(".", ","),  # 37503,44
        lambda n: f"{n:,.2f}",  # 37,503.44
        lambda n: f"€ {n:,.2f}",
        lambda n: f"{n:.8e}".replace(".", ","),  # 3,75034400e+04
        lambda n: f"{n:,.2f}".replace(",", "'"),  # as in Switzerland
        lambda n: f"{n:,.2f}".replace(",", "\u202f").replace(".", ","),  # as in France
        lambda n: f"${n:.0f}",
        lambda n: f"{n:.0f} %",
    ],
)
def test_the_hint_for_formatted_numbers_reads_them(little: LittleProject, written) -> None:  # type: ignore[no-untyped-def]
    numbers = [1234.5 + 371.25 * n for n in range(LEADS)]
    if not any(mark in written(1.5) for mark in ".,"):
        numbers = [float(round(number)) for number in numbers]
    little.leads["turnover"] = [written(number) for number in numbers]
    as_parquet(little)
    with open_history(load_project(little.write())) as history:
        [told] = [finding.message for finding in history.findings if finding.code == "number-as-text"]
    assert "leads.turnover holds formatted numbers" in told
    [query] = re.findall(r"SELECT \* REPLACE .*? FROM source", told)
    little.data["leads"]["query"] = query
    with open_history(load_project(little.write())) as history:
        assert history.lead_attributes["turnover"] == "number"
        found = history.engine.frame("SELECT turnover AS t FROM leads ORDER BY lead_id")["t"]
    assert found.tolist() == numbers


# columns that are not what they were


def built(little: LittleProject, plan=None):  # type: ignore[no-untyped-def]
    """The plan of the project, or the matrix of another day by that plan."""
    file = load_project(little.write())
    with (
        open_history(file) as history,
        build_spine(history, spine_policy(file.project)) as spine,
        build_labels(history, spine, file.project.outcome.horizon),
    ):
        if plan is None:
            return plan_vocabulary(history, spine, feature_settings(file.project))
        return build_matrix(history, plan, spine)


def test_columns_of_another_kind_than_in_training_are_named_with_examples(little: LittleProject) -> None:
    little.leads["born"] = pd.Timestamp("1980-01-01") + pd.to_timedelta([90 * n for n in range(LEADS)], "D")
    little.leads["keen"] = [n % 3 == 0 for n in range(LEADS)]
    plan = built(little)
    for table, column, values, told in (
        ("leads", "income", ["lots" if n % 2 else str(n) for n in range(LEADS)],
         "leads.income was a number and is text now (such as 'lots')"),
        ("leads", "born", [f"in {n}" for n in range(LEADS)], "leads.born was a date and is text now (such as 'in 0'"),
        ("leads", "keen", ["yes", "no"] * 80, "leads.keen was true or false and is text now (such as 'no', 'yes')"),
        ("leads", "city", range(LEADS), "leads.city was text and is a number now (such as "),
        ("leads", "income", [None] * LEADS, "leads.income was a number and is empty in every row now"),
        ("events", "seconds", ["long" if n % 2 else str(n) for n in range(400)],
         "events.seconds was a number and is text now (such as 'long')"),
    ):  # fmt: skip
        frame = getattr(little, table)
        setattr(little, table, frame.assign(**{column: list(values)}))
        with pytest.raises(DataError, match="columns are not what they were in training") as refused:
            built(little, plan)
        assert told in str(refused.value.value)
        setattr(little, table, frame)
    assert len(built(little, plan)) == LEADS


# names


@pytest.mark.parametrize(
    "names",
    [["lead_id", "created_at", "", ""], ["", "lead_id", "created_at"], ["lead_id", " ", "created_at"]],
)
def test_columns_without_a_name_are_named_by_their_place(little: LittleProject, names: list[str]) -> None:
    """Spreadsheets leave commas at the end of every line."""
    path = little.write()
    values = {"lead_id": little.leads["lead_id"], "created_at": little.leads["created_at"].astype(str)}
    lines = [",".join(names)]
    lines += [",".join(values[name][row] if name in values else "" for name in names) for row in range(LEADS)]
    (path.parent / "data" / "leads.csv").write_text("\n".join(lines) + "\n")
    with open_history(load_project(path)) as history:
        assert history.engine.count("leads") == LEADS
        places = [place for place, name in enumerate(names, 1) if not name.strip()]
        assert list(history.lead_attributes) == [f"column_{place}" for place in places]


@pytest.mark.parametrize("name", ["my.leads", "sales.2024.leads", 'odd "one".x'])
def test_a_table_with_a_dot_in_its_name_is_found(little: LittleProject, name: str, postgres_url: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {quoted}")
        connection.execute(f"CREATE TABLE {quoted} AS SELECT 'A' AS lead_id, DATE '2024-01-01' AS created_at")
    for table in (
        name,
        f"public.{name}",
        f"{psycopg.conninfo.conninfo_to_dict(postgres_url)['dbname']}.public.{name}",
    ):
        little.data["leads"] = {"read": postgres_url, "table": table}
        with open_history(load_project(little.write())) as history:
            assert history.engine.count("leads") == 1
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE {quoted}")
    with pytest.raises(UsageError, match="there is no such table"):
        open_history(load_project(little.write()))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("gr\u00f6\u00dfe", "gro\u0308\u00dfe"), ("re\u0301gion", "r\u00e9gion"), ("n\u0303u", "\u00f1u")],
)
def test_names_that_only_look_the_same_are_told_apart(little: LittleProject, ours: str, theirs: str) -> None:
    little.leads[theirs] = 1
    little.data["leads"]["columns"] = {"size": ours}
    with pytest.raises(UsageError, match="it looks the same, in other Unicode characters"):
        open_history(load_project(little.write()))


# DuckDB files that are called like a schema in them


@pytest.mark.parametrize("name", ["crm", "main", "my.file", 'a"b'])
def test_a_duckdb_file_called_like_its_schema_is_read(little: LittleProject, name: str) -> None:
    path = little.folder / f"{name}.duckdb"
    with duckdb.connect(str(path)) as connection:
        [catalog] = connection.execute("SELECT current_database()").fetchone() or ()
        quoted = '"' + catalog.replace('"', '""') + '"'
        frame = little.leads  # noqa: F841 - DuckDB finds it by its name
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted}.{quoted}")
        connection.execute(f"CREATE TABLE {quoted}.{quoted}.leads AS FROM frame")
    for table in ("leads", f"{catalog}.leads", f"{catalog}.{catalog}.leads"):
        little.data["leads"] = {"read": path.name, "table": table}
        with open_history(load_project(little.write())) as history:
            assert history.engine.count("leads") == LEADS


# long texts


@pytest.mark.parametrize("text", ["A" * 1_000_000, "a@" * 500_000, "1" + " " * 1_000_000])
def test_long_texts_are_looked_through_once(text: str) -> None:
    """An address was sought from every letter on: minutes for one value of a megabyte."""
    for name in ("notes", "phone", "email"):
        default_readings(name, "text", [text[:300]] * 300, {}, True)
    assert default_readings("notes", "text", [text], {}, True) == ("filled",)


def test_addresses_are_found_as_before() -> None:
    for text in ("ann@firm.io", "Ann <ann@firm.io>", "mail ann@a.b.c now"):
        assert default_readings("x", "text", [text], {}, True) == ("email_kind", "email_valid")
    for text in ("@firm.io", "ann@", "ann@firm", "a @ b.c", ""):
        assert default_readings("x", "text", [text], {}, True) == ("filled",)
