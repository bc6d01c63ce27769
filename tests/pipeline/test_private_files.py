"""Files of a job are their owner's alone, unless a group is named; a umask is never widened."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadlens.features import UsageError
from leadlens.pipeline.private import file_mode, private_files
from leadlens.pipeline.state import open_to_others, state_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


@pytest.fixture(params=[0o022, 0o000, 0o077, 0o027])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize(("group", "widest"), [(None, 0o700), ("read", 0o750), ("write", 0o770)])
def test_new_files_and_folders(
    group: str | None, widest: int, umask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEADLENS_GROUP", raising=False)
    if group:
        monkeypatch.setenv("LEADLENS_GROUP", group)
    with private_files(), private_files():
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "file").touch()
    assert (tmp_path / "folder").stat().st_mode & 0o777 == widest & ~umask
    assert (tmp_path / "folder" / "file").stat().st_mode & 0o777 == widest & ~umask & 0o666
    assert file_mode() == widest & ~umask & 0o666
    (tmp_path / "after").touch()
    assert (tmp_path / "after").stat().st_mode & 0o777 == 0o666 & ~umask  # the program's own umask is back


def test_two_jobs_at_once_leave_the_umask_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADLENS_GROUP", raising=False)
    before = os.umask(0o022)
    entered, leave = threading.Event(), threading.Event()

    def second() -> None:
        with private_files():
            entered.set()
            leave.wait(10)

    other = threading.Thread(target=second)
    with private_files():
        other.start()
        assert entered.wait(10)
    leave.set()
    other.join()
    assert os.umask(before) == 0o022


def test_another_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_GROUP", "all")
    with pytest.raises(UsageError, match="LEADLENS_GROUP"), private_files():
        pass


def test_a_state_folder_that_is_open_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADLENS_GROUP", raising=False)
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "new" / "state"))
    assert state_folder().stat().st_mode & 0o777 == 0o700
    assert open_to_others() is None
    state_folder().chmod(0o755)
    assert "open to others on this machine (0755)" in str(open_to_others())
    state_folder().chmod(0o750)
    assert open_to_others() is not None
    monkeypatch.setenv("LEADLENS_GROUP", "read")
    assert open_to_others() is None
