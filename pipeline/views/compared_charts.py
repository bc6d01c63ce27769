"""The charts of a comparison as places in a box, from its JSON; ``charts.html`` draws them, the same for page and report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from leadlens.models.judging.bands import BANDS
from leadlens.models.judging.lenses import MODEL, RULES
from leadlens.models.judging.verdicts import MIN_LEADS
from leadlens.pipeline.views.axes import Box, Scale

Rows = Sequence[Mapping[str, Any]]
KINDS = {"model": MODEL, "sheet": RULES}  # what a chart calls a lens


class Gains(NamedTuple):
    """Reached by called; ``dots`` are where the capacity cuts the two curves, at the place ``at``."""

    box: Box
    lines: dict[str, str]
    at: float
    dots: dict[str, float]


class Point(NamedTuple):
    """A point with its interval."""

    x: float
    y: float
    low: float
    high: float


class Calibration(NamedTuple):
    """Predicted and actual conversion; on ``diagonal`` both agree."""

    box: Box
    diagonal: str
    lines: dict[str, str]
    points: dict[str, list[Point]]


class Bar(NamedTuple):
    """A bar from the axis up to ``y``, with the interval of its end."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    low: float
    high: float


class Bands(NamedTuple):
    """A bar for each lens and band; ``average`` is how high the one of all leads would be."""

    box: Box
    bars: list[Bar]
    average: float


class Strip(NamedTuple):
    """What a rule gives and what it is worth, beside zero, on a scale that all rules share."""

    zero: float
    low: float
    high: float
    worth: float
    given: float | None


def gains(table: Rows, share: float) -> Gains:
    """Of a comparison's table of gains."""
    box = Box.of(1.0, 1.0)
    lines = {
        kind: box.line((each["called"], each["found"]) for each in _of(table, lens))
        for kind, lens in KINDS.items()
        if any(_of(table, lens))
    }
    lines["chance"] = box.line((each["called"], each["random"]) for each in _of(table, MODEL))
    dots = {
        kind: box.y.at(min(_of(table, lens), key=lambda each: abs(each["called"] - share))["found"])
        for kind, lens in KINDS.items()
        if kind in lines
    }
    return Gains(box, lines, box.x.at(share), dots)


def calibration(table: Rows) -> Calibration:
    """Of a comparison's table of calibration."""
    top = min(1.0, 1.05 * max(max(each["claimed"], each["high"]) for each in table))
    box = Box.of(top, top, height=300.0)
    points = {
        kind: [
            Point(
                box.x.at(each["claimed"]),
                box.y.at(each["actual"]),
                box.y.at(each["low"]),
                box.y.at(each["high"]),
            )
            for each in _of(table, lens)
        ]
        for kind, lens in KINDS.items()
        if any(_of(table, lens))
    }
    lines = {kind: " ".join(f"{each.x},{each.y}" for each in own) for kind, own in points.items()}
    return Calibration(box, box.line(((0, 0), (top, top))), lines, points)


def bands(table: Rows, average: float) -> Bands | None:
    """Of a comparison's table of bands, those with enough leads to say something; ``None`` where none has."""
    said = [each for each in table if each["leads"] >= MIN_LEADS]
    if not said:
        return None
    edges = [_ends(band) for band in BANDS if any(each["band"] == band for each in table)]
    top = min(1.0, 1.05 * max(each["high"] for each in said))
    box = Box.of(1.0, top, ticks=[*(first for first, _ in edges), edges[-1][1] + 1])
    bars = [_bar(box, kind, each) for kind, lens in KINDS.items() for each in _of(said, lens)]
    return Bands(box, bars, box.y.at(average))


def strips(audit: Rows) -> dict[str, Strip]:
    """Of a comparison's audit, by rule; those that could be judged alone."""
    judged = [each for each in audit if each["low"] is not None and each["worth"] is not None]
    ends = [value for each in judged for value in (each["low"], each["high"], each["given"] or 0.0)]
    scale = Scale(min([*ends, -1.0]), max([*ends, 1.0]), 6.0, 134.0)
    return {
        each["rule"]: Strip(
            zero=scale.at(0.0),
            low=scale.at(each["low"]),
            high=scale.at(each["high"]),
            worth=scale.at(each["worth"]),
            given=None if each["given"] is None else scale.at(each["given"]),
        )
        for each in judged
    }


def _of(table: Rows, lens: str) -> Iterator[Mapping[str, Any]]:
    return (each for each in table if each["lens"] == lens)


def _ends(band: str) -> tuple[int, int]:
    first, last = band.split("–")
    return int(first), int(last)


def _bar(box: Box, kind: str, band: Mapping[str, Any]) -> Bar:
    first, last = _ends(band["band"])
    left, right = box.x.at(first), box.x.at(last + 1)
    half = (right - left) / 2
    y = box.y.at(band["rate"])
    return Bar(
        kind=kind,
        x=round(left + 1 + (half if kind == "sheet" else 0), 1),
        y=y,
        width=round(half - 2, 1),
        height=round(box.y.start - y, 1),
        low=box.y.at(band["low"]),
        high=box.y.at(band["high"]),
    )
