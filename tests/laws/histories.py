"""Small random histories with every nuisance: ties, late events, repeated ids, gaps, sub-second timestamps."""

from __future__ import annotations

import atexit
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from leadlens.features import DuckDBEngine, History, Step

START = datetime(2024, 2, 26)  # the span holds a leap day and both DST days of Europe and the US
SQL_TYPES = {
    "leads": {"lead_id": "VARCHAR", "created_at": "TIMESTAMP", "account_id": "VARCHAR", "closed_at": "TIMESTAMP",
              "income": "DOUBLE", "city": "VARCHAR", "email": "VARCHAR", "title": "VARCHAR"},
    "accounts": {"account_id": "VARCHAR", "industry": "VARCHAR", "staff": "DOUBLE"},
    "events": {"event_id": "VARCHAR", "lead_id": "VARCHAR", "occurred_at": "TIMESTAMP", "known_at": "TIMESTAMP",
               "event_type": "VARCHAR", "page": "VARCHAR", "value": "DOUBLE", "retracted_at": "TIMESTAMP"},
    "conversions": {"lead_id": "VARCHAR", "converted_at": "TIMESTAMP", "kind": "VARCHAR", "product": "VARCHAR",
                    "value": "DOUBLE"},
    "changes": {"entity": "VARCHAR", "id": "VARCHAR", "attribute": "VARCHAR", "value": "VARCHAR",
                "known_at": "TIMESTAMP"},
}  # fmt: skip
Tables = dict[str, list[dict[str, Any]]]

# Whole days and hours make ties and window edges likely; microseconds make them miss by a hair.
timestamps = st.builds(
    lambda days, hours, micros: START + timedelta(days=days, hours=hours, microseconds=micros),
    st.integers(0, 60), st.sampled_from([0, 0, 0, 1, 12, 23]), st.sampled_from([0, 0, 0, 1, 999_999, 123_456]),
)  # fmt: skip
# The snapshot ages of the laws; things become known or are retracted at them more often than by chance:
# only a tie distinguishes "before" from "not after".
AGES = (timedelta(0), timedelta(days=1), timedelta(days=7, microseconds=1))
lead_ids = st.sampled_from(["a", "b", "Ünïcødé 李", "d'Arc; --"])


@st.composite
def tables(draw: st.DrawFn) -> Tables:
    leads = [
        {"lead_id": lead_id, "created_at": draw(timestamps), "account_id": draw(st.sampled_from([None, "x", "y"])),
         "closed_at": draw(st.none() | timestamps), "income": draw(st.none() | st.integers(0, 9).map(float)),
         "city": draw(st.sampled_from([None, "Bern", "Rome", "Oslo"])),
         "email": draw(st.sampled_from([None, "a@gmail.com", "b@Firm.io", "c@mit.edu", "nonsense"])),
         "title": draw(st.sampled_from([None, "CEO", "Vice President, Sales", "Team Lead", "Clerk", "PhD student"]))}
        for lead_id in draw(st.lists(lead_ids, min_size=1, max_size=4, unique=True))
    ]  # fmt: skip
    ids = st.sampled_from([lead["lead_id"] for lead in leads])
    ties = timestamps | st.sampled_from([lead["created_at"] + age for lead in leads for age in AGES])
    events = []
    late = st.sampled_from(
        [timedelta(0)] * 3 + [timedelta(microseconds=1), timedelta(days=1), timedelta(days=9)]
    )
    for number in range(draw(st.integers(0, 14))):
        known, delay = draw(ties), draw(late)
        events.append(
            {"event_id": f"e{number}", "lead_id": draw(ids), "occurred_at": known - delay, "known_at": known,
             "event_type": draw(st.sampled_from(["page_viewed", "email_opened", "call"])),
             "page": draw(st.sampled_from([None, "Pricing", "Careers"])),
             "value": draw(st.none() | st.sampled_from([0.1, 2.0, 1e6, -3.5])),
             "retracted_at": draw(ties) if draw(st.integers(0, 4)) == 4 else None}
        )  # fmt: skip
    conversions = [
        {"lead_id": draw(ids), "converted_at": draw(ties), "kind": None, "product": None, "value": None}
        for _ in range(draw(st.integers(0, 3)))
    ]
    changed = draw(st.lists(st.tuples(ids, ties), max_size=4))
    changes = [
        {
            "entity": "lead",
            "id": lead_id,
            "attribute": "income",
            "value": draw(st.none() | st.integers(10, 19).map(str)),
            "known_at": at,
        }
        for lead_id, at in changed
    ]
    accounts = [{"account_id": "x", "industry": "IT", "staff": 12.0}]
    return {
        "leads": leads,
        "accounts": accounts,
        "events": events,
        "conversions": conversions,
        "changes": changes,
    }


@cache
def _engine() -> DuckDBEngine:
    engine = DuckDBEngine()
    atexit.register(engine.connection.close)
    engine.connection.execute(
        "SET threads = 1"
    )  # tiny tables: starting threads would cost more than the work
    return engine


def open_tables(found: Tables) -> History:
    """The tables in an engine (one for the whole process), typed, without the cleaning that sources get."""
    engine = _engine()
    for name, types in SQL_TYPES.items():
        rows = [dict.fromkeys(types) | row for row in found[name]]
        frame = pd.DataFrame(rows, columns=list(types), dtype="object")
        columns = ", ".join(f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in types.items())
        engine.register("incoming", frame)
        engine.run([Step(name, f"SELECT {columns} FROM incoming")])
    engine.run([Step("unlabelled", "SELECT lead_id FROM leads WHERE FALSE")])
    return History(
        engine,
        START + timedelta(days=75),
        {"income": "number", "city": "category", "email": "text", "title": "text"},
        {"industry": "category", "staff": "number"},
        {"page": "category", "value": "number"},
    )
