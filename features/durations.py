"""Durations as people write them: ``90s``, ``30m``, ``12h``, ``7d``, ``2w``."""

from __future__ import annotations

import re
from datetime import timedelta

from leadlens.features.errors import UsageError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str | timedelta, where: str | None = None) -> timedelta:
    """Turn ``"7d"`` into seven days; a ``timedelta`` passes through.

    Raises ``UsageError`` for anything else, a negative or an absurd length (over 100 years).

    >>> parse_duration("12h")
    datetime.timedelta(seconds=43200)
    """
    if isinstance(text, timedelta):
        return text
    match = re.fullmatch(r"\s*(\d{1,12})\s*([smhdw])\s*", str(text))
    if match:
        unit = timedelta(**{_UNITS[match[2]]: 1})
        if (count := int(match[1])) <= timedelta(days=36_600) // unit:
            return count * unit
    raise UsageError(
        "this is not a duration",
        value=text,
        where=where,
        fix="write a whole number and a unit: 30m, 12h, 7d or 2w",
    )


def humanize(length: timedelta) -> str:
    """The duration in words for a label.

    >>> humanize(timedelta(days=30))
    '30 days'
    """
    seconds = int(length.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0 and seconds >= size:
            count = seconds // size
            return f"{count} {unit}" + ("" if count == 1 else "s")
    return f"{seconds} seconds"


def format_duration(length: timedelta) -> str:
    """The duration in its shortest written form.

    >>> format_duration(timedelta(days=7))
    '7d'
    """
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0 and (seconds or unit == "d"):
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
