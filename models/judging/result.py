"""The numbers of a comparison: figures and tidy frames, apart from their wording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from leadlens.models.insights import Insights
from leadlens.models.judging.lenses import MODEL, RULES
from leadlens.models.judging.metrics import METRICS
from leadlens.models.judging.point_audit import SheetUnit


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Leads that convert and are reached by as many calls, week by week, each lead once (see :class:`leadlens.models.judging.replay.Replay`).

    ``name`` says what sets the number of calls: ``capacity``, or a stage of the sheet, which calls the leads that are in it when
    they are. ``calls`` is ``share`` of the leads. ``random`` is what as many calls to anybody on the lists reach on average.
    ``more`` is model minus rules. ``*_tied`` counts the calls to leads of the same rank as some who were left out, so that a lot
    decided. Intervals are pairs (low, high) at 90 %, widened to whole leads.
    """

    name: str
    share: float
    calls: int
    model: float
    rules: float
    random: float
    more: float
    model_interval: tuple[float, float]
    rules_interval: tuple[float, float]
    more_interval: tuple[float, float]
    model_tied: int
    rules_tied: int


@dataclass(frozen=True, kw_only=True)
class ComparisonResult:
    """Everything that judging measured; frames are tidy, with a column ``lens`` (leadlens / scorecard).

    Attributes
    ----------
    meta : what the caller said about project, period, horizon and versions (see :func:`compare`).
    leads, conversions : the judged leads, and how many of them converted after any of their rows.
    rows, converted_rows, base_rate : their rows (a lead may have several, and convert after each), and the share of
        those that a conversion followed.
    first, last : span of the as-of times.
    weekly, weeks : whether sales' weeks were replayed, and how many lists that gave; else all leads were on one list.
    reachable : leads with a conversion in time after a list that they were on: no order of calls reaches more.
    asked : the capacity: calls as a share of the new leads, week by week.
    capacity : leads reached at equal sales capacity. cuts : the same where the sheet's own stages set the number of
        calls, the lowest first; stages that no lead or every lead reaches are left out.
    measures : lens, metric, value, low, high. difference : metric, value (model − rules), low, high, better.
    gains, calibration, bands, grades, stages, hot_band, quadrants, quadrant_leads (every lead), audit : see their modules.
    unit : what one point of the sheet is worth.
    thresholds : what each threshold of the score brings, by leads.
    insights : what the model goes by, where that was asked for.
    protected : how protected groups fare, where there are any (``leadlens.models.judging.groups``).
    bias : mean predicted − actual conversion of the model, low, high.
    """

    meta: Mapping[str, Any]
    rows: int
    leads: int
    conversions: int
    converted_rows: int
    base_rate: float
    first: pd.Timestamp
    last: pd.Timestamp
    weekly: bool
    weeks: int
    reachable: int
    asked: float
    capacity: Capacity
    cuts: tuple[Capacity, ...]
    measures: pd.DataFrame
    difference: pd.DataFrame
    bias: tuple[float, float, float]
    gains: pd.DataFrame = field(repr=False)
    calibration: pd.DataFrame = field(repr=False)
    bands: pd.DataFrame = field(repr=False)
    grades: pd.DataFrame = field(repr=False)
    stages: pd.DataFrame = field(repr=False)
    hot_band: pd.DataFrame = field(repr=False)
    quadrants: pd.DataFrame = field(repr=False)
    quadrant_leads: pd.DataFrame = field(repr=False)
    audit: pd.DataFrame = field(repr=False)
    unit: SheetUnit
    thresholds: pd.DataFrame = field(repr=False)
    insights: Insights | None = field(default=None, repr=False)
    protected: pd.DataFrame | None = field(default=None, repr=False)

    def measure(self, lens: str, metric: str) -> float:
        """One figure, for example ``measure("leadlens", "roc_auc")``."""
        rows = self.measures
        return float(rows.loc[(rows["lens"] == lens) & (rows["metric"] == metric), "value"].iloc[0])

    def figures(self) -> dict[str, dict[str, float]]:
        """The five metrics of each lens, as benchmarks print them."""
        return {lens: {metric: self.measure(lens, metric) for metric in METRICS} for lens in (MODEL, RULES)}
