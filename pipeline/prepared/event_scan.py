"""Rows of new events that one statement reads: those of one source, or of many small ones together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from leadlens.pipeline.prepared.sources import NewSource, relation
from leadlens.pipeline.sources.origins import SOURCE_NO
from leadlens.pipeline.sources.shaping import Shape
from leadlens.pipeline.sources.together import Together

SEVERAL = -1  # instead of the number of a source, for a file of strangers of several


class EventScan(NamedTuple):
    """``rows`` is a SELECT of raw rows of the sources ``numbers``; which of them a row is of stands in ``SOURCE_NO``."""

    numbers: tuple[int, ...]
    rows: str


def scans_of(sources: Iterable[NewSource], columns: Together, shape: Shape) -> list[EventScan]:
    """The rows of new files of one source in shape, with the columns of all; one scan of those that are in one file."""
    by_file: dict[str, list[NewSource]] = {}
    for new in sources:
        by_file.setdefault(new.parquet, []).append(new)
    scans = []
    for some in by_file.values():
        inner = f"SELECT {shape.values}, {SOURCE_NO} FROM ({relation(some[0], columns)})"
        rows = f"SELECT {shape.kept}, {SOURCE_NO} FROM ({inner}) AS renamed WHERE {shape.condition}"
        scans.append(EventScan(tuple(new.number for new in some), rows))
    return scans
