"""The numbers of a comparison: figures and tidy frames, apart from their wording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from models.judging.lenses import MODEL, RULES
from models.judging.metrics import METRICS
from models.judging.point_audit import SheetUnit


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Conversions found by the same number of calls. They are expected values where ranks tie at the cutoff.

    ``more`` is model minus rules. ``*_tied`` counts the rows that share the rank at which the list is cut.
    Intervals are pairs (low, high) at 90 %.
    """

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
    rows, leads, conversions, base_rate : the judged rows (a lead may have several, and convert in each).
    converted_leads : leads that converted in any of their rows.
    first, last : span of the as-of times.
    capacity : conversions found at equal sales capacity.
    measures : lens, metric, value, low, high. difference : metric, value (model − rules), low, high, better.
    gains, calibration, bands, grades, stages, hot_band, quadrants, quadrant_leads, audit : see their modules.
    unit : what one point of the sheet is worth.
    bias : mean predicted − actual conversion of the model, low, high.
    """

    meta: Mapping[str, Any]
    rows: int
    leads: int
    conversions: int
    converted_leads: int
    base_rate: float
    first: pd.Timestamp
    last: pd.Timestamp
    capacity: Capacity
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

    def measure(self, lens: str, metric: str) -> float:
        """One figure, for example ``measure("leadlens", "roc_auc")``."""
        rows = self.measures
        return float(rows.loc[(rows["lens"] == lens) & (rows["metric"] == metric), "value"].iloc[0])

    def figures(self) -> dict[str, dict[str, float]]:
        """The five metrics of each lens, as benchmarks print them."""
        return {lens: {metric: self.measure(lens, metric) for metric in METRICS} for lens in (MODEL, RULES)}
