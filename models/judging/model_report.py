"""The model alone on out-of-time leads, for projects without a score sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from models.judging import bands, curves, trust
from models.judging.capacity import calls as calls_of
from models.judging.capacity import tied_at_cutoff
from models.judging.intervals import cluster_bootstrap
from models.judging.lenses import MODEL, JudgedRows
from models.judging.metrics import METRICS, Measured
from models.judging.plain import plain
from models.judging.wording import METRIC_NAMES, judged_on, noun, percent, period
from models.statistics import weighted_mean


@dataclass(frozen=True, kw_only=True)
class ModelReport:
    """What judging measured of a model that no sheet stands beside; frames as in ``ComparisonResult``.

    ``found`` of the conversions are among the first ``calls`` rows (90 % interval ``found_interval``), ``random`` would be
    by chance; ``tied`` rows share the score at which that list is cut. ``measures`` has metric, value, low, high.
    """

    meta: Mapping[str, Any]
    rows: int
    leads: int
    conversions: int
    converted_leads: int
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

    def measure(self, lens: str, metric: str) -> float:
        """One figure of the model, the only lens there is."""
        if lens != MODEL:
            raise KeyError(lens)
        return float(self.measures.set_index("metric")["value"][metric])

    def headline(self) -> str:
        """The result in one sentence."""
        return (
            f"The model finds {self.found:,.0f} of {self.conversions:,} conversions in {self.calls:,} {noun(self)}; "
            f"at random it would be {self.random:,.0f}"
        )

    def story(self) -> list[str]:
        """What was found, in sentences for someone who has never heard of ROC."""
        when = f" ({period(self)})" if period(self) else ""
        within = f" within {self.meta['horizon']}" if self.meta.get("horizon") else ""
        low, high = self.found_interval
        tied = (
            [f"It ranks {self.tied:,} equal where the list is cut."] if self.tied > 0.1 * self.calls else []
        )
        checks = [check for check in trust.trust_in_model(self) if check.title != "Note"]
        warnings = [f"Note: {str(text).rstrip('.')}." for text in self.meta.get("warnings") or []]
        return [
            f"The model was judged on {judged_on(self)}{when}; {self.conversions:,} ({percent(self.base_rate)}) "
            f"converted{within}. There is no score sheet to compare it with.",
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
    share, gap = calls / len(rows.label), rows.model.probability - rows.label
    measured = Measured(rows.label, rows.model.probability)

    def figures(weight: np.ndarray | None) -> dict[str, float]:
        more = {"found": measured.found_at(share, weight), "bias": weighted_mean(gap, weight)}
        return measured.all(weight) | more

    value, interval = figures(None), cluster_bootstrap(figures, rows.lead, resamples=resamples, seed=seed)
    total, as_of = float(rows.label.sum()), pd.to_datetime(rows.frame["as_of"])
    low, high = interval["found"]
    return ModelReport(
        meta=dict(meta or {}),
        rows=len(rows.label),
        leads=rows.leads,
        conversions=int(total),
        converted_leads=len(np.unique(rows.lead[rows.label == 1])),
        base_rate=float(rows.label.mean()),
        first=as_of.min(),
        last=as_of.max(),
        capacity=capacity,
        calls=calls,
        found=value["found"] * total,
        found_interval=(low * total, high * total),
        random=calls * total / len(rows.label),
        tied=tied_at_cutoff(rows.model, calls),
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
    )
