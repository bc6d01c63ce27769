"""What sections of a project file are made of: durations, moments and shares as people write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from features import UsageError, format_duration, parse_duration

_MOMENT = "a moment is written 2026-01-31 or 2026-01-31T09:30:00Z"


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("a duration is a whole number and a unit: 30m, 12h, 7d or 2w")
    try:
        return parse_duration(value)
    except UsageError as error:
        if re.fullmatch(r"\s*\d+\s*[smhdw]\s*", value):
            raise ValueError("a duration is 36600d at most (100 years): write a length such as 7d") from error
        raise ValueError(
            f"{error.what}: write a whole number and a unit, such as 30m, 12h, 7d or 2w"
        ) from error


def _positive(length: timedelta) -> timedelta:
    if not length:
        raise ValueError("nothing happens within no time: write a length such as 7d")
    return length


def read_moment(text: str, where: str) -> datetime:
    """A moment as people write it on a command line, in UTC. Raises ``UsageError``."""
    try:
        return _moment(text)
    except ValueError as error:
        raise UsageError("this is not a moment", value=text, where=where, fix=str(error)) from None


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(_MOMENT) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ValueError(_MOMENT)
    if not 1000 <= value.year <= 9000:
        raise ValueError("a moment lies between the years 1000 and 9000")
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+\s*[smhdw]\s*$", "examples": ["7d", "12h"]}),
]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(lambda moment: moment.isoformat()),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-01-31"]}),
]
Share = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """Unknown keys are refused and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
