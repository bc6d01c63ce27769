"""How protected groups fare: whom each lens would have called, what it predicts of them, and what became of them; by leads."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from leadlens.models.judging.calls import Rows, first_of_each
from leadlens.models.judging.lenses import JudgedRows
from leadlens.models.statistics import wilson

FEWEST = 50  # leads of a group: of fewer nothing is said

COLUMNS = (
    "by", "group", "lens", "leads", "conversions", "called", "called_low", "called_high", "predicted", "converted", "converted_low",
    "converted_high", "reached", "reached_low", "reached_high", "calibration",
)  # fmt: skip


def group_rates(judged: JudgedRows, groups: pd.DataFrame, called: Mapping[str, Rows]) -> pd.DataFrame:
    """Rates and calibration of every group of every protected column.

    Parameters
    ----------
    groups : one column per protected column, as texts, by the rows of ``judged``; the rows of a lead are alike.
    called : by lens, the row on which each lead would have been called, or -1.

    Returns
    -------
    by, group, lens, leads (each once), conversions (leads that convert after any row), called (share that the lens would
    have called), predicted (mean, as of the first row of each lead), converted (share of leads, after that row), reached (of those that
    convert, the share that is called before it does), each share with its 90 % interval; calibration: ``"agrees"`` where the
    interval of ``converted`` holds ``predicted``, else ``"too high"`` or ``"too low"``. Of a group of fewer than fifty leads there are
    leads and conversions alone.
    """
    first = first_of_each(judged.leads, judged.lead[judged.in_time], judged.in_time)
    rows = []
    for by in groups:
        group = groups[by].to_numpy(object)[first]
        for lens in judged.lenses:
            row = called[lens.name]
            reached = (row >= 0) & (judged.label[row] > 0)
            for name in sorted(set(group), key=in_order):
                there = group == name
                rows.append(
                    {"by": str(by), "group": name, "lens": lens.name, "leads": int(there.sum())}
                    | {"conversions": int(judged.converted[there].sum())}
                    | _rates(
                        there,
                        row >= 0,
                        reached,
                        lens.probability[first],
                        judged.label[first],
                        judged.converted,
                    )
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rates(
    there: np.ndarray,
    called: np.ndarray,
    reached: np.ndarray,
    predicted: np.ndarray,
    label: np.ndarray,
    converted: np.ndarray,
) -> dict[str, float | str]:
    if there.sum() < FEWEST:
        return {"calibration": "too few"}
    rates: dict[str, float | str] = {"predicted": float(predicted[there].mean())}
    for name, hits, among in (
        ("called", called, there),
        ("converted", label > 0, there),
        ("reached", reached, there & converted),
    ):
        if among.any():
            low, high = (float(bound) for bound in wilson(int(hits[among].sum()), int(among.sum())))
            rates |= {name: float(hits[among].mean()), f"{name}_low": low, f"{name}_high": high}
    least, most = wilson(int(label[there].sum()), int(there.sum()))
    mean = predicted[there].mean()
    return rates | {"calibration": "too high" if mean > most else "too low" if mean < least else "agrees"}


_IN_DAYS = {"hour": 1 / 24, "minute": 1 / 1440, "second": 1 / 86_400}


def in_order(group: object) -> tuple[float, str]:
    """What begins with a number stands in the order of numbers, durations in that of their length; all else after them.

    >>> sorted(["30 days", "7 days", "12 hours", "(other)", "51-200", "11-50"], key=in_order)
    ['12 hours', '7 days', '11-50', '30 days', '51-200', '(other)']
    """
    text = str(group)
    number = re.match(r"\d+(\.\d+)?", text)
    unit = text.partition(" ")[2].rstrip("s")
    return (float(number[0]) * _IN_DAYS.get(unit, 1.0) if number else math.inf, text)
