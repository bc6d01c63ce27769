"""Laws of taking an event back: it matters from the first timestamp after, as if the event had never been."""

from __future__ import annotations

import copy
from datetime import datetime

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.histories import AGES, Tables, tables, timestamps
from tests.laws.test_features_laws import EXAMPLES, matrix


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right, check_dtype=False, rtol=1e-9)


@EXAMPLES
@given(found=tables(), which=st.sets(st.integers(0, 13)), timestamp=timestamps, data=st.data())
def test_until_it_is_taken_back_an_event_counts_and_then_it_never_was(
    found: Tables, which: set[int], timestamp: datetime, data: st.DataObject
) -> None:
    snapshots = [lead["created_at"] + age for lead in found["leads"] for age in AGES]
    timestamp = data.draw(st.just(timestamp) | st.sampled_from(snapshots), "retracted")
    standing, retracted, never = (copy.deepcopy(found) for _ in range(3))
    for each in (standing, retracted, never):
        for number, event in enumerate(each["events"]):
            event["retracted_at"] = timestamp if each is retracted and number in which else None
    never["events"] = [event for number, event in enumerate(never["events"]) if number not in which]
    before, taken, without = matrix(standing), matrix(retracted), matrix(never)
    if before is None or taken is None or without is None:
        return
    late = taken["as_of"] > timestamp
    same(taken[~late], before[~late])
    same(taken[late], without[late])


@EXAMPLES
@given(found=tables())
def test_taken_back_as_soon_as_known_is_never_seen(found: Tables) -> None:
    retracted = copy.deepcopy(found)
    for event in retracted["events"]:
        event["retracted_at"] = event["known_at"]
    taken, without = matrix(retracted), matrix({**found, "events": []})
    if taken is None or without is None:
        return
    same(taken, without)
