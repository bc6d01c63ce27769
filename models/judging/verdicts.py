"""The verdict on a rule's points, from the interval of what the data say they should be."""

from __future__ import annotations

import math
from typing import NamedTuple

MIN_LEADS = 30
CLOSE = 3.0  # points of the common scale: the odds by a factor of 1.23


class Verdict(NamedTuple):
    """``verdict`` is one of six names, ``words`` the same with its reason."""

    verdict: str
    words: str


def judge_rule(
    points: float, given: float, worth: float, low: float, high: float, *, leads: int, others: int
) -> Verdict:
    """The verdict on one rule: only called wrong where the interval is more than :data:`CLOSE` points off.

    Parameters
    ----------
    points : what the sheet gives, in its own unit (NaN for a disqualifier).
    given : the same on the common scale, NaN where the sheet's unit is not clear.
    worth, low, high : what the data support, with the 90 % interval, on the common scale.
    leads, others : leads it matched, and leads it did not.

    >>> judge_rule(20, 18, 15.0, 9.0, 21.0, leads=400, others=900).words
    'about right'
    >>> judge_rule(20, 18, -6.0, -10.0, -2.0, leads=400, others=900).words
    'wrong sign (leads with it convert less)'
    >>> judge_rule(20, 18, 4.0, -9.0, 17.0, leads=12, others=900).words
    'no evidence (only 12 leads)'
    """
    if leads < MIN_LEADS:
        return Verdict("no evidence", f"no evidence (only {leads} lead{'s' if leads != 1 else ''})")
    if others < MIN_LEADS:
        rest = f"all but {others} leads have it" if others else "every lead has it"
        return Verdict("no evidence", f"no evidence ({rest})")
    if math.isnan(points):
        return _disqualifier(low, high)
    if points * worth < 0 and not low <= 0 <= high and abs(worth) > CLOSE:
        return Verdict("wrong sign", f"wrong sign (leads with it convert {'more' if worth > 0 else 'less'})")
    if math.isnan(given):
        return _sign_only(points, worth, low, high)
    near, maybe_zero = low - CLOSE <= given <= high + CLOSE, low <= 0 <= high
    if near and maybe_zero and (abs(given) > CLOSE or high - low > 4 * CLOSE):
        return Verdict("no evidence", f"no evidence (90 % interval: {low:+.0f} to {high:+.0f})")
    if near:
        return Verdict("about right", "about right")
    name = "too high" if given > worth else "too low"
    return Verdict(name, f"{name} (the data show no effect)" if maybe_zero else name)


def _disqualifier(low: float, high: float) -> Verdict:
    if high < -CLOSE:
        return Verdict("about right", "about right (these leads convert less)")
    if low > -CLOSE:
        return Verdict("too strict", "too strict (these leads convert like others or better)")
    return Verdict("no evidence", f"no evidence (90 % interval: {low:+.0f} to {high:+.0f})")


def _sign_only(points: float, worth: float, low: float, high: float) -> Verdict:
    """Without a clear unit of the sheet only the direction can be judged."""
    if low <= 0 <= high:
        return Verdict("no evidence", f"no evidence (90 % interval: {low:+.0f} to {high:+.0f})")
    if points * worth > 0:
        return Verdict("about right", "about right in direction (the sheet's unit is not clear)")
    return Verdict("too high" if points > worth else "too low", "gives nothing where the data show an effect")
