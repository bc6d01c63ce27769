"""Rules and model judged side by side on the same later leads: `compare` and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from models.judging import agreement, bands, curves, notebook, story, trust
from models.judging.capacity import calls as calls_of
from models.judging.capacity import tied_at_the_line
from models.judging.intervals import cluster_bootstrap
from models.judging.lenses import MODEL, RULES, Judged
from models.judging.metrics import HIGHER_IS_BETTER, METRICS, Measured, weighted_mean
from models.judging.plain import plain
from models.judging.point_audit import SheetUnit, point_audit, sheet_unit

Interval = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Capacity:
    """What the same number of calls finds. Conversions are expected values where ranks tie at the line.

    ``more`` is model minus rules. ``*_tied`` counts the rows that share the rank at which the line falls.
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


@dataclass(frozen=True)
class Comparison:
    """Everything that judging found; frames are tidy, with a column ``lens`` (leadlens / scorecard).

    Attributes
    ----------
    meta : what the caller said about project, period, horizon and versions (see :func:`compare`).
    rows, leads, conversions, base_rate : the judged rows (a lead may stand in several, and convert in each).
    converted_leads : leads that converted in any of their rows.
    first, last : span of the as-of moments.
    capacity : conversions found at equal sales capacity.
    measures : lens, metric, value, low, high. difference : metric, value (model − rules), low, high, better.
    gains, calibration, bands, grades, stages, hot_band, quadrants, quadrant_leads, audit : see their modules.
    unit : what one point of the sheet is worth.
    bias : mean claimed − actual conversion of the model, low, high.
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

    def story(self) -> list[str]:
        """What was found, in sentences for someone who has never heard of ROC."""
        return story.tell(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; missing numbers are None."""
        return {
            **plain(self),
            "headline": story.headline(self),
            "story": self.story(),
            "trust": plain([check._asdict() for check in trust.trust(self)]),
        }

    def _repr_html_(self) -> str:
        return notebook.summary_html(self)


def compare(
    judged: pd.DataFrame,
    ledger: pd.DataFrame,
    meta: Mapping[str, Any] | None = None,
    capacity: float = 0.2,
    seed: int = 0,
    resamples: int = 200,
) -> Comparison:
    """Judge rules and model on the same later leads.

    Parameters
    ----------
    judged : one row per later (lead_id, as_of): row_id, lead_id, as_of, label, probability, score, grade,
        rule_points, rule_probability, rule_grade, rule_stage, disqualified; disqualified_by if known.
    ledger : the sheet's lines on those rows: row_id, rule, dimension, points.
    meta : project, horizon (in words), model_version, sheet_version, dropped_columns, warnings (lists of
        text), clock ("time", or else the as-of moments are not shown as dates), rules (label → points, to
        list rules that never fired), random_split (metric → the model's value on a random split, to show how
        much that flatters). All optional; anything else is passed through to the JSON.
    capacity : share of the rows that sales can call.
    seed : of the bootstrap; equal seeds give equal results.

    Raises
    ------
    UsageError, DataError : see ``models.judging.lenses.Judged.of``; capacity outside (0, 1).
    """
    meta = dict(meta or {})
    rows = Judged.of(judged)
    calls = calls_of(rows, capacity)
    measured = {lens.name: Measured(rows.label, lens.probability, lens.rank) for lens in rows.lenses}
    share, gap = calls / len(rows.label), rows.model.probability - rows.label

    def figures(weight: np.ndarray | None) -> dict[str, float]:
        each = {
            name: seen.all(weight) | {"found": seen.found_at(share, weight)}
            for name, seen in measured.items()
        }
        return (
            {f"{lens}.{metric}": value for lens, values in each.items() for metric, value in values.items()}
            | {f"difference.{metric}": each[MODEL][metric] - each[RULES][metric] for metric in each[MODEL]}
            | {"bias": weighted_mean(gap, weight)}
        )

    value, interval = figures(None), cluster_bootstrap(figures, rows.lead, resamples=resamples, seed=seed)
    unit = sheet_unit(rows)
    as_of = pd.to_datetime(rows.frame["as_of"])
    return Comparison(
        meta=meta,
        rows=len(rows.label),
        leads=rows.leads,
        conversions=int(rows.label.sum()),
        converted_leads=len(np.unique(rows.lead[rows.label == 1])),
        base_rate=float(rows.label.mean()),
        first=as_of.min(),
        last=as_of.max(),
        capacity=_capacity(rows, capacity, calls, value, interval),
        measures=_measures(value, interval),
        difference=_difference(value, interval),
        bias=(value["bias"], *interval["bias"]),
        gains=curves.gains(rows),
        calibration=curves.calibration(rows),
        bands=bands.score_bands(rows),
        grades=bands.grade_cells(rows),
        stages=bands.stages(rows),
        hot_band=bands.hot_band(rows),
        quadrants=agreement.quadrants(rows, calls),
        quadrant_leads=agreement.quadrant_leads(rows, calls),
        audit=point_audit(rows, ledger, unit, meta.get("rules")),
        unit=unit,
    )


def _capacity(
    rows: Judged, share: float, count: int, value: Mapping[str, float], interval: Interval
) -> Capacity:
    total = float(rows.label.sum())

    def in_conversions(name: str) -> tuple[float, float]:
        low, high = interval[name]
        return low * total, high * total

    return Capacity(
        share=share,
        calls=count,
        model=value[f"{MODEL}.found"] * total,
        rules=value[f"{RULES}.found"] * total,
        random=count * total / len(rows.label),
        more=value["difference.found"] * total,
        model_interval=in_conversions(f"{MODEL}.found"),
        rules_interval=in_conversions(f"{RULES}.found"),
        more_interval=in_conversions("difference.found"),
        model_tied=tied_at_the_line(rows.model, count),
        rules_tied=tied_at_the_line(rows.rules, count),
    )


def _measures(value: Mapping[str, float], interval: Interval) -> pd.DataFrame:
    names = [(lens, metric) for lens in (MODEL, RULES) for metric in METRICS]
    rows = [
        (lens, metric, value[f"{lens}.{metric}"], *interval[f"{lens}.{metric}"]) for lens, metric in names
    ]
    return pd.DataFrame(rows, columns=["lens", "metric", "value", "low", "high"])


def _difference(value: Mapping[str, float], interval: Interval) -> pd.DataFrame:
    rows = []
    for metric in METRICS:
        low, high = interval[f"difference.{metric}"]
        sign = 1 if HIGHER_IS_BETTER[metric] else -1
        better = (
            MODEL
            if min(sign * low, sign * high) > 0
            else RULES
            if max(sign * low, sign * high) < 0
            else "unclear"
        )
        rows.append((metric, value[f"difference.{metric}"], low, high, better))
    return pd.DataFrame(rows, columns=["metric", "value", "low", "high", "better"])
