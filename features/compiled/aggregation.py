"""History and spine in, facts out, part by part: what the loops are fed with and how their memory is bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from features.behaviour.aggregates import aggregate_windows
from features.behaviour.measures import SESSION_GAP, cadence_number
from features.compiled.coding import EventCoding
from features.compiled.kernel import fold, weights_of
from features.compiled.lead_events import LeadEvents
from features.compiled.reading import EventReader, read_parts
from features.compiled.shape import Array, Facts
from features.compiled.store import EventStore
from features.engines import DuckDBEngine, Step
from features.history import History
from features.plan import FeaturePlan
from features.spine import Spine

_MICROSECOND = timedelta(microseconds=1)
_EVENTS_A_PART = 4_000_000
_CELLS_A_PART = 25_000_000
_WORKERS = 2


class Part(NamedTuple):
    """Facts of some of the spine's rows: ``row_id`` and the columns of the table ``facts``."""

    row_id: Array
    facts: pa.Table

    def register(self, engine: DuckDBEngine, name: str) -> None:
        """Make the facts readable as table ``name``."""
        engine.connection.register("_facts", self.facts)
        try:
            engine.run([Step(name, "SELECT * FROM _facts")])
        finally:
            engine.connection.unregister("_facts")


class SpineRows(NamedTuple):
    """The spine by lead number and moment: ``offsets[i]:offsets[i + 1]`` are the rows of lead ``i``."""

    row_id: Array
    as_of: Array
    offsets: Array

    @classmethod
    def read(cls, engine: DuckDBEngine, spine: Spine, numbers: int) -> SpineRows:
        """The engine has ``fold_leads(lead_id, lead_no)``, with numbers below ``numbers``."""
        found = engine.connection.execute(
            f"SELECT s.row_id, l.lead_no, epoch_us(s.as_of) AS as_of FROM {spine} AS s "
            "JOIN fold_leads AS l ON l.lead_id = s.lead_id ORDER BY l.lead_no, s.as_of"
        ).fetchnumpy()
        counts = np.bincount(found["lead_no"], minlength=numbers)
        row_id, as_of = (np.asarray(found[name]) for name in ("row_id", "as_of"))
        return cls(row_id, as_of, np.concatenate([[0], np.cumsum(counts)]))

    def of(self, first: int, count: int) -> SpineRows:
        """The rows of ``count`` leads from ``first`` on, renumbered from 0."""
        last = first + count
        start, end = int(self.offsets[first]), int(self.offsets[last])
        return SpineRows(
            self.row_id[start:end], self.as_of[start:end], self.offsets[first : last + 1] - start
        )


def aggregate_events(
    history: History,
    plan: FeaturePlan,
    spine: Spine,
    store: EventStore | None = None,
    memory: int = 1 << 29,
    folder: Path | None = None,
) -> Iterator[Part]:
    """The table ``facts`` of a plan in parts that cut the leads; each spine row is in exactly one.

    ``store`` keeps the sorted events for the next run. ``memory`` is how many bytes of events may wait in memory,
    beyond which they wait in files under ``folder``.
    """
    coding = EventCoding.of(plan)
    assert coding is not None
    if store is None:
        yield from _fold_once(history, coding, spine, memory, folder)
    else:
        yield from _fold_stored(history, coding, spine, store, memory)


def _fold_once(
    history: History, coding: EventCoding, spine: Spine, memory: int, folder: Path | None
) -> Iterator[Part]:
    engine = history.engine
    assert isinstance(engine, DuckDBEngine)
    engine.run(
        [
            Step(
                "fold_leads",
                "SELECT lead_id, CAST(row_number() OVER (ORDER BY lead_id) - 1 AS INTEGER) AS lead_no, "
                f"max(as_of) AS latest FROM {spine} GROUP BY lead_id",
            )
        ]
    )
    try:
        leads = engine.count("fold_leads")
        rows = SpineRows.read(engine, spine, leads)
        cells = len(rows.row_id) * len(coding.plan.keys) * 2 * (len(aggregate_windows(coding.plan)) + 2)
        parts = max(1, -(-engine.count("events") // _EVENTS_A_PART), -(-cells // _CELLS_A_PART))
        size = max(1, -(-leads // parts))
        sizes = [max(0, min(size, leads - number * size)) for number in range(parts)]
        seen = "e.occurred_at < l.latest AND e.known_at < l.latest"
        reader = EventReader(history, coding, "fold_leads", seen)
        parts_read = read_parts(reader, size, sizes, memory, folder)
        yield from _ahead(
            lambda found: aggregate_part(coding, found[1], rows.of(found[0] * size, sizes[found[0]])),
            parts_read,
        )
    finally:
        engine.drop("fold_leads")


def _fold_stored(
    history: History, coding: EventCoding, spine: Spine, store: EventStore, memory: int
) -> Iterator[Part]:
    engine = history.engine
    assert isinstance(engine, DuckDBEngine)
    latest = engine.value(f"SELECT max(as_of) FROM {spine}")
    if latest is None:
        return
    with store.updated(history, coding, memory, latest) as opened:
        rows = SpineRows.read(engine, spine, len(opened.parts) * opened.stride)

        def part(number: int) -> Part:
            events = opened.load(number)
            return aggregate_part(coding, events, rows.of(number * opened.stride, len(events.offsets) - 1))

        yield from _ahead(part, (n for n, leads in enumerate(opened.sizes) if leads))


def _ahead(work: Callable[[Any], Part], items: Iterator[Any]) -> Iterator[Part]:
    """Two parts at a time, so that both processors have work, and never more parts in memory than that."""
    waiting: deque[Future[Part]] = deque()
    with ThreadPoolExecutor(_WORKERS) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > _WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def aggregate_part(coding: EventCoding, events: LeadEvents, rows: SpineRows) -> Part:
    """The facts of these rows from these events; both have the same leads."""
    plan, facts = coding.plan, Facts.empty(coding.plan, len(rows.row_id))
    half_life = plan.half_life / _MICROSECOND
    names = coding.amounts
    pair_starts = np.concatenate([[0], np.cumsum([len(key.amounts) for key in plan.keys])]).astype(np.int64)
    pair_amounts = np.array([names.index(name) for key in plan.keys for name in key.amounts], np.int64)
    rhythm, hours = cadence_number(plan), plan.hours
    seen_from, seen_to = events.visibility()
    windows = np.array([window // _MICROSECOND for window in aggregate_windows(plan)], np.int64)
    touch_last = np.array([touch.which == "last" for touch in plan.touches], bool)
    weights, references = weights_of(events.offsets, events.occurred, half_life)

    fold(
        0, len(rows.offsets) - 1, events.offsets, events.occurred, seen_from, seen_to, events.code, events.amounts,
        weights, references, rows.offsets, rows.as_of, *coding.keys_of_kinds, pair_starts, pair_amounts,
        coding.touch_ranks, touch_last, windows, half_life, SESSION_GAP // _MICROSECOND,
        -1 if rhythm is None else rhythm, hours, facts.counts, facts.ages, facts.decayed, facts.habits, facts.sums,
        facts.filled, facts.touches,
    )  # fmt: skip
    return Part(rows.row_id, facts.table(plan, rows.row_id))
