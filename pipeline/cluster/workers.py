"""Run one function of this package over many tasks on the workers of Spark; tasks and answers travel as JSON.

Spark is asked for nothing but to run a task somewhere, once more where a worker is lost. What is large goes by files
in a folder that all share: a worker writes them under a name of its own attempt, and only the attempt whose answer comes back counts.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from leadlens.features.engines.spark_connect import check_connect_settings, is_connect, start_connect
from leadlens.features.engines.spark_session import (
    SESSION,
    check_answers,
    check_ready,
    is_local,
    on_this_machine,
    spark_message,
    start_session,
)
from leadlens.features.errors import DataError, LeadlensError, RoomError, UnavailableError, UsageError, listed
from leadlens.pipeline.cluster.folder import shared_folder
from leadlens.pipeline.cluster.table_copies import copy_tables, names_spark_tables
from leadlens.pipeline.config import EngineSettings, ProjectFile
from leadlens.pipeline.exit_codes import as_user_error, is_full, says_disk_is_full
from leadlens.pipeline.progress import Progress
from leadlens.pipeline.state import state_folder

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession

Task = dict[str, Any]
Answer = dict[str, Any]
_ERRORS = {
    kind.__name__: kind for kind in (LeadlensError, UsageError, DataError, UnavailableError, RoomError)
}
# Other versions of these may give other numbers, or not read what this machine wrote.
_ALIKE = ("leadlens", "numpy", "pandas", "pyarrow", "duckdb", "lightgbm", "numba")
_PROBES = 16
_PATIENCE = 120.0  # seconds; a container may have to be started first
# What is said where the workers' Python is another one than this.
_OTHER_PYTHON = ("No module named", "Cannot run program", "PYTHON_VERSION_MISMATCH")


class Workers(Protocol):
    """Whoever answers tasks elsewhere.

    Attributes
    ----------
    folder : what all of them and this machine see under one name.
    """

    folder: Path

    def run(self, function: Callable[[Task], Answer], tasks: Sequence[Task]) -> list[Answer]:
        """The answers of ``function``, one of a module, to every task, in their order; tasks and answers are JSON-ready.

        It may run more than once for a task, in any order and at once. What it raises as ``LeadlensError`` is raised here; any other
        error is tried again elsewhere and then raised as ``UnavailableError``.
        """


class SparkWorkers:
    """The workers of a Spark session, which begins, and is checked, with the first task. Use ``spark_workers`` to make one.

    Attributes and methods are those of ``Workers``.
    """

    def __init__(self, start: Callable[[], SparkSession], settings: EngineSettings, folder: Path) -> None:
        self._start, self._settings, self.folder = start, settings, folder
        self._started: SparkSession | None = None

    @property
    def session(self) -> SparkSession:
        """The session, started and checked."""
        if self._started is None:
            self._started = self._start()
            self._check()
        return self._started

    def run(self, function: Callable[[Task], Answer], tasks: Sequence[Task]) -> list[Answer]:
        if not tasks:
            return []
        texts = [json.dumps(task) for task in tasks]
        surroundings = {"LEADLENS_HOME": str(state_folder())}

        def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            return _work(function, texts, surroundings, batches)

        numbers = self.session.range(0, len(texts), 1, len(texts))
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", FutureWarning
            )  # that it does not know pandas 3, which takes no part here
            rows = numbers.mapInArrow(work, "number bigint, answer string")
        try:
            answers = {row["number"]: json.loads(row["answer"]) for row in rows.collect()}
        except Exception as error:
            raise _failed(error, self._settings.master) from None
        for number in range(len(texts)):
            if (refused := answers[number].get("error")) is not None:
                raise _raised(refused)
        return [answers[number]["answer"] for number in range(len(texts))]

    def _check(self) -> None:
        """Raise ``UsageError`` unless the workers have the same software, and see the shared folders."""
        probe = self.folder / f"probe-{uuid4().hex[:12]}"
        probe.touch()
        home = state_folder()
        task = {"see": [str(probe), str(home)]}
        local = is_local(self._settings.master)
        answers = self._first_answers([task] * (1 if local else _PROBES))
        probe.unlink()
        own = _software()
        for answer in answers:
            hidden = [path for path, seen in zip(task["see"], answer["sees"], strict=True) if not seen]
            if hidden:
                raise UsageError(
                    "the workers do not see this folder as this machine does",
                    value=str(self.folder if hidden[0] == str(probe) else home),
                    where=answer["host"],
                    why="the prepared history is read there, and scores are written",
                    fix="engine.work and the state folder (LEADLENS_HOME) must be on a disk that every worker has under the same "
                    "path, and the workers must run as the same user",
                )
            other = answer["software"]
            differing = [
                f"{name} {other.get(name, 'missing')} there, {own[name]} here"
                for name in own
                if own[name] != other.get(name)
            ]
            if differing:
                raise UsageError(
                    "the workers have different software from this machine",
                    value=listed(differing),
                    where=answer["host"],
                    why="the same leads would get different scores there",
                    fix="install the same release of Leadlens with the same pins on every worker, and name its Python: "
                    "export PYSPARK_PYTHON=/path/to/.venv/bin/python",
                )

    def _first_answers(self, tasks: Sequence[Task]) -> list[Answer]:
        """What workers see, unless none takes any work for long: Spark itself would wait for ever, and say nothing."""
        started = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            job = pool.submit(self.run, _look_around, tasks)
            while True:
                try:
                    return job.result(timeout=1)
                except TimeoutError:
                    if time.monotonic() < started + _PATIENCE or self._has_workers():
                        continue
                self._cancel()
                job.exception()
                raise UnavailableError(
                    f"no worker has taken any work in {_PATIENCE:.0f} seconds",
                    value=self._settings.master,
                    why="nothing can be read or scored",
                    fix="see that a worker is running and free, and that it offers what is asked for: "
                    f"{self._settings.memory or 'Spark’s default, 1 GB'} of memory each (engine.memory), and Spark's own share beside it",
                )

    def _has_workers(self) -> bool:
        """Whether any worker is there, be it busy; of a server of Spark Connect nobody knows."""
        if is_connect(self._settings.master):
            return False
        context: Any = self.session.sparkContext
        return is_local(self._settings.master) or context._jsc.sc().getExecutorMemoryStatus().size() > 1

    def _cancel(self) -> None:
        if is_connect(self._settings.master):
            self.session.interruptAll()
        else:
            self.session.sparkContext.cancelAllJobs()


@contextmanager
def workers_of(file: ProjectFile, settings: EngineSettings, progress: Progress) -> Iterator[Workers | None]:
    """The workers of the engine that was asked for: those of ``spark_workers``, none for DuckDB."""
    if settings.name != "spark":
        yield None
        return
    with spark_workers(file, settings, progress) as workers:
        yield workers


@contextmanager
def spark_workers(file: ProjectFile, settings: EngineSettings, progress: Progress) -> Iterator[SparkWorkers]:
    """Workers by the settings, with a folder that ends with the block. Spark is started when there is work for it.

    Raises ``UsageError`` where pyspark or Java is missing; with the first task, where no cluster is reached or its workers do
    not see what this machine sees.
    """
    check_ready(settings.master, settings.work, connect=True)
    if is_connect(settings.master):
        check_connect_settings(settings.spark)
    if is_local(settings.master) or on_this_machine(settings.master):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    memory = None if settings.memory is None else settings.memory.replace(" ", "").rstrip("Bb").lower()
    with shared_folder(file, settings) as folder, ExitStack() as until_done:

        def start() -> SparkSession:
            progress(f"Starting Spark at {settings.master}", 0, 0)
            if is_connect(settings.master):
                check_answers(settings.master)
                session, started = start_connect(settings.master, settings.spark, SESSION), True
            else:
                session, started = start_session(
                    settings.master, memory, settings.spark, str(folder / "warehouse")
                )
            if started:
                until_done.callback(session.stop)
            return session

        workers = SparkWorkers(start, settings, folder)
        if names_spark_tables(file):
            copy_tables(workers.session, file)
        yield workers


def _work(
    function: Callable[[Task], Answer],
    tasks: Sequence[str],
    surroundings: dict[str, str],
    batches: Iterator[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """On a worker: answer the tasks of these numbers."""
    import pyarrow as pa

    os.environ.update(surroundings)
    for batch in batches:
        for number in batch.column(0).to_pylist():
            try:
                answer = {"answer": function(json.loads(tasks[number]))}
            except Exception as error:
                if not (isinstance(error, LeadlensError) or is_full(error)):
                    raise
                answer = {"error": _told(error)}
            yield pa.record_batch(
                {
                    "number": pa.array([number], pa.int64()),
                    "answer": pa.array([json.dumps(answer)], pa.string()),
                }
            )


def _told(error: Exception) -> dict[str, Any]:
    """An error as an answer, since the next attempt would say the same; raised where another worker may have room."""
    said = as_user_error(error)
    assert isinstance(said, LeadlensError)
    if isinstance(said, RoomError) and says_disk_is_full(str(said)):
        raise said from error
    return said.as_dict()


def _look_around(task: Task) -> Answer:
    return {
        "host": platform.node(),
        "software": _software(),
        "sees": [os.access(path, os.R_OK) for path in task["see"]],
    }


def _software() -> dict[str, str]:
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        **{name: version(name) for name in _ALIKE},
    }


def _raised(plain: dict[str, Any]) -> LeadlensError:
    """An error of a worker as it was there."""
    error = _ERRORS.get(plain["error"], LeadlensError)(
        plain["what"],
        value=plain.get("value"),
        why=plain.get("why"),
        fix=plain.get("fix"),
        where=plain.get("where"),
    )
    error.nearest = plain.get("nearest", [])
    return error


def _failed(error: Exception, master: str) -> LeadlensError:
    """What Spark says when a task failed on every attempt, or when it was lost itself."""
    text = str(error)
    full = (isinstance(error, OSError) and is_full(error)) or says_disk_is_full(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # The last line of a worker's traceback names the error; the rest of it is Java's.
    python = [
        line
        for line in lines
        if line.split(":")[0].rpartition(".")[2].endswith(("Error", "Exception", "Killed"))
    ]
    if signs := [line for line in lines if any(sign in line for sign in _OTHER_PYTHON)]:
        worker, there = re.search(r"\(TID \d+\) \((\S+) executor", text), is_connect(master)
        return UsageError(
            "the workers' Python cannot run Leadlens",
            value=None if there else os.environ.get("PYSPARK_PYTHON", "python3"),
            where=worker[1] if worker else None,
            why=signs[-1][:300],
            fix="install the same release of Leadlens for the same Python on every worker, and name it"
            f"{' where the server is started' if there else ''}: export PYSPARK_PYTHON=/path/to/.venv/bin/python",
        )
    if full:  # the line that names the file
        python = [line for line in lines if says_disk_is_full(line)]
    kind = RoomError if full else UnavailableError
    return kind(
        "a worker has no disk space left" if full else "the work on Spark failed",
        value=master,
        why=f"nothing was written: {(python or [spark_message(error)])[-1][:300]}",
        fix="make room where the workers write, then run the same command again"
        if full
        else "run the same command again; what the worker said in full is in its log: the file stderr in its work folder",
    )
