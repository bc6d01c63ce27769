"""The verdict on a rule's points: a function of the numbers shown beside it, and of nothing else."""

from __future__ import annotations

import math
from typing import NamedTuple

MIN_LEADS = 30
HALF = -10.0  # on the common scale: half the odds of other leads

AGREES, TOO_HIGH, TOO_LOW, WRONG_SIGN = "agrees", "too high", "too low", "wrong sign"
TOO_STRICT, NO_EVIDENCE = "too strict", "no evidence"


class Verdict(NamedTuple):
    """``verdict`` is one of the six names above, ``words`` the same with its reason."""

    verdict: str
    words: str


def judge_points(points: float, low: float, high: float, *, leads: int, others: int) -> Verdict:
    """The verdict on the points of a rule, from the 90 % interval of what the data say they should be.

    All three are in one unit, rounded as they are shown, so that a reader can check the verdict. No allowance is made
    at the edges of the interval.

    Parameters
    ----------
    points : what the sheet gives.
    low, high : what the data support (NaN where it cannot be estimated).
    leads, others : leads it matched, and leads it did not.

    >>> judge_points(20, 9, 31, leads=400, others=900).words
    'agrees (the 90 % interval has the points)'
    >>> judge_points(10, -23, -5, leads=400, others=900).words
    'wrong sign (leads with it convert less)'
    >>> judge_points(10, -30, 12, leads=400, others=900).words
    'no evidence (the 90 % interval has both 0 and the points)'
    >>> judge_points(20, 9, 31, leads=12, others=900).words
    'no evidence (only 12 leads)'
    """
    if few := _too_few(leads, others):
        return few
    if math.isnan(low) or math.isnan(high):
        return Verdict(NO_EVIDENCE, "no evidence (it cannot be estimated)")
    inside, maybe_zero = low <= points <= high, low <= 0 <= high
    if inside and maybe_zero:
        return Verdict(NO_EVIDENCE, "no evidence (the 90 % interval has both 0 and the points)")
    if inside:
        return Verdict(AGREES, "agrees (the 90 % interval has the points)")
    if points > 0 > high or points < 0 < low:
        return _wrong_sign(points)
    name = TOO_HIGH if points > high else TOO_LOW
    return Verdict(name, f"{name} (the data show no effect)" if maybe_zero else name)


def judge_direction(points: float, low: float, high: float, *, leads: int, others: int) -> Verdict:
    """The verdict where the sheet's unit is not clear, so that only the sign of its points can be judged."""
    ever_so_many = math.copysign(math.inf, points) if points else 0.0
    verdict = judge_points(ever_so_many, low, high, leads=leads, others=others)
    if verdict.verdict in (WRONG_SIGN, NO_EVIDENCE):
        return verdict
    return Verdict(NO_EVIDENCE, "no evidence (the sheet's unit is not clear)")


def judge_disqualifier(low: float, high: float, *, leads: int, others: int) -> Verdict:
    """The verdict on a disqualifier, from the interval on the common scale.

    >>> judge_disqualifier(-31, -15, leads=400, others=900).words
    'agrees (these leads convert less)'
    >>> judge_disqualifier(-8, 3, leads=400, others=900).words
    'too strict (the odds of these leads are more than half those of others)'
    """
    if few := _too_few(leads, others):
        return few
    if low > HALF:
        return Verdict(TOO_STRICT, "too strict (the odds of these leads are more than half those of others)")
    if high < 0:
        return Verdict(AGREES, "agrees (these leads convert less)")
    return Verdict(NO_EVIDENCE, "no evidence (the 90 % interval has both no effect and half the odds)")


def _wrong_sign(points: float) -> Verdict:
    return Verdict(WRONG_SIGN, f"wrong sign (leads with it convert {'less' if points > 0 else 'more'})")


def _too_few(leads: int, others: int) -> Verdict | None:
    if leads < MIN_LEADS:
        return Verdict(NO_EVIDENCE, f"no evidence (only {leads} lead{'s' if leads != 1 else ''})")
    if others < MIN_LEADS:
        rest = f"all but {others} leads have it" if others else "every lead has it"
        return Verdict(NO_EVIDENCE, f"no evidence ({rest})")
    return None
