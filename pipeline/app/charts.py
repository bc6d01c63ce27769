"""Small drawings as data for SVG: places in a box, which the templates draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.published.copy import Past

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
