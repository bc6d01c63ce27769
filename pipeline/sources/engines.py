"""The engines of a project, set up by its settings."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from leadlens.features import DuckDBEngine
from leadlens.features.engines.parsed import ParsedSql
from leadlens.pipeline.config import EngineSettings, ProjectFile
from leadlens.pipeline.memory import job_memory
from leadlens.pipeline.state import state_folder, state_is_writable
from leadlens.pipeline.threads import threads_of_a_share

if TYPE_CHECKING:
    from leadlens.features.engines.spark import SparkEngine

_STREAMING = 700_000_000  # bytes
_MOST_IDLE = 4  # databases that wait for the next lead
_parsed = ParsedSql(400)  # some seventy of a lead, for a few projects
_idle: dict[tuple[int, Path] | None, list[DuckDBEngine]] = {}


def duckdb_engine(file: ProjectFile) -> DuckDBEngine:
    """DuckDB within the memory that a job may use; what does not fit spills to ``engine.work``."""
    settings = file.project.engine
    spill = _spill() if settings.work is None else file.resolve(settings.work)
    if settings.memory is not None:
        return DuckDBEngine(memory=_bytes(settings.memory, "B"), spill=spill, threads=threads_of_a_share())
    engine = DuckDBEngine(spill=spill, threads=threads_of_a_share())
    engine.connection.execute(f"SET memory_limit = '{job_memory(settings)}B'")
    return engine


def lent_engine(file: ProjectFile) -> DuckDBEngine:
    """The same for a few rows: a database that waits in this process is lent, since making one takes longer than a lead.

    It holds nothing of whoever had it before: what a connection makes is gone when it is closed.
    """
    settings = file.project.engine
    key = job_memory(settings), _spill() if settings.work is None else file.resolve(settings.work)
    return _lent(key, lambda: duckdb_engine(file))


def lent_without_project() -> DuckDBEngine:
    """The same where there is no project, and nothing may be written anywhere."""
    return _lent(None, DuckDBEngine)


def _lent(key: tuple[int, Path] | None, make: Callable[[], DuckDBEngine]) -> DuckDBEngine:
    waiting = _idle.setdefault(key, [])
    try:
        owner = waiting.pop()
    except IndexError:
        owner = make()
        owner.connection.execute("SET parquet_metadata_cache = true")
        owner.connection.execute(
            "SET threads = 1"
        )  # to share a few rows out takes longer than to work on them
    engine = DuckDBEngine(owner.connection.cursor(), parsed=_parsed)

    def give_back() -> None:
        if len(waiting) < _MOST_IDLE:
            waiting.append(owner)
        else:
            owner.close()

    engine.on_close(give_back)
    return engine


def _spill() -> Path:
    folder = (
        state_folder() if state_is_writable() else Path(tempfile.gettempdir()) / f"leadlens-{os.getpid()}"
    )
    return folder / "spill"


def preparing_engine(file: ProjectFile, spill: Path) -> DuckDBEngine:
    """DuckDB for reading sources once: a small part of the project's memory, since rows only stream through it."""
    return DuckDBEngine(memory=f"{min(_STREAMING, job_memory(file.project.engine))}B", spill=spill)


def spark_engine(settings: EngineSettings, work: Path) -> SparkEngine:
    """Spark by the settings, with its tables in ``work``. Raises ``UsageError`` where it cannot be started."""
    from leadlens.features.engines.spark import SparkEngine

    memory = None if settings.memory is None else _bytes(settings.memory, "").lower()
    return SparkEngine(settings.master, work=work, memory=memory, settings=settings.spark)


def _bytes(memory: str, ending: str) -> str:
    """``4 GB`` in the spelling of DuckDB (4GB) or Spark (4g)."""
    return memory.replace(" ", "").rstrip("Bb") + ending
