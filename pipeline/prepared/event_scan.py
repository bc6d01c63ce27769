"""Rows of new events that one statement reads: those of one source, or of many small ones together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.prepared.small_files import SOURCE_NO
from pipeline.prepared.sources import NewSource, relation
from pipeline.sources.shaping import Shape

SEVERAL = -1  # instead of the number of a source, for a file of strangers of several


class EventScan(NamedTuple):
    """``rows`` is a SELECT of raw rows of the sources ``numbers``; which of them a row is of stands in ``SOURCE_NO``."""

    numbers: tuple[int, ...]
    rows: str


def scans_of(sources: Iterable[NewSource], resolved: Mapping[str, str], shape: Shape) -> list[EventScan]:
    """The rows of new sources in shape, with the columns of all sources; one scan of those that are in one file."""
    by_file: dict[str, list[NewSource]] = {}
    for new in sources:
        by_file.setdefault(new.parquet, []).append(new)
    scans = []
    for some in by_file.values():
        inner = f"SELECT {shape.values}, {SOURCE_NO} FROM ({relation(some[0], resolved)})"
        rows = f"SELECT {shape.kept}, {SOURCE_NO} FROM ({inner}) AS renamed WHERE {shape.condition}"
        scans.append(EventScan(tuple(new.number for new in some), rows))
    return scans
