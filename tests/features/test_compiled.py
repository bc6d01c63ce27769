"""The compiled loops give what the SQL gives and what the oracle says, once and night after night."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leadlens.features import matrix
from leadlens.features.behaviour.aggregates import aggregate_steps
from leadlens.features.compiled import aggregation
from leadlens.features.compiled.aggregation import aggregate_events
from leadlens.features.compiled.coding import EventCoding
from leadlens.features.compiled.kernel import settle_ties
from leadlens.features.compiled.lead_events import LeadEvents
from leadlens.features.conformance import CASES, histories
from leadlens.features.conformance.histories import PLAN
from leadlens.features.conformance.world import COLUMNS, load, random_history, side_by_side
from leadlens.features.engines import DuckDBEngine
from leadlens.features.history import History
from leadlens.features.plan import EventKey, FeaturePlan
from leadlens.features.spine import Spine, SpinePolicy, build_spine

EXAMPLES = int(os.environ.get("LEADLENS_EXAMPLES", "500"))
GRID = SpinePolicy(every=timedelta(days=5, microseconds=1), repeat=True)


@pytest.fixture
def history() -> History:
    return load(DuckDBEngine(threads=1), side_by_side([random_history(seed) for seed in range(60)]))


def aggregates(history: History, spine: Spine, **how: object) -> pd.DataFrame:
    parts = [part.aggregates.to_pandas() for part in aggregate_events(history, PLAN, spine, **how)]  # type: ignore[arg-type]
    return pd.concat(parts).sort_values("row_id").reset_index(drop=True)


def by_sql(history: History, spine: Spine) -> pd.DataFrame:
    history.engine.run(aggregate_steps(history, PLAN, spine))
    return history.engine.frame("SELECT * FROM aggregates ORDER BY row_id")


def assert_same(got: pd.DataFrame, want: pd.DataFrame) -> None:
    assert list(got) == list(want)
    assert len(got) == len(want) > 0
    for name in want:
        np.testing.assert_allclose(
            got[name].astype(float), want[name].astype(float), rtol=1e-12, atol=1e-12, err_msg=name
        )


@pytest.mark.parametrize("compiled", [True, False])
def test_equal_to_the_oracle(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loops, and the SQL that they stand for."""

    def built(*arguments: Any, loops: bool) -> matrix.FeatureMatrix:
        return matrix.build_matrix(*arguments, loops=compiled)

    monkeypatch.setattr(histories, "build_matrix", built)
    case = next(case for case in CASES if case.name == "features")
    with DuckDBEngine(threads=1) as engine:
        case.check(engine, EXAMPLES)


def test_a_row_alone_is_what_it_is_among_all(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit, so the SQL, which adds up in another order, must not make the few what loops make of many."""
    monkeypatch.setattr(matrix, "aggregate_steps", lambda *_: pytest.fail("made by the SQL"))
    with build_spine(history, SpinePolicy(dates=(datetime(2024, 5, 1),), repeat=True)) as spine:
        every = matrix.build_matrix(history, PLAN, spine)
        assert len(every) > 50
        for row_id in every.frame.index[::17]:
            with Spine.make(history.engine, "one", f"SELECT * FROM {spine} WHERE row_id = {row_id}") as one:
                alone = matrix.build_matrix(history, PLAN, one).frame
            pd.testing.assert_frame_equal(alone, every.frame.loc[[row_id]], check_exact=True)


def test_equal_to_the_sql_that_defines_them(history: History) -> None:
    spine = build_spine(history, GRID)
    assert_same(aggregates(history, spine), by_sql(history, spine))


@pytest.mark.parametrize("made", [aggregates, by_sql])
def test_the_order_in_which_events_are_read_changes_no_bit(made: Callable[..., pd.DataFrame]) -> None:
    """Doubles do not add up alike in every order; of equal timestamps, too, the order is an accident."""
    draw, day = np.random.default_rng(5), datetime(2024, 1, 5)
    tables = random_history(0)
    lead = tables["leads"][0]["lead_id"]
    tables["events"] = [
        {
            **dict.fromkeys(COLUMNS["events"]),
            "lead_id": lead, "event_type": "page_viewed", "occurred_at": at, "known_at": at,
            "value": float(draw.choice([1e-3, 1.1, 1e6]) * draw.random()),
        }
        for at in [day + timedelta(hours=int(draw.integers(9))) for _ in range(300)]
    ]  # fmt: skip
    found = []
    for events in (
        tables["events"],
        tables["events"][::-1],
        sorted(tables["events"], key=lambda e: e["value"]),
    ):
        history = load(DuckDBEngine(), tables | {"events": events})
        found.append(made(history, build_spine(history, GRID)))
    assert found[0]["k0_sum_0"].max() > 1e6
    for other in found[1:]:
        pd.testing.assert_frame_equal(found[0], other, check_exact=True)


def test_each_amount_keeps_its_place_beyond_ten() -> None:
    names = [f"amount_{number}" for number in range(12)]
    none = np.empty(0, np.int64)
    prompt = {"lead": np.zeros(3, np.int32), "occurred": np.array([3, 1, 2]), "code": np.arange(3)}
    prompt |= {name: np.full(3, float(number)) for number, name in enumerate(names)}
    odd = {name: none.astype(column.dtype) for name, column in prompt.items()}
    events = LeadEvents.sort(prompt, odd | {"visible_from": none, "visible_to": none}, 1)
    np.testing.assert_array_equal(events.amounts, np.tile(np.arange(12.0), (3, 1)))
    np.testing.assert_array_equal(events.code, [1, 2, 0])


def test_events_that_do_not_fit_in_memory_wait_in_files(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregation, "_EVENTS_A_PART", 50)
    spine = build_spine(history, GRID)
    want = by_sql(history, spine)
    parts = aggregate_events(history, PLAN, spine, memory=1, folder=tmp_path)
    first = next(parts)
    assert list(tmp_path.iterdir()), "nothing was spilled"
    got = pd.concat([part.aggregates.to_pandas() for part in (first, *parts)])
    assert_same(got.sort_values("row_id").reset_index(drop=True), want)
    assert not list(tmp_path.iterdir())


def test_too_many_kinds_of_events_are_left_to_the_sql() -> None:
    keys = tuple(EventKey(f"{name}{n}", "", None, name, str(n)) for name in "abcd" for n in range(40))
    assert EventCoding.of(FeaturePlan(keys=keys)) is None
    assert EventCoding.of(FeaturePlan(keys=keys[:80])) is not None


@pytest.mark.parametrize("events", [1, 2, 31, 32, 33, 64, 65, 1000])
def test_ties_are_settled_by_amounts_however_many(events: int) -> None:
    rng = np.random.default_rng(events)
    amounts = rng.choice([np.nan, -1.5, 0.0, 2.0, 7.0], (events, 2))
    occurred = rng.choice([5, 9], events).astype(np.int64)
    order = np.argsort(occurred, kind="stable")
    wanted = sorted(
        order.tolist(),
        key=lambda event: (occurred[event], *(-np.inf if np.isnan(x) else x for x in amounts[event])),
    )
    settle_ties(order, np.array([0, events]), occurred, amounts)
    assert order.tolist() == wanted


def test_a_hundred_thousand_events_at_one_moment_are_settled_in_a_moment() -> None:
    amounts = np.arange(100_000.0)[::-1].reshape(-1, 1).copy()
    order, occurred = np.arange(100_000), np.zeros(100_000, np.int64)
    settle_ties(order[:10].copy(), np.array([0, 10]), occurred, amounts)  # compiled by now
    started = time.process_time()
    settle_ties(order, np.array([0, 100_000]), occurred, amounts)
    assert time.process_time() - started < 2
    assert order[0] == 99_999
