"""Files from somebody else: they reach no other file and no network, and are refused in words."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import duckdb
import pytest

from leadlens.features import UsageError
from leadlens.features.engines.duckdb_connections import connect_closed, connect_in_memory
from leadlens.pipeline.writeback import parse_target
from tests.pipeline.little_project import LittleProject, leadlens
from tests.pipeline.writeback_samples import run, scores

SECRET = "planted-7f3a"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    (tmp_path / "private.txt").write_text(SECRET)
    return LittleProject(tmp_path)


VIEWS = {
    "read_text": "SELECT content AS lead_id, now() AS created_at FROM read_text('{folder}/private.txt')",
    "read_csv": "SELECT * FROM read_csv('{folder}/private.txt', header = false, names = ['lead_id'])",
    "glob": "SELECT file AS lead_id, now() AS created_at FROM glob('{folder}/*')",
    "macro": "SELECT file_of('{folder}/private.txt') AS lead_id, now() AS created_at",
}


@pytest.mark.parametrize("query", [None, "SELECT * FROM source"])
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_in_a_duckdb_file_reads_no_other_file(
    name: str, query: str | None, project: LittleProject
) -> None:
    with duckdb.connect(str(project.folder / "crm.duckdb")) as database:
        database.execute("CREATE MACRO file_of(p) AS (SELECT max(content) FROM read_text(p))")
        database.execute(f"CREATE VIEW contacts AS {VIEWS[name].format(folder=project.folder)}")
    project.data["leads"] = {"read": "crm.duckdb", "table": "contacts"} | ({"query": query} if query else {})
    answer = leadlens("check", project.write())
    assert answer.code == 1
    assert "reads something outside of it" in answer.err
    kept = [path for path in (project.folder / "state").rglob("*") if path.is_file()]
    assert SECRET not in answer.out + answer.err
    assert not any(SECRET.encode() in path.read_bytes() for path in kept)


def test_a_table_and_a_view_of_the_file_itself_are_read(project: LittleProject) -> None:
    frame = project.leads
    with duckdb.connect(str(project.folder / "crm.duckdb")) as database:
        database.register("frame", frame)
        database.execute("CREATE TABLE people AS SELECT * FROM frame")
        database.execute("CREATE VIEW contacts AS SELECT * FROM people")
    project.data["leads"] = {"read": "crm.duckdb", "table": "contacts"}
    assert leadlens("check", project.write(), "--json").facts["counts"]["leads"] == len(frame)


def test_an_sqlite_file_named_duckdb_fetches_no_extension(project: LittleProject) -> None:
    with sqlite3.connect(project.folder / "crm.duckdb") as database:
        database.execute("CREATE TABLE contacts (lead_id)")
    project.data["leads"] = {"read": "crm.duckdb", "table": "contacts"}
    answer = leadlens("check", project.write())
    assert answer.code == 1
    assert "this is an SQLite file" in answer.err
    assert "extension" not in answer.err


@pytest.mark.parametrize(
    "address", ["md:scores", "http://127.0.0.1:9/s.duckdb", "sqlite:s.db", "s3://b/s.db"]
)
def test_only_plain_paths_are_targets(address: str) -> None:
    with pytest.raises(UsageError, match="a DuckDB target must be a file"):
        parse_target(f"duckdb:///{address}")


@pytest.mark.parametrize("address", ["md:leads", "sqlite:crm.db", "md:leads.duckdb"])
def test_only_plain_paths_are_sources(address: str, project: LittleProject) -> None:
    project.data["leads"] = {"read": address, "table": "contacts"}
    answer = leadlens("check", project.write())
    assert answer.code == 2
    assert "there is no such file" in answer.err


def test_a_target_of_a_stranger_runs_nothing(tmp_path: Path) -> None:
    from leadlens.pipeline.writeback import write_scores

    path = tmp_path / "scores.duckdb"
    write_scores(scores(), f"duckdb:///{path}", run=run())
    with connect_closed(path) as database, pytest.raises(duckdb.PermissionException):
        database.execute(f"SELECT * FROM read_text('{ROOT / 'README.md'}')")
    assert write_scores(scores(seed=1), f"duckdb:///{path}", run=run()).rows == 5


@pytest.mark.parametrize("closed", [False, True])
def test_no_connection_loads_an_extension(closed: bool, tmp_path: Path) -> None:
    with connect_closed(tmp_path / "a.duckdb") if closed else connect_in_memory() as connection:
        for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
            assert connection.execute(f"SELECT current_setting('{setting}')").fetchone() == (False,)


def test_no_module_opens_duckdb_by_itself() -> None:
    home = ROOT / "features" / "engines" / "duckdb_connections.py"
    files = [path for part in ("features", "models", "pipeline") for path in (ROOT / part).rglob("*.py")]
    assert home in files
    direct = [path for path in files if path != home and re.search(r"\bduckdb\.connect\(", path.read_text())]
    assert direct == []
