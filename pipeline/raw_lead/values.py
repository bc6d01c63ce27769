"""Values of JSON as the columns of a history have them: by the kind of the column, not by how they are written."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from datetime import datetime
from typing import Literal

from leadlens.features import UsageError
from leadlens.features.history import Kind
from leadlens.pipeline.config.parts import read_timestamp
from leadlens.pipeline.raw_lead.request import Value
from leadlens.pipeline.sources.casting import LARGEST
from leadlens.pipeline.sources.unknown_words import WordKind, words_for

Read = float | bool | str | datetime | None
Reading = Kind | Literal["id", "code"]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_WORDS: dict[Reading, WordKind] = {"id": "id", "category": "text", "text": "text"}
_EXPECTED = {"number": "a number", "boolean": "true or false", "time": "a timestamp as text"}


def read_value(
    value: Value, reading: Reading, where: str, missing: Collection[str] = ()
) -> tuple[Read, str | None]:
    """The value as its column has it, and the word for “not known” in its place, if it is one.

    Ids and codes are text, digit for digit. ``missing`` are further texts that stand for a missing value. Raises ``UsageError`` for
    a value of another kind.
    """
    if value is None:
        return None, None
    if isinstance(value, str):
        text = value.strip(" ")
        if not text:
            return None, None
        if (reading != "code" and _is_unknown(text, reading)) or text in missing:
            return None, text
        return _of_text(text, reading, where), None
    if isinstance(value, int | float) and not isinstance(value, bool):
        if reading == "number":
            number = _finite(value, where)
            return (None, str(value)) if number in _numbers(missing) else (number, None)
        if reading in ("category", "text", "id", "code"):
            return _digits(value), None
    elif reading == "boolean":
        return value, None
    elif reading in ("category", "text"):
        return str(value).lower(), None
    raise _refused(value, reading, where)


def _is_unknown(text: str, reading: Reading) -> bool:
    kind = _WORDS.get(reading, "number")
    return (text.lower() if kind == "number" else text) in words_for(kind)


def _of_text(text: str, reading: Reading, where: str) -> Read:
    if reading == "number":
        if _NUMBER.fullmatch(text) is None:
            raise _refused(text, reading, where)
        return _finite(float(text), where)
    if reading == "boolean":
        if text.lower() not in ("true", "false"):
            raise _refused(text, reading, where)
        return text.lower() == "true"
    return read_timestamp(text, where) if reading == "time" else text


def _finite(value: float, where: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) <= float(LARGEST):
        raise UsageError(
            "this number is too large", value=str(value)[:40], where=where, fix=f"at most {LARGEST}"
        )
    return number


def _digits(value: float) -> str:
    """An id or a category that came as a number: 12 and 12.0 are the same."""
    return str(int(value)) if isinstance(value, int) or value.is_integer() else repr(value)


def _numbers(texts: Collection[str]) -> set[float]:
    return {float(text) for text in texts if _NUMBER.fullmatch(text.strip())}


def _refused(value: object, reading: Reading, where: str) -> UsageError:
    expected = _EXPECTED.get(reading, "text")
    return UsageError(
        f"this is not {expected}",
        value=value,
        where=where,
        why="the column held such values in the training data, and is read in the same way",
        fix="leave out what is not known, or write null"
        if reading != "time"
        else "write 2026-01-31T09:30:00+01:00",
    )
