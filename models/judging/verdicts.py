"""The verdict on a rule's points: a function of the numbers shown beside it, and of nothing else."""

from __future__ import annotations

import math
from typing import NamedTuple

from leadlens.models.statistics import CONFIDENCE

MIN_LEADS = 30

TOO_FEW_LEADS, WRONG_DIRECTION, SUPPORTED, NOT_SETTLED = (
    "Too few leads",
    "Wrong direction",
    "Supported",
    "Not settled",
)
TOO_FEW_POINTS, TOO_HARSH, TOO_MANY_POINTS, TOO_MILD = (
    "Too few points",
    "Too harsh",
    "Too many points",
    "Too mild",
)
WRONG_SIZE = (TOO_MANY_POINTS, TOO_FEW_POINTS, TOO_MILD, TOO_HARSH)
FLAGGED = (WRONG_DIRECTION, *WRONG_SIZE)  # to be looked at, the worst first
VERDICTS = (*FLAGGED, NOT_SETTLED, TOO_FEW_LEADS, SUPPORTED)
OTHER_RULES = "other rules explain it"

MEANING = {
    TOO_FEW_LEADS: "fewer than 30 leads have it, or lack it",
    WRONG_DIRECTION: "the whole interval lies on the other side of zero",
    TOO_FEW_POINTS: "it is worth more than it gives",
    TOO_HARSH: "it takes more than it is worth",
    TOO_MANY_POINTS: "it gives more than it is worth",
    TOO_MILD: "it takes less than it is worth",
    SUPPORTED: "the direction is right, and the size is not clearly wrong",
    NOT_SETTLED: "the interval holds zero, and the points too",
}


class Verdict(NamedTuple):
    """``name`` is one of :data:`VERDICTS`; ``reason`` says why, in a few words; ``suggestion`` is the points to change to, or NaN."""

    name: str
    reason: str
    suggestion: float

    @property
    def words(self) -> str:
        """Name and reason."""
        return f"{self.name}: {self.reason}"


def judge_points(
    points: float, low: float, high: float, *, points_half: float = 0.0, leads: int, others: int
) -> Verdict:
    """The verdict on the points of a rule, from the 90 % interval of its worth with other rules equal.

    All four numbers are in one unit, rounded as they are shown, so that a reader can check the verdict.

    Parameters
    ----------
    points : what the sheet gives.
    low, high : what the data support (NaN where it cannot be estimated).
    points_half : half the interval of the points themselves, where the unit that they are converted at is estimated.
    leads, others : leads that have it, and leads that lack it.

    >>> judge_points(20, 9, 31, leads=400, others=900).words
    'Supported: leads with it convert more'
    >>> judge_points(10, -23, -5, leads=400, others=900)
    Verdict(name='Wrong direction', reason='leads with it convert less', suggestion=0.0)
    >>> judge_points(10, -29, 1, leads=400, others=900)
    Verdict(name='Too many points', reason='the data support at most 1', suggestion=1)
    >>> judge_points(-5, -25, -15, leads=400, others=900)
    Verdict(name='Too mild', reason='the data support −15 or less', suggestion=-15)
    >>> judge_points(10, -30, 12, leads=400, others=900).words
    'Not settled: the interval holds both 0 and the points'
    >>> judge_points(20, 9, 31, leads=12, others=900).words
    'Too few leads: 12 have it'
    """
    if points == 0:
        return judge_direction(points, low, high, leads=leads, others=others)
    if verdict := _too_few(leads, others) or _not_estimated(low, high) or _wrong(points, low, high):
        return verdict
    # Worth less points, uncertain in both. The points lie outside of the interval then, but for rounding.
    middle = (low + high) / 2 - points
    half = math.hypot((high - low) / 2, points_half)
    if points < low and middle - half > 0:
        return Verdict(TOO_FEW_POINTS if points > 0 else TOO_HARSH, f"the data support {_at_least(low)}", low)
    if points > high and middle + half < 0:
        return Verdict(
            TOO_MANY_POINTS if points > 0 else TOO_MILD, f"the data support {_at_most(high)}", high
        )
    return _direction(low, high)


def judge_direction(points: float, low: float, high: float, *, leads: int, others: int) -> Verdict:
    """The verdict by direction alone: of points that are none, of a disqualifier (any number below 0), or without a clear unit.

    >>> judge_direction(-1, -31, -15, leads=400, others=900).words
    'Supported: leads with it convert less'
    >>> judge_direction(-1, -8, 3, leads=400, others=900).words
    'Not settled: the interval holds 0'
    >>> judge_direction(-1, 2, 9, leads=400, others=900).words
    'Wrong direction: leads with it convert more'
    """
    return (
        _too_few(leads, others)
        or _not_estimated(low, high)
        or _wrong(points, low, high)
        or _direction(low, high, of_points=False)
    )


def explained_by_others(low: float, high: float, rate_with: float, rate_without: float) -> bool:
    """Whether raw rates point the other way than the worth of a rule with other rules equal.

    >>> explained_by_others(-29, 1, rate_with=0.12, rate_without=0.06)
    True
    """
    return (low + high) * (rate_with - rate_without) < 0


def flagged_by_chance(rules: int) -> str:
    """How many verdicts of so many sound rules say by chance alone that something is wrong with them.

    >>> flagged_by_chance(21), flagged_by_chance(4), flagged_by_chance(0)
    ('Of 21 sound rules two are flagged by chance.', 'Of 4 sound rules hardly one is flagged by chance.', '')
    """
    if not rules:
        return ""
    count = round((1 - CONFIDENCE) * rules)
    several = {0: "hardly one is", 1: "one is"}.get(count) or f"{_NUMBERS.get(count, f'{count:,}')} are"
    return f"Of {rules:,} sound rule{'s' * (rules != 1)} {several} flagged by chance."


_NUMBERS = dict(enumerate(("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=2))


def _too_few(leads: int, others: int) -> Verdict | None:
    if leads < MIN_LEADS:
        return Verdict(TOO_FEW_LEADS, f"{leads or 'none'} ha{'s' if leads == 1 else 've'} it", math.nan)
    if others < MIN_LEADS:
        return Verdict(TOO_FEW_LEADS, f"all but {others} have it" if others else "all have it", math.nan)
    return None


def _not_estimated(low: float, high: float) -> Verdict | None:
    if math.isnan(low) or math.isnan(high):
        return Verdict(NOT_SETTLED, "its worth cannot be estimated", math.nan)
    return None


def _wrong(points: float, low: float, high: float) -> Verdict | None:
    if points > 0 > high or points < 0 < low:
        return Verdict(WRONG_DIRECTION, f"leads with it convert {'less' if high < 0 else 'more'}", 0.0)
    return None


def _direction(low: float, high: float, *, of_points: bool = True) -> Verdict:
    if not low <= 0 <= high:
        return Verdict(SUPPORTED, f"leads with it convert {'more' if low > 0 else 'less'}", math.nan)
    return Verdict(
        NOT_SETTLED, f"the interval holds {'both 0 and the points' if of_points else '0'}", math.nan
    )


def _at_least(points: float) -> str:
    return f"at least {points:g}" if points > 0 else f"{points:g} or more".replace("-", "−")


def _at_most(points: float) -> str:
    return f"at most {points:g}" if points > 0 else f"{points:g} or less".replace("-", "−")
