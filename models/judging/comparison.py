"""Rules and model side by side on the same out-of-time leads: `compare` and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from leadlens.models.judging import agreement, bands, curves, notebook, story, trust
from leadlens.models.judging.calls import checked
from leadlens.models.judging.groups import group_rates
from leadlens.models.judging.intervals import cluster_bootstrap, whole
from leadlens.models.judging.lenses import MODEL, RULES, Floats, Judged, without_times
from leadlens.models.judging.metrics import HIGHER_IS_BETTER, METRICS, Measured
from leadlens.models.judging.plain import plain
from leadlens.models.judging.point_audit import point_audit, sheet_unit
from leadlens.models.judging.replay import Queue, Replay
from leadlens.models.judging.result import Capacity, ComparisonResult
from leadlens.models.judging.thresholds import thresholds
from leadlens.models.statistics import weighted_mean

Interval = Mapping[str, tuple[float, float]]
FIRST = 50  # leads of a quadrant that JSON and report list


class Comparison(ComparisonResult):
    """A comparison that renders itself: in sentences, as JSON, and as a table in a notebook."""

    def findings(self) -> list[str]:
        """What was found, in sentences for someone who has never heard of ROC."""
        return story.findings(self)

    def story(self) -> list[str]:
        """The same, and what is to be known of the rows and of the model."""
        return story.sentences(self)

    def at_its_capacity(self) -> dict[str, Any]:
        """What page and report say of it first: whom the same calls reach, and whether that can be relied on."""
        return {
            "share": self.asked,
            "capacity": plain(self.capacity),
            "quadrants": plain(self.quadrants),
            **self._in_words(),
            "story": story.details(self),
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values, of each quadrant the first leads; missing numbers are None."""
        first = self.quadrant_leads.groupby("quadrant", sort=False).head(FIRST)
        return {
            **plain(replace(self, quadrant_leads=first)),
            **self._in_words(),
            "story": self.story(),
        }

    def _in_words(self) -> dict[str, Any]:
        checks = trust.trust(self)
        return {
            "headline": story.headline(self),
            "advice": story.advice(self),
            "status": trust.status(checks),
            "trust": plain([check._asdict() for check in checks]),
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
    groups: pd.DataFrame | None = None,
) -> Comparison:
    """Judge rules and model on the same out-of-time leads.

    Parameters
    ----------
    judged : one row per out-of-time (lead_id, as_of): row_id, lead_id, as_of, label, probability, score, grade,
        rule_points, rule_probability, rule_grade, rule_stage, disqualified; disqualified_by if known; left_at (when the lead
        converted or closed after the row, missing while it is open), without which the weeks of sales cannot be replayed and
        all leads are called from one list (see :class:`leadlens.models.judging.replay.Replay`).
    ledger : the sheet's lines on those rows: row_id, rule, dimension, points.
    meta : project, horizon (in words), model_version, sheet_version, dropped_columns, warnings (lists of
        text), clock ("time", or else as-of times are not shown as dates), rules (label → points, to
        list rules that never matched), random_split (metric → the model's value on a random split, to show how
        optimistic that is). All optional; anything else is passed through to the JSON.
    capacity : share of the new leads that sales can call, week by week.
    seed : of the bootstrap; equal seeds give equal results.
    groups : the protected groups of the rows, a column each, by their place (``leadlens.models.judging.groups``).

    Raises
    ------
    UsageError, DataError : see ``leadlens.models.judging.lenses.Judged.of``; capacity outside (0, 1).
    """
    meta = dict(meta or {})
    rows = Judged.of(judged if meta.get("clock", "time") == "time" else without_times(judged))
    capacity, replay = checked(capacity), Replay(rows)
    metrics = {lens.name: Measured(rows.label, lens.probability, lens.rank) for lens in rows.lenses}
    queues = {lens.name: replay.queue(lens.rank) for lens in rows.lenses}
    gap, stages = rows.model.probability - rows.label, _stage_queues(rows, replay)

    def figures(weight: Floats | None) -> dict[str, float]:
        drawn = None if weight is None else rows.of_leads(weight)
        room = replay.room(capacity, drawn)
        each = {
            name: lens.all(weight) | {"reached": queues[name].work(room, drawn).reached}
            for name, lens in metrics.items()
        }
        result = {
            f"{lens}.{metric}": value for lens, values in each.items() for metric, value in values.items()
        }
        for stage, queue in stages.items():
            by_rules = queue.work(_everyone(replay), drawn)
            by_model = queues[MODEL].work(by_rules.made, drawn)
            result |= {
                f"{stage}.{MODEL}.reached": by_model.reached,
                f"{stage}.{RULES}.reached": by_rules.reached,
                f"{stage}.difference.reached": by_model.reached - by_rules.reached,
            }
        return (
            result
            | {f"difference.{metric}": each[MODEL][metric] - each[RULES][metric] for metric in each[MODEL]}
            | {"bias": weighted_mean(gap, weight)}
        )

    value, interval = figures(None), cluster_bootstrap(figures, rows.lead, resamples=resamples, seed=seed)
    room = replay.room(capacity)
    called = {name: queue.work(room).row for name, queue in queues.items()}
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
        weekly=replay.weekly,
        weeks=replay.weeks,
        reachable=replay.reachable,
        asked=capacity,
        capacity=capacity_of("capacity", rows, queues, queues[RULES], room, value, interval),
        cuts=tuple(
            capacity_of(stage, rows, queues, queue, queue.work(_everyone(replay)).made, value, interval)
            for stage, queue in stages.items()
        ),
        measures=_measures(value, interval),
        difference=_difference(value, interval),
        bias=(value["bias"], *interval["bias"]),
        gains=curves.gains(rows, replay),
        calibration=curves.calibration(rows),
        bands=bands.score_bands(rows),
        grades=bands.grade_cells(rows),
        stages=bands.stages(rows),
        hot_band=bands.hot_band(rows),
        quadrants=agreement.quadrants(rows, called),
        quadrant_leads=agreement.quadrant_leads(rows, called),
        audit=point_audit(rows, ledger, unit, meta.get("rules"), capacity),
        unit=unit,
        thresholds=thresholds(rows),
        protected=None if groups is None else group_rates(rows, groups, called),
    )


def capacity_of(
    name: str,
    rows: Judged,
    queues: Mapping[str, Queue],
    by_rules: Queue,
    room: Floats,
    value: Mapping[str, float],
    interval: Interval,
) -> Capacity:
    """What is reached with so much room, by the sheet's queue ``by_rules`` and the model's; ``interval`` as ``figures`` names it."""
    calls, of = int(room.sum()), "" if name == "capacity" else f"{name}."
    model, rules = queues[MODEL].work(room), by_rules.work(room)
    return Capacity(
        name=name,
        share=calls / rows.leads,
        calls=calls,
        model=model.reached,
        rules=rules.reached,
        random=by_rules.replay.at_random(room),
        more=model.reached - rules.reached,
        model_interval=whole(interval[f"{of}{MODEL}.reached"]),
        rules_interval=whole(interval[f"{of}{RULES}.reached"]),
        more_interval=whole(interval[f"{of}difference.reached"]),
        model_tied=int(model.by_lot),
        rules_tied=int(rules.by_lot),
    )


def _stage_queues(rows: Judged, replay: Replay) -> dict[str, Queue]:
    """Stage → the leads that are in it or above, week by week; stages that part no lead from another are left out."""
    queues = {
        stage: replay.queue(rows.rules.rank, agreement.in_stages(rows, at_least))
        for stage, at_least in (("MQL", ("MQL", "SQL")), ("SQL", ("SQL",)))
    }
    return {
        stage: queue
        for stage, queue in queues.items()
        if 0 < queue.work(_everyone(replay)).calls < rows.leads
    }


def _everyone(replay: Replay) -> Floats:
    """Room for calls without end."""
    return np.full(replay.weeks, np.inf)


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
