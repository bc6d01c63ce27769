"""How the values of one feature are spread over bins that say nothing of a single lead, and how far two are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# A bin or level of fewer leads is not told apart: it could name one of them.
FEWEST = 20
_BINS = 10
_DIGITS = 3
_CHANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Leads per bin of a feature.

    Attributes
    ----------
    label : what people read.
    kind : of the feature.
    moves : changes by itself, with time and the age of leads, as what they did; an attribute does not.
    edges : numbers: upper bounds of all bins but the last, rounded to three digits, never the extremes.
    levels : categories: the frequent ones; the others are one bin.
    counts : leads per bin, those of other categories, then those whose value is unknown.
    """

    label: str
    kind: Literal["number", "category"]
    moves: bool
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    counts: tuple[int, ...]

    @classmethod
    def of(cls, values: pd.Series, *, label: str, moves: bool) -> Histogram:
        """Bins for these values, each of at least twenty leads.

        >>> Histogram.of(pd.Series(range(100), dtype=float), label="Age", moves=False).edges[:3]
        (19.8, 39.6, 59.4)
        """
        empty = cls(label=label, kind="number", moves=moves, counts=())
        if pd.api.types.is_numeric_dtype(values):
            return _with_edges(empty, values).count(values)
        counts = values.value_counts()
        levels = tuple(sorted(str(level) for level in counts.index[counts >= FEWEST]))
        return replace(empty, kind="category", levels=levels).count(values)

    def count(self, values: pd.Series) -> Histogram:
        """The same bins with the leads of ``values``. Another kind of values counts as unknown."""
        numbers = pd.api.types.is_numeric_dtype(values)
        if self.kind == "number":
            plain = values.to_numpy(dtype=float) if numbers else np.full(len(values), np.nan)
            known = ~np.isnan(plain)
            bins = np.searchsorted(np.array(self.edges), plain[known], side="left")
            counts = [*np.bincount(bins, minlength=len(self.edges) + 1), (~known).sum()]
        else:
            present = int(values.notna().sum())
            by_level = values.value_counts()
            of_levels = [int(by_level.get(level, 0)) for level in self.levels]
            counts = [*of_levels, present - sum(of_levels), len(values) - present]
        return replace(self, counts=tuple(int(count) for count in counts))

    def __add__(self, other: Histogram) -> Histogram:
        """The leads of both."""
        return replace(self, counts=tuple(np.add(self.counts, other.counts).tolist()))

    @property
    def leads(self) -> int:
        """How many leads were counted."""
        return sum(self.counts)

    @property
    def missing(self) -> float:
        """Share of leads whose value is unknown."""
        return self.counts[-1] / max(1, self.leads)

    def same_bins(self, other: Histogram) -> bool:
        """Whether the two can be compared."""
        return (self.kind, self.edges, self.levels) == (other.kind, other.edges, other.levels)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Histogram:
        """The inverse of ``to_dict``."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()
        }
        return cls(**values)


def _with_edges(empty: Histogram, values: pd.Series) -> Histogram:
    plain = values.dropna().to_numpy(dtype=float)
    bins = min(_BINS, len(plain) // FEWEST)
    if bins < 2:
        return empty
    inner = np.quantile(plain, np.arange(1, bins) / bins)
    edges = sorted({float(f"{edge:.{_DIGITS}g}") for edge in inner})
    # Rounding and equal values make small bins: join each with the next one.
    kept: list[float] = []
    for edge in edges:
        below = plain <= edge
        if kept:
            below &= plain > kept[-1]
        if below.sum() >= FEWEST and (plain > edge).sum() >= FEWEST:
            kept.append(edge)
    return replace(empty, edges=tuple(kept))


def psi(before: Sequence[int], now: Sequence[int]) -> float:
    """Population stability index of two counts of the same bins, less what chance alone would give; 0 is alike.

    The index of equal distributions is about chi-square divided by the sizes: what all but one in ten thousand such
    pairs stay below is taken off, so that small numbers of leads raise no alarm.

    >>> psi([500, 500], [505, 495]), round(psi([500, 500], [100, 900]), 1)
    (0.0, 0.8)
    """
    one, other = _shares(before), _shares(now)
    index = float(((one - other) * np.log(one / other)).sum())
    if not sum(before) or not sum(now):
        return 0.0
    from scipy.special import chdtri  # takes a fifth of a second to import

    chance = chdtri(max(1, len(one) - 1), _CHANCE) * (1 / sum(before) + 1 / sum(now))
    return max(0.0, index - float(chance))


def _shares(counts: Sequence[int]) -> NDArray[np.float64]:
    smooth = np.asarray(counts, dtype=float) + 0.5
    return np.asarray(smooth / smooth.sum(), dtype=float)
