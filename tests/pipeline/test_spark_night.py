"""A whole night on a real cluster of two workers, each a process of its own: the numbers are those of one machine.

Random histories that workers prepare are in ``tests/laws/test_spread_laws.py``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pandas as pd
import pytest
import yaml

from leadlens.features import DataError, UsageError
from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.features.errors import UnavailableError
from leadlens.pipeline.cluster import engine_settings, spark_workers
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.dataset.training_set import build_training_set
from leadlens.pipeline.demo import simulate, write_world
from leadlens.pipeline.jobs.audit import audit
from leadlens.pipeline.jobs.check import check
from leadlens.pipeline.jobs.demo import configs_folder
from leadlens.pipeline.jobs.read import read
from leadlens.pipeline.jobs.score import score
from leadlens.pipeline.jobs.train import train
from leadlens.pipeline.prepared import event_update, open_prepared, part_reading
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.opening import PreparedHistory
from leadlens.pipeline.prepared.preparing import prepare
from leadlens.pipeline.prepared.verifying import _unlike
from leadlens.pipeline.progress import silent
from leadlens.pipeline.sources import database_parts
from tests.features.spark_support import TINY, connect_server, need_spark, standalone_cluster
from tests.pipeline.little_project import LittleProject, leadlens
from tests.pipeline.postgres import PASSWORD
from tests.pipeline.postgres_events import EventsTable

LEADS, A_PART = 900, 200
AS_OF = datetime(2025, 6, 30)


class Night(NamedTuple):
    """A cluster, a project with a model, its state folder; ``file`` runs on the cluster, ``here`` on this machine."""

    url: str
    workers: list[subprocess.Popen[str]]
    file: ProjectFile
    here: ProjectFile
    home: Path


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    need_spark()
    root = tmp_path_factory.mktemp("night")
    with pytest.MonkeyPatch.context() as patch, ExitStack() as until_done:
        patch.setenv("CRM_PASSWORD", PASSWORD)  # before workers are started, which have it from there
        url, workers = until_done.enter_context(standalone_cluster(root))
        patch.setenv("LEADLENS_HOME", str(root / "home"))
        patch.setattr(event_update, "_LEADS_A_PART", A_PART)
        world = root / "project"
        (world / "scorecards").mkdir(parents=True)
        shutil.copyfile(
            configs_folder() / "scorecards" / "demo_b2b_software.yaml",
            world / "scorecards" / "demo_b2b_software.yaml",
        )
        write_world(simulate("b2b_software", leads=LEADS), world / "data")
        settings = yaml.safe_load((configs_folder() / "demo_b2b_software.yaml").read_text(encoding="utf-8"))
        (world / "here.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        settings["engine"] = {
            "name": "spark",
            "master": url,
            "work": str(root / "work"),
            "memory": "512m",
            "spark": TINY | {"spark.executorEnv.PYTHONPATH": os.pathsep.join(map(str, _import_paths()))},
        }
        (world / "project.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        here = load_project(world / "here.yaml")
        train(here, trials=1)
        yield Night(url, workers, load_project(world), here, root / "home")


def _import_paths() -> list[Path]:
    return [Path(__file__).parents[2]]


def _forget_prepared(night: Night) -> None:
    shutil.rmtree(night.home / "prepared", ignore_errors=True)


def _rows(target: Path) -> pd.DataFrame:
    with connect_in_memory() as connection:
        connection.execute(f"ATTACH '{target}' AS scores (READ_ONLY)")
        frame: pd.DataFrame = connection.execute("SELECT * FROM scores.lead_scores ORDER BY lead_id").df()
    return frame.drop(columns=["run_id"])


def _but_of_the_page(warnings: Iterable[str]) -> list[str]:
    return [each for each in warnings if not each.startswith("the page goes on showing")]


def test_a_night_on_a_cluster_is_a_night_here(night: Night, tmp_path: Path) -> None:
    """Reading, findings, scores, reasons, ledgers, names and the night's profile: to the last bit."""
    one = score(night.here, as_of=AS_OF, to=f"duckdb:///{tmp_path / 'here.duckdb'}")
    assert open_prepared(night.here).parts > 3
    _forget_prepared(night)
    other = score(night.file, as_of=AS_OF, to=f"duckdb:///{tmp_path / 'there.duckdb'}")
    assert one.leads == other.leads > 100
    pd.testing.assert_frame_equal(_rows(tmp_path / "here.duckdb"), _rows(tmp_path / "there.duckdb"))
    # The first target of all is what the page shows, and every other run says so.
    assert _but_of_the_page(one.warnings) == _but_of_the_page(other.warnings)
    assert one.grades == other.grades
    assert [difference.to_dict() for difference in one.differences] == [
        difference.to_dict() for difference in other.differences
    ]
    assert {stage["name"] for stage in other.stages} >= {stage["name"] for stage in one.stages} - {"publish"}
    assert not list((night.home.parent / "work").iterdir()), "the shared folder is left"
    # What workers prepared is what a reading here gives, and a command here starts from it.
    assert read(night.here, verify=True, engine="duckdb").differences == ()
    runs = open_prepared(night.here).manifest.events.runs
    files = open_prepared(night.here).manifest.tables["events"].files
    assert {run.number: run.rows for run in runs} == {
        run.number: sum(file.rows for file in files if file.run == run.number) for run in runs
    }


def test_a_night_through_spark_connect_is_a_night_here(night: Night, tmp_path: Path) -> None:
    """The same through a server, by a command that starts no Java."""
    settings = yaml.safe_load(night.here.path.read_text(encoding="utf-8"))
    python = {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(map(str, _import_paths()))}
    with connect_server(tmp_path, python) as url:
        settings["engine"] = {"name": "spark", "master": url, "work": str(tmp_path / "work")}
        there = night.here.path.with_name("connect.yaml")
        there.write_text(yaml.safe_dump(settings), encoding="utf-8")
        one = score(night.here, as_of=AS_OF, to=f"duckdb:///{tmp_path / 'here.duckdb'}")
        _forget_prepared(night)
        other = score(load_project(there), as_of=AS_OF, to=f"duckdb:///{tmp_path / 'there.duckdb'}")
        settings["engine"]["spark"] = {"spark.executor.cores": "2"}
        there.write_text(yaml.safe_dump(settings), encoding="utf-8")
        refused = leadlens("check", there, "--only-read")
        sought = leadlens("features", night.here.path, "--engine", "spark", "--master", url)
    assert one.leads == other.leads > 100
    pd.testing.assert_frame_equal(_rows(tmp_path / "here.duckdb"), _rows(tmp_path / "there.duckdb"))
    assert not list((tmp_path / "work").iterdir()), "the shared folder is left"
    assert read(night.here, verify=True, engine="duckdb").differences == ()
    _forget_prepared(night)
    assert (refused.code, sought.code) == (2, 2)
    assert "a Spark Connect server has its settings already" in refused.err
    assert "steps of SQL do not run through Spark Connect" in sought.err
    gone = leadlens("check", night.here.path, "--only-read", "--engine", "spark", "--master", url)
    assert gone.code == 3
    assert "answers here" in gone.err


def test_a_training_set_from_a_cluster_is_the_one_made_here(night: Night) -> None:
    from leadlens.pipeline.dataset.spread_matrix import matrix_maker

    prepared = open_prepared(night.here)
    one = build_training_set(night.here, prepared.history())
    with spark_workers(night.file, engine_settings(night.file, None, None), silent) as workers:
        other = build_training_set(night.here, prepared.history(), make=matrix_maker(workers, prepared))
    pd.testing.assert_frame_equal(one.matrix.frame, other.matrix.frame, check_exact=True)
    pd.testing.assert_frame_equal(one.matrix.spine, other.matrix.spine)
    assert one.matrix.fingerprint == other.matrix.fingerprint


def test_check_and_audit_say_the_same(night: Night) -> None:
    def without_look(plain: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in plain.items() if name not in ("quick_look", "readiness")}

    one = check(night.here)
    _forget_prepared(night)
    other = check(night.file)
    assert without_look(one.to_dict()) == without_look(other.to_dict())
    assert audit(night.here, sample=5).to_dict() == audit(night.file, sample=5).to_dict()


def _refuse(task: dict[str, Any]) -> dict[str, Any]:
    raise DataError(
        "this part is odd", value=task["part"], why="it is a test", fix="nothing to do", where="here"
    )


def _break(task: dict[str, Any]) -> dict[str, Any]:
    raise ValueError("a mistake of ours")


def test_an_error_of_a_worker_is_told_as_it_is(night: Night) -> None:
    settings = engine_settings(night.file, None, None)
    with spark_workers(night.file, settings, silent) as workers:
        with pytest.raises(DataError) as refused:
            workers.run(_refuse, [{"part": 3}])
        assert str(refused.value).splitlines() == [
            "here: this part is odd",
            "  received: 3",
            "  why it matters: it is a test",
            "  how to fix it: nothing to do",
        ]
        with pytest.raises(UnavailableError, match="ValueError: a mistake of ours"):
            workers.run(_break, [{}])


class Stumbling:
    """Workers who lose the first attempt at the first part of a database when its work is done."""

    def __init__(self, workers: Any) -> None:
        self.folder, self._workers = workers.folder, workers

    def run(
        self, function: Callable[[dict[str, Any]], dict[str, Any]], tasks: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        if function is not part_reading.spool_part:
            return self._workers.run(function, tasks)  # type: ignore[no-any-return]
        marks = [self.folder / uuid4().hex for _ in tasks]
        for mark in marks[1:]:
            mark.touch()
        given = [{"task": task, "mark": str(mark)} for task, mark in zip(tasks, marks, strict=True)]
        answers: list[dict[str, Any]] = self._workers.run(_stumble, given)
        assert marks[0].exists()
        return answers


def _stumble(task: dict[str, Any]) -> dict[str, Any]:
    answer = part_reading.spool_part(task["task"])
    if not Path(task["mark"]).exists():
        Path(task["mark"]).touch()
        raise ValueError("lost")
    return answer


def test_a_database_is_read_by_workers_in_parts(
    night: Night, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that is lost, and a second night from the cursor on: rows, findings and history are those of one machine."""
    monkeypatch.setattr(database_parts, "FEWEST_ROWS", 50)
    table = EventsTable(postgres_url, LittleProject(tmp_path / "project"))

    def prepared(place: str, workers: Any = None, **settings: Any) -> PreparedHistory:
        file = load_project(table.project(cursor="no", **settings))
        return PreparedHistory(file, *prepare(file, PreparedFolder(tmp_path / place), workers))

    parts = {"column": "no", "count": 3}
    with spark_workers(night.file, engine_settings(night.file, None, None), silent) as workers:
        prepared("there", Stumbling(workers), partitions=parts)
        table.add(120, first=1000)
        there = prepared("there", workers, partitions=parts)
    assert [source.cursor for source in there.manifest.events.sources] == ["408"] * 3 + ["1119"] * 2
    here = prepared("here")
    with here.history() as one, there.history() as other:
        assert _unlike(one, other) == []
        assert one.findings == other.findings


def test_workers_that_do_not_see_the_state_are_refused(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    from leadlens.pipeline.cluster import workers as module

    monkeypatch.setattr(module, "_software", lambda: {"leadlens": "9.9.9"})
    with (
        pytest.raises(UsageError, match="different software"),
        spark_workers(night.file, engine_settings(night.file, None, None), silent) as workers,
    ):
        workers.session  # noqa: B018  # it begins and is checked


def test_what_cannot_run_is_refused_before_anything_is_read(night: Night) -> None:
    path = night.here.path
    for options, told in (
        (("--engine", "sparc"), "did you mean: spark"),
        (("--master", "local[2]"), "--engine spark --master local[2]"),
        (("--engine", "spark", "--master", "sparc://host"), "this is not a Spark master"),
        (("--engine", "spark", "--master", "spark://elsewhere:7077"), "working folder"),
    ):
        for command in ("score", "check", "train", "audit"):
            refused = leadlens(command, path, *options)
            assert refused.code == 2, (command, options)
            assert told in refused.err, (command, options)


def test_workers_with_another_python_are_refused_and_told_how(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", "nowhere/python")
    with (
        pytest.raises(UsageError, match="cannot run Leadlens") as refused,
        spark_workers(night.file, engine_settings(night.file, None, None), silent) as workers,
    ):
        workers.session  # noqa: B018  # it begins and is checked
    assert "export PYSPARK_PYTHON" in str(refused.value)


def test_a_cluster_without_workers_is_not_waited_for_ever(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadlens.pipeline.cluster import workers as module

    monkeypatch.setattr(module, "_PATIENCE", 3.0)
    with standalone_cluster(tmp_path, workers=0) as (url, _):
        settings = engine_settings(night.file, None, url)
        with (
            pytest.raises(UnavailableError, match="no worker has taken any work"),
            spark_workers(night.file, settings, silent) as workers,
        ):
            workers.session  # noqa: B018


def test_spark_is_not_started_where_there_is_nothing_to_do(night: Night) -> None:
    check(night.here)
    told = leadlens("check", night.file.path, "--only-read", "--master", "spark://127.0.0.1:1")
    assert told.code == 0
    assert "Starting Spark" not in told.err


def test_a_master_that_is_not_there_is_said_at_once(night: Night) -> None:
    _forget_prepared(night)
    refused = leadlens("check", night.file.path, "--master", "spark://127.0.0.1:1")
    assert refused.code == 3
    assert "no Spark master answers here" in refused.err


def test_a_worker_that_is_lost_costs_nothing(night: Night, tmp_path: Path) -> None:
    """Its tasks go to the other one. The last test of the module: the cluster has one worker then."""
    _forget_prepared(night)
    night.workers[0].kill()
    night.workers[0].wait(30)
    score(night.file, as_of=AS_OF, to=f"duckdb:///{tmp_path / 'one.duckdb'}")
    score(night.here, as_of=AS_OF, to=f"duckdb:///{tmp_path / 'here.duckdb'}")
    pd.testing.assert_frame_equal(_rows(tmp_path / "one.duckdb"), _rows(tmp_path / "here.duckdb"))
