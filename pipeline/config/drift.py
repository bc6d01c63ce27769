"""How far a night may be from the nights before it, and from the data that the model learned from; and what `monitor` bears."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from leadlens.pipeline.config.parts import PositiveDuration, Share
from leadlens.pipeline.config.section import Added, Section


class Drift(Section):
    """What stops a night before anything is written, and is an alarm of `monitor`; from half of a limit on it is a warning."""

    mode: Literal["stop", "warn"] = Field(
        "stop",
        description="stop: a night beyond a limit is refused, unless forced with a reason. warn: it is written, with "
        "warnings.",
    )
    stale: PositiveDuration = Field(
        timedelta(days=14),
        description="Data that ended longer ago: before now, or before --as-of where that is given.",
    )
    lost: Share = Field(
        0.3,
        description="Share of the rows of a table, or of the open leads, that is gone. A table that lost 3 % is a warning.",
    )
    growth: float = Field(4.0, gt=1, description="Times as many rows of a table, or open leads, as before.")
    missing: Share = Field(
        0.3, description="Rise of the share of unknown values in a column: 0.3 from 10 % to 40 %."
    )
    psi: float = Field(
        0.25,
        gt=0,
        description="Population stability index of an attribute or the grades against the last nights, beyond chance.",
    )
    psi_training: float = Field(
        1.0,
        gt=0,
        description="The same of an attribute against the training data: months may lie between, so it is wider. Of a "
        "main feature of what leads do, from half of it on, a warning and never more: newsletters move it.",
    )
    conversions: Annotated[float, Added] = Field(
        1.5,
        gt=1,
        description="`monitor`: times as many, or as few, conversions as the scores expected, beyond chance.",
    )
    hot: Annotated[float, Added] = Field(
        1.5,
        gt=1,
        description="`monitor`: times the usual share of open leads with a score of 60 or more, beyond chance and beyond "
        "judge.capacity, while no more leads convert.",
    )
