"""Axes of the charts: values to places in the box of an SVG, and round numbers between two ends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

WIDTH = 360.0  # as wide as a phone: on wider screens the drawing grows, and its texts with it


class Scale(NamedTuple):
    """Values from ``low`` to ``high`` lie from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value lies; the end where it lies beyond it.

        >>> Scale(0, 2, 100, 0).at(0.5), Scale(0, 2, 100, 0).at(9)
        (75.0, 0.0)
        """
        part = min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))
        return round(self.start + part * (self.end - self.start), 1)


class Tick(NamedTuple):
    """A value that an axis names, and where it lies."""

    at: float
    value: float


class Box(NamedTuple):
    """The axes of a chart, with room for what they are called."""

    x: Scale
    y: Scale
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    width: float
    height: float

    @classmethod
    def of(cls, x: float, y: float, height: float = 250.0, ticks: Iterable[float] | None = None) -> Box:
        """From zero to ``x`` and ``y``; with ``ticks`` the x-axis has those, from the first to the last."""
        named = list(ticks) if ticks is not None else round_numbers(x)
        first, last = (named[0], named[-1]) if ticks is not None else (0.0, x)
        across, up = Scale(first, last, 54.0, WIDTH - 20), Scale(0.0, y, height - 40, 10.0)
        return cls(across, up, _ticks(across, named), _ticks(up, round_numbers(y)), WIDTH, height)

    def line(self, places: Iterable[tuple[float, float]]) -> str:
        """The points of a line."""
        return " ".join(f"{self.x.at(x)},{self.y.at(y)}" for x, y in places)


def round_numbers(high: float, most: int = 5) -> list[float]:
    """From zero to ``high`` in at most ``most`` steps of 1, 2 or 5 times a power of ten.

    >>> round_numbers(1.0), round_numbers(0.43)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 0.1, 0.2, 0.3, 0.4])
    """
    power = 10.0 ** math.floor(math.log10(high / most))
    step = next(each * power for each in (1, 2, 5, 10) if high / (each * power) <= most + 1e-9)
    return [round(step * at, 9) for at in range(int(high / step + 1e-9) + 1)]


def _ticks(scale: Scale, values: Iterable[float]) -> list[Tick]:
    return [Tick(scale.at(value), value) for value in values]
