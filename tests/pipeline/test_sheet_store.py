"""Versions of sheets: kept once, replayed exactly, moved with a reason, by several processes, killed or not."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from leadlens.features.errors import DataError, LeadlensError, UsageError
from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.language.yaml_text import yaml_text
from leadlens.pipeline.scorecards.version_file import SheetFile
from leadlens.pipeline.scorecards.versions import SheetStore

SPAWN = multiprocessing.get_context("spawn")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")


def sheet(points: float = 3, name: str = "dealer") -> Sheet:
    action = {
        "label": "Größe, „neu“ 🚗",
        "when": "page IN competitors",
        "points": points,
        "decay": {"half_life": "30d"},
    }
    return Sheet.model_validate({"sheet": name, "lists": {"competitors": ["007", "=x"]}, "actions": [action]})


def refused(call: Callable[[], Any], *told: str, error: type[LeadlensError] = UsageError) -> None:
    with pytest.raises(error) as caught:
        call()
    for text in told:
        assert text in str(caught.value)


@pytest.fixture
def store(tmp_path: Path) -> SheetStore:
    return SheetStore(tmp_path / "deep" / "sheets.sqlite")


def stages(store: SheetStore, name: str = "dealer") -> dict[str, str]:
    return {item.version: item.stage for item in store.versions(name)}


def activate(store: SheetStore, version: str, name: str = "dealer") -> None:
    store.move(name, version, "test", "ann", "try it")
    store.move(name, version, "active", "ann", "it works")


def test_a_version_is_kept_once(store: SheetStore) -> None:
    first = store.save(sheet(), "ann", "first try", "sheet: dealer # mine\n")
    again = store.save(sheet(), "bob", "again", "another text")
    assert (first.is_new, again.is_new) == (True, False)
    assert (again.author, again.reason, again.stage, again.saved_at) == (
        "ann",
        "first try",
        "draft",
        first.saved_at,
    )
    assert [item.version for item in store.versions("dealer")] == [sheet().version]
    assert store.yaml("dealer", first.version) == "sheet: dealer # mine\n"
    assert len(store.history("dealer")) == 1
    assert datetime.fromisoformat(first.saved_at).utcoffset() is not None


def test_a_version_is_replayed_exactly(store: SheetStore) -> None:
    saved = store.save(sheet(2.5))
    back = SheetStore(store.path).get("dealer", saved.version[:5].upper())
    assert back.content() == sheet(2.5).content()
    assert back.version == saved.version
    assert back.lists == {"competitors": ("007", "=x")}
    assert store.yaml("dealer", saved.version) == yaml_text(sheet(2.5))


def test_the_way_of_a_version(store: SheetStore) -> None:
    old, new = store.save(sheet(1)).version, store.save(sheet(2)).version
    assert store.active("dealer") is None
    activate(store, old)
    activate(store, new)
    assert stages(store) == {old: "archived", new: "active"}
    store.move("dealer", old, "active", "bob", "the  new one\nannoys sales")
    assert stages(store) == {old: "active", new: "archived"}
    active = store.active("dealer")
    assert active is not None
    assert active.version == old
    assert store.move("dealer", old, "archived", "bob", "season is over").stage == "archived"
    assert store.active("dealer") is None
    moves = [(m.version, m.from_stage, m.to_stage, m.author, m.reason) for m in store.history("dealer")]
    assert moves[-3:] == [
        (new, "active", "archived", "bob", f"version {old} takes its place: the new one annoys sales"),
        (old, "archived", "active", "bob", "the new one annoys sales"),
        (old, "active", "archived", "bob", "season is over"),
    ]
    assert [move.moved_at for move in store.history("dealer")] == sorted(
        m.moved_at for m in store.history("dealer")
    )


def test_sheets_do_not_touch_each_other(store: SheetStore) -> None:
    one, other = store.save(sheet(1, "one")), store.save(sheet(1, "other"))
    activate(store, one.version, "one")
    activate(store, other.version, "other")
    assert store.names() == ["one", "other"]
    assert (stages(store, "one"), stages(store, "other")) == (
        {one.version: "active"},
        {other.version: "active"},
    )


@pytest.mark.parametrize(
    ("path", "to", "told"),
    [
        ([], "active", "from draft it can go to test or withdrawn"),
        ([], "archived", "from draft it can go to test or withdrawn"),
        ([], "draft", "already in this stage"),
        (["test"], "archived", "from test it can go to draft or active"),
        (["test", "active"], "test", "from active it can go to archived"),
        (["test", "active", "archived"], "draft", "from archived it can go to active"),
        (["test", "draft"], "withdrawn", "from draft it can go to test"),
        (["test"], "withdrawn", "from test it can go to draft or active"),
        (["withdrawn"], "test", "from withdrawn it can go to draft"),
        ([], "tst", "did you mean: test?"),
    ],
)
def test_a_move_off_the_way_is_refused(store: SheetStore, path: list[str], to: str, told: str) -> None:
    version = store.save(sheet()).version
    for stage in path:
        store.move("dealer", version, stage, "ann", "on")
    before = (stages(store), store.history("dealer"))
    refused(lambda: store.move("dealer", version, to, "ann", "why not"), told)
    assert (stages(store), store.history("dealer")) == before


def test_a_draft_that_was_tested_may_go_back(store: SheetStore) -> None:
    version = store.save(sheet()).version
    store.move("dealer", version, "test", "ann", "try")
    assert store.move("dealer", version, "draft", "ann", "too early").stage == "draft"


def test_a_withdrawn_draft_is_kept_and_saving_it_again_makes_it_a_draft(store: SheetStore) -> None:
    kept = store.save(sheet(), "ann", "first")
    assert store.move("dealer", kept.version, "withdrawn", "ann", "a slip").stage == "withdrawn"
    assert store.get("dealer", kept.version) == sheet()
    holds_together(store)
    again = store.save(sheet(), "bob", "after all")
    assert (again.version, again.stage, again.is_new) == (kept.version, "draft", True)
    assert [(m.from_stage, m.to_stage, m.author, m.reason) for m in store.history("dealer")] == [
        (None, "draft", "ann", "first"), ("draft", "withdrawn", "ann", "a slip"), ("withdrawn", "draft", "bob", "after all"),
    ]  # fmt: skip
    holds_together(store)


def test_a_move_needs_a_reason(store: SheetStore) -> None:
    version = store.save(sheet()).version
    for reason in ("", " \n "):
        refused(lambda reason=reason: store.move("dealer", version, "test", "ann", reason), "needs a reason")


def test_what_is_not_there_is_told_with_the_nearest(store: SheetStore) -> None:
    refused(lambda: store.versions("dealer"), "save a version of it first")
    version = store.save(sheet()).version
    for call in (store.versions, store.history, store.active):
        refused(lambda call=call: call("daeler"), "did you mean: dealer?")
    refused(lambda: store.get("dealer", version[:-1] + "x"), f"did you mean: {version}?")
    refused(lambda: store.get("dealer", ""), "no such version", version)
    assert store.names() == ["dealer"]


def test_a_start_that_fits_several_versions_is_refused(store: SheetStore) -> None:
    versions = [store.save(sheet(points)).version for points in range(17)]  # of 17 two begin alike
    start = next(v[0] for v in versions if sum(other[0] == v[0] for other in versions) > 1)
    refused(lambda: store.move("dealer", start, "test", "ann", "x"), "several versions begin so")


def test_who_it_is(store: SheetStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_AUTHOR", "  Marketing team ")
    assert store.save(sheet(1)).author == "Marketing team"
    assert store.save(sheet(2), "ann").author == "ann"
    monkeypatch.delenv("LEADLENS_AUTHOR")
    monkeypatch.setenv("LOGNAME", "cara")
    assert store.save(sheet(3)).author == "cara"
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 987_654, raising=False)  # an account without a name
    assert store.save(sheet(4)).author == "unknown"


def test_the_usual_place_is_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    SheetStore().save(sheet())
    assert (tmp_path / "home" / "sheets.sqlite").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("replace(content, '\"points\": 3', '\"poinst\": 3')", "actions.0.points: Field required"),
        ("replace(content, '\"points\": 3', '\"points\": 4')", "this release reads it as version"),
        ("'{'", "Expecting property name"),
        ("'[]'", "valid dictionary"),
    ],
)
def test_a_version_that_cannot_be_read_any_more(store: SheetStore, change: str, told: str) -> None:
    version = store.save(sheet()).version
    activate(store, version)
    with sqlite3.connect(store.path) as file:
        file.execute(f"UPDATE versions SET content = {change}")
    file.close()
    refused(lambda: store.get("dealer", version), told, "save a new version from its YAML", error=DataError)
    refused(lambda: store.active("dealer"), told, error=DataError)
    assert "sheet: dealer" in store.yaml("dealer", version)


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    path.write_bytes(b"not a database, " * 100)
    refused(SheetStore(path).names, "does not hold versions of score sheets", error=DataError)
    assert path.read_bytes() == b"not a database, " * 100
    path.unlink()
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE theirs (x)")
    file.close()
    refused(SheetStore(path).names, "tables of something else", error=DataError)
    refused(lambda: SheetStore(path).save(sheet()), "tables of something else", error=DataError)


def test_a_file_of_a_later_release_is_refused(store: SheetStore) -> None:
    store.save(sheet())
    with sqlite3.connect(store.path) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()
    refused(store.names, "update Leadlens", error=DataError)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    refused(SheetStore(tmp_path / "file" / "s.sqlite").names, "cannot be reached", error=LeadlensError)
    refused(SheetStore(tmp_path).names, "cannot be reached", error=LeadlensError)


def _work(path: str, worker: int, start: Any) -> None:
    store = SheetStore(Path(path))
    start.wait()
    for points in range(4):  # the same four versions in every process
        version = store.save(sheet(points), f"w{worker}", "mine").version
        own = store.save(sheet(100 * worker + points + 10), f"w{worker}").version
        store.move("dealer", own, "test", f"w{worker}", "try")
        store.move("dealer", own, "active", f"w{worker}", "go")
        assert store.get("dealer", version).version == version
        assert store.active("dealer") is not None


def test_several_processes_at_once(store: SheetStore) -> None:
    start = SPAWN.Barrier(3)  # the file is not there yet: they also race to make it
    workers = [SPAWN.Process(target=_work, args=(str(store.path), number, start)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(store.versions("dealer")) == 4 + 3 * 4
    assert sum(move.from_stage is None for move in store.history("dealer")) == 16
    holds_together(store)


def holds_together(store: SheetStore) -> None:
    """The history tells where every version is, and at every moment at most one was active."""
    at: dict[str, str] = {}
    for move in store.history("dealer"):
        assert move.from_stage == at.get(move.version)
        at[move.version] = move.to_stage
        assert list(at.values()).count("active") <= 1
    assert at == stages(store)


class _Dying(SheetFile):
    """Kills its own process before it runs the given statement."""

    left = 0

    def _connected(self) -> sqlite3.Connection:
        store = super()._connected()
        store.set_trace_callback(self._count)
        return store

    def _count(self, statement: str) -> None:
        _Dying.left -= 1
        if _Dying.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _die(path: str, statement: int) -> None:
    store = SheetStore(Path(path))
    store._file = _Dying(store.path)
    _Dying.left = statement
    version = store.save(sheet(2), "dying", "new").version
    store.move("dealer", version, "test", "dying", "try")
    store.move("dealer", version, "active", "dying", "go")


@POSIX
def test_a_process_that_is_killed_leaves_all_of_a_change_or_nothing(store: SheetStore) -> None:
    old = store.save(sheet(1)).version
    activate(store, old)
    before = store.path.read_bytes()
    processes = multiprocessing.get_context("forkserver")  # many processes: they import once
    processes.set_forkserver_preload([__name__])
    found = set()
    for statement in range(0, 1_000, 3):
        store.path.write_bytes(before)
        worker = processes.Process(target=_die, args=(str(store.path), statement))
        worker.start()
        worker.join(120)
        holds_together(store)
        found.add(tuple(stages(store).values()))
        assert store.save(sheet(1)).is_new is False  # and nothing is locked
        if worker.exitcode == 0:
            break
        assert worker.exitcode == -signal.SIGKILL
    assert worker.exitcode == 0
    assert found == {("active",), ("active", "draft"), ("active", "test"), ("archived", "active")}


def _save_for_ever(path: str, told: Any) -> None:
    store = SheetStore(Path(path))
    for points in range(100_000):
        version = store.save(sheet(points), "ann").version
        told.send(version)
        activate(store, version)


@POSIX
def test_what_was_told_as_saved_outlives_a_kill_from_outside(store: SheetStore) -> None:
    hears, tells = SPAWN.Pipe(duplex=False)
    worker = SPAWN.Process(target=_save_for_ever, args=(str(store.path), tells))
    worker.start()
    told = [hears.recv() for _ in range(20)]
    os.kill(worker.pid or 0, signal.SIGKILL)
    worker.join(120)
    holds_together(store)
    assert set(told) <= set(stages(store))
    assert store.active("dealer") is not None
