"""Jobs at once in processes of their own: what they answer, how one fails, and what they share."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from leadlens.features import UsageError
from leadlens.pipeline.progress import Progress
from leadlens.pipeline.side_by_side import side_by_side
from leadlens.pipeline.threads import processors


def answer(number: int, *, progress: Progress) -> tuple[int, int]:
    progress(f"{number}: at work", 0, 0)
    progress(f"{number}: at work", 1, 2)
    return number, os.getpid()


def wait_for_the_other(folder: Path, mine: str, other: str, *, progress: Progress) -> None:
    (folder / mine).touch()
    deadline = time.monotonic() + 60
    while not (folder / other).exists():
        assert time.monotonic() < deadline, f"{other} does not run at the same time"
        time.sleep(0.01)


def fail_beside_a_long_job(folder: Path, fails: bool, *, progress: Progress) -> None:
    (folder / str(os.getpid())).touch()
    if fails:
        while len(list(folder.iterdir())) < 2:
            time.sleep(0.01)
        raise UsageError("this cannot be", value="7", fix="something else")
    time.sleep(600)


def die(*, progress: Progress) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_answers_come_in_the_order_of_the_calls() -> None:
    told: list[str] = []
    answers = side_by_side(answer, [(1,), (2,)], lambda stage, done, total: told.append(stage))
    assert [number for number, _ in answers] == [1, 2]
    assert len({os.getpid(), *(process for _, process in answers)}) == 3
    assert sorted(told) == ["1: at work", "2: at work"], "a stage is told once"


def count_processors(*, progress: Progress) -> int:
    return processors()


def test_they_share_the_processors() -> None:
    alone = processors()
    assert side_by_side(count_processors, [(), ()]) == [max(1, alone // 2)] * 2
    assert processors() == alone


def test_they_run_at_once(tmp_path: Path) -> None:
    assert side_by_side(wait_for_the_other, [(tmp_path, "a", "b"), (tmp_path, "b", "a")]) == [None, None]


def test_an_error_is_raised_as_it_is_and_ends_the_others(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="something else") as caught:
        side_by_side(fail_beside_a_long_job, [(tmp_path, False), (tmp_path, True)])
    assert caught.value.value == "7"
    for path in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name), 0)


def test_a_process_that_is_killed_is_told() -> None:
    with pytest.raises(RuntimeError, match="without an answer, with code -9"):
        side_by_side(die, [()])


def open_them(folder: Path, mine: str, other: str, *, progress: Progress) -> None:
    from leadlens.pipeline.registry import training_stores

    wait_for_the_other(folder, mine, other, progress=progress)
    training_stores.open_stores(mine)


def test_two_trainings_make_the_stores_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow and Optuna each make their tables as if nobody else did."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert side_by_side(open_them, [(tmp_path, "a", "b"), (tmp_path, "b", "a")]) == [None, None]
