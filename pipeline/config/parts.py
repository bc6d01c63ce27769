"""The values of settings as people write them: durations, timestamps and shares."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from leadlens.features import UsageError, format_duration, parse_duration

_TIMESTAMP = "a timestamp is written 2026-01-31 or 2026-01-31T09:30:00Z"


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("a duration is a whole number and a unit: 30m, 12h, 7d or 2w")
    try:
        return parse_duration(value)
    except UsageError as error:
        if re.fullmatch(r"\s*\d+\s*[smhdw]\s*", value):
            raise ValueError("a duration is at most 36600d (100 years): write e.g. 7d") from error
        raise ValueError(
            f"{error.what}: write a whole number and a unit, such as 30m, 12h, 7d or 2w"
        ) from error


def _positive(length: timedelta) -> timedelta:
    if not length:
        raise ValueError("a duration of zero has no effect here: write e.g. 7d")
    return length


def read_timestamp(given: object, where: str) -> datetime:
    """A timestamp as text, date or time with or without a zone, in UTC without one. Raises ``UsageError``."""
    try:
        return _timestamp(given)
    except ValueError as error:
        raise UsageError("this is not a timestamp", value=given, where=where, fix=str(error)) from None


def read_as_of(given: str | date | None) -> datetime | None:
    """An as-of time given in Python; ``None`` for none. Raises ``UsageError``."""
    if given is None:
        return None
    at = read_timestamp(given, "as_of")
    return datetime.combine(at.date(), at.time())  # of pandas' own kind too, which counts nanoseconds


def _timestamp(value: object) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(_TIMESTAMP) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ValueError(_TIMESTAMP)
    if not 1000 <= value.year <= 9000:
        raise ValueError("a timestamp lies between the years 1000 and 9000")
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+\s*[smhdw]\s*$", "examples": ["7d", "12h"]}),
]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
Timestamp = Annotated[
    datetime,
    BeforeValidator(_timestamp),
    PlainSerializer(lambda timestamp: timestamp.isoformat()),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-01-31"]}),
]
Share = Annotated[float, Field(gt=0, lt=1)]
