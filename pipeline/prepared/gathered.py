"""Rows waiting to be sorted, apart by part of the leads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from leadlens.pipeline.prepared.event_layout import Array
from leadlens.pipeline.prepared.numbering import STRIDE


class Gathered:
    """Rows waiting to be sorted, apart by part: of each column one array, in which every part has its own stretch.

    Parameters
    ----------
    kinds : names and types of the columns.
    parts : of how many parts the numbers of the leads are.
    most : rows that may wait, of all parts together.
    batch : rows that come at once, at most.
    loops : the module with ``places_by_part``.
    """

    def __init__(self, kinds: Mapping[str, str], parts: int, most: int, batch: int, loops: Any) -> None:
        self._places_by_part = loops.places_by_part
        # Parts are much of one size; what no part needs of its stretch is never touched, and takes no memory.
        self.most, self._stretch = most, max(batch, most // parts * 5 // 4)
        self._arrays = {name: np.empty(self._stretch * parts, kind) for name, kind in kinds.items()}
        self._rows = np.zeros(parts, np.int64)
        self.sources: set[int] = set()

    @property
    def rows(self) -> int:
        return int(self._rows.sum())

    def fits(self, lead: Array) -> bool:
        """Whether there is room for rows of these leads."""
        more = np.bincount(lead // STRIDE, minlength=len(self._rows))
        return bool(self.rows + len(lead) <= self.most and (self._rows + more <= self._stretch).all())

    def add(self, batch: Mapping[str, Array], keep: Array | None, sources: Iterable[int]) -> None:
        """Take a batch of some sources: of columns, or the rows ``keep`` of it, for which there must be room."""
        lead = batch["lead"] if keep is None else batch["lead"][keep]
        assert len(lead) <= self._stretch, "DuckDB gave more rows than were asked for"
        places = self._places_by_part(lead, STRIDE, self._rows, self._stretch)
        for name, array in self._arrays.items():
            array[places] = batch[name] if keep is None else batch[name][keep]
        self.sources.update(sources)

    def take(self) -> Iterator[tuple[int, dict[str, Array]]]:
        """The columns of each part that has rows, as views; afterwards there are none."""
        for part, rows in enumerate(self._rows.tolist()):
            if rows:
                start = part * self._stretch
                yield part, {name: array[start : start + rows] for name, array in self._arrays.items()}
        self._rows[:] = 0
        self.sources = set()
