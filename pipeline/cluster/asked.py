"""The engine that a command is to run on: what was asked for on the command line, else what the project says."""

from __future__ import annotations

from typing import get_args

from leadlens.features import UsageError
from leadlens.pipeline.config import EngineSettings, ProjectFile
from leadlens.pipeline.config.engine import EngineName


def engine_settings(file: ProjectFile, engine: str | None, master: str | None) -> EngineSettings:
    """The project's settings with ``engine`` and ``master`` in the place of its own.

    Raises ``UsageError`` for an engine that there is not, and for a master without Spark.
    """
    known = get_args(EngineName)
    if engine is not None and engine not in known:
        raise UsageError("there is no such engine", value=engine, known=known, where="--engine")
    settings = file.project.engine.model_copy(update={"name": engine} if engine else {})
    if master is None:
        return settings
    if settings.name != "spark":
        raise UsageError(
            "--master says where Spark runs", value=master, fix=f"--engine spark --master {master}"
        )
    return settings.model_copy(update={"master": master})
