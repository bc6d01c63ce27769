"""The additive part of a model: every column is a short table of points.

A row's margin is the intercept plus one entry per column, so the explanation *is* the model. How it is fitted is in
``linear_fit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

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


def summed(one: ColumnTable, other: ColumnTable, shares: tuple[float, float]) -> ColumnTable:
    """The table whose entries are a share of those of one plus a share of those of the other, whatever their cuts."""
    if one.edges is None or other.edges is None:
        assert one.edges is other.edges, "one of a number, one of a category"
        edges, values = None, np.arange(float(max(len(one.entries), len(other.entries)) - 1))
    else:
        edges = np.union1d(one.edges, other.edges)
        values = np.append(-np.inf, edges)  # one of each bin: a value on a cut lies above it
    values = np.append(values, np.nan)
    entries = sum(
        share * table.entries[table.codes(values)] for table, share in zip((one, other), shares, strict=True)
    )
    return ColumnTable(edges, np.asarray(entries))


class FlatTables(NamedTuple):
    """What the compiled loop reads: cuts and entries of all columns end to end, and where each column's begin."""

    category: NDArray[np.bool_]
    edges: Floats
    edges_of: NDArray[np.int64]
    entries: Floats
    entries_of: NDArray[np.int64]

    @classmethod
    def of(cls, tables: Sequence[ColumnTable]) -> FlatTables:
        none = np.empty(0)
        edges = [none if table.edges is None else table.edges for table in tables]
        entries = [table.entries for table in tables]
        return cls(
            np.array([table.edges is None for table in tables], bool),
            np.concatenate([none, *edges]),
            np.cumsum([0, *map(len, edges)]),
            np.concatenate([none, *entries]),
            np.cumsum([0, *map(len, entries)]),
        )


@dataclass(frozen=True)
class AdditiveLogistic:
    """A fitted additive part: ``margin = intercept + prior_slope * prior + one entry per column``."""

    intercept: float
    prior_slope: float
    tables: tuple[ColumnTable, ...]

    def contributions(self, matrix: Floats) -> Floats:
        """Log-odds per row and column, without intercept and prior; in memory in the order of ``matrix``."""
        parts = np.zeros_like(matrix, dtype=np.float64)
        columns = np.asfortranarray(parts)
        self.add_to(columns, np.asfortranarray(matrix, dtype=np.float64), 1.0)
        return columns if parts.flags.f_contiguous else np.ascontiguousarray(columns)

    def add_to(self, parts: Floats, matrix: Floats, share: float) -> None:
        """Add a share of the contributions to ``parts``; the columns of both are contiguous."""
        from leadlens.models.learners.linear_kernel import add_entries  # numba takes a while to import

        add_entries(matrix.T, self._flat, share, parts.T)

    @cached_property
    def _flat(self) -> FlatTables:
        return FlatTables.of(self.tables)

    def margin(self, matrix: Floats, prior: Floats | None = None) -> Floats:
        """Log-odds per row; ``prior`` as at fitting (its slope is applied here)."""
        total: Floats = self.contributions(matrix).sum(axis=1) + self.intercept
        return total if prior is None else total + self.prior_slope * prior

    def plus(self, other: AdditiveLogistic, shares: tuple[float, float]) -> AdditiveLogistic:
        """The additive part whose margin is a share of this one's plus a share of another's of the same columns."""
        mine, its = shares
        return AdditiveLogistic(
            mine * self.intercept + its * other.intercept,
            mine * self.prior_slope + its * other.prior_slope,
            tuple(summed(*pair, shares) for pair in zip(self.tables, other.tables, strict=True)),
        )

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
