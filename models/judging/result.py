"""The numbers of a comparison: figures and tidy frames, apart from their wording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from models.insights import Insights
from models.judging.lenses import MODEL, RULES
from models.judging.metrics import METRICS
from models.judging.point_audit import SheetUnit


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Conversions found by calling the same number of leads, each once (see ``CallList``).

    ``name`` says what sets the number: ``capacity``, or a stage of the sheet, which calls the leads that reach it when
    they do. Conversions are expected values where ranks tie at the cutoff; ``random`` are those of as many calls to any
    lead on any of its rows. ``more`` is model minus rules. ``*_tied`` counts the leads that share the rank at which the
    list is cut. Intervals are pairs (low, high) at 90 %.
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
    capacity : conversions found at equal sales capacity. cuts : the same where the sheet's own stages set the number of
        calls, the lowest first; stages that no lead or every lead reaches are left out.
    measures : lens, metric, value, low, high. difference : metric, value (model − rules), low, high, better.
    gains, calibration, bands, grades, stages, hot_band, quadrants, quadrant_leads, audit : see their modules.
    unit : what one point of the sheet is worth.
    thresholds : what each threshold of the score brings, by leads.
    insights : what the model goes by, where that was asked for.
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

    def measure(self, lens: str, metric: str) -> float:
        """One figure, for example ``measure("leadlens", "roc_auc")``."""
        rows = self.measures
        return float(rows.loc[(rows["lens"] == lens) & (rows["metric"] == metric), "value"].iloc[0])

    def figures(self) -> dict[str, dict[str, float]]:
        """The five metrics of each lens, as benchmarks print them."""
        return {lens: {metric: self.measure(lens, metric) for metric in METRICS} for lens in (MODEL, RULES)}
