"""The additive part of a model: every column is a short table of points.

A row's margin is the intercept plus one entry per column, so the explanation *is* the model. How it is fitted is in
``linear_fit``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ColumnTable:
    """Log-odds of one column.

    Attributes
    ----------
    edges : cuts of a number (a value on a cut lies above it), or None for a category.
    entries : log-odds per bin or per category code; the last entry is for missing.
    """

    edges: Floats | None
    entries: Floats

    def codes(self, values: Floats) -> NDArray[np.intp]:
        """Which entry each value takes."""
        missing = len(self.entries) - 1
        if self.edges is not None:
            return np.where(np.isnan(values), missing, np.searchsorted(self.edges, values, side="right"))
        return np.where(np.isnan(values) | (values >= missing), missing, values).astype(np.intp)


@dataclass(frozen=True)
class AdditiveLogistic:
    """A fitted additive part: ``margin = intercept + prior_slope * prior + one entry per column``."""

    intercept: float
    prior_slope: float
    tables: tuple[ColumnTable, ...]

    def contributions(self, matrix: Floats) -> Floats:
        """Log-odds per row and column, without intercept and prior."""
        parts = np.zeros_like(matrix)
        for at, table in enumerate(self.tables):
            parts[:, at] = table.entries[table.codes(matrix[:, at])]
        return parts

    def margin(self, matrix: Floats, prior: Floats | None = None) -> Floats:
        """Log-odds per row; ``prior`` as at fitting (its slope is applied here)."""
        total: Floats = self.contributions(matrix).sum(axis=1) + self.intercept
        return total if prior is None else total + self.prior_slope * prior

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        tables = [
            {"edges": None if t.edges is None else t.edges.tolist(), "entries": t.entries.tolist()}
            for t in self.tables
        ]
        return {"start": self.intercept, "prior_slope": self.prior_slope, "tables": tables}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AdditiveLogistic:
        """The inverse of ``to_dict``."""
        tables = tuple(
            ColumnTable(
                None if t["edges"] is None else np.array(t["edges"], float), np.array(t["entries"], float)
            )
            for t in data["tables"]
        )
        return cls(float(data["start"]), float(data["prior_slope"]), tables)
