"""The kinds of value a score sheet is written in, each with a message a marketer can act on."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from leadlens.features.durations import format_duration, parse_duration
from leadlens.features.errors import UsageError

MOST_POINTS = 1_000_000
T = TypeVar("T")


class Section(BaseModel):
    """Settings of one part of a sheet: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _text(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(
            "this must be text, and YAML reads yes, no, on and off as true and false: put it in quotes"
        )
    if not isinstance(value, str):
        raise ValueError("this must be text: put it in quotes")
    if not value.strip():
        raise ValueError("this must not be empty")
    if odd := next(
        (c for c in value.strip() if unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\r\n"), ""
    ):
        raise ValueError(
            f"this holds the control character U+{ord(odd):04X}, which no program shows: delete it"
        )
    return value.strip()


def _number(value: object) -> int | float:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", value):
        raise ValueError(f"this must be a number: write it without quotes: {value.strip()}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("this must be a number")
    if abs(value) > MOST_POINTS or not math.isfinite(value):
        raise ValueError(f"this must be a number between -{MOST_POINTS:,} and {MOST_POINTS:,}")
    return int(value) if value == int(value) else value


def _positive(value: int | float) -> int | float:
    if value <= 0:
        raise ValueError("this must be above 0: a cap of 30 lets a rule give or take at most 30 points")
    return value


def _count(value: object) -> int:
    number = _number(value)
    if number != int(number) or not 1 <= number <= 10_000:
        raise ValueError("this must be a whole number from 1 to 10,000")
    return int(number)


def _duration(value: object) -> timedelta:
    try:
        if isinstance(value, str | timedelta):
            return parse_duration(value)
    except (UsageError, OverflowError, ValueError):  # more weeks, or digits, than can be counted
        pass
    raise ValueError("a duration is a whole number and a unit: 30m, 12h, 7d or 2w")


def _cuts(value: object) -> tuple[int | float, ...]:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ValueError("grade cuts are three numbers, such as [75, 50, 25]")
    cuts = tuple(_number(cut) for cut in value)
    if not cuts[0] > cuts[1] > cuts[2]:
        raise ValueError("grade cuts fall from the best grade on, such as [75, 50, 25]")
    return cuts


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]{1,60}", value):
        raise ValueError("a name is made of lower-case letters, digits and _")
    return value


def _dimension_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,59}", value):
        raise ValueError(
            "the name of a dimension starts with a letter and is made of lower-case letters, digits and _"
        )
    return value


def _nothing_is_none(value: Any) -> Any:
    return () if value is None else value


_NUMBER = WithJsonSchema({"type": "number", "minimum": -MOST_POINTS, "maximum": MOST_POINTS})
Text = Annotated[str, BeforeValidator(_text), Field(min_length=1)]
Name = Annotated[str, BeforeValidator(_text), AfterValidator(_name), Field(pattern="^[a-z0-9_]{1,60}$")]
DimensionName = Annotated[
    str,
    BeforeValidator(_text),
    AfterValidator(_dimension_name),
    Field(json_schema_extra={"pattern": "^[a-z][a-z0-9_]*$"}),
]
Number = Annotated[int | float, PlainValidator(_number), _NUMBER]
PositiveNumber = Annotated[
    int | float,
    PlainValidator(_number),
    AfterValidator(_positive),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]
Count = Annotated[
    int, PlainValidator(_count), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 10_000})
]
Duration = Annotated[
    timedelta,
    PlainValidator(_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d+\s*[smhdw]\s*$", "examples": ["30d", "12h"]}),
]
Cuts = Annotated[
    tuple[int | float, ...],
    PlainValidator(_cuts),
    PlainSerializer(list),
    WithJsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}),
]
# a section whose lines are all commented out arrives as None
Optional = Annotated[tuple[T, ...], BeforeValidator(_nothing_is_none)]
