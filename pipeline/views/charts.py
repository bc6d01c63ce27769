"""Small drawings as data for SVG: places in a box, which the templates draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.published.copy import Past

_WIDTH, _HEIGHT, _EDGE = 320.0, 80.0, 6.0


@dataclass(frozen=True)
class Timeline:
    """The course of a score, as the points of a line in a box of ``width`` × ``height``."""

    points: str
    last: tuple[float, float]
    width: float = _WIDTH
    height: float = _HEIGHT


@dataclass(frozen=True)
class Gains:
    """Reached by called, of model, sheet and chance, as lines in a box; ``at`` is where the capacity stands."""

    lines: Mapping[str, str]
    at: float
    width: float = 400.0
    height: float = 260.0


def gains(table: Sequence[Mapping[str, Any]], share: float) -> Gains:
    """The lines of a comparison's table of gains."""
    wide, high = Gains.width - 2 * _EDGE, Gains.height - 2 * _EDGE

    def line(places: Iterable[tuple[float, float]]) -> str:
        return " ".join(f"{_EDGE + x * wide:.1f},{Gains.height - _EDGE - y * high:.1f}" for x, y in places)

    names = {"model": "leadlens", "sheet": "scorecard"}
    lines = {
        kind: line((each["called"], each["found"]) for each in table if each["lens"] == lens)
        for kind, lens in names.items()
    }
    lines["chance"] = line((each["called"], each["random"]) for each in table if each["lens"] == "leadlens")
    return Gains(lines, _EDGE + share * wide)


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
