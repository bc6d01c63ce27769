"""Rules and model side by side on the same out-of-time leads: `compare` and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from models.judging import agreement, bands, curves, notebook, story, trust
from models.judging.capacity import calls as calls_of
from models.judging.capacity import tied_at_cutoff
from models.judging.intervals import cluster_bootstrap
from models.judging.lenses import MODEL, RULES, Judged
from models.judging.metrics import HIGHER_IS_BETTER, METRICS, Measured
from models.judging.plain import plain
from models.judging.point_audit import point_audit, sheet_unit
from models.judging.result import Capacity, ComparisonResult
from models.statistics import weighted_mean

Interval = Mapping[str, tuple[float, float]]


class Comparison(ComparisonResult):
    """A comparison that renders itself: in sentences, as JSON, and as a table in a notebook."""

    def story(self) -> list[str]:
        """What was found, in sentences for someone who has never heard of ROC."""
        return story.sentences(self)

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
    """Judge rules and model on the same out-of-time leads.

    Parameters
    ----------
    judged : one row per out-of-time (lead_id, as_of): row_id, lead_id, as_of, label, probability, score, grade,
        rule_points, rule_probability, rule_grade, rule_stage, disqualified; disqualified_by if known.
    ledger : the sheet's lines on those rows: row_id, rule, dimension, points.
    meta : project, horizon (in words), model_version, sheet_version, dropped_columns, warnings (lists of
        text), clock ("time", or else as-of times are not shown as dates), rules (label → points, to
        list rules that never matched), random_split (metric → the model's value on a random split, to show how
        optimistic that is). All optional; anything else is passed through to the JSON.
    capacity : share of the rows that sales can call.
    seed : of the bootstrap; equal seeds give equal results.

    Raises
    ------
    UsageError, DataError : see ``models.judging.lenses.Judged.of``; capacity outside (0, 1).
    """
    meta = dict(meta or {})
    rows = Judged.of(judged)
    calls = calls_of(rows, capacity)
    metrics = {lens.name: Measured(rows.label, lens.probability, lens.rank) for lens in rows.lenses}
    share, gap = calls / len(rows.label), rows.model.probability - rows.label

    def figures(weight: np.ndarray | None) -> dict[str, float]:
        each = {
            name: lens.all(weight) | {"found": lens.found_at(share, weight)} for name, lens in metrics.items()
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
        model_tied=tied_at_cutoff(rows.model, count),
        rules_tied=tied_at_cutoff(rows.rules, count),
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
