"""Planted secrets and personal values: searched for in every file, log and process argument that the commands leave."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import psycopg
import pyarrow.parquet as pq
import pytest

from leadlens.features import secrets as memory
from tests.pipeline.little_project import LittleProject, leadlens
from tests.pipeline.postgres import DATABASE, PASSWORD, PostgresServer

LITERAL = "planted-literal-8c1f"  # a password in the project file itself
WRONG = "planted-wrong-77d2"
TOKEN = "planted-token-41aa"
SECRETS = (PASSWORD, "p%2Fss%3Aw%40rd", LITERAL, WRONG, TOKEN)
EMAIL, NAME, PHONE = "zelda.quux@planted.example", "Zelda Plantedquux", "+41 79 555 01 77"
PERSONAL = (EMAIL, NAME, PHONE)
# The tables that are meant to hold what leads are: the prepared history, and the scores' ids.
TABLES = ("prepared/",)
COMMANDS = ("check", "train", "compare", "score", "explain")
SHEET = """sheet: little
actions:
  - {label: Looked at prices, when: "event_type = 'page_viewed' AND page = 'Pricing'", points: 10}
thresholds: {mql: 5}
"""


@dataclass
class Run:
    """What the commands left."""

    folder: Path
    said: dict[str, str] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)


_started: list[str] | None = None


def _watch(event: str, values: tuple[Any, ...]) -> None:
    if _started is not None and event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        _started.append(repr(values[:2]))  # not its environment


@pytest.fixture(scope="module")
def run(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    global _started
    folder = tmp_path_factory.mktemp("planted")
    project = LittleProject(folder)
    people = project.leads.assign(
        email=[f"p{n}@planted.example" for n in range(len(project.leads))], name="Some Body"
    )
    people["phone"] = [f"+41 79 555 {n:04}" for n in range(len(people))]
    people.loc[3, ["email", "name", "phone"]] = (EMAIL, NAME, PHONE)
    _fill(postgres_server, people)
    address = f"postgresql://crm:${{CRM_PW}}@127.0.0.1:{postgres_server.port}/{DATABASE}"
    project.data["leads"] = {"read": address, "table": "planted_people"}
    project.settings |= {"scorecards": ["sheet.yaml"], "model": {"trials": 2, "folds": 2}}
    project.settings["scores"] = {"to": f"postgresql://crm:{LITERAL}@127.0.0.1:9/crm"}
    project.files["sheet.yaml"] = SHEET.encode()
    path, result = project.write(), Run(folder)
    calls = {
        "check": (path,),
        "train": (path,),
        "compare": (path, "--out", folder / "report"),
        "score": (path, "--to", f"duckdb:///{folder}/scores.duckdb", "--as-of", "2024-05-24"),
        "explain": (path, "L003"),
    }
    sys.addaudithook(_watch)
    before = os.umask(0o022)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "_met", {})
        patch.setenv("LEADLENS_HOME", str(folder / "state"))
        patch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("LEADLENS_GROUP", raising=False)
        _started = result.arguments
        try:
            for broken, password in (("", PASSWORD), ("broken ", WRONG)):
                patch.setenv("CRM_PW", password)
                patch.setenv("LEADLENS_DEBUG", "1" if broken else "")
                for command in COMMANDS:
                    answer = leadlens(command, *calls[command])
                    result.said[broken + command] = answer.out + answer.err
                    result.codes[broken + command] = answer.code
            patch.setenv("CRM_PW", PASSWORD)  # to the target of the project file, which is not there
            answer = leadlens("score", path, "--as-of", "2024-05-24")
            result.said["broken target"], result.codes["broken target"] = (
                answer.out + answer.err,
                answer.code,
            )
            yield result
        finally:
            _started = None
            os.umask(before)


def _fill(server: PostgresServer, people: pd.DataFrame) -> None:
    with psycopg.connect(server.url(DATABASE)) as connection:
        kinds = {"created_at": "timestamp", "closed_at": "timestamp", "income": "float"}
        columns = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in people)
        connection.execute("DROP TABLE IF EXISTS planted_people")
        connection.execute(f"CREATE TABLE planted_people ({columns})")
        with connection.cursor().copy("COPY planted_people FROM STDIN") as copy:
            for row in people.astype(object).where(people.notna(), None).itertuples(index=False):
                copy.write_row(row)


def files(run: Run) -> Iterator[tuple[str, Path]]:
    for path in sorted(run.folder.rglob("*")):
        name = str(path.relative_to(run.folder))
        if path.is_file() and not name.startswith(("data/", "project.yaml", "sheet.yaml")):
            yield name, path


def contents(path: Path) -> str:
    """All that a file says, also where it is compressed."""
    raw = path.read_bytes()
    if path.suffix == ".gz":
        raw = gzip.decompress(raw)
    text = raw.decode("utf-8", "replace") + raw.decode("utf-16-le", "replace")
    if path.suffix == ".parquet":
        text += repr(pq.read_table(path).to_pydict())
    elif path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as database:
            for (table,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                text += repr(database.execute(f"SELECT * FROM {table}").fetchall())
    return text


def test_the_commands_ran_and_failed_as_planned(run: Run) -> None:
    assert {name: code for name, code in run.codes.items() if not name.startswith("broken")} == dict.fromkeys(
        COMMANDS, 0
    )
    for name, code in run.codes.items():
        assert (code != 0) == name.startswith("broken"), (name, run.said[name])
    names = [name for name, _ in files(run)]
    for part in ("mlflow.db", "optuna.db", "recipe.json", "project.json", "report.html", "scores.duckdb"):
        assert any(name.endswith(part) for name in names), part
    held = next(path for name, path in files(run) if "prepared/" in name and "/leads/" in name)
    assert EMAIL in contents(held)  # the search finds what is there


def test_no_secret_is_anywhere(run: Run) -> None:
    places = {name: contents(path) for name, path in files(run)} | run.said | dict(enumerate(run.arguments))
    assert [(name, secret) for name, text in places.items() for secret in SECRETS if secret in text] == []
    assert "scores.to holds a password" in run.said["check"]


def test_no_personal_value_is_where_none_is_meant_to_be(run: Run) -> None:
    places = {name: contents(path) for name, path in files(run) if not any(t in name for t in TABLES)}
    places |= run.said | dict(enumerate(run.arguments))
    shown = {name: (EMAIL, NAME) for name in places if str(name).startswith("state/page/")}
    assert shown, "names and addresses are meant to be in the copy for readers, and nothing else is"
    assert [
        (name, value)
        for name, text in places.items()
        for value in PERSONAL
        if value in text and value not in shown.get(name, ())
    ] == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_everything_is_its_owners_alone(run: Run) -> None:
    wider = []
    for root in ("state", "report", "scores.duckdb"):
        for path in (run.folder / root, *(run.folder / root).rglob("*")):
            mode = path.stat().st_mode & 0o777
            if mode & 0o077 and path.name != "pyfunc_model.py":  # our own code, copied with its mode
                wider.append(f"{mode:o} {path.relative_to(run.folder)}")
    assert wider == []


def test_scoring_runs_nothing_that_lies_in_the_registry(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes into the registry decides what scores are, and nothing else."""
    state, marker = tmp_path / "state", tmp_path / "it-ran"
    shutil.copytree(run.folder / "state", state)
    monkeypatch.setenv("LEADLENS_HOME", str(state))
    code = f"open({str(marker)!r}, 'w').close()\n"
    models = list((state / "mlartifacts").rglob("MLmodel"))
    assert models
    for model in models:
        for name in (
            "pyfunc_model.py",
            "sitecustomize.py",
            "code/sitecustomize.py",
            "artifacts/bundle/conftest.py",
        ):
            path = model.parent / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(code)
        evil = b"cposix\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR."
        for name in ("python_model.pkl", "artifacts/bundle/model.pkl", "artifacts/bundle/trees.pkl"):
            (model.parent / name).write_bytes(evil)
        text = model.read_text().replace("python_model: null", "python_model: python_model.pkl")
        model.write_text(text.replace("code: null", "code: code"))
    shutil.rmtree(state / "serving")  # no copy that was loaded before
    path = run.folder / "project.yaml"
    for command, *rest in (
        ("score", "--to", f"duckdb:///{tmp_path}/again.duckdb", "--as-of", "2024-05-24"),
        ("explain", "L003"),
        ("compare",),
    ):
        answer = leadlens(command, path, *rest)
        assert answer.code == 0, answer.err
    assert not marker.exists()
    subprocess.run([sys.executable, str(models[0].parent / "pyfunc_model.py")], check=True)
    assert marker.exists()  # it would have told
