"""One night of scoring, cut into parts of the leads: what all have in common, what is made of each, here or on workers."""

from __future__ import annotations

from collections.abc import Iterator

from leadlens.pipeline.cluster import Workers
from leadlens.pipeline.night.on_spark import scored_on_spark
from leadlens.pipeline.night.parts import Night, ScoredPart, scored_here
from leadlens.pipeline.progress import Progress
from leadlens.pipeline.stages import Stages

__all__ = ["Night", "ScoredPart", "scored_parts"]


def scored_parts(
    night: Night, workers: Workers | None, stages: Stages, progress: Progress
) -> Iterator[ScoredPart]:
    """All parts that have an open lead, scored by workers if there are any, else here; equal either way."""
    if workers is None:
        return scored_here(night, stages, progress)
    return scored_on_spark(night, workers, stages, progress)
