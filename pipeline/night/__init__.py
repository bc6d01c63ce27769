"""One night of scoring, cut into parts of the leads: what all have in common, what is made of each, here or on workers."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.config import EngineSettings
from pipeline.night.parts import Night, ScoredPart, scored_here
from pipeline.progress import Progress
from pipeline.stages import Stages

__all__ = ["Night", "ScoredPart", "scored_parts"]


def scored_parts(
    night: Night, engine: EngineSettings, stages: Stages, progress: Progress
) -> Iterator[ScoredPart]:
    """All parts that have an open lead, scored where the engine says; equal wherever that is."""
    if engine.name != "spark":
        yield from scored_here(night, stages, progress)
        return
    from pipeline.cluster import spark_workers
    from pipeline.night.on_spark import scored_on_spark

    progress("Starting Spark", 0, 0)
    with spark_workers(night.file, engine) as workers:
        yield from scored_on_spark(night, workers, stages, progress)
