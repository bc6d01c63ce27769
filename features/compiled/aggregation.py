"""History and spine in, aggregates out, part by part: feeds the compiled loops within bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from leadlens.features.behaviour.aggregates import aggregate_windows
from leadlens.features.behaviour.measures import SESSION_GAP, cadence_number
from leadlens.features.compiled.coding import EventCoding
from leadlens.features.compiled.kernel import aggregate, weights_of
from leadlens.features.compiled.lead_events import LeadEvents
from leadlens.features.compiled.reading import EventReader, read_parts
from leadlens.features.compiled.shape import Aggregates, Array, LoopSettings, SpineRows, VisibleEvents
from leadlens.features.engines import DuckDBEngine, Step, StepReport
from leadlens.features.history import History
from leadlens.features.plan import FeaturePlan
from leadlens.features.spine import Spine

_MICROSECOND = timedelta(microseconds=1)
_EVENTS_A_PART = 4_000_000
_CELLS_A_PART = 25_000_000
_WORKERS = 2


class Part(NamedTuple):
    """Some rows of the table ``aggregates``, with their ``row_id``."""

    row_id: Array
    aggregates: pa.Table

    def register(
        self, engine: DuckDBEngine, name: str, watch: Callable[[StepReport], None] | None = None
    ) -> None:
        """Make the aggregates readable as table ``name``."""
        engine.connection.register("_aggregates", self.aggregates)
        try:
            engine.run([Step(name, "SELECT * FROM _aggregates")], watch)
        finally:
            engine.connection.unregister("_aggregates")


def aggregate_events(
    history: History,
    plan: FeaturePlan,
    spine: Spine,
    memory: int = 1 << 29,
    folder: Path | None = None,
) -> Iterator[Part]:
    """The table ``aggregates`` of a plan in parts that cut the leads; each spine row is in exactly one.

    ``memory`` is how many bytes of events may wait in memory,
    beyond which they wait in files under ``folder``.
    """
    coding = EventCoding.of(plan)
    assert coding is not None
    engine = history.engine
    assert isinstance(engine, DuckDBEngine)
    sql = f"""
        SELECT
          lead_id,
          CAST(row_number() OVER (ORDER BY lead_id) - 1 AS INTEGER) AS lead_no,
          max(as_of) AS latest
        FROM {spine}
        GROUP BY lead_id
    """
    engine.run([Step("numbered_leads", sql)])
    try:
        leads = engine.count("numbered_leads")
        rows = SpineRows.read(engine, spine, leads)
        cells = len(rows.row_id) * len(coding.plan.keys) * 2 * (len(aggregate_windows(coding.plan)) + 2)
        parts = max(1, -(-engine.count("events") // _EVENTS_A_PART), -(-cells // _CELLS_A_PART))
        size = max(1, -(-leads // parts))
        sizes = [max(0, min(size, leads - number * size)) for number in range(parts)]
        seen = "e.occurred_at < l.latest AND e.known_at < l.latest"
        reader = EventReader(history, coding, "numbered_leads", seen)

        def part(numbered: tuple[int, LeadEvents]) -> Part:
            number, events = numbered
            return aggregate_part(coding, events, rows.of(number * size, sizes[number]))

        yield from _ahead(part, read_parts(reader, size, sizes, memory, folder))
    finally:
        engine.drop("numbered_leads")


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
    """The aggregates of these rows from these events; both have the same leads."""
    plan, results = coding.plan, Aggregates.empty(coding.plan, len(rows.row_id))
    half_life, cadence = plan.half_life / _MICROSECOND, cadence_number(plan)
    visible_from, visible_to = events.visibility()
    weights, references = weights_of(events.offsets, events.occurred, half_life)
    visible = VisibleEvents(
        offsets=events.offsets,
        occurred=events.occurred,
        code=events.code,
        visible_from=visible_from,
        visible_to=visible_to,
        amounts=events.amounts,
        weights=weights,
        references=references,
    )
    settings = LoopSettings(
        windows=np.array([window // _MICROSECOND for window in aggregate_windows(plan)], np.int64),
        half_life=half_life,
        session_gap=SESSION_GAP // _MICROSECOND,
        cadence=-1 if cadence is None else cadence,
        hours=plan.hours,
    )
    aggregate(visible, rows, coding.event_kinds, settings, results)
    return Part(rows.row_id, results.table(plan, rows.row_id))
