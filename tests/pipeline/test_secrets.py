"""Passwords: never shown, logged or stored, in whatever form of URL they stand."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from leadlens.features import UsageError
from leadlens.features import secrets as memory
from leadlens.features.secrets import masked, remember_secret, remember_secrets_of, without_secrets
from leadlens.pipeline.config import expand, load_project
from tests.pipeline.little_project import LittleProject, leadlens

WORD = "hunter2"
FORMS = {
    "plain": f"postgresql://ann:{WORD}@db.example/crm",
    "without a user": f"redis://:{WORD}@db.example/0",
    "a user with @": f"postgresql://ann@corp:{WORD}@db.example/crm",
    "a password with @": f"postgresql://ann:x@{WORD}@db.example/crm",
    "a password with @, first": f"postgresql://ann:{WORD}@x@db.example/crm",
    "a password with / and #": f"mysql+pymysql://ann:/{WORD}#?@db.example/crm",
    "in the query": f"postgresql:///crm?host=db.example&user=ann&password={WORD}",
    "of a key": f"postgresql://ann@db.example/crm?sslpassword={WORD}",
    "of Snowflake": f"snowflake://ann@acme/db?private_key_passphrase={WORD}",
    "of ODBC": f"mssql+pyodbc:///?odbc_connect=DRIVER%3D%7BX%7D%3BUID%3Dann%3BPWD%3D{WORD}%3BServer%3Ddb.example",
    "of ODBC, in braces": f"mssql+pyodbc:///?odbc_connect=Server=db.example;PWD={{a;{WORD}}}",
    "a token": f"https://{WORD}@tracking.example/api",
    "a default": f"postgresql://ann:${{PW:-{WORD}}}@db.example/crm",
    "a part of it": f"postgresql://ann:${{PW}}{WORD}@db.example/crm",
}


@pytest.fixture(autouse=True)
def nothing_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_met", {})


@pytest.mark.parametrize("url", FORMS.values(), ids=FORMS)
def test_a_password_is_neither_shown_nor_stored(url: str) -> None:
    for text in (masked(f"cannot open {url} now"), without_secrets(url), str(UsageError("no", value=url))):
        assert WORD not in text
        assert ".example" in text or "acme" in text  # all else is still there


@pytest.mark.parametrize(
    "harmless",
    [
        "postgresql://ann:${PW}@db/crm",
        "http://127.0.0.1:5000/api",
        "sqlite:////home/a@b/c@d.db",
        "percent-encode special characters of the password: @ is %40",
        "duckdb:///scores.duckdb",
    ],
)
def test_what_is_no_secret_is_left_alone(harmless: str) -> None:
    assert masked(harmless) == without_secrets(harmless) == harmless
    assert masked("write postgresql://user:password@host/crm") == "write postgresql://user:password@host/crm"


def test_what_a_driver_makes_of_a_password_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "s3cr@t one")
    monkeypatch.setenv("DBHOST", "db.internal")
    expand("postgresql://ann:${PW}@${DBHOST}/crm", "here")
    for said in ("s3cr@t one", "s3cr%40t%20one", "s3cr%40t+one"):
        assert "s3cr" not in masked(f'cannot translate "{said}"'), said
    assert masked('could not resolve "db.internal"') == 'could not resolve "${DBHOST}"'
    remember_secrets_of("postgresql://ann:abcd@efgh@host/crm")
    assert masked('could not translate host name "efgh@host"') == 'could not translate host name "***@host"'


def test_a_word_that_holds_a_secret_is_another_word() -> None:
    remember_secret("postgres")
    assert masked("postgresql: postgres failed") == "postgresql: *** failed"


@pytest.mark.parametrize(
    "piece", ["x", "password", "password=", "://a:", "://:", "pwd='", "{", "%3D", "@", "token "]
)
def test_a_flood_is_masked_in_a_moment(piece: str) -> None:
    started = time.process_time()
    masked(piece * (100_000 // len(piece)))
    without_secrets("x://" + piece * (20_000 // len(piece)))
    assert time.process_time() - started < 5


def test_the_folder_of_the_shell_is_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PWD", "OLDPWD", "IDENTITY_TOKEN_FILE"):
        monkeypatch.setenv(name, str(tmp_path))
    answer = leadlens("check", tmp_path / "nowhere.yaml")
    assert answer.code == 2
    assert str(tmp_path) in answer.err


@pytest.mark.parametrize("place", ["read", "to"])
def test_a_literal_password_is_in_no_record_and_is_named(place: str, tmp_path: Path) -> None:
    project = LittleProject(tmp_path)
    settings = project.data["leads"] if place == "read" else project.settings.setdefault("scores", {})
    settings[place] = f"postgresql://ann:{WORD}@db.example/crm"
    if place == "read":
        settings["table"] = "leads"
    file = load_project(project.write())
    assert WORD not in json.dumps(file.project.canonical())
    (warning,) = file.literal_secrets
    assert "write ${NAME} in its place" in warning
    settings[place] = f"postgresql://ann:other-{WORD}@db.example/crm"
    assert load_project(project.write()).fingerprint == file.fingerprint  # nothing is derived from it
    settings[place] = "postgresql://ann:${PW}@db.example/crm"
    assert load_project(project.write()).literal_secrets == ()


def test_a_literal_password_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    project = LittleProject(tmp_path)
    project.settings["scores"] = {"to": f"postgresql://ann:{WORD}@db.example/crm"}
    answer = leadlens("check", project.write())
    assert answer.code == 0
    assert "scores.to holds a password" in answer.out
    assert WORD not in answer.out + answer.err


def test_a_second_at_sign_is_refused_before_a_part_is_taken_for_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("DB_URL", f"postgresql://ann:x@{WORD}@127.0.0.1:9/crm")
    for read in (f"postgresql://ann:x@{WORD}@127.0.0.1:9/crm", "${DB_URL}"):
        project = LittleProject(tmp_path)
        project.data["leads"] = {"read": read, "table": "leads"}
        answer = leadlens("check", project.write())
        assert answer.code == 2
        assert "more than one @" in answer.err
        assert WORD not in answer.out + answer.err


@pytest.mark.parametrize("debug", ["", "1"])
def test_an_error_of_our_own_shows_no_secret(
    debug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadlens.pipeline.jobs import check as job

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(f"API request to http://ann:{WORD}@tracking.example failed for token-{WORD}")

    monkeypatch.setenv("LEADLENS_DEBUG", debug)
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", f"token-{WORD}")
    monkeypatch.setattr(job, "check", fails)
    answer = leadlens("check", LittleProject(tmp_path).write())
    assert answer.code == 70
    assert "tracking.example" in answer.err
    assert WORD not in answer.err
    assert ("Traceback" in answer.err) == bool(debug)
