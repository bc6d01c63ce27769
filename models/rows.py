"""Training rows as numbers, and which of them are the latest."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from leadlens.models.learners.encoding import Encoding
from leadlens.models.statistics import weighted_mean

Floats = NDArray[np.float64]
_FEWEST_IN_WINDOW = 20  # conversions, and as many leads that did not convert


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Encoded rows; ``points`` has one column per name of the sheet's parts, ``weight`` is None for equal weights."""

    encoding: Encoding
    matrix: Floats
    y: Floats
    time: Floats | None
    signs: list[int]
    points: Floats | None
    names: tuple[str, ...]
    weight: Floats | None = None

    @property
    def base_rate(self) -> float:
        """Share of the rows that converted."""
        return weighted_mean(self.y, self.weight)

    @property
    def total(self) -> Floats | None:
        return None if self.points is None else self.points.sum(axis=1)

    def take(self, at: NDArray[np.intp]) -> Rows:
        return replace(
            self,
            matrix=self.matrix[at],
            y=self.y[at],
            time=None if self.time is None else self.time[at],
            points=None if self.points is None else self.points[at],
            weight=None if self.weight is None else self.weight[at],
        )

    def without_sheet(self) -> Rows:
        """The same rows, as if there were no sheet."""
        return replace(self, points=None, names=())

    def thinned(self, most: int, seed: int) -> Rows:
        """At most ``most`` of the rows, drawn by ``seed``."""
        if len(self.y) <= most:
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self.y), most, replace=False)))

    def fewer(self, most: int, seed: int) -> tuple[Rows, NDArray[np.intp]]:
        """At most ``most`` of the rows and their places: those of the commoner class are drawn by ``seed`` and weighted.

        If the rarer class is more than half of that, it is drawn and weighted, too.
        """
        if len(self.y) <= most:
            return self, np.arange(len(self.y))
        rng, mass = np.random.default_rng(seed), np.ones(len(self.y)) if self.weight is None else self.weight
        rare, common = sorted((np.flatnonzero(self.y == outcome) for outcome in (0, 1)), key=len)
        kept = [rng.choice(rare, min(len(rare), most // 2), replace=False)]
        kept.append(rng.choice(common, most - len(kept[0]), replace=False))
        weight = mass.copy()
        for some, every in zip(kept, (rare, common), strict=True):
            weight[some] *= mass[every].sum() / mass[some].sum()
        at = np.sort(np.concatenate(kept))
        return replace(self.take(at), weight=weight[at]), at

    def faded(self, half_life: float | None) -> Rows:
        """The same rows, each counting half as much per ``half_life`` (in the unit of ``time``) before the latest one.

        Their weights sum to the same, so that shrinkage is as before. ``None`` leaves them as they are.
        """
        if half_life is None or self.time is None:
            return self
        mass = np.ones(len(self.y)) if self.weight is None else self.weight
        faded = mass * 0.5 ** ((self.time.max() - self.time) / half_life)
        return replace(self, weight=faded * mass.sum() / faded.sum())

    def latest(self, window: float) -> NDArray[np.intp]:
        """The latest rows, as many as ``window`` asks for and the base rate needs; ties are never split."""
        if self.time is None or window >= 1:
            return np.arange(len(self.y))
        order = np.argsort(-self.time, kind="stable")
        converted = np.cumsum(self.y[order])
        enough = np.minimum(converted, np.arange(1, len(order) + 1) - converted) >= _FEWEST_IN_WINDOW
        asked = int(window * len(order))
        if self.weight is not None:
            below = np.cumsum(self.weight[order])
            asked = int(np.searchsorted(below, int(window * below[-1]), side="right"))
        last = max(asked, int(np.argmax(enough)) if enough.any() else len(order) - 1)
        return np.flatnonzero(self.time >= self.time[order[min(last, len(order) - 1)]])
