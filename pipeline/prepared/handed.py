"""Hand a prepared history over to workers, who see its folder: which version of it, and the project that reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from leadlens.features import UsageError
from leadlens.pipeline.config import EngineSettings, Project, ProjectFile
from leadlens.pipeline.memory import job_memory
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.opening import PreparedHistory
from leadlens.pipeline.threads import share_processors

_LEAST = 128_000_000  # bytes


def handed_over(prepared: PreparedHistory) -> dict[str, Any]:
    """What ``opened`` asks for, JSON-ready: no worker needs the project's folder or any variable of the environment."""
    settings = prepared.file.project.engine
    return {
        "path": str(prepared.file.path),
        "project": prepared.file.project.without_passwords().model_dump(mode="json", by_alias=True),
        "prepared": str(prepared.folder.path),
        "version": prepared.version,
        "memory": settings.memory,
        "cores": settings.spark.get("spark.executor.cores"),
    }


def opened(plain: dict[str, Any]) -> PreparedHistory:
    """On a worker: the history that was handed over, with the share of the machine that one of its processes has.

    That is one thread, as Spark counts a task for one core, and the memory of an executor by as many cores as it has.
    """
    all_cores = os.cpu_count() or 1
    share_processors(all_cores)
    sharing = int(plain["cores"] or all_cores) if plain["memory"] else all_cores
    memory = max(job_memory(EngineSettings(memory=plain["memory"])) // sharing, _LEAST)
    engine = EngineSettings(memory=f"{memory // 1_000_000}MB")
    project = Project.model_validate(plain["project"]).model_copy(update={"engine": engine})
    kept = PreparedFolder(Path(plain["prepared"]))
    manifest = kept.read(plain["version"])
    if manifest is None:
        raise UsageError(
            "a worker does not see the prepared history",
            value=plain["prepared"],
            fix="put the state folder (LEADLENS_HOME) on a disk that all workers share",
        )
    return PreparedHistory(ProjectFile(Path(plain["path"]), project), kept, manifest)
