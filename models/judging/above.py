"""Week by week, how many leads are above each threshold and how they convert: does the threshold still mean what it did?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.models.judging.lenses import MODEL, RULES, Floats, Judged
from leadlens.models.judging.thresholds import STEPS
from leadlens.models.scale import shown_score

_WEEK = np.timedelta64(7, "D")
_MONDAY = np.datetime64("1970-01-05", "D")


def weekly_above(judged: pd.DataFrame, points: Sequence[float]) -> pd.DataFrame:
    """Of the leads of each week those above each threshold: ``points`` of the sheet, and the model's usual steps.

    A lead counts once a week, by its latest snapshot of that week; disqualified leads are above no threshold of the sheet.

    Returns
    -------
    lens, cut, week (its Monday), leads, above, converted (of those above, within the horizon); empty where snapshots have no time.
    """
    rows = Judged.of(judged)
    if rows.frame["as_of"].isna().any():
        return pd.DataFrame(columns=["lens", "cut", "week", "leads", "above", "converted"])
    day = pd.to_datetime(rows.frame["as_of"]).to_numpy().astype("datetime64[D]")
    week = (day - _MONDAY) // _WEEK
    order = rows.in_time
    later = pd.DataFrame({"lead": rows.lead[order], "week": week[order]}).duplicated(keep="last")
    last = order[~later.to_numpy()]
    own = rows.frame["rule_points"].to_numpy(dtype=float)
    own = np.where(rows.frame["disqualified"].to_numpy(bool), -np.inf, own)
    tables = [
        _counts(lens, np.asarray(cuts, dtype=float), value[last], week[last], rows.label[last])
        for lens, cuts, value in (
            (MODEL, STEPS, shown_score(rows.model.score).astype(float)),
            (RULES, sorted(points), own),
        )
        if len(cuts)
    ]
    return pd.concat(tables, ignore_index=True)


def _counts(lens: str, cuts: Floats, value: Floats, week: NDArray[np.int64], label: Floats) -> pd.DataFrame:
    """How many reach each cut: leads by the highest cut that they reach, added up from the top."""
    weeks, number = np.unique(week, return_inverse=True)
    reached = np.searchsorted(cuts, value, side="right")
    cell, size = number * (len(cuts) + 1) + reached, len(weeks) * (len(cuts) + 1)

    def from_top(weight: Floats | None) -> NDArray[np.int64]:
        counts = np.bincount(cell, weight, size).reshape(len(weeks), -1)
        return counts[:, ::-1].cumsum(axis=1)[:, ::-1].astype(np.int64)

    leads, converted = from_top(None), from_top(label)
    return pd.DataFrame(
        {
            "lens": lens,
            "cut": np.repeat(cuts, len(weeks)),
            "week": np.tile(_MONDAY + weeks * _WEEK, len(cuts)),
            "leads": np.tile(leads[:, 0], len(cuts)),
            "above": leads[:, 1:].T.ravel(),
            "converted": converted[:, 1:].T.ravel(),
        }
    )
