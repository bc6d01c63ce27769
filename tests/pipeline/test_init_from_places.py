"""`leadlens init --from` finds the same tables wherever they stand: in a database, an archive, JSON, a file of SQLite or DuckDB."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import sqlalchemy as sa

from leadlens.features import DuckDBEngine, LeadlensError, UsageError
from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.check import check
from leadlens.pipeline.prepared import open_prepared
from leadlens.pipeline.sources.opening import read_tables
from leadlens.pipeline.starting.proposing import Proposal, propose
from leadlens.pipeline.starting.tables import read_export
from leadlens.pipeline.starting.writing import Started, init_from
from tests.pipeline import mariadb
from tests.pipeline.crm_exports import EXPORTS
from tests.pipeline.crm_world import make_leads
from tests.pipeline.little_project import leadlens
from tests.pipeline.postgres import PASSWORD, PostgresServer

LEADS = make_leads(500)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """The tables of one export, with times as times."""
    folder = tmp_path_factory.mktemp("export")
    EXPORTS["mautic"](folder, LEADS)
    return {
        path.stem: duckdb.sql(f"FROM read_csv('{path}', all_varchar = false)").df()
        for path in sorted(folder.glob("*.csv"))
    }


@pytest.fixture(scope="module")
def wanted(frames: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Proposal:
    """What the files of the export are taken for."""
    folder = tmp_path_factory.mktemp("files")
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return propose(read_export(str(folder), folder.parent / "project.yaml"))


def is_what_was_wanted(started: Started, wanted: Proposal) -> None:
    found = started.proposal
    assert found.leads.id.name == wanted.leads.id.name
    assert found.leads.created.name == wanted.leads.created.name
    assert found.conversions is not None
    assert wanted.conversions is not None
    assert found.conversions.leads == wanted.conversions.leads
    assert {each.table.export.stem for each in found.events} == {
        each.table.export.stem for each in wanted.events
    }
    report = check(load_project(started.written[0]))
    assert report.readiness.level != "unusable"
    assert report.conversions > 0


def fill(url: str, frames: dict[str, pd.DataFrame], schema: str | None = None) -> None:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        if schema is not None:
            connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
        for name, frame in frames.items():
            frame.to_sql(name, connection, schema=schema, index=False)
    engine.dispose()


@pytest.mark.parametrize("schema", [None, "sales"])
def test_a_postgresql_database(
    schema: str | None,
    postgres_server: PostgresServer,
    postgres_url: str,
    frames: dict[str, pd.DataFrame],
    wanted: Proposal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(postgres_url, frames, schema)
    monkeypatch.setenv("CRM_PASSWORD", PASSWORD)
    given = f"postgresql://crm:${{CRM_PASSWORD}}@127.0.0.1:{postgres_server.port}/crm"
    if schema is not None:
        fill(postgres_url, {"leads": frames["leads"].head(30)})  # of a schema that is not meant
        given += f"#{schema}"
    answer = leadlens("init", tmp_path / "project", "--from", given)
    assert answer.code == 0, answer.err
    text = (tmp_path / "project" / "project.yaml").read_text()
    assert "${CRM_PASSWORD}" in text
    assert PASSWORD not in text + answer.out + answer.err
    if schema is not None:
        assert f"table: {schema}." in text
        assert "schema public: not looked at" in answer.out
    started = init_from(tmp_path / "again", given)
    is_what_was_wanted(started, wanted)


def test_an_address_with_a_password_is_refused_and_not_shown(tmp_path: Path) -> None:
    answer = leadlens("init", tmp_path / "project", "--from", "postgresql://crm:hunter2@127.0.0.1:1/crm")
    assert answer.code == 2
    assert "this address has a password in it" in answer.err
    assert "${CRM_PASSWORD}" in answer.err
    assert "hunter2" not in answer.err + answer.out
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("https://example.com/leads.csv", "files are not read over the network"),
        ("postgresql://crm@127.0.0.1:1/crm", "does not say which tables it has"),
        ("sqlite:///nowhere.db", "there is no such file"),
        ("duckdb:///nowhere.duckdb", "there is no such file"),
        ("postgresql://crm:${NO_SUCH_SECRET}@host/crm", "this environment variable is not set"),
    ],
)
def test_addresses_that_cannot_be_read(given: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(LeadlensError, match=words):
        init_from(tmp_path / "project", given)


@pytest.fixture(scope="module")
def maria() -> Iterator[mariadb.MariaServer]:
    with mariadb.running() as server:
        yield server


def test_a_mariadb_database(
    maria: mariadb.MariaServer,
    frames: dict[str, pd.DataFrame],
    wanted: Proposal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(maria.url(), frames)
    monkeypatch.setenv("CRM_PASSWORD", mariadb.PASSWORD)
    # without a driver in it, as people write it: the one that is here
    given = f"mysql://crm:${{CRM_PASSWORD}}@127.0.0.1:{maria.port}/crm"
    is_what_was_wanted(init_from(tmp_path / "project", given), wanted)


@pytest.mark.parametrize("as_file", [True, False])
def test_a_file_of_sqlite(
    as_file: bool, frames: dict[str, pd.DataFrame], wanted: Proposal, tmp_path: Path
) -> None:
    path = tmp_path / "crm.sqlite"
    fill(f"sqlite:///{path}", frames)
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE VIEW every_one AS SELECT * FROM {next(iter(frames))}"))
    engine.dispose()
    started = init_from(tmp_path / "project", str(path) if as_file else f"sqlite:///{path}")
    is_what_was_wanted(started, wanted)
    assert any("every_one: a view, and it has tables" in each for each in started.proposal.left_out)


@pytest.mark.parametrize("as_file", [True, False])
def test_a_file_of_duckdb(
    as_file: bool, frames: dict[str, pd.DataFrame], wanted: Proposal, tmp_path: Path
) -> None:
    path = tmp_path / "crm.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE SCHEMA sales")
        for number, (name, frame) in enumerate(frames.items()):
            connection.register("rows", frame)
            connection.execute(f'CREATE TABLE {"sales" if number else "main"}."{name}" AS FROM rows')
    given = str(path) if as_file else f"duckdb:///{path}"
    started = init_from(tmp_path / "project", given)
    is_what_was_wanted(started, wanted)


@pytest.mark.parametrize("kind", ["json", "jsonl", "zip", "zips"])
def test_json_and_archives(
    kind: str, frames: dict[str, pd.DataFrame], wanted: Proposal, tmp_path: Path
) -> None:
    export = tmp_path / "export"
    export.mkdir()
    for name, frame in frames.items():
        texts = frame.astype(object).where(frame.notna(), None)
        rows = [json.dumps(row, default=str) for row in texts.to_dict("records")]
        if kind == "json":
            (export / f"{name}.json").write_text(f"[{','.join(rows)}]")
        elif kind == "jsonl":
            (export / f"{name}.jsonl").write_text("\n".join(rows))
        else:
            with zipfile.ZipFile(export / ("all.zip" if kind == "zip" else f"{name}.zip"), "a") as archive:
                archive.writestr(f"crm/{name}.csv", frame.to_csv(index=False))
                if kind == "zip":
                    archive.writestr(f"crm/{name}.pdf", "no table")
    is_what_was_wanted(
        init_from(tmp_path / "project", str(export / "all.zip" if kind == "zip" else export)), wanted
    )


def test_a_query_over_a_table_of_a_database_runs_here(tmp_path: Path) -> None:
    """As over a file; without the table, it runs there."""
    path = tmp_path / "crm.sqlite"
    leads = pd.DataFrame({"lead_id": ["a", "b"], "created_at": ["2025-01-01 10:00:00"] * 2, "n": [1, 2]})
    fill(f"sqlite:///{path}", {"people": leads})
    project = {"read": f"sqlite:///{path}", "table": "people", "query": "SELECT * EXCLUDE (n) FROM source"}
    text = json.dumps({"name": "x", "data": {"leads": project, "conversions": project}})
    (tmp_path / "project.yaml").write_text(text)
    with DuckDBEngine() as engine:
        read_tables(engine, load_project(tmp_path / "project.yaml"), ["leads"], [])
        assert set(engine.columns("leads")) >= {"lead_id", "created_at"}
        assert "n" not in engine.columns("leads")
        assert engine.count("leads") == 2
    events = project | {"cursor": "n"}
    (tmp_path / "project.yaml").write_text(
        json.dumps({"name": "x", "data": {"leads": project, "conversions": project, "events": events}})
    )
    with pytest.raises(UsageError, match="cursor does not go together"):
        open_prepared(load_project(tmp_path / "project.yaml"))
