"""The command line: one JSON object, exit codes, words for people, and a quick start."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from leadlens.pipeline.cli import main as cli
from tests.pipeline.little_project import thin_out

# What reads a command line: Typer, and what it uses itself.
LIGHT = {"annotated_doc", "annotated_types", "pydantic", "pydantic_core", "shellingham", "typer"}
LIGHT |= {"typing_extensions", "typing_inspection"}
STARTER_COMMANDS = (
    ("check",),
    ("train", "--trials", "1"),
    ("compare",),
    ("score", "--dry-run"),
    ("promote", "--force", "a test"),
    ("features",),
)


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "leadlens", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
    )


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run in this process; returns the exit code."""
    monkeypatch.setattr(sys, "argv", ["leadlens", *arguments])
    try:
        cli.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


@pytest.mark.parametrize(
    ("words", "allowed"),
    [
        (("import leadlens",), set()),
        (("import leadlens; leadlens.__version__; dir(leadlens)",), set()),
        (("from leadlens.pipeline.cli.main import main; main()", "--help"), LIGHT),
        (("from leadlens.pipeline.cli.main import main; main()", "scorecard", "--help"), LIGHT),
        (("from leadlens.pipeline.cli.main import main; main()", "--version"), LIGHT),
    ],
    ids=["import", "version", "--help", "scorecard --help", "--version"],
)
def test_what_needs_nothing_heavy_loads_nothing_heavy(words: tuple[str, ...], allowed: set[str]) -> None:
    """No package but what reads the command line: one that is slow to load would be felt at every start."""
    code = f"try:\n    {words[0]}\nfinally:\n    import sys; print(' '.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code, *words[1:]], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}
    assert (loaded & set(packages_distributions())) - {"leadlens", "_distutils_hack", "google"} <= allowed


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP says what it was told")
@pytest.mark.parametrize(("own", "seen"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_that_wait_sleep_unless_somebody_wants_it_otherwise(own: str | None, seen: str) -> None:
    """What spins while others want the cores keeps them from whom it waits for."""
    environment = {**os.environ, "OMP_DISPLAY_ENV": "TRUE"}
    environment.pop("OMP_WAIT_POLICY", None)
    if own is not None:
        environment["OMP_WAIT_POLICY"] = own
    code = "import leadlens.pipeline.jobs.train, leadlens.models.fitting, lightgbm"
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"OMP_WAIT_POLICY = '(\w+)'", said.stderr)) == {seen}


def test_help_names_the_commands() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for command in ("init", "check", "features", "train", "compare", "explain", "score", "promote", "demo"):
        assert command in shown.stdout


def test_json_is_one_object_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    folder = str(tmp_path / "project")
    assert call(monkeypatch, "init", folder, "--json") == 0
    assert len(json.loads(capfd.readouterr().out)["written"]) == 5
    thin_out(Path(folder))
    for command, *options in STARTER_COMMANDS:
        assert call(monkeypatch, command, folder, *options, "--json") == 0, command
        told = capfd.readouterr()
        assert isinstance(json.loads(told.out), dict), command
        assert "Traceback" not in told.err
    for command, *options in STARTER_COMMANDS:
        assert call(monkeypatch, command, folder, *options) == 0, command
        assert capfd.readouterr().out.strip(), command


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("chek", "x"), 2, "check"),
        (("train",), 2, "CONFIG"),
        (("check", "nowhere.yaml"), 2, "nowhere.yaml"),
        (("score", "nowhere.yaml", "--as-of", "tomorrow"), 2, "nowhere"),
        (("promote", "."), 2, "project.yaml"),
    ],
)
def test_wrong_use_is_told_without_a_traceback(
    tmp_path: Path, arguments: tuple[str, ...], code: int, word: str
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert word in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_an_error_is_json_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "check", str(tmp_path / "nowhere.yaml"), "--json") == 2
    assert json.loads(capfd.readouterr().out)["error"] == "UsageError"


def test_nothing_trained_is_refused_by_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    assert call(monkeypatch, "init", str(tmp_path / "p")) == 0
    capfd.readouterr()
    assert call(monkeypatch, "score", str(tmp_path / "p")) == 1
    assert "leadlens train" in capfd.readouterr().err


def test_init_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project.yaml").write_text("mine")
    assert call(monkeypatch, "init", str(tmp_path)) == 2
    assert (tmp_path / "project.yaml").read_text() == "mine"


def test_help_is_not_cut_at_80_columns_and_every_command_has_an_example(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    def commands(*group: str) -> list[str]:
        assert call(monkeypatch, *group, "--help") == 0
        lines = capfd.readouterr().out.partition("Commands:\n")[2].splitlines()
        assert not [line for line in lines if line.endswith("...")], "a summary is cut"
        return [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]

    every = [(name,) for name in commands() if name != "scorecard"]
    every += [("scorecard", name) for name in commands("scorecard")]
    assert len(every) > 20
    for command in every:
        assert call(monkeypatch, *command, "--help") == 0
        assert re.search(r"Examples?:", capfd.readouterr().out), command
