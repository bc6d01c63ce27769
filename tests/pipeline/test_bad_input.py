"""Every known kind of bad input ends in a clear error, or in a clear warning and the right result.

The kinds are listed in ``bad_files``, ``bad_data``, ``bad_timestamps``, ``bad_settings`` and ``bad_yaml``: a healthy
project is broken in one place, and ``leadlens check`` is run on it as a user would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

import duckdb
import pytest

from leadlens.features import LeadlensError
from leadlens.features import secrets as memory
from leadlens.pipeline.config import load_project
from leadlens.pipeline.sources import open_history
from tests.pipeline.bad_data import DATA
from tests.pipeline.bad_files import FILES
from tests.pipeline.bad_settings import SETTINGS
from tests.pipeline.bad_timestamps import TIMESTAMPS
from tests.pipeline.bad_yaml import YAML
from tests.pipeline.kinds import Kind
from tests.pipeline.little_project import Answer, LittleProject, leadlens
from tests.pipeline.postgres import PASSWORD

KINDS = [
    pytest.param(kind, id=f"{place}: {kind.name}")
    for place, table in (
        ("file", FILES),
        ("data", DATA),
        ("timestamp", TIMESTAMPS),
        ("setting", SETTINGS),
        ("yaml", YAML),
    )
    for kind in table
]


@pytest.fixture
def project(tmp_path: Path) -> LittleProject:
    (tmp_path / "data").mkdir()
    little = LittleProject(tmp_path)
    little.settings["features"] = {"windows": ["7d"], "max_event_keys": 1}  # few features build faster
    return little


def warnings_of(answer: Answer) -> list[str]:
    """The messages of a successful check."""
    check = answer.facts
    items = [*check["findings"], *check["suspects"], *check["readiness"]["reasons"]]
    return [item["message"] for item in items]


@pytest.mark.parametrize("kind", KINDS)
def test_bad_input_is_reported(kind: Kind, project: LittleProject) -> None:
    kind.breaks(project)
    answer = leadlens("check", project.write(), "--json")
    assert answer.code == kind.code, answer.err
    if kind.code:
        text = answer.err
        assert "how to fix it" in text
        assert json.loads(answer.out)["what"]
        assert len(text) < 8_000
    else:
        text = "\n".join(warnings_of(answer))
        counts = answer.facts["counts"] | {"features": answer.facts["features"]}
        assert kind.counts == {name: counts[name] for name in kind.counts}
    for message in kind.says:
        assert message in text
    assert "Traceback" not in answer.err
    assert "hunter2" not in answer.out + answer.err


def test_a_healthy_project_has_nothing_to_tell(
    project: LittleProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))  # whoever may read the usual one
    answer = leadlens("check", project.write(), "--json")
    reasons = {reason["code"] for reason in answer.facts["readiness"]["reasons"]}
    assert answer.facts["findings"] == answer.facts["suspects"] == []
    assert reasons == {"few-conversions", "few-leads", "stale"}


def test_thirty_kinds_and_more() -> None:
    names = [(param.id, param.values[0].name) for param in KINDS]
    assert len(names) == len(set(names)) > 150


@pytest.mark.parametrize("name", ["a file that is not there", "CSV named .parquet", "UTF-16, not said so"])
def test_the_installed_command_says_the_same(name: str, project: LittleProject) -> None:
    kind = next(kind for kind in FILES if kind.name == name)
    kind.breaks(project)
    program = "from leadlens.pipeline.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "check", str(project.write())],
        capture_output=True, text=True, cwd=project.folder, check=False,
    )  # fmt: skip
    assert done.returncode == kind.code
    assert "Traceback" not in done.stderr
    for words in kind.says:
        assert words in done.stdout + done.stderr


def test_a_duckdb_file_in_use_elsewhere(project: LittleProject) -> None:
    path = project.folder / "crm.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE contacts AS SELECT 1 AS lead_id")
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb; d = duckdb.connect({str(path)!r}); print(flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        project.data["leads"] = {"read": "crm.duckdb", "table": "contacts"}
        answer = leadlens("check", project.write())
    finally:
        holder.communicate("\n", timeout=20)
    assert answer.code == 1
    assert "open in another program" in answer.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
@pytest.mark.parametrize("file", ["project.yaml", "data/leads.csv"])
def test_a_file_that_may_not_be_read(project: LittleProject, file: str) -> None:
    path = project.write()
    (project.folder / file).chmod(0)
    answer = leadlens("check", path)
    assert answer.code in (1, 2)
    assert "allowed to read it" in answer.err


def unreachable(url: str) -> str:
    return url.replace("127.0.0.1", "leadlens.invalid")


def wrong_password(url: str) -> str:
    return url.replace("postgresql://crm:", "postgresql://crm:hunter2")


def no_such_database(url: str) -> str:
    return url.rpartition("/")[0] + "/erp"


@pytest.mark.parametrize("broken", [unreachable, wrong_password, no_such_database])
@pytest.mark.parametrize("hidden", [True, False], ids=["in the environment", "in the file"])
def test_a_database_that_does_not_answer_shows_no_password(
    broken: object, hidden: bool, project: LittleProject, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = broken(postgres_url)  # type: ignore[operator]
    monkeypatch.setattr(memory, "_met", {})
    if hidden:
        monkeypatch.setenv("CRM_URL", url)
    project.data["leads"] = {"read": "${CRM_URL}" if hidden else url, "table": "contacts"}
    path = project.write()
    answer = leadlens("check", path, "--json")
    assert answer.code == 3
    assert "the database does not return this table" in answer.err
    assert ("${CRM_URL}" if hidden else "crm:***@") in answer.err
    with pytest.raises(LeadlensError) as caught:
        open_history(load_project(path))
    chain = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(vars(caught.value))
    quoted = url.partition("crm:")[2].partition("@")[0]
    for secret in (PASSWORD, quoted):
        assert secret not in chain + answer.out + answer.err


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        ({"table": "contact"}, 2, "did you mean: contacts"),
        ({"table": 'contacts"; DROP TABLE contacts; --'}, 2, "no such table"),
        ({"query": "DROP TABLE contacts"}, 2, "a query is one SELECT"),
        ({"query": "SELECT * FROM contacts; DROP TABLE contacts"}, 2, "a query is one SELECT"),
        ({"query": "SELECT setval('counter', 7) AS lead_id FROM contacts"}, 1, "read-only transaction"),
        ({"query": "SELECT a FROM contacts"}, 1, 'column "a" does not exist'),
        ({"query": "SELECT 1 AS a, 2 AS a"}, 1, "two columns have the same name"),
        ({"query": "SELECT 'infinity'::timestamp AS created_at"}, 2, "needs a column lead_id"),
        ({"table": "contacts"}, 2, "needs a column lead_id"),
    ],
)
def test_a_database_that_has_something_else(
    settings: dict[str, str], code: int, says: str, project: LittleProject, postgres_url: str
) -> None:
    import psycopg

    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE contacts (name text)")
        connection.execute("INSERT INTO contacts VALUES ('Ann')")
        connection.execute("CREATE SEQUENCE counter")
    project.data["leads"] = {"read": postgres_url, **settings}
    answer = leadlens("check", project.write())
    assert (answer.code, says in answer.err) == (code, True), answer.err
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM contacts").fetchone() == (1,)


def test_secrets_are_masked_wherever_they_stand() -> None:
    error = LeadlensError(
        "cannot open postgresql://ann:p@ss:w/ord@host/db",
        value={"url": "mysql://ann:hunter2@host/db?ssl=1"},
        fix="host=db password=hunter2 user=ann",
        where="https://x.example/?token=hunter2&a=1",
    )
    for text in (str(error), repr(error), json.dumps(error.as_dict()), repr(vars(error))):
        assert "hunter2" not in text
        assert "p@ss" not in text
    assert "ann:***@host/db" in str(error)
    assert "user=ann" in str(error)


def test_terminal_commands_in_values_are_escaped() -> None:
    error = LeadlensError("no such lead", value="\x1b[2J\u202eabc", known=["\x1b[2J\u202eabd"])
    assert "\x1b" not in str(error)
    assert "\u202e" not in str(error)
