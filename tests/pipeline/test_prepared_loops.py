"""The loops over new events: compiled for many rows, in NumPy for few, and the same in both."""

from __future__ import annotations

import numpy as np
import pytest

from leadlens.pipeline.prepared import few_rows, sorting
from leadlens.pipeline.prepared.machine_clicks import count_crowded


@pytest.mark.parametrize("seed", range(20))
def test_few_rows_are_sorted_like_many(seed: int) -> None:
    """By lead, time and content, with many ties; what is alike points to the first of its kind."""
    draw = np.random.default_rng(seed)
    rows = int(draw.integers(1, 400))
    lead = draw.integers(0, 9, rows).astype(np.int32)
    occurred, content = draw.integers(-5, 6, rows), draw.integers(0, 4, rows).astype(np.uint64)
    many, few = (loops.sorted_order(lead, occurred, content, 9) for loops in (sorting, few_rows))
    assert [*zip(lead[many], occurred[many], content[many], strict=True)] == sorted(
        zip(lead, occurred, content, strict=True)
    )
    for column in (lead, occurred, content):
        assert (column[many] == column[few]).all()
    assert (
        sorting.alike(many, lead, occurred, content) == few_rows.alike(few, lead, occurred, content)
    ).all()


@pytest.mark.parametrize("seed", range(5))
def test_few_rows_are_kept_apart_like_many(seed: int) -> None:
    draw = np.random.default_rng(seed)
    places, counts = [], []
    leads = [draw.integers(0, 30, 50).astype(np.int32) for _ in range(3)]
    for loops in (sorting, few_rows):
        rows = np.zeros(3, np.int64)
        places.append([loops.places_by_part(lead, 10, rows, 1000).tolist() for lead in leads])
        counts.append(rows.tolist())
    assert places[0] == places[1]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("seed", range(20))
def test_crowds_are_counted_as_by_looking_at_each_event(seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows, within, least = int(draw.integers(0, 60)), int(draw.integers(0, 9)), int(draw.integers(2, 5))
    lead, at = draw.integers(0, 3, rows), draw.integers(0, 60, rows)
    crowded = 0
    for mine, then in zip(lead, at, strict=True):
        near = np.sort(at[(lead == mine) & (np.abs(at - then) <= within)])
        spans = (near[start : start + least] for start in range(len(near) - least + 1))
        crowded += any(span[-1] - span[0] <= within and span[0] <= then <= span[-1] for span in spans)
    assert count_crowded(lead, at, within, least) == crowded
