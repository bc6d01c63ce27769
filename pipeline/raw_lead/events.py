"""Events of one lead, cleaned as ``Cleaner.events`` cleans a table: a dozen statements would take longer than the lead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from leadlens.pipeline.raw_lead.rows import Typed
from leadlens.pipeline.sources.cleaning import EventCounts

_FIRST_DAY = datetime(1970, 1, 2)  # of `cleaning.FIRST_DAY`


def cleaned_events(events: Sequence[Typed], created_at: datetime) -> tuple[list[Typed], EventCounts]:
    """The events that count, each with its ``known_at``, and how many were left out or are odd.

    Every row has all columns of the table, in their order.
    """
    counts = EventCounts(rows=len(events))
    rows = [dict(event) for event in events]
    for row in rows:
        occurred = _time(row, "occurred_at")
        known = occurred if row["known_at"] is None else _time(row, "known_at")
        counts.known_early += known < occurred
        row["known_at"] = max(known, occurred)
        if row["retracted_at"] is not None:
            counts.retracted += 1
            counts.in_vain += _time(row, "retracted_at") <= max(known, occurred)
    rows = _once(rows, counts)
    now = datetime.now(UTC).replace(tzinfo=None)
    if rows:
        counts.latest = f"{max(_time(row, 'known_at') for row in rows):%Y-%m-%d}"
    visible = [row for row in rows if _time(row, "known_at") <= now]
    counts.future = len(rows) - len(visible)
    counts.ancient = sum(_time(row, "occurred_at") < _FIRST_DAY for row in visible)
    counts.early = sum(_time(row, "occurred_at") < created_at for row in visible)
    return visible, counts


def _once(rows: list[Typed], counts: EventCounts) -> list[Typed]:
    """Of rows with one event_id the first known one, whatever their order; rows without an id are all kept."""
    without = [row for row in rows if row["event_id"] is None]
    counts.alike = len(without) - len({tuple(row.values()) for row in without})
    given = len(rows) - len(without)
    distinct = {tuple(row.values()): row for row in rows if row["event_id"] is not None}
    counts.repeated = given - len(distinct)
    first: dict[Any, Typed] = {}
    for row in sorted(distinct.values(), key=_order):
        first.setdefault(row["event_id"], row)
    counts.shared = len(distinct) - len(first)
    return [*without, *first.values()]


def _order(row: Typed) -> tuple[Any, ...]:
    """When it was known, when it occurred, then the other columns; what is missing comes last."""
    ordered = [row["known_at"], row["occurred_at"], *row.values()]
    return tuple((value is None, "" if value is None else value) for value in ordered)


def _time(row: Typed, column: str) -> datetime:
    value = row[column]
    assert isinstance(value, datetime)
    return value
