"""Phrases that story, checks and report share: percentages, period, how many leads, who wins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

import pandas as pd

from leadlens.features.columns import percent as percent
from leadlens.models.judging.lenses import MODEL, RULES
from leadlens.models.judging.result import ComparisonResult


class Reported(Protocol):
    """What checks and phrases need of a result, with a sheet or without."""

    @property
    def meta(self) -> Mapping[str, Any]: ...
    @property
    def rows(self) -> int: ...
    @property
    def leads(self) -> int: ...
    @property
    def conversions(self) -> int: ...
    @property
    def converted_rows(self) -> int: ...
    @property
    def base_rate(self) -> float: ...
    @property
    def first(self) -> pd.Timestamp: ...
    @property
    def last(self) -> pd.Timestamp: ...
    @property
    def bias(self) -> tuple[float, float, float]: ...
    @property
    def calibration(self) -> pd.DataFrame: ...
    @property
    def hot_band(self) -> pd.DataFrame: ...
    def measure(self, lens: str, metric: str) -> float: ...


METRIC_NAMES = {
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "ece": "Calibration error",
}


def winner(comparison: ComparisonResult) -> str:
    """Who finds more at equal capacity: leadlens, scorecard, or unclear when the interval holds zero."""
    low, high = comparison.capacity.more_interval
    return MODEL if low > 0 else RULES if high < 0 else "unclear"


def signed(count: float) -> str:
    """A whole number with its sign.

    >>> signed(12.0), signed(-8.0), signed(0.0)
    ('+12', '−8', '0')
    """
    return f"{count:+,.0f}".replace("-", "−") if round(count) else "0"


_SETTING = re.compile(r"[;.:] (?:[^;.:]*: )?[^;.:]*?[\w.]+: (?:\[[^\]]*\]|\{.*?\}+)[^;.]*")


def without_settings(message: str) -> str:
    """A warning without what to write into the project file: it is for whoever has a terminal, and the commands say it there.

    >>> without_settings("left out: full_name (names of people); to use one: features.read: {full_name: [category]}")
    'left out: full_name (names of people)'
    >>> without_settings("4 leads are tests: still in; hygiene: {test_leads: filter} leaves them out. Two are old.")
    '4 leads are tests: still in. Two are old.'
    """
    return _SETTING.sub("", message)


def how_called(*, weekly: bool, weeks: int, capacity: float) -> str:
    """Whom both lenses would have called, and when."""
    if not weekly:
        return (
            "All leads are on one list and are called once, best first: the data do not say when leads came and left, so the "
            "weeks of sales cannot be replayed."
        )
    lists = "1 weekly list" if weeks == 1 else f"{weeks:,} weekly lists"
    return (
        f"Replayed in {lists}: of the leads that are open as of each, the best by their latest snapshot are called, "
        f"{percent(capacity)} as many as are new; nobody is called twice."
    )


def period(comparison: Reported) -> str:
    """The span of the as-of times, or nothing where the data have no dates."""
    if comparison.meta.get("clock", "time") != "time" or pd.isna(comparison.first):
        return ""
    return f"{comparison.first:%Y-%m-%d} to {comparison.last:%Y-%m-%d}"


def judged_on(comparison: Reported) -> str:
    """How many leads were judged, and on how many snapshots where a lead has several."""
    leads = f"{comparison.leads:,} out-of-time leads"
    return leads if comparison.rows == comparison.leads else f"{leads} in {comparison.rows:,} snapshots"


def population(comparison: Reported) -> str:
    """Which leads were judged, when, and how many of them converted."""
    when = f" ({period(comparison)})" if period(comparison) else ""
    within = f" within {comparison.meta['horizon']}" if comparison.meta.get("horizon") else ""
    rate = percent(comparison.conversions / comparison.leads)
    of = "" if comparison.rows == comparison.leads else " of a snapshot"
    return f"{judged_on(comparison)}{when}; {comparison.conversions:,} leads ({rate}) converted{within}{of}"


def by_name(frame: pd.DataFrame, *keys: str) -> dict[Any, dict[str, Any]]:
    """The rows of a small table as dicts, found by one key column or a tuple of several."""
    rows = [{str(column): value for column, value in row.items()} for row in frame.to_dict("records")]
    return {row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys): row for row in rows}
