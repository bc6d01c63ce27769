"""Small drawings as data for SVG: places in a box, which the templates draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from leadlens.pipeline.published.copy import Past

_WIDTH, _HEIGHT, _EDGE = 320.0, 80.0, 6.0


@dataclass(frozen=True)
class Timeline:
    """The course of a score, as the points of a line in a box of ``width`` × ``height``."""

    points: str
    last: tuple[float, float]
    width: float = _WIDTH
    height: float = _HEIGHT


def timeline(past: Sequence[Past]) -> Timeline | None:
    """A step for each change; ``None`` where the score never changed."""
    if len(past) < 2:
        return None
    first, last = past[0].as_of, past[-1].as_of
    span = (last - first).total_seconds() or 1.0
    places: list[tuple[float, float]] = []
    for each in past:
        x = _EDGE + (each.as_of - first).total_seconds() / span * (_WIDTH - 2 * _EDGE)
        y = _HEIGHT - _EDGE - each.score / 100 * (_HEIGHT - 2 * _EDGE)
        if places:
            places.append((x, places[-1][1]))
        places.append((x, y))
    return Timeline(" ".join(f"{x:.1f},{y:.1f}" for x, y in places), places[-1])


class Tick(NamedTuple):
    """A number on an axis: where it stands, and how it reads."""

    at: float
    text: str


class Dot(NamedTuple):
    """A share with its interval, as places in the box."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Weekly:
    """The share of leads above a threshold week by week, as a line, and how these convert, as dots with their intervals."""

    share: str
    dots: Sequence[Dot]
    up: Sequence[Tick]
    along: Sequence[Tick]
    width: float = 400.0
    height: float = 240.0


def weekly(weeks: Sequence[Mapping[str, Any]]) -> Weekly | None:
    """Weeks with ``week, share`` and, where they can be told, ``rate, low, high``; ``None`` of fewer than two."""
    if len(weeks) < 2:
        return None
    left, right, top, bottom = 46.0, Weekly.width - 10, 12.0, Weekly.height - 30
    known = [each for each in weeks if each["rate"] is not None]
    highest = max([*(each["share"] for each in weeks), *(each["high"] for each in known)])
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if highest <= 4 * step or step == 0.25)
    end = step * math.ceil(highest / step - 1e-9) or step

    def x(at: int) -> float:
        return left + 8 + at / (len(weeks) - 1) * (right - left - 16)

    def y(share: float) -> float:
        return bottom - share / end * (bottom - top)

    return Weekly(
        share=" ".join(f"{x(at):.1f},{y(each['share']):.1f}" for at, each in enumerate(weeks)),
        dots=[
            Dot(x(at), y(each["rate"]), y(each["low"]), y(each["high"]))
            for at, each in enumerate(weeks)
            if each["rate"] is not None
        ],
        up=[Tick(y(at * step), f"{100 * at * step:.0f} %") for at in range(round(end / step) + 1)],
        along=[
            Tick(x(at), _short_day(weeks[at]["week"])) for at in sorted({0, len(weeks) // 2, len(weeks) - 1})
        ],
    )


def _short_day(value: datetime | str) -> str:
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{at.day} {at:%b}"
