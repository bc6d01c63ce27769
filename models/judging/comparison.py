"""Rules and model side by side on the same out-of-time leads: `compare` and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from models.judging import agreement, bands, curves, notebook, story, trust
from models.judging.calls import CallList, Rows, converted_leads, found_at_random
from models.judging.calls import calls as calls_of
from models.judging.intervals import cluster_bootstrap
from models.judging.lenses import MODEL, RULES, Judged
from models.judging.metrics import HIGHER_IS_BETTER, METRICS, Measured
from models.judging.plain import plain
from models.judging.point_audit import point_audit, sheet_unit
from models.judging.result import Capacity, ComparisonResult
from models.judging.thresholds import thresholds
from models.statistics import ratio, weighted_mean

Interval = Mapping[str, tuple[float, float]]


class Comparison(ComparisonResult):
    """A comparison that renders itself: in sentences, as JSON, and as a table in a notebook."""

    def findings(self) -> list[str]:
        """What was found, in sentences for someone who has never heard of ROC."""
        return story.findings(self)

    def story(self) -> list[str]:
        """The same, and what is to be known of the rows and of the model."""
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
    capacity : share of the leads that sales can call.
    seed : of the bootstrap; equal seeds give equal results.

    Raises
    ------
    UsageError, DataError : see ``models.judging.lenses.Judged.of``; capacity outside (0, 1).
    """
    meta = dict(meta or {})
    rows = Judged.of(judged)
    calls = calls_of(rows, capacity)
    metrics = {lens.name: Measured(rows.label, lens.probability, lens.rank) for lens in rows.lenses}
    lists = {lens.name: CallList(rows, lens.rank) for lens in rows.lenses}
    share, gap = calls / rows.leads, rows.model.probability - rows.label
    stages = _stage_calls(rows)

    def figures(weight: np.ndarray | None) -> dict[str, float]:
        each = {
            name: lens.all(weight) | {"found": lists[name].found_at(share, weight)}
            for name, lens in metrics.items()
        }
        found = {
            f"{lens}.{metric}": value for lens, values in each.items() for metric, value in values.items()
        }
        for stage, called in stages.items():
            by_rules, at = _found_by_stage(rows, called, weight)
            by_model = lists[MODEL].found_at(at, weight)
            found |= {
                f"{stage}.{MODEL}": by_model,
                f"{stage}.{RULES}": by_rules,
                f"{stage}.difference": by_model - by_rules,
            }
        return (
            found
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
        conversions=int(rows.converted.sum()),
        converted_rows=int(rows.label.sum()),
        base_rate=float(rows.label.mean()),
        first=as_of.min(),
        last=as_of.max(),
        capacity=_capacity(rows, lists, capacity, calls, value, interval),
        cuts=tuple(
            _stage_cut(rows, lists[MODEL], stage, called, value, interval) for stage, called in stages.items()
        ),
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
        audit=point_audit(rows, ledger, unit, meta.get("rules"), calls),
        unit=unit,
        thresholds=thresholds(rows),
    )


def _capacity(
    rows: Judged,
    lists: Mapping[str, CallList],
    share: float,
    count: int,
    value: Mapping[str, float],
    interval: Interval,
) -> Capacity:
    total = float(rows.converted.sum())
    return Capacity(
        name="capacity",
        share=share,
        calls=count,
        model=value[f"{MODEL}.found"] * total,
        rules=value[f"{RULES}.found"] * total,
        random=count * found_at_random(rows),
        more=value["difference.found"] * total,
        model_interval=_times(interval[f"{MODEL}.found"], total),
        rules_interval=_times(interval[f"{RULES}.found"], total),
        more_interval=_times(interval["difference.found"], total),
        model_tied=lists[MODEL].tied_at_cutoff(count),
        rules_tied=lists[RULES].tied_at_cutoff(count),
    )


def _stage_calls(rows: Judged) -> dict[str, Rows]:
    """Stage → the row on which it has each lead called, or -1; stages that part no lead from another are left out."""
    called = {
        stage: agreement.reached_stage(rows, at_least)
        for stage, at_least in (("MQL", ("MQL", "SQL")), ("SQL", ("SQL",)))
    }
    return {stage: row for stage, row in called.items() if 0 < (row >= 0).sum() < rows.leads}


def _found_by_stage(rows: Judged, called: Rows, weight: np.ndarray | None) -> tuple[float, float]:
    """Share of the conversions that calling leads on these rows finds, and share of the leads that it calls."""
    each = np.ones(rows.leads) if weight is None else rows.of_leads(weight)
    there = called >= 0
    found = float((each * np.where(there, rows.label[called], 0.0)).sum())
    return ratio(found, converted_leads(rows, weight)), ratio(float(each[there].sum()), float(each.sum()))


def _stage_cut(
    rows: Judged,
    by_model: CallList,
    stage: str,
    called: Rows,
    value: Mapping[str, float],
    interval: Interval,
) -> Capacity:
    total, count = float(rows.converted.sum()), int((called >= 0).sum())
    return Capacity(
        name=stage,
        share=count / rows.leads,
        calls=count,
        model=value[f"{stage}.{MODEL}"] * total,
        rules=value[f"{stage}.{RULES}"] * total,
        random=count * found_at_random(rows),
        more=value[f"{stage}.difference"] * total,
        model_interval=_times(interval[f"{stage}.{MODEL}"], total),
        rules_interval=_times(interval[f"{stage}.{RULES}"], total),
        more_interval=_times(interval[f"{stage}.difference"], total),
        model_tied=by_model.tied_at_cutoff(count),
        rules_tied=0,
    )


def _times(pair: tuple[float, float], total: float) -> tuple[float, float]:
    return pair[0] * total, pair[1] * total


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
