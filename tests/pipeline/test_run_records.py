"""A run leaves a record whatever happens to it, and its exit code says what kind of end it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from leadlens.features.errors import DataError, LeadlensError, RoomError, UnavailableError, UsageError
from leadlens.pipeline import exit_codes
from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.score import score
from leadlens.pipeline.runs import RunRecord, RunStore, recorded_run
from leadlens.pipeline.runs import store as store_module
from leadlens.pipeline.stopping import Stopped, stoppable
from tests.pipeline.little_project import LittleProject

ROOT = Path(__file__).parents[2]


def _only(folder: Path) -> RunRecord:
    (record,) = RunStore(folder).records()
    return record


def _raise(error: BaseException) -> Callable[..., None]:
    def fail(*arguments: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "status", "code", "line"),
    [
        (DataError("no lead has an id", why="it matters"), "refused", 1, "no lead has an id (it matters)"),
        (
            DataError("odd\n  - a\n  - b", value="postgresql://ann:secret@host"),
            "refused",
            1,
            "odd (a; b; received: postgresql://ann:***@host)",
        ),
        (DataError("long", why="x" * 9_000), "refused", 1, f"long ({'x' * 593}…"),
        (
            UnavailableError("nobody answers", why="no word of postgresql://ann:secret@host\nfor 9 s"),
            "failed",
            3,
            "nobody answers (no word of postgresql://ann:***@host; for 9 s)",
        ),
        (UsageError("no such table", where="--to"), "failed", 2, "--to: no such table"),
        (UnavailableError("nobody answers"), "failed", 3, "nobody answers"),
        (RoomError("the disk is full"), "failed", 4, "the disk is full"),
        (
            OSError(28, "No space left on device"),
            "failed",
            4,
            "there is no disk space left (the command could not go on: [Errno 28] No space left on device)",
        ),
        (MemoryError(), "failed", 4, "there is no memory left (the command could not go on: MemoryError)"),
        (
            duckdb.OutOfMemoryException("a\nb"),
            "failed",
            4,
            "there is no memory left (the command could not go on: a)",
        ),
        (
            duckdb.IOException("Could not write: No space left on device"),
            "failed",
            4,
            "there is no disk space left (the command could not go on: Could",
        ),
        (ZeroDivisionError("of ours\nsecond line"), "failed", 70, "ZeroDivisionError: of ours"),
        (
            ValueError("postgresql://ann:secret@host is odd"),
            "failed",
            70,
            "ValueError: postgresql://ann:***@",
        ),
        (KeyboardInterrupt(), "stopped", 130, "KeyboardInterrupt"),
    ],
)
def test_how_a_run_ends_is_recorded(
    tmp_path: Path, error: BaseException, status: str, code: int, line: str
) -> None:
    with pytest.raises(type(error)), recorded_run("cars", folder=tmp_path, target="t", table="s") as run:  # noqa: PT012
        assert _only(tmp_path).status == "started"
        run.warn("odd")
        with run.stages("read", rows=7):
            pass
        raise error
    found = _only(tmp_path)
    assert (found.status, found.exit_code, found.warnings) == (status, code, ["odd"])
    assert found.error is not None
    assert found.error.startswith(line)
    assert "\n" not in found.error
    assert len(found.error) <= 600
    assert [(stage["name"], stage["rows"]) for stage in found.stages] == [("read", 7)]
    assert found.finished_at is not None
    assert found.finished_at >= found.started_at


def test_a_full_disk_behind_another_error_counts() -> None:
    error = DataError("the step 'features' failed")
    error.__cause__ = duckdb.IOException("could not write: No space left on device")
    assert exit_codes.exit_code(error) == 4
    said = exit_codes.as_user_error(error)
    assert isinstance(said, RoomError)
    assert (said.what, "could not write: No space left" in str(said.why)) == (
        "there is no disk space left",
        True,
    )
    error.__cause__ = duckdb.ConversionException("Could not convert string 'out of memory' to INT32")
    assert (exit_codes.exit_code(error), exit_codes.as_user_error(error)) == (1, error), "a value is quoted"
    assert exit_codes.exit_code(DataError("a column is called 'no space left on device'")) == 1


def test_a_run_that_ends_well_is_done_and_a_gate_refuses(tmp_path: Path) -> None:
    with recorded_run("cars", folder=tmp_path) as run:
        run.note("levels", {"city": ["Bern"]})
    assert (_only(tmp_path).status, _only(tmp_path).exit_code) == ("done", 0)
    with pytest.raises(LeadlensError) as caught, recorded_run("cars", folder=tmp_path) as run:  # noqa: PT012
        assert [record.notes for record in run.earlier()] == [{"levels": {"city": ["Bern"]}}]
        run.refuse("no events since 3 weeks", fix="look at the export")
    assert caught.value.exit_code == 1
    with recorded_run("boats", folder=tmp_path) as run:
        assert run.earlier() == []
    assert [(r.project, r.status) for r in RunStore(tmp_path).records()] == [
        ("boats", "done"),
        ("cars", "refused"),
        ("cars", "done"),
    ]


def test_a_dry_run_leaves_nothing(tmp_path: Path) -> None:
    with recorded_run("cars", folder=tmp_path / "runs", kept=False) as run:
        run.keep()
    assert not list(tmp_path.iterdir())


_WAITING = """
import sys, time
from pathlib import Path
from leadlens.pipeline.runs import recorded_run
from leadlens.pipeline.stopping import stoppable
from leadlens.pipeline import exit_codes
from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.score import score
with stoppable():
    try:
        with recorded_run("cars", folder=Path(sys.argv[1])) as run:
            run.follow(lambda *_: None)("Reading the history", 0, 0)
            print("ready", flush=True)
            time.sleep(60)
    except BaseException as error:
        sys.exit(exit_codes.exit_code(error))
"""


def _waiting(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _WAITING, folder], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_killed_run_is_found_by_the_next_and_a_living_one_is_not(tmp_path: Path) -> None:
    living, killed = _waiting(tmp_path), _waiting(tmp_path)
    killed.kill()
    killed.wait()
    with recorded_run("cars", folder=tmp_path):
        states = sorted((record.status, record.stage or "") for record in RunStore(tmp_path).records())
        assert states == [
            ("killed", "Reading the history"),
            ("started", ""),
            ("started", "Reading the history"),
        ]
    living.terminate()
    assert living.wait() == 143
    assert sorted(record.status for record in RunStore(tmp_path).records()) == ["done", "killed", "stopped"]
    (stopped,) = (record for record in RunStore(tmp_path).records() if record.status == "stopped")
    assert (stopped.exit_code, stopped.error) == (143, "stopped by SIGTERM")
    assert {path.suffix for path in tmp_path.iterdir()} == {".json"}, "no lock is left"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_library_that_hides_the_signal_does_not_hide_it_from_us(number: int, code: int) -> None:
    with stoppable():
        with pytest.raises(RuntimeError):  # noqa: PT012
            try:
                os.kill(os.getpid(), number)
                time.sleep(5)
            except Stopped:
                os.kill(os.getpid(), number)  # a second one does not disturb the clean-up
                raise RuntimeError("Query interrupted") from None
        assert exit_codes.exit_code(RuntimeError("Query interrupted")) == code
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_run_that_had_written_all_when_it_was_stopped_is_done(tmp_path: Path) -> None:
    written: set[str] = set()
    for status in ("stopped", "done"):
        with pytest.raises(KeyboardInterrupt), recorded_run("cars", folder=tmp_path) as run:  # noqa: PT012
            run.report_to(lambda records: {record.run_id for record in records} & written)
            if status == "done":
                written.add(run.record.run_id)
            raise KeyboardInterrupt
        (record,) = (found for found in RunStore(tmp_path).records() if found.run_id == run.record.run_id)
        assert (record.status, record.exit_code, record.told) == (status, 130, True)


def test_a_full_disk_still_lets_a_record_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="No space"), recorded_run("cars", folder=tmp_path) as run:  # noqa: PT012
        run.warn("x" * 10_000)
        monkeypatch.setattr(store_module.os, "replace", _raise(OSError(28, "No space left on device")))
        raise OSError(28, "No space left on device")
    found = _only(tmp_path)
    assert (found.status, found.exit_code, found.warnings) == ("failed", 4, [])
    assert (tmp_path / f"{found.run_id}.json").stat().st_size == store_module._ROOM


def test_old_records_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MOST_KEPT", 3)
    for _ in range(5):
        with recorded_run("cars", folder=tmp_path) as run:
            pass
    kept = list(RunStore(tmp_path).records())
    assert len(kept) == 3
    assert run.record.run_id in {record.run_id for record in kept}


def test_a_record_that_is_no_record_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "20260101T000000-00000000.json").write_text("{half")
    (tmp_path / "20260101T000000-00000001.json").write_text("[1]")
    with recorded_run("cars", folder=tmp_path):
        pass
    assert _only(tmp_path).status == "done"


def test_a_record_of_a_later_version_is_read(tmp_path: Path) -> None:
    record = RunRecord(project="cars")
    text = record.to_json().replace('"project"', '"mood": "good", "project"')
    assert RunRecord.from_json(text) == record


@pytest.mark.parametrize(("to", "shown"), [("duckdb:///s.duckdb", "duckdb:///s.duckdb"), ("ftp://x", "")])
def test_a_record_names_the_target_from_its_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, shown: str
) -> None:
    """A run that is stopped at once must be told to the target by the next one, which knows it by that name."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    seen = []

    def stop(record: RunRecord) -> None:
        seen.append((record.target, record.table))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(load_project(LittleProject(tmp_path).write()), to=to, watch=stop)
    assert seen == [(shown, "lead_scores")]
    record = _only(tmp_path / "home" / "runs")
    assert (record.target, record.table, record.status) == (shown, "lead_scores", "stopped")
