"""Random rows of the sources: ties, late events, gaps, padded ids, texts that mean nothing, the far future."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.laws.nights.files import Row

START = datetime(2024, 2, 26)  # the span holds a leap day
FUTURE = datetime(2190, 1, 1)
# Snapshot ages of the laws: what becomes known exactly then distinguishes "before" from "not after".
AGES = (timedelta(0), timedelta(days=1), timedelta(days=7, microseconds=1))
NAMES = ("L1", "L2", "L3", "Ünïcødé 李", "d'Arc; --", "L10", "l1")
NUMBERS = ("1", "2", "3", "10", "11", "20", "30")
NO_VALUE = "n/a"  # what sources write for a missing text; the project file may say so under `missing`, too
TYPES = ("page_viewed", "email_opened", "email_clicked", "noise")
PAGES = ("Pricing", "Careers", "Docs")


def timestamp(rng: Random) -> datetime:
    """Whole days and hours make ties and window edges likely; microseconds make them miss by a hair."""
    hours, micros = rng.choice((0, 0, 0, 1, 12, 23)), rng.choice((0, 0, 0, 0, 1, 123_456))
    return START + timedelta(days=rng.randint(0, 40), hours=hours, microseconds=micros)


def maybe(rng: Random, value: Any, share: float = 0.5) -> Any:
    """The value, else ``None``."""
    return value if rng.random() < share else None


def lead(rng: Random, lead_id: str) -> Row:
    return {
        "lead_id": lead_id,
        "created_at": timestamp(rng),
        "account_id": rng.choice((None, "x", "y", " x")),
        "closed_at": maybe(rng, timestamp(rng), 0.2),
        "income": maybe(rng, float(rng.randint(0, 9)), 0.8),
        "city": rng.choice((None, "Bern", "Rome", "Nowhere", NO_VALUE)),
        "keen": rng.choice((None, True, False)),
        "born": maybe(rng, datetime(1990, 2, rng.randint(1, 28)), 0.8),
        "email": rng.choice((None, "a@gmail.com", "b@firm.io", "c@ours.com", "test@firm.io")),
        "won": rng.choice((None, "yes", "no", "YES")),
        "secret": rng.choice((None, "s")),
    }


def account(rng: Random, account_id: str) -> Row:
    return {
        "account_id": account_id,
        "industry": rng.choice((None, "IT", "Steel")),
        "staff": float(rng.randint(1, 9)),
    }


def event(rng: Random, event_id: str | None, ids: Sequence[str], created: Sequence[datetime]) -> Row:
    """An event of one of these leads; it often becomes known at a snapshot of one of them."""
    known = rng.choice(created) + rng.choice(AGES) if created and rng.random() < 0.4 else timestamp(rng)
    late = rng.choice(
        (timedelta(0), timedelta(0), timedelta(microseconds=1), timedelta(days=1), timedelta(days=9))
    )
    lead_id = rng.choice(ids)
    return {
        "event_id": event_id,
        "lead_id": f" {lead_id} " if rng.random() < 0.05 else maybe(rng, lead_id, 0.97),
        "occurred_at": rng.choice((FUTURE, None)) if rng.random() < 0.05 else known - late,
        "known_at": known - timedelta(days=20) if rng.random() < 0.05 else maybe(rng, known, 0.6),
        "event_type": maybe(rng, rng.choice(TYPES), 0.97),
        "retracted_at": maybe(rng, rng.choice((known, timestamp(rng))), 0.15),
        "page": rng.choice((None, *PAGES, NO_VALUE, " Pricing ")),
        "amount": maybe(rng, rng.choice((0.1, 0.2, 2.0, 1e6, -3.5, -1.0)), 0.7),
        "paid": rng.choice((None, True, False)),
        "due": maybe(rng, timestamp(rng)),
        "campaign": rng.choice((None, "spring", "autumn")),
        "code": maybe(rng, rng.choice(("7", "12", "7", "12", "007", "x7")), 0.6),
    }


def burst(rng: Random, event_ids: Sequence[str], lead_id: str) -> list[Row]:
    """Clicks of a lead within seconds, as a link scanner makes them."""
    first, rows = timestamp(rng), []
    for event_id in event_ids:
        row = event(rng, event_id, [lead_id], ())
        at = first + timedelta(seconds=rng.randint(0, 12) * 2)
        row |= {"lead_id": lead_id, "occurred_at": at, "event_type": "email_clicked", "campaign": "spring"}
        row["known_at"] = maybe(rng, at + rng.choice((timedelta(0), timedelta(days=2))))
        rows.append(row)
    return rows


def conversion(rng: Random, ids: Sequence[str]) -> Row:
    return {
        "lead_id": rng.choice(ids),
        "converted_at": FUTURE if rng.random() < 0.05 else maybe(rng, timestamp(rng), 0.95),
        "kind": rng.choice((None, "sale", "trial")),
        "product": None,
        "value": maybe(rng, float(rng.randint(1, 9))),
    }


def change(rng: Random, ids: Sequence[str]) -> Row:
    """Of an attribute of a lead or an account; some of attributes, ids or entities that are not there."""
    entity = rng.choice(("lead", "lead", "Lead", "account", "deal"))
    named = {"account": ("industry", "staff", "colour")}.get(
        entity.lower(), ("income", "city", "keen", "secret", "created_at", "colour")
    )
    attribute = rng.choice(named)
    value = {"income": ("12", "13.5", "many"), "staff": ("4", "few"), "keen": ("true", "perhaps")}.get(
        attribute, ("Oslo", "IT")
    )
    return {
        "entity": entity,
        "id": rng.choice(("x", "z") if entity == "account" else ids),
        "attribute": attribute,
        "value": maybe(rng, rng.choice(value), 0.9),
        "known_at": FUTURE if rng.random() < 0.05 else timestamp(rng),
    }


def alias(rng: Random, old_id: str, lead_id: str) -> Row:
    return {"old_id": old_id, "lead_id": lead_id, "merged_at": maybe(rng, timestamp(rng))}


def verdict(rng: Random, ids: Sequence[str]) -> Row:
    return {
        "lead_id": rng.choice(ids),
        "given_at": FUTURE if rng.random() < 0.05 else timestamp(rng),
        "verdict": rng.choice(("accepted", "Yes", "no", "rejected", "1", None)),
        "reason": rng.choice((None, "budget", "size")),
        "by": rng.choice((None, "ann", "bob")),
    }


def answer(rng: Random, ids: Sequence[str]) -> Row:
    return {
        "lead_id": rng.choice(ids),
        "answered_at": timestamp(rng),
        "question": rng.choice(("why", "how", None)),
        "answer": rng.choice(("ads", "friends")),
    }
