"""Small random histories with every nuisance, and many of them side by side in one set of tables."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from leadlens.features.engines import Engine
from leadlens.features.history import History, Kind

Tables = dict[str, list[dict[str, Any]]]

START = datetime(2024, 2, 26)  # the span holds a leap day and both DST days of Europe and the US
DATA_END = START + timedelta(days=75)
HORIZON, SINCE = timedelta(days=20), START + timedelta(days=10)
SNAPSHOT_AGES = (timedelta(0), timedelta(days=1), timedelta(days=7, microseconds=1), timedelta(days=31))
LEAD_ATTRIBUTES: dict[str, Kind] = {
    "income": "number", "city": "category", "email": "text", "job title": "text", "customer": "boolean", "born": "time", "renewed on": "time",
}  # fmt: skip
ACCOUNT_ATTRIBUTES: dict[str, Kind] = {"industry": "category", "staff": "number"}
EVENT_PROPERTIES: dict[str, Kind] = {
    "page": "category",
    "channel": "category",
    "paid": "boolean",
    "value": "number",
}
COLUMNS: dict[str, dict[str, Kind]] = {
    "leads": {"lead_id": "text", "created_at": "time", "account_id": "text", "closed_at": "time", **LEAD_ATTRIBUTES},
    "accounts": {"account_id": "text", **ACCOUNT_ATTRIBUTES},
    "events": {"event_id": "text", "lead_id": "text", "occurred_at": "time", "known_at": "time", "retracted_at": "time",
               "event_type": "text", **EVENT_PROPERTIES},
    "conversions": {"lead_id": "text", "converted_at": "time", "kind": "text", "product": "text", "value": "number"},
    "changes": {"entity": "text", "id": "text", "attribute": "text", "value": "text", "known_at": "time"},
    "unlabelled": {"lead_id": "text"},
}  # fmt: skip
_DTYPES: dict[Kind, str] = {"number": "float64", "time": "datetime64[us]", "boolean": "boolean"}
_LEAD_IDS = ("a", "b", "Ünïcødé 李", "d'Arc; --", 'back\\slash "q" `t`', "👍 ${x} 50%_")
PAGES = ("Pricing", "Careers", "It's \\new", "李 `x`")
CITIES = ("Bern", "Rome", "Oslo's", "Straße\\1")
TYPES = ("page_viewed", "email_sent", "email_opened", "it's a call\\")


class _Draw(random.Random):
    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.ties = [START, SINCE, DATA_END - HORIZON]

    def timestamp(self) -> datetime:
        """Whole days and hours make ties and window edges likely; microseconds make them miss by a hair.

        Often exactly the as-of of a spine row, or the end of its horizon: only a tie distinguishes "before" from
        "not after".
        """
        if self.ties and self.random() < 0.3:
            return self.choice(self.ties)
        if self.random() < 0.1:
            # an hour that some local clock skips or repeats; the last microsecond of a leap day
            return self.choice((datetime(2024, 3, 10, 2, 30), datetime(2024, 3, 31, 2), datetime(2024, 3, 31, 1, 59, 59, 999_999),
                                datetime(2024, 2, 29, 23, 59, 59, 999_999)))  # fmt: skip
        micros = self.choice((0, 0, 0, 1, 999_999, 123_456))
        minutes = self.choice((0, 0, 0, 29, 30))
        hours = self.choice((0, 0, 0, 1, 8, 12, 18, 23))
        return START + timedelta(days=self.randint(0, 60), hours=hours, minutes=minutes, microseconds=micros)

    def maybe(self, value: Any, share: float = 0.7) -> Any:
        return value if self.random() < share else None


def random_history(seed: int) -> Tables:
    """The contract tables of a few leads; equal seeds give equal histories, ids of different seeds differ."""
    draw, mark = _Draw(seed), f"{seed}·"
    ids = [mark + name for name in draw.sample(_LEAD_IDS, draw.randint(1, 4))]
    leads = []
    for lead_id in ids:
        created = draw.timestamp()
        as_of = [created + age for age in SNAPSHOT_AGES]
        draw.ties += [tie for tie in (*as_of, *(time + HORIZON for time in as_of)) if tie < DATA_END]
        lead = {
            "lead_id": lead_id,
            "created_at": created,
            "account_id": draw.maybe(mark + draw.choice(("x", "y"))),
            "closed_at": draw.maybe(draw.timestamp(), 0.3),
            "income": draw.maybe(float(draw.randint(0, 9))),
            "city": draw.maybe(draw.choice(CITIES)),
            "email": draw.maybe(draw.choice(("a@gmail.com", "b@Firm.io", "c@mit.edu", "d@uni.ac.uk", "nonsense"))),
            "job title": draw.maybe(draw.choice(("CEO", "Vice President, Sales", "Team Lead", "Clerk", "PhD student"))),
            "customer": draw.maybe(draw.random() < 0.5),
            "renewed on": draw.maybe(draw.timestamp()),
            "born": draw.maybe(datetime(1960 + draw.randint(0, 50), 2, 28)),
        }  # fmt: skip
        leads.append(lead)
    return {
        "leads": leads,
        "accounts": [{"account_id": mark + "x", "industry": "IT", "staff": 12.0}],
        "events": [_event(draw, mark, number, ids) for number in range(draw.randint(0, 16))],
        "conversions": [
            {
                "lead_id": draw.choice(ids),
                "converted_at": draw.timestamp(),
                "kind": draw.maybe(draw.choice(("sale", "it's a trial"))),
                "product": None,
                "value": draw.maybe(draw.choice((100.0, 0.1))),
            }
            for _ in range(draw.randint(0, 3))
        ],
        "changes": [_change(draw, mark, ids) for _ in range(draw.randint(0, 6))],
        "unlabelled": [{"lead_id": lead_id} for lead_id in ids if draw.random() < 0.1],
    }


def _event(draw: _Draw, mark: str, number: int, ids: list[str]) -> dict[str, Any]:
    known = draw.timestamp()
    draw.ties.append(known + timedelta(minutes=30))  # the gap that begins a session
    # 30 days: no longer recent when it becomes known
    late = draw.choice(
        (timedelta(0),) * 6 + (timedelta(microseconds=1), *(timedelta(days=days) for days in (1, 9, 30, 40)))
    )
    return {
        "event_id": f"{mark}{number}",
        "lead_id": draw.choice(ids),
        "occurred_at": known - late,
        "known_at": known,
        "retracted_at": draw.maybe(max(known, draw.timestamp()), 0.3),
        "event_type": draw.choice(TYPES),
        "page": draw.maybe(draw.choice(PAGES)),
        "channel": draw.maybe(draw.choice(("mail", "ads"))),
        "paid": draw.maybe(draw.random() < 0.5),
        "value": draw.maybe(draw.choice((0.1, 2.0, 1e6, -3.5))),
    }  # fmt: skip


def _change(draw: _Draw, mark: str, ids: list[str]) -> dict[str, Any]:
    entity, attribute = draw.choice(
        (("lead", "income"), ("lead", "city"), ("account", "staff"), ("lead", "income"))
    )
    value = draw.choice(CITIES) if attribute == "city" else str(draw.randint(10, 19))
    return {
        "entity": entity,
        "id": draw.choice(ids) if entity == "lead" else mark + "x",
        "attribute": attribute,
        "value": draw.maybe(value, 0.8),
        "known_at": draw.timestamp(),
    }  # fmt: skip


def load(engine: Engine, tables: Tables) -> History:
    """The tables in an engine, with the types that opening a project's sources gives them."""
    for name, kinds in COLUMNS.items():
        frame = pd.DataFrame(tables[name], columns=list(kinds), dtype="object")
        engine.register(
            name, frame.astype({column: _DTYPES.get(kind, "str") for column, kind in kinds.items()})
        )
    return History(engine, DATA_END, LEAD_ATTRIBUTES, ACCOUNT_ATTRIBUTES, EVENT_PROPERTIES)


def side_by_side(histories: list[Tables]) -> Tables:
    """Many histories as one: their ids differ, so that none knows of the others."""
    return {name: [row for history in histories for row in history[name]] for name in COLUMNS}
