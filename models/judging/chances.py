"""The chance of a lead in words: what became of the out-of-time leads of its score band."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from leadlens.models.judging.bands import band_of
from leadlens.models.judging.verdicts import MIN_LEADS
from leadlens.models.statistics import wilson

UNKNOWN = "too few to say"


def chance(leads: int, conversions: int, base_rate: float) -> str:
    """How many of a hundred such leads convert, with the 90 % interval, and of all leads.

    Parameters
    ----------
    leads, conversions : of the score band.
    base_rate : share of all leads that converted.

    >>> chance(1200, 180, 0.05)
    'of 100 such leads 15 convert (13 to 17); of all, 5'
    >>> chance(400, 1, 0.004)
    'of 100 such leads fewer than 1 convert (0 to 1); of all, fewer than 1'
    >>> chance(29, 12, 0.05)
    'too few to say'
    """
    if leads < MIN_LEADS:
        return UNKNOWN
    low, high = (round(100 * float(np.ravel(end)[0])) for end in wilson(conversions, leads))
    count = _of_hundred(conversions / leads)
    verb = "converts" if count == "1" else "convert"
    return f"of 100 such leads {count} {verb} ({low} to {high}); of all, {_of_hundred(base_rate)}"


def chance_of_score(bands: pd.DataFrame, lens: str, score: float, base_rate: float) -> str:
    """The same for a score of a lens, by ``bands`` of a comparison (:func:`leadlens.models.judging.bands.score_bands`)."""
    if not math.isfinite(score):
        return UNKNOWN
    rows = bands[(bands["lens"] == lens) & (bands["band"] == band_of(score))]
    return chance(int(rows["leads"].sum()), int(rows["conversions"].sum()), base_rate)


def forecast(probability: float) -> str:
    """A model's probability as people should read it: nobody's forecast is good enough to tell 1 % from 3 %.

    >>> forecast(0.02), forecast(0.06), forecast(0.314), forecast(0.97)
    ('below 6 %', '6 %', '31 %', 'above 94 %')
    """
    if probability < 0.06:
        return "below 6 %"
    return "above 94 %" if probability > 0.94 else f"{100 * probability:.0f} %"


def _of_hundred(share: float) -> str:
    return f"{100 * share:.0f}" if share == 0 or round(100 * share) else "fewer than 1"
