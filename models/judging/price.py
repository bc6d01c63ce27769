"""What sheets keep of a model: several rankings of the same out-of-time leads side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from leadlens.models.judging.calls import checked
from leadlens.models.judging.intervals import cluster_bootstrap
from leadlens.models.judging.lenses import MODEL, Floats, JudgedRows
from leadlens.models.judging.metrics import Measured
from leadlens.models.judging.replay import Replay
from leadlens.models.statistics import ratio, weighted_mean


@dataclass(frozen=True, kw_only=True)
class Price:
    """How far each ranking gets.

    Attributes
    ----------
    leads, conversions, calls : of how many leads how many converted, and how many can be called.
    base_rate : the average precision of no ranking at all.
    rankings : name, roc_auc, average_precision, found (leads that convert, reached by ``calls``), each with ``_low`` and ``_high``
        (90 %), and ``kept``: what is kept of the model's gain in average precision over the base rate.
    """

    leads: int
    conversions: int
    calls: int
    base_rate: float
    rankings: pd.DataFrame = field(repr=False)

    @property
    def names(self) -> list[str]:
        """What was ranked, the model last."""
        return [str(name) for name in self.rankings["name"]]

    def of(self, name: str) -> dict[str, float]:
        """One ranking's figures."""
        row = self.rankings[self.rankings["name"] == name].drop(columns="name")
        return {str(key): float(value) for key, value in row.iloc[0].items()}


def price(rows: JudgedRows, ranks: Mapping[str, Floats], capacity: float) -> Price:
    """Judge the model of ``rows`` beside other rankings, by name, of the same rows; a higher rank is called first."""
    every = {**ranks, MODEL: rows.model.rank}
    measured = {
        name: Measured(rows.label, np.full(len(rows.label), 0.5), rank) for name, rank in every.items()
    }
    capacity, replay = checked(capacity), Replay(rows)
    queues = {name: replay.queue(rank) for name, rank in every.items()}

    def figures(weight: Floats | None) -> dict[str, float]:
        base = weighted_mean(rows.label, weight)
        precision = {name: one.average_precision(weight) for name, one in measured.items()}
        gain = precision[MODEL] - base
        drawn = None if weight is None else rows.of_leads(weight)
        room = replay.room(capacity, drawn)
        each: dict[str, float] = {}
        for name, one in measured.items():
            each[f"{name}.roc_auc"] = one.roc_auc(weight)
            each[f"{name}.average_precision"] = precision[name]
            each[f"{name}.found"] = queues[name].work(room, drawn).reached
            each[f"{name}.kept"] = ratio(precision[name] - base, gain)
        return each

    value, interval = figures(None), cluster_bootstrap(figures, rows.lead)
    table = [
        {"name": name}
        | {
            key: number
            for figure in ("roc_auc", "average_precision", "found", "kept")
            for key, number in zip(
                (figure, f"{figure}_low", f"{figure}_high"),
                (value[f"{name}.{figure}"], *interval[f"{name}.{figure}"]),
                strict=True,
            )
        }
        for name in every
    ]
    return Price(
        leads=rows.leads,
        conversions=int(rows.converted.sum()),
        calls=int(replay.room(capacity).sum()),
        base_rate=float(rows.label.mean()),
        rankings=pd.DataFrame(table),
    )
