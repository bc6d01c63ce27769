"""Jobs of the page: one process at a time for a project, whose record says how far it is, what came out or what went wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from leadlens.features.errors import UsageError
from leadlens.pipeline.languages.marks import N_
from leadlens.pipeline.private import private_files
from leadlens.pipeline.runs.record import new_run_id, now
from leadlens.pipeline.state import state_folder

if sys.platform != "win32":
    import fcntl

KEPT = 20
_LONGEST = 30 * 60  # seconds
_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{8}")
_LOST = N_(
    "It ended without a message: the page was stopped, the machine went down, or memory ran out. Start it again."
)
_TOO_LONG = N_("It took longer than 30 minutes and was stopped. “leadlens scorecard diff” has no such limit.")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A preview: which version of which sheet, against which; ``status`` is running, done or failed."""

    id: str
    config: str
    sheet: str
    version: str
    against: str
    by: str
    started_at: str
    status: str = "running"
    step: str = N_("Starting")
    error: str | None = None
    result: dict[str, Any] | None = None
    ended_at: str | None = None

    def failed(self, error: str) -> Job:
        """The same with what went wrong."""
        return replace(self, status="failed", error=error, ended_at=_now())

    def done(self, result: dict[str, Any]) -> Job:
        """The same with what came out."""
        return replace(self, status="done", result=result, ended_at=_now())


@dataclass(frozen=True)
class JobFolder:
    """The records of a project's jobs: a JSON file each, replaced as a whole, and the lock that a job holds while it lives."""

    path: Path

    @classmethod
    def of(cls, project: str) -> JobFolder:
        """That of the state folder."""
        return cls(state_folder() / "jobs" / project)

    def save(self, job: Job) -> None:
        """Replace the record."""
        with private_files():
            self.path.mkdir(parents=True, exist_ok=True)
            unfinished = self.path / f".{job.id}.unfinished"
            unfinished.write_text(json.dumps(asdict(job), ensure_ascii=False), encoding="utf-8")
            os.replace(unfinished, self._file(job.id))

    def read(self, job_id: str) -> Job | None:
        """The record as it is; ``None`` where there is none that can be read."""
        if not _ID.fullmatch(job_id):
            return None
        try:
            return Job(**json.loads(self._file(job_id).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def ids(self) -> list[str]:
        """The latest first."""
        return sorted((file.stem for file in self.path.glob("*.json")), reverse=True)

    def lock(self) -> IO[bytes] | None:
        """The lock, held by whoever has the file open; ``None`` while a job has it."""
        with private_files():
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "running.lock").open("ab")
        try:
            if sys.platform != "win32":
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return None
        return lock

    def clear(self, kept: int = KEPT) -> None:
        """While no job runs: those that say they do have died. All but the latest are removed."""
        for at, job_id in enumerate(self.ids()):
            if at >= kept:
                with suppress(OSError):
                    self._file(job_id).unlink()
            elif (job := self.read(job_id)) is not None and job.status == "running":
                self.save(job.failed(_LOST))

    def _file(self, job_id: str) -> Path:
        return self.path / f"{job_id}.json"


class Jobs:
    """Starts the jobs of a project and knows what became of them, also of those of a server that died."""

    def __init__(self, project: str) -> None:
        self.folder = JobFolder.of(project)
        self._one = threading.Lock()
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self, config: Path, sheet: str, version: str, against: str, by: str) -> Job | None:
        """Start a preview in a process of its own; ``None`` while another one runs.

        Raises ``UsageError`` where processes cannot be told apart from dead ones.
        """
        if sys.platform == "win32":
            raise UsageError("previews run on Linux and macOS", fix="leadlens scorecard diff shows the same")
        with self._one:
            lock = self.folder.lock()
            if lock is None:
                return None
            with lock:  # the process goes on holding it
                self.folder.clear(KEPT - 1)
                job = Job(
                    id=new_run_id(),
                    config=str(config.absolute()),
                    sheet=sheet,
                    version=version,
                    against=against,
                    by=by,
                    started_at=_now(),
                )
                self.folder.save(job)
                self._run(job, lock)
                return job

    def job(self, job_id: str) -> Job | None:
        """A job as it stands now."""
        job = self.folder.read(job_id)
        if job is None or job.status != "running":
            return job
        with self._one:
            lock = self.folder.lock()
            if lock is not None:
                with lock:
                    self.folder.clear()
        return self.folder.read(job_id)

    def running(self) -> Job | None:
        """The job that runs, if one does."""
        for job_id in self.folder.ids():
            job = self.job(job_id)
            if job is not None and job.status == "running":
                return job
        return None

    def stop(self) -> None:
        """End the processes that were started here: a job does not outlive its server."""
        for child in self._children:
            if child.poll() is None:
                child.terminate()
                child.wait()

    def _run(self, job: Job, lock: IO[bytes]) -> None:
        # -P: no module of the working directory is taken for one of ours
        command = [sys.executable, "-P", "-m", "leadlens.pipeline.app.preview", str(self.folder.path), job.id]
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[lock.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            self.folder.save(job.failed(N_("No process could be started: {why}.").format(why=error.strerror)))
            return
        self._children = [*(each for each in self._children if each.poll() is None), child]
        threading.Thread(target=self._watch, args=(child, job.id), daemon=True).start()

    def _watch(self, child: subprocess.Popen[bytes], job_id: str) -> None:
        try:
            child.wait(_LONGEST)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            job = self.folder.read(job_id)
            if job is not None and job.status == "running":
                self.folder.save(job.failed(_TOO_LONG))


def latest(jobs: Jobs, sheet: str, version: str, most: int = 5) -> Sequence[Job]:
    """The last jobs on a version."""
    found = (jobs.job(job_id) for job_id in jobs.folder.ids())
    return [job for job in found if job is not None and (job.sheet, job.version) == (sheet, version)][:most]


def _now() -> str:
    return now().isoformat(sep=" ", timespec="seconds")
