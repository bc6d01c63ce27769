"""What never ends or never answers is refused in words, within seconds."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadlens.features import UsageError
from leadlens.features.regular_files import refuse_no_file
from leadlens.pipeline.registry.answering import refuse_silent
from tests.pipeline.little_project import LittleProject, leadlens

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and devices have no paths there")
SECONDS = 20
LONG = "a" * 5000


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "circle.csv").symlink_to(tmp_path / "circle.csv")
    return LittleProject(tmp_path)


@pytest.mark.parametrize(
    ("read", "says"),
    [
        ("pipe.csv", "a named pipe, not a file"),
        ("pipe.*", "a named pipe, not a file"),
        ("/dev/zero", "a device, not a file"),
        ("zero.csv", "a device, not a file"),
        ("/proc/self/environ", "a view of the system, not a file"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "a view of the system, not a file"),
        ("circle.csv", "this path cannot be opened"),
        (f"{LONG}.csv", "this path cannot be opened"),
    ],
)
@pytest.mark.parametrize("table", ["leads", "events"])
def test_sources(table: str, read: str, says: str, project: LittleProject) -> None:
    project.data[table] = {"read": read}
    started = time.monotonic()
    answer = leadlens("check", project.write())
    assert answer.code == 2, answer.err
    assert says in answer.err
    assert time.monotonic() - started < SECONDS


def test_project_sheets_and_targets(project: LittleProject, tmp_path: Path) -> None:
    path, started = project.write(), time.monotonic()
    for arguments, says in (
        (("check", tmp_path / "pipe.csv"), "a named pipe"),
        (("check", "/dev/zero"), "a device"),
        (("check", LONG), "cannot be opened"),
        (("scorecard", "import", tmp_path / "pipe.csv", "--out", tmp_path / "x.yaml"), "a named pipe"),
        (("scorecard", "import", "/dev/zero", "--out", tmp_path / "x.yaml"), "a device"),
    ):
        answer = leadlens(*arguments)
        assert answer.code == 2, arguments
        assert says in answer.err
    project.settings["scorecards"] = ["/dev/zero"]
    assert "a device" in leadlens("check", project.write()).err
    from leadlens.pipeline.writeback import write_scores
    from tests.pipeline.writeback_samples import run, scores

    for name in ("pipe.csv", "zero.csv"):
        with pytest.raises(UsageError, match="not a file"):
            write_scores(scores(), str(tmp_path / name), run=run())
    os.mkfifo(tmp_path / "pipe.duckdb")
    with pytest.raises(UsageError, match="not a file"):
        write_scores(scores(), f"duckdb:///{tmp_path}/pipe.duckdb", run=run())
    assert path.exists()
    assert time.monotonic() - started < SECONDS


def test_files_and_what_is_not_there_pass(tmp_path: Path) -> None:
    refuse_no_file(tmp_path / "nothing")
    refuse_no_file(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    refuse_no_file(tmp_path / "link")


def test_a_header_beyond_all_measure(project: LittleProject) -> None:
    project.files["data/leads.csv"] = b"lead_id,created_at," + b"x" * 200_000 + b"\n1,2024-01-01,1\n"
    answer = leadlens("check", project.write())
    assert answer.code == 1
    assert "a name in the header line is longer than 128 KB" in answer.err


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://ann:planted@127.0.0.1:{server.getsockname()[1]}"


def test_a_tracking_server_that_does_not_answer(
    project: LittleProject, silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadlens.pipeline.registry.answering._ANSWER", 1)
    path = project.write()
    for uri, says in (
        (silent_server, "does not answer"),
        ("http://ann:planted@127.0.0.1:9", "cannot be reached"),
    ):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        started = time.monotonic()
        answers = [leadlens(command, path) for command in ("train", "score", "compare", "promote")]
        answers.append(leadlens("explain", path, "L001"))
        for answer in answers:
            assert answer.code == 3, answer.err
            assert says in answer.err
            assert "planted" not in answer.err
        assert time.monotonic() - started < SECONDS


def test_any_answer_will_do() -> None:
    refuse_silent("sqlite:///mlflow.db")
    refuse_silent("databricks")
