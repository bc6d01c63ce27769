"""An ordinary night: it looks at no network, and needs no package that is not installed with Leadlens alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from release.locked import closure_here
from tests.pipeline.little_project import LittleProject

ROOT = Path(__file__).parents[2]
# Notes names that are looked up and addresses that are connected to (sockets of this machine's files are no network),
# and hides packages that an environment of the tests has and a user's has not.
_WATCHED = """
import json, os, socket, sys, threading
seen, hidden = [], set(json.loads(os.environ["HIDDEN"]))
lookup, connect = socket.getaddrinfo, socket.socket.connect
def looked_up(host, *rest, **more):
    seen.append(str(host))
    return lookup(host, *rest, **more)
def connected(self, address):
    if self.family != socket.AF_UNIX:
        seen.append(str(address))
    return connect(self, address)
socket.getaddrinfo, socket.socket.connect = looked_up, connected
class Hiding:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hiding())
from leadlens.pipeline.cli import main as cli
sys.argv = ["leadlens", *sys.argv[1:]]
try:
    cli.main()
finally:
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(timeout=3)
    print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    """What became of each command."""
    folder = tmp_path_factory.mktemp("night")
    config = str(LittleProject(folder).write())
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "CI"))}
    # MLflow is silent by itself where it takes itself to be in a test or in CI.
    for name in ("PYTEST_CURRENT_TEST", "GITHUB_ACTIONS", "TOX_ENV_DIR", "DO_NOT_TRACK"):
        kept.pop(name, None)
    kept |= {"LEADLENS_HOME": str(folder / "state"), "HIDDEN": json.dumps(sorted(not_installed_by_default()))}
    return {
        words[0]: subprocess.run(
            [sys.executable, "-c", _WATCHED, *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env=kept,
        )
        for words in (
            ("train", config, "--trials", "1"),
            ("compare", config, "--out", str(folder / "report")),
            ("promote", config, "--force", "a test"),
            ("score", config, "--to", str(folder / "scores.csv"), "--as-of", "2024-05-24"),
        )
    }


def not_installed_by_default() -> set[str]:
    """Modules at the top of packages that `pip install leadlens` brings to nobody."""
    brought = closure_here(ROOT / "pyproject.toml", Path(sysconfig.get_path("purelib")))
    return {
        module
        for module, packages in packages_distributions().items()
        if not {canonicalize_name(name) for name in packages} & {*brought, "leadlens"}
    }


def test_a_night_needs_nothing_but_what_is_installed_by_default(
    night: dict[str, subprocess.CompletedProcess[str]],
) -> None:
    assert {"babel", "docker", "flask", "pymysql", "pytest"} <= not_installed_by_default()
    assert {
        command: (done.returncode, done.stderr * (done.returncode > 0)) for command, done in night.items()
    } == dict.fromkeys(night, (0, ""))


def test_a_night_looks_at_no_network(night: dict[str, subprocess.CompletedProcess[str]]) -> None:
    told = {command: json.loads(done.stdout.splitlines()[-1]) for command, done in night.items()}
    assert told == {command: [] for command in night}
