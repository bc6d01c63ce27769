"""The model alone on out-of-time leads, for projects without a score sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from models.insights import Insights
from models.judging import bands, curves, trust
from models.judging.calls import CallList, found_at_random
from models.judging.calls import calls as calls_of
from models.judging.intervals import cluster_bootstrap
from models.judging.lenses import MODEL, JudgedRows
from models.judging.metrics import METRICS, Measured
from models.judging.plain import plain
from models.judging.thresholds import thresholds
from models.judging.wording import METRIC_NAMES, population
from models.statistics import weighted_mean


@dataclass(frozen=True, kw_only=True)
class ModelReport:
    """What judging measured of a model that no sheet stands beside; frames as in ``ComparisonResult``.

    ``found`` of the conversions are found by calling the first ``calls`` leads (90 % interval ``found_interval``),
    ``random`` would be by chance; ``tied`` leads share the score at which that list is cut. ``measures`` has metric, value,
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

    def measure(self, lens: str, metric: str) -> float:
        """One figure of the model, the only lens there is."""
        if lens != MODEL:
            raise KeyError(lens)
        return float(self.measures.set_index("metric")["value"][metric])

    def headline(self) -> str:
        """The result in one sentence."""
        return (
            f"The model finds {self.found:,.0f} of {self.conversions:,} conversions in {self.calls:,} calls; "
            f"at random it would be {self.random:,.0f}"
        )

    def story(self) -> list[str]:
        """What was found, in sentences for someone who has never heard of ROC."""
        low, high = self.found_interval
        tied = (
            [f"It ranks {self.tied:,} equal where the list is cut."] if self.tied > 0.1 * self.calls else []
        )
        checks = [check for check in trust.trust_in_model(self) if check.title != "Note"]
        warnings = [f"Note: {str(text).rstrip('.')}." for text in self.meta.get("warnings") or []]
        return [
            f"The model was judged on {population(self)}. There is no score sheet to compare it with.",
            f"{self.headline()} (90 % interval: {low:,.0f} to {high:,.0f}).",
            *tied,
            *(f"{check.title}: {check.words}." for check in checks),
            *warnings,
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; missing numbers are None."""
        checks = [check._asdict() for check in trust.trust_in_model(self)]
        return {
            **plain(self),
            "headline": self.headline(),
            "story": self.story(),
            "trust": plain(checks),
        }

    def _repr_html_(self) -> str:
        from models.judging.wording import by_name

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
) -> ModelReport:
    """Judge a model on out-of-time leads by itself.

    ``judged`` has a row per (lead_id, as_of): row_id, lead_id, as_of, label, probability, score, grade. The rest is as in
    ``models.judging.compare``, and so is what it raises.
    """
    rows = JudgedRows.of(judged)
    calls = calls_of(rows, capacity)
    share, gap = calls / rows.leads, rows.model.probability - rows.label
    measured = Measured(rows.label, rows.model.probability)
    called = CallList(rows, rows.model.rank)

    def figures(weight: np.ndarray | None) -> dict[str, float]:
        more = {"found": called.found_at(share, weight), "bias": weighted_mean(gap, weight)}
        return measured.all(weight) | more

    value, interval = figures(None), cluster_bootstrap(figures, rows.lead, resamples=resamples, seed=seed)
    total, as_of = float(rows.converted.sum()), pd.to_datetime(rows.frame["as_of"])
    low, high = interval["found"]
    return ModelReport(
        meta=dict(meta or {}),
        rows=len(rows.label),
        leads=rows.leads,
        conversions=int(total),
        converted_rows=int(rows.label.sum()),
        base_rate=float(rows.label.mean()),
        first=as_of.min(),
        last=as_of.max(),
        capacity=capacity,
        calls=calls,
        found=value["found"] * total,
        found_interval=(low * total, high * total),
        random=calls * found_at_random(rows),
        tied=called.tied_at_cutoff(calls),
        bias=(value["bias"], *interval["bias"]),
        measures=pd.DataFrame(
            [(metric, value[metric], *interval[metric]) for metric in METRICS],
            columns=["metric", "value", "low", "high"],
        ),
        gains=curves.gains(rows),
        calibration=curves.calibration(rows),
        bands=bands.score_bands(rows),
        grades=bands.grade_cells(rows),
        hot_band=bands.hot_band(rows),
        thresholds=thresholds(rows),
    )
