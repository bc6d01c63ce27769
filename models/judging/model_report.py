"""The model alone on out-of-time leads, for projects without a score sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from leadlens.models.insights import Insights
from leadlens.models.judging import bands, curves, trust
from leadlens.models.judging.calls import checked
from leadlens.models.judging.groups import group_rates
from leadlens.models.judging.intervals import cluster_bootstrap, whole
from leadlens.models.judging.lenses import MODEL, JudgedRows, without_times
from leadlens.models.judging.metrics import METRICS, Measured
from leadlens.models.judging.plain import plain
from leadlens.models.judging.replay import Replay
from leadlens.models.judging.thresholds import thresholds
from leadlens.models.judging.wording import METRIC_NAMES, how_called, population
from leadlens.models.statistics import weighted_mean


@dataclass(frozen=True, kw_only=True)
class ModelReport:
    """What judging measured of a model that no sheet stands beside; frames as in ``ComparisonResult``.

    ``found`` of the leads that convert are reached by ``calls``, week by week (90 % interval ``found_interval``), ``random``
    would be by chance; ``tied`` of the calls are decided by lot between equal scores. ``measures`` has metric, value,
    low, high.
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
    capacity: float
    calls: int
    found: float
    found_interval: tuple[float, float]
    random: float
    tied: int
    bias: tuple[float, float, float]
    measures: pd.DataFrame = field(repr=False)
    gains: pd.DataFrame = field(repr=False)
    calibration: pd.DataFrame = field(repr=False)
    bands: pd.DataFrame = field(repr=False)
    grades: pd.DataFrame = field(repr=False)
    hot_band: pd.DataFrame = field(repr=False)
    thresholds: pd.DataFrame = field(repr=False)
    insights: Insights | None = field(default=None, repr=False)
    protected: pd.DataFrame | None = field(default=None, repr=False)

    def measure(self, lens: str, metric: str) -> float:
        """One figure of the model, the only lens there is."""
        if lens != MODEL:
            raise KeyError(lens)
        return float(self.measures.set_index("metric")["value"][metric])

    def headline(self) -> str:
        """The result in one sentence; where the status is bad, that nothing is to be decided yet, and why."""
        return trust.stop(trust.trust_in_model(self)) or self.reached()

    def reached(self) -> str:
        """Whom the calls reach, in one sentence."""
        return (
            f"The model reaches {self.found:,.0f} of the {self.conversions:,} leads that convert in {self.calls:,} calls; "
            f"at random it would be {self.random:,.0f}"
        )

    def advice(self) -> str:
        """What to do, in one sentence."""
        if trust.overall(trust.trust_in_model(self))[0] == trust.BAD:
            return trust.SETTLE_FIRST
        if self.found_interval[0] > self.random:
            return "Call by the model's score."
        return "Do not call by its score yet: it is not shown to reach more than calls at random."

    def story(self) -> list[str]:
        """What was found, in sentences for someone who has never heard of ROC."""
        checks = [check for check in trust.trust_in_model(self) if check.title != "Note"]
        warnings = [f"Note: {str(text).rstrip('.')}." for text in self.meta.get("warnings") or []]
        about, *reached = self.details()
        return [
            f"{about} There is no score sheet to compare it with.",
            *([f"{self.headline()}."] if self.headline() != self.reached() else []),
            *reached,
            *(f"{check.title}: {check.words}." for check in checks),
            *warnings,
        ]

    def details(self) -> list[str]:
        """The figures behind the result, in sentences."""
        low, high = self.found_interval
        sentences = [
            f"The model was judged on {population(self)}.",
            f"{self.reached()} (90 % interval {low:,.0f} to {high:,.0f}).",
            how_called(weekly=self.weekly, weeks=self.weeks, capacity=self.capacity),
        ]
        if self.tied > 0.1 * self.calls:
            sentences.append(f"For {self.tied:,} of the calls a random draw decides between equal scores.")
        return sentences

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; missing numbers are None."""
        checks = [check._asdict() for check in trust.trust_in_model(self)]
        return {
            **plain(self),
            "headline": self.headline(),
            "advice": self.advice(),
            "status": trust.status(trust.trust_in_model(self)),
            "details": self.details(),
            "story": self.story(),
            "trust": plain(checks),
        }

    def _repr_html_(self) -> str:
        from leadlens.models.judging.wording import by_name

        rows = by_name(self.measures, "metric")
        cells = "".join(
            f"<tr><th style='text-align:left'>{METRIC_NAMES[name]}</th><td>{rows[name]['value']:.3f} "
            f"<small>({rows[name]['low']:.3f} to {rows[name]['high']:.3f})</small></td></tr>"
            for name in METRICS
        )
        story = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.story())
        return f"<div><p><b>{escape(self.headline())}</b></p><table>{cells}</table><ul>{story}</ul></div>"


def report_model(
    judged: pd.DataFrame,
    meta: Mapping[str, Any] | None = None,
    capacity: float = 0.2,
    seed: int = 0,
    resamples: int = 200,
    groups: pd.DataFrame | None = None,
) -> ModelReport:
    """Judge a model on out-of-time leads by itself.

    ``judged`` has a row per (lead_id, as_of): row_id, lead_id, as_of, label, probability, score, grade. The rest is as in
    ``leadlens.models.judging.compare``, and so is what it raises.
    """
    meta = dict(meta or {})
    rows = JudgedRows.of(judged if meta.get("clock", "time") == "time" else without_times(judged))
    capacity, replay = checked(capacity), Replay(rows)
    gap, measured = rows.model.probability - rows.label, Measured(rows.label, rows.model.probability)
    queue = replay.queue(rows.model.rank)

    def figures(weight: np.ndarray | None) -> dict[str, float]:
        drawn = None if weight is None else rows.of_leads(weight)
        reached = queue.work(replay.room(capacity, drawn), drawn).reached
        return measured.all(weight) | {"reached": reached, "bias": weighted_mean(gap, weight)}

    value, interval = figures(None), cluster_bootstrap(figures, rows.lead, resamples=resamples, seed=seed)
    as_of, room = pd.to_datetime(rows.frame["as_of"]), replay.room(capacity)
    worked = queue.work(room)
    return ModelReport(
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
        capacity=capacity,
        calls=int(room.sum()),
        found=worked.reached,
        found_interval=whole(interval["reached"]),
        random=replay.at_random(room),
        tied=int(worked.by_lot),
        bias=(value["bias"], *interval["bias"]),
        measures=pd.DataFrame(
            [(metric, value[metric], *interval[metric]) for metric in METRICS],
            columns=["metric", "value", "low", "high"],
        ),
        gains=curves.gains(rows, replay),
        calibration=curves.calibration(rows),
        bands=bands.score_bands(rows),
        grades=bands.grade_cells(rows),
        hot_band=bands.hot_band(rows),
        thresholds=thresholds(rows),
        protected=None if groups is None else group_rates(rows, groups, {MODEL: worked.row}),
    )
