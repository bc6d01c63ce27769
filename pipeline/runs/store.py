"""The records of runs in the state folder: one JSON file each, and a lock that says whether its run still lives."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from leadlens.pipeline.runs.record import RunRecord

if sys.platform != "win32":
    import fcntl

MOST_KEPT = 1_000  # years of nights, at two kilobytes each
_ROOM = 4_096  # bytes that a record takes at least: so much can be said of its end when the disk is full
KILLED = "it ended without a message: killed (SIGKILL, out of memory) or the machine went down"


@dataclass
class RunStore:
    """Records in ``folder``, replaced as a whole whenever they change, so that none is ever half written.

    A run that works holds a lock on a file beside its record. The system lets go of it when the process ends, however
    it ends: a record that says *started* and is not locked is of a run that was killed.
    """

    folder: Path
    _locks: dict[str, IO[bytes]] = field(default_factory=dict, repr=False)

    def begin(self, record: RunRecord) -> None:
        """Lock and save a record. Raises ``OSError``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._locks[record.run_id] = lock = self._lock_path(record.run_id).open("wb")
        if sys.platform != "win32":
            with suppress(OSError):  # a file system without locks: its runs count as living
                fcntl.flock(lock, fcntl.LOCK_EX)
        self.save(record)

    def save(self, record: RunRecord) -> None:
        """Replace the record. Raises ``OSError``."""
        path = self._path(record.run_id)
        unfinished = path.with_suffix(".unfinished")
        try:
            unfinished.write_bytes(record.to_json().encode().ljust(_ROOM))
            os.replace(unfinished, path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise

    def end(self, record: RunRecord) -> None:
        """Save for the last time, and let go of the lock. Raises ``OSError``."""
        try:
            try:
                self.save(record)
            except OSError:
                self._save_in_place(record)
        finally:
            if lock := self._locks.pop(record.run_id, None):
                with suppress(OSError):
                    self._lock_path(record.run_id).unlink(missing_ok=True)
                lock.close()
        with suppress(OSError):  # another run may make room too
            for old in sorted(self._paths(), key=lambda path: -path.stat().st_mtime_ns)[MOST_KEPT:]:
                old.unlink(missing_ok=True)

    def record(self, run_id: str) -> RunRecord | None:
        """That of one run; ``None`` where it is not kept."""
        return self._read(self._path(run_id))

    def records(self) -> list[RunRecord]:
        """All that are kept, the latest first."""
        found = [record for path in self._paths() if (record := self._read(path)) is not None]
        return sorted(found, key=lambda record: record.started_at, reverse=True)

    def killed(self) -> list[RunRecord]:
        """Mark the runs that were killed since, and return them."""
        found = [record for record in self.records() if record.status == "started"]
        return [record for old in found if (record := self._mark_killed(old.run_id)) is not None]

    def _mark_killed(self, run_id: str) -> RunRecord | None:
        if run_id in self._locks or sys.platform == "win32":
            return None
        path = self._lock_path(run_id)
        try:
            with path.open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                record = self._read(self._path(run_id))  # again: it may have ended while we looked
                if record is not None and record.status == "started":
                    record.end("killed", None, KILLED)
                    self.save(record)
                    marked: RunRecord | None = record
                else:
                    marked = None
                path.unlink(missing_ok=True)
        except OSError:
            return None  # it lives
        return marked

    def _save_in_place(self, record: RunRecord) -> None:
        """The short form of the record over the one that is there: on a full disk there is room for nothing else."""
        short = replace(record, stages=[], warnings=[], notes={}).to_json().encode()
        with self._path(record.run_id).open("r+b") as file:
            file.write(short.ljust(_ROOM))
            file.truncate()

    def _paths(self) -> list[Path]:
        return list(self.folder.glob("*.json"))

    def _path(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.json"

    def _lock_path(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.running"

    @staticmethod
    def _read(path: Path) -> RunRecord | None:
        try:
            return RunRecord.from_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError):
            return None
