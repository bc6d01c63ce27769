"""A registered model behind `mlflow models serve`: raw leads over HTTP, held against `leadlens.score_lead`, and timed.

    python -m tests.model_server        # by hand: half a minute

The server is MLflow's own, in a process of its own, with nothing of the project but the model.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).parents[1]
_RAW = {
    "lead": {"lead_id": "new", "created_at": "2024-05-01T00:00:00Z", "city": "Bern", "income": "1200"},
    "events": [
        {"occurred_at": "2024-05-01T04:00:00+02:00", "event_type": "page_viewed", "page": "Pricing"},
        {"occurred_at": "2024-05-01T05:00:00+02:00", "event_type": "email_opened"},
    ],
    "as_of": "2024-05-02",
}


def main() -> None:
    """Train, serve, ask, compare."""
    from leadlens import LeadScorer
    from leadlens.pipeline.registry.mlflow_registry import Registry
    from tests.pipeline.little_project import LittleProject, leadlens

    with (
        tempfile.TemporaryDirectory() as place,
        mock.patch.dict(os.environ, {"LEADLENS_HOME": f"{place}/home"}),
    ):
        project = LittleProject(Path(place)).write()
        trained = leadlens("train", project, "--trials", "1")
        assert trained.code == 0, trained.err
        registry = Registry("little")
        model = registry.mlflow.artifacts.download_artifacts("models:/little@challenger")
        expected = json.loads(json.dumps(LeadScorer.open(project).score(_RAW).to_dict(), default=str))
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = ("models", "serve", "-m", model, "-p", str(port), "-h", "127.0.0.1", "--env-manager", "local")
        # a server elsewhere: no state, no project, another folder
        elsewhere = {key: value for key, value in os.environ.items() if key != "LEADLENS_HOME"}
        log = Path(place) / "server.log"
        with log.open("w") as out:
            server = subprocess.Popen(
                [sys.executable, "-m", "mlflow", *words],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=_empty(place),
                env={
                    **elsewhere,
                    "PYTHONPATH": str(ROOT),
                    "PATH": f"{Path(sys.executable).parent}:{elsewhere['PATH']}",
                },
                start_new_session=True,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, server, log)
            status, answer = _post(url, {"dataframe_records": [{"raw_lead": _RAW}]})
            assert status == 200, answer
            (served,) = answer["predictions"]
            assert served == {name: value for name, value in expected.items() if name in served}
            assert set(expected) - set(served) == {"model_version", "alias"}
            print(f"a raw lead over HTTP: score {served['score']:.6f}, as leadlens.score_lead says")
            wrong = {"dataframe_records": [{"raw_lead": {"lead": {"created_at": "2024-05-01", "cty": "x"}}}]}
            status, answer = _post(url, wrong)
            assert status == 400, status
            assert "did you mean: city?" in answer["message"], answer
            print("a request that does not fit: 400, in words")
            print(f"warm, median of 20: {1000 * statistics.median(_timed(url) for _ in range(20)):.0f} ms")
            assert not list(Path(place, "elsewhere").iterdir()), "the server wrote into its folder"
        finally:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def _empty(place: str) -> Path:
    folder = Path(place) / "elsewhere"
    folder.mkdir()
    return folder


def _timed(url: str) -> float:
    started = time.perf_counter()
    assert _post(url, {"dataframe_records": [{"raw_lead": _RAW}]})[0] == 200
    return time.perf_counter() - started


def _post(url: str, body: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{url}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        try:
            return error.code, json.loads(text)
        except ValueError:
            return error.code, {"message": text}


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 120
    while True:
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < until, f"the server did not start:\n{log.read_text()}"
        try:
            with urllib.request.urlopen(f"{url}/ping", timeout=5):
                return
        except OSError:
            time.sleep(0.3)


if __name__ == "__main__":
    main()
