"""In ordinary use nothing leaves the machine: a project of files is trained, promoted and scored without one look at a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.pipeline.little_project import LittleProject

# Names that are looked up, and addresses that are connected to; sockets of this machine's files are no network.
_WATCHED = """
import json, socket, sys, threading
seen = []
lookup, connect = socket.getaddrinfo, socket.socket.connect
def looked_up(host, *rest, **more):
    seen.append(str(host))
    return lookup(host, *rest, **more)
def connected(self, address):
    if self.family != socket.AF_UNIX:
        seen.append(str(address))
    return connect(self, address)
socket.getaddrinfo, socket.socket.connect = looked_up, connected
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


def test_a_night_looks_at_no_network(tmp_path: Path) -> None:
    config = str(LittleProject(tmp_path).write())
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "CI"))}
    # MLflow is silent by itself where it takes itself to be in a test or in CI.
    for name in ("PYTEST_CURRENT_TEST", "GITHUB_ACTIONS", "TOX_ENV_DIR", "DO_NOT_TRACK"):
        kept.pop(name, None)
    for words in (
        ("train", config, "--trials", "1"),
        ("promote", config, "--force", "a test"),
        ("score", config, "--to", str(tmp_path / "scores.csv"), "--as-of", "2024-05-24"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", _WATCHED, *words],
            capture_output=True,
            text=True,
            check=False,
            env=kept | {"LEADLENS_HOME": str(tmp_path / "state")},
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1]) == [], words[0]
    assert (tmp_path / "scores.csv").exists()
