"""Clicks made by bots as the documentation defines them, click by click in plain Python.

Rows have ``event_type`` (``email_clicked``, ``email_opened``, others), ``lead_id``, ``occurred_at``, ``known_at``,
``campaign`` (the mail) and ``link``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]


def recognised_at(rows: Sequence[Row], burst: int, links: int, within: timedelta) -> list[datetime | None]:
    """For each event, when it was known to be a bot's click; ``None``: never."""
    return [_recognised_at(row, rows, burst, links, within) for row in rows]


def _recognised_at(
    row: Row, rows: Sequence[Row], burst: int, links: int, within: timedelta
) -> datetime | None:
    if row["event_type"] != "email_clicked":
        return None
    # Only its own lead's clicks and anyone's opens matter; patterns become complete when something is known.
    near = [other for other in rows if other["lead_id"] == row["lead_id"] or _opened(other)]
    for known_at in sorted({other["known_at"] for other in near if other["known_at"] >= row["known_at"]}):
        known = [other for other in near if other["known_at"] <= known_at]
        if is_machine(row, known, burst, links, within):
            return known_at
    return None


def is_machine(row: Row, known: Sequence[Row], burst: int, links: int, within: timedelta) -> bool:
    """Whether one event is recognised among those that are known."""
    if row["event_type"] != "email_clicked":
        return False
    clicks = [
        other
        for other in known
        if other["event_type"] == "email_clicked" and other["lead_id"] == row["lead_id"]
    ]
    of_mail = [other for other in clicks if other["campaign"] == row["campaign"]]
    firsts: dict[str, Row] = {}
    for other in sorted(of_mail, key=lambda e: (e["known_at"], e["occurred_at"])):
        if other["link"] is not None:
            firsts.setdefault(other["link"], other)
    return (
        _crowded(row, clicks, burst, within)
        or _crowded(row, list(firsts.values()), links, within, of_mail)
        or _before_open(row, known)
    )


def _crowded(
    row: Row, counted: list[Row], most: int, within: timedelta, starts: list[Row] | None = None
) -> bool:
    """Is there a stretch that holds the event and so many of the counted ones?"""
    return any(
        sum(start["occurred_at"] <= other["occurred_at"] <= start["occurred_at"] + within for other in counted) >= most
        for start in (counted if starts is None else starts)
        if start["occurred_at"] <= row["occurred_at"] <= start["occurred_at"] + within
    )  # fmt: skip


def _before_open(row: Row, known: Sequence[Row]) -> bool:
    """Opens are recorded, and no first open that can be this mail's was known and had happened by then."""
    opens = [e for e in known if _opened(e) and e["known_at"] <= row["known_at"]]
    firsts: dict[Any, Row] = {}
    for e in sorted(opens, key=lambda e: (e["known_at"], e["occurred_at"])):
        if e["lead_id"] == row["lead_id"]:
            firsts.setdefault("any" if row["campaign"] is None else e["campaign"], e)
    matching = [firsts[mail] for mail in ("any", None, row["campaign"]) if mail in firsts]
    return bool(opens) and not any(e["occurred_at"] <= row["occurred_at"] for e in matching)


def _opened(row: Row) -> bool:
    return bool(row["event_type"] == "email_opened")
