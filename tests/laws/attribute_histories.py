"""Small random histories about who leads are: contact data that change, firms, colleagues and their conversions."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from leadlens.features import DuckDBEngine, Engine, History, Step
from leadlens.features.history import Kind
from tests.laws.histories import START, Tables, timestamps

LEADS: dict[str, Kind] = {
    "phone": "text", "country": "category", "email": "text", "title": "text", "born": "time", "age": "category",
    "postcode": "category", "keen": "boolean", "mobile": "number",
}  # fmt: skip
ACCOUNTS: dict[str, Kind] = {
    "size": "category",
    "staff": "number",
    "revenue": "text",
    "founded": "number",
    "since": "time",
}
SQL_TYPES = {
    "leads": {"lead_id": "VARCHAR", "created_at": "TIMESTAMP", "account_id": "VARCHAR", "closed_at": "TIMESTAMP"},
    "accounts": {"account_id": "VARCHAR"},
    "events": {"lead_id": "VARCHAR", "occurred_at": "TIMESTAMP", "known_at": "TIMESTAMP", "retracted_at": "TIMESTAMP",
               "event_type": "VARCHAR"},
    "conversions": {"lead_id": "VARCHAR", "converted_at": "TIMESTAMP", "kind": "VARCHAR"},
    "changes": {"entity": "VARCHAR", "id": "VARCHAR", "attribute": "VARCHAR", "value": "VARCHAR",
                "known_at": "TIMESTAMP"},
}  # fmt: skip
_TYPES = {
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "time": "TIMESTAMP",
    "category": "VARCHAR",
    "text": "VARCHAR",
}

# The days around a birthday, and the leap day, decide how many years have passed.
dates = st.sampled_from(
    [datetime(1990, 2, 28), datetime(1992, 2, 29), datetime(1990, 3, 1, 23), datetime(1960, 4, 26), datetime(2024, 3, 2),
     datetime(1900, 1, 1), datetime(2031, 5, 5)]
)  # fmt: skip
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "phone": st.sampled_from(["+41 79 669 12 34", "044 668 18 00", "0041446681800", "(415) 555-2671", "12", "tel."]),
    "country": st.sampled_from(["CH", "Switzerland", "United States", "Narnia"]),
    "email": st.sampled_from(["a@gmail.com", "b@Firm.io", "c@uzh.ch", "d@x.mailinator.com", "nonsense", "e@.de", " f@web.de "]),
    "title": st.sampled_from(["CEO", "Vice President, Sales", "Leiterin Einkauf", "PhD student", "Gärtner"]),
    "born": dates,
    "age": st.sampled_from(["25-34", "65+", "under 18", "n/a"]),
    "postcode": st.sampled_from(["8001", "80331", "SW1A 1AA", "-"]),
    "keen": st.booleans(),
    "mobile": st.sampled_from([41796691234.0, 12.0, 1e300]),
    "size": st.sampled_from(["1-10", "51–200", "10k+", "self", "5.000 - 10.000"]),
    "staff": st.sampled_from([0.0, 10.0, 11.0, 200.0, 1e6]),
    "revenue": st.sampled_from(["$1M-$5M", "under 1M", "2 Mrd."]),
    "founded": st.sampled_from([1850.0, 1998.0, 2024.0, 2030.0]),
    "since": dates,
}  # fmt: skip


def _change_text(value: Any) -> str | None:
    """A value as ``changes`` hold it."""
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _snapshots(leads: list[dict[str, Any]]) -> st.SearchStrategy[datetime]:
    """As-of timestamps of the laws, and 30 days before: only a tie distinguishes "before" from "not after"."""
    return st.sampled_from(
        [lead["created_at"] + timedelta(days=days) for lead in leads for days in (0, 1, 14, 15, 33, 45)]
    )


@st.composite
def attribute_tables(draw: st.DrawFn) -> Tables:
    """Few leads with many attributes, some of which change."""
    accounts = [
        {"account_id": account, **{name: draw(st.none() | VALUES[name]) for name in ACCOUNTS}}
        for account in "xy"
    ]
    leads = [
        {"lead_id": lead_id, "created_at": draw(timestamps), "account_id": draw(st.sampled_from([None, "x", "y", "z"])),
         "closed_at": None, **{name: draw(st.none() | VALUES[name]) for name in LEADS}}
        for lead_id in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True))
    ]  # fmt: skip
    ties = timestamps | _snapshots(leads)
    changed = [("lead", name) for name in ("phone", "country", "phone", "country", *LEADS)]
    changed += [("account", name) for name in ACCOUNTS]
    changes = []
    for entity, name in draw(st.lists(st.sampled_from(changed), max_size=8)):
        entity_id = draw(st.sampled_from([lead["lead_id"] for lead in leads] if entity == "lead" else "xy"))
        changes.append(
            {"entity": entity, "id": entity_id, "attribute": name, "value": _change_text(draw(st.none() | VALUES[name])),
             "known_at": draw(ties)}
        )  # fmt: skip
    return {"leads": leads, "accounts": accounts, "events": [], "conversions": [], "changes": changes}


@st.composite
def firm_tables(draw: st.DrawFn) -> Tables:
    """Colleagues and what they do: late, retracted, and at the same timestamps."""
    leads: list[dict[str, Any]] = []
    for lead_id in draw(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=7, unique=True)):
        created = draw(timestamps | _snapshots(leads) if leads else timestamps)
        account = draw(st.sampled_from([None, "y", *"xxxxx"]))
        lead = {"lead_id": lead_id, "created_at": created, "account_id": account, "closed_at": None}
        leads.append(lead | dict.fromkeys(LEADS))
    ties = timestamps | _snapshots(leads)
    ids = st.sampled_from([lead["lead_id"] for lead in leads])
    late = st.sampled_from(
        [timedelta(0)] * 3 + [timedelta(microseconds=1), *(timedelta(days=days) for days in (1, 30, 40))]
    )
    events = []
    for _ in range(draw(st.integers(0, 25))):
        known = draw(ties)
        occurred = known - draw(late)
        retracted = draw(st.none() | st.none() | ties | st.just(known) | st.just(known + timedelta(days=2)))
        events.append(
            {"lead_id": draw(ids), "occurred_at": occurred, "known_at": known, "retracted_at": retracted,
             "event_type": "call"}
        )  # fmt: skip
    conversions = [
        {"lead_id": draw(ids), "converted_at": draw(ties), "kind": None}
        for _ in range(draw(st.integers(0, 5)))
    ]
    return {"leads": leads, "accounts": [], "events": events, "conversions": conversions, "changes": []}


@cache
def _engine() -> DuckDBEngine:
    return DuckDBEngine(threads=1)


def open_attribute_tables(found: Tables, engine: Engine | None = None) -> History:
    """The tables in an engine (one for the whole process), typed, without the cleaning that sources get."""
    engine = engine or _engine()
    kinds = {"leads": LEADS, "accounts": ACCOUNTS}
    for name, types in SQL_TYPES.items():
        types = types | {column: _TYPES[kind] for column, kind in kinds.get(name, {}).items()}
        frame = pd.DataFrame(found[name], columns=list(types), dtype="object")
        columns = ", ".join(f'CAST("{column}" AS {kind}) AS "{column}"' for column, kind in types.items())
        engine.register("incoming", frame)
        engine.run([Step(name, f"SELECT {columns} FROM incoming")])
    return History(engine, START + timedelta(days=75), LEADS, ACCOUNTS, {})
