"""Weeks of leads above a threshold as the page shows them: shares, and what can be told of how these leads convert."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from leadlens.models.judging.verdicts import MIN_LEADS
from leadlens.models.statistics import wilson


def weeks_shown(weeks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """``week, leads, above, share`` and ``rate, low, high``, which are ``None`` of fewer than 30 leads above.

    ``converted`` is ``None`` in weeks whose horizon is not over.

    >>> [(each["share"], each["rate"]) for each in weeks_shown([{"week": "2025-06-02", "leads": 80, "above": 40, "converted": 10}])]
    [(0.5, 0.25)]
    """
    return [_shown(each) for each in weeks if each["leads"]]


def _shown(each: Mapping[str, Any]) -> dict[str, Any]:
    above, converted = each["above"], each["converted"]
    shown = dict(each) | {"share": above / each["leads"], "rate": None, "low": None, "high": None}
    if converted is None or above < MIN_LEADS:
        return shown
    low, high = (float(np.ravel(end)[0]) for end in wilson(converted, above))
    return shown | {"rate": converted / above, "low": low, "high": high}
