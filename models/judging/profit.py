"""What a threshold earns where a call costs and a conversion brings something, and which thresholds the data tell apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from leadlens.models.statistics import CONFIDENCE, wilson


class Profit(NamedTuple):
    """A week with calls to all leads above a threshold; ``low`` and ``high`` follow from the interval of their conversions.

    ``behind`` says whether the threshold is shown to earn less than the one that looks best, though that one is the best of many: the
    threshold that is best in truth is among those that are not behind, nine times in ten.
    """

    value: float
    low: float
    high: float
    is_best: bool
    behind: bool


def profits(cuts: Sequence[Mapping[str, Any]], *, cost: float, gain: float, weeks: float) -> list[Profit]:
    """The profit of each threshold: ``leads``, ``conversions``, ``low`` and ``high`` (of their rate) over so many weeks.

    Two thresholds differ by the leads between them alone, so the interval of their difference is that of these leads'
    conversions, and much narrower than the two intervals side by side. It is widened for their number (multiple comparisons with the
    best, by Bonferroni).

    >>> few, many = ({"leads": n, "conversions": c, "low": 0.3, "high": 0.5} for n, c in ((100, 40), (1100, 60)))
    >>> [(each.value, each.is_best, each.behind) for each in profits([many, few], cost=1, gain=10, weeks=10)]
    [(-50.0, False, True), (30.0, True, False)]
    """
    earned = [gain * cut["conversions"] - cost * cut["leads"] for cut in cuts]
    if not earned:
        return []
    best = max(range(len(cuts)), key=lambda at: earned[at])
    z = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / max(1, len(cuts) - 1))
    return [
        Profit(
            value=earned[at] / weeks,
            low=cut["leads"] * (gain * cut["low"] - cost) / weeks,
            high=cut["leads"] * (gain * cut["high"] - cost) / weeks,
            is_best=at == best,
            behind=at != best and _loses(cut, cuts[best], cost, gain, z),
        )
        for at, cut in enumerate(cuts)
    ]


def _loses(cut: Mapping[str, Any], best: Mapping[str, Any], cost: float, gain: float, z: float) -> bool:
    """Whether ``cut`` earns less than ``best`` beyond the interval of what is between them."""
    sign = 1 if cut["leads"] >= best["leads"] else -1
    leads = abs(cut["leads"] - best["leads"])
    conversions = sign * (cut["conversions"] - best["conversions"])
    if not leads:
        return False
    if 0 <= conversions <= leads:
        low, high = (float(np.ravel(end)[0]) * leads for end in wilson(conversions, leads, z))
    else:  # leads reach a higher threshold later, so that conversions are not nested: no claim but a clear one
        spread = z * math.sqrt(cut["conversions"] + best["conversions"])
        low, high = conversions - spread, conversions + spread
    between = sorted(sign * (gain * count - cost * leads) for count in (low, high))
    return bool(between[1] < 0)
