"""The examples of docs/operating.md: what they call exists, and they do what they say with each exit code.

Neither Docker nor Airflow is asked: the Dockerfile is read, and the DAG runs on stand-ins of Airflow's decorators.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main

from leadlens.pipeline import exit_codes
from leadlens.pipeline.cli.main import app

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "operating"
NIGHT = re.compile(r"leadlens score (\S+(?: --[a-z-]+ \S+)*)")


def text(name: str) -> str:
    return (EXAMPLES / name).read_text(encoding="utf-8")


def accepted(words: list[str]) -> None:
    """The command line takes these words."""
    command = typer.main.get_command(app).commands[words[0]]  # type: ignore[attr-defined]
    command.make_context(words[0], words[1:])


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text(name))
    return parser


def test_the_timer_starts_the_service_which_calls_a_real_command() -> None:
    service, timer = unit("leadlens.service")["Service"], unit("leadlens.timer")
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Install"]["WantedBy"] == "timers.target"
    program, *words = shlex.split(service["ExecStart"])
    assert program == "/opt/leadlens/bin/leadlens"
    accepted(words)
    assert service["User"] != "root"
    again = set(map(int, service["RestartPreventExitStatus"].split()))
    assert again == {exit_codes.REFUSED, exit_codes.WRONG_USE, exit_codes.NO_ROOM, exit_codes.INTERNAL}
    written = [words[words.index("--metrics-file") + 1], *service["Environment"].split()]
    assert all("/var/lib/leadlens" in place for place in written), "the rest of the machine is read-only"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    for name in ("leadlens.service", "leadlens.timer"):
        told = text(name).replace("/opt/leadlens/bin/leadlens", sys.executable).replace("User=leadlens\n", "")
        (tmp_path / name).write_text(
            re.sub(r"^OnFailure=.*\n", "", told, flags=re.MULTILINE), encoding="utf-8"
        )
    units = [str(tmp_path / name) for name in ("leadlens.service", "leadlens.timer")]
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    found = [line for line in ran.stderr.splitlines() if "leadlens." in line]
    assert (ran.returncode, found) == (0, []), ran.stderr


def cron(folder: Path, code: int) -> str:
    """What cron would mail, where `leadlens` ends with ``code``."""
    (line,) = (line for line in text("crontab").splitlines() if line[:1].isdigit())
    minute, hour, *_, command = line.split(maxsplit=6)
    assert (minute, hour) == ("30", "2")
    assert "%" not in command, "cron reads it as the end of the line"
    stub = folder / "leadlens"
    stub.write_text(f"#!/bin/sh\necho 'what it said about' \"$@\"\nexit {code}\n")
    stub.chmod(0o755)
    command = command.replace("/var/lib/leadlens", str(folder))
    env = {"PATH": f"{folder}:/usr/bin:/bin"}
    ran = subprocess.run(["/bin/sh", "-c", command], env=env, capture_output=True, text=True, check=False)
    assert not ran.stderr
    return ran.stdout


def test_cron_mails_what_was_not_done_and_nothing_else(tmp_path: Path) -> None:
    words = NIGHT.findall(text("crontab"))[0]
    accepted(["score", *words.split()])
    assert cron(tmp_path, 0) == ""
    for code in (1, 2, 3, 4, 70, 143):
        mail = cron(tmp_path, code)
        assert f"exit code {code}\n" in mail
        assert "what it said about score /etc/leadlens/project.yaml" in mail


@pytest.mark.skipif(sys.platform == "win32", reason="there is no flock")
def test_cron_does_not_start_a_second_run(tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / "night.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        mail = cron(tmp_path, 0)
    assert f"exit code {exit_codes.UNAVAILABLE}\n" in mail
    assert "what it said" not in mail


class Fails(Exception):
    pass


class Tried(Exception):
    pass


def ran_dag(code: int) -> list[str]:
    """Run the DAG where `leadlens` ends with ``code``."""
    calls: list[str] = []

    def decorated(**settings: Any) -> Callable[[Callable[[], None]], Callable[[], None]]:
        calls.append(",".join(settings))
        return lambda function: function

    airflow = {
        "airflow": types.ModuleType("airflow"),
        "airflow.decorators": types.ModuleType("airflow.decorators"),
        "airflow.exceptions": types.ModuleType("airflow.exceptions"),
    }
    vars(airflow["airflow.decorators"]).update(dag=decorated, task=decorated)
    vars(airflow["airflow.exceptions"]).update(AirflowException=Tried, AirflowFailException=Fails)
    with pytest.MonkeyPatch.context() as patch:
        for name, module in airflow.items():
            patch.setitem(sys.modules, name, module)
        patch.setattr(subprocess, "run", lambda command, check: subprocess.CompletedProcess(command, code))
        exec(compile(text("airflow_dag.py"), "airflow_dag.py", "exec"), {"__name__": "airflow_dag"})  # noqa: S102
    return calls


def test_airflow_tries_again_what_may_pass() -> None:
    assert len(ran_dag(0)) == 2
    for code in (exit_codes.UNAVAILABLE, 137, 143):
        with pytest.raises(Tried, match=str(code)):
            ran_dag(code)
    for code in (exit_codes.REFUSED, exit_codes.WRONG_USE, exit_codes.NO_ROOM, exit_codes.INTERNAL):
        with pytest.raises(Fails, match=str(code)):
            ran_dag(code)
    (command,) = (
        node.value
        for node in ast.walk(ast.parse(text("airflow_dag.py")))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMMAND"
    )
    program, *words = ast.literal_eval(command)
    assert program == "leadlens"
    accepted(words)


def test_the_image_runs_as_nobody_and_copies_what_there_is() -> None:
    lines = re.sub(r"\\\n", " ", text("Dockerfile")).splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    names = [name for name, _ in steps]
    assert set(names) <= {
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "ENV",
        "VOLUME",
        "USER",
        "STOPSIGNAL",
        "ENTRYPOINT",
        "CMD",
    }
    last = dict(steps)
    assert last["USER"] == "10001:10001"
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert last["VOLUME"] == "/state"
    assert (last["ENTRYPOINT"], last["STOPSIGNAL"]) == ('["leadlens"]', "SIGTERM")
    accepted(ast.literal_eval(last["CMD"]))
    variables = dict(word.split("=", 1) for word in last["ENV"].split())
    assert variables["LEADLENS_HOME"] == "/state"
    assert all(
        variables[name].startswith(("/state", "/tmp")) for name in ("HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR")
    )
    copied = [
        word
        for name, value in steps
        if name == "COPY" and "--from" not in value
        for word in value.split()[:-1]
    ]
    assert copied
    assert [word for word in copied if not (ROOT / word).exists()] == []
    assert {"features", "models", "pipeline", "configs"} <= set(copied), "all that the wheel is made of"
    assert "--read-only" in text("Dockerfile")
    assert not re.search(r"PASSWORD=\S", text("Dockerfile"))


def test_every_exit_code_has_its_advice() -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    codes = {
        int(code) for row in re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE) for code in row.split(",")
    }
    assert codes >= {
        exit_codes.DONE, exit_codes.REFUSED, exit_codes.WRONG_USE, exit_codes.UNAVAILABLE, exit_codes.NO_ROOM,
        exit_codes.INTERNAL, 130, 137, 143,
    }  # fmt: skip
    for name in os.listdir(EXAMPLES):
        assert f"examples/operating/{name}" in page
