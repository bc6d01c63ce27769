"""Spine and labels in plain Python: slow, obvious, what every engine is held against."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from leadlens.features.conformance.world import Tables
from leadlens.features.spine import SpinePolicy


def oracle_spine(tables: Tables, policy: SpinePolicy, data_end: datetime) -> list[dict[str, Any]]:
    """``row_id, lead_id, as_of`` of every open lead, by as_of and id."""
    rows = set()
    for lead in tables["leads"]:
        for as_of in _snapshots(tables, lead, policy, data_end):
            if as_of is not None and _open(tables, lead, as_of, policy) and as_of <= data_end:
                rows.add((as_of, lead["lead_id"]))
    return [
        {"row_id": row_id, "lead_id": lead_id, "as_of": as_of}
        for row_id, (as_of, lead_id) in enumerate(sorted(rows))
    ]


def _snapshots(
    tables: Tables, lead: dict[str, Any], policy: SpinePolicy, data_end: datetime
) -> list[datetime | None]:
    if policy.column:
        return [lead[policy.column]]
    if policy.dates:
        return list(policy.dates)
    if policy.every:
        first = min(other["created_at"] for other in tables["leads"])
        day = datetime(first.year, first.month, first.day)
        return [day + number * policy.every for number in range((data_end - day) // policy.every + 1)]
    return [lead["created_at"] + age for age in policy.at_ages or (timedelta(0),)]


def _open(tables: Tables, lead: dict[str, Any], as_of: datetime, policy: SpinePolicy) -> bool:
    if lead["created_at"] > as_of or (policy.since and lead["created_at"] < policy.since):
        return False
    if lead["closed_at"] is not None and lead["closed_at"] < as_of:
        return False
    past = [item for item in _matching(tables, lead["lead_id"], policy.kinds) if item < as_of]
    return policy.repeat or not past


def oracle_label(
    tables: Tables,
    lead_id: str,
    as_of: datetime,
    horizon: timedelta,
    kinds: tuple[str, ...],
    data_end: datetime,
) -> dict[str, Any]:
    """``label`` and ``converted_at`` of one row."""
    later = [item for item in _matching(tables, lead_id, kinds) if as_of <= item < as_of + horizon]
    unlabelled = any(item["lead_id"] == lead_id for item in tables["unlabelled"])
    mature = as_of + horizon <= data_end and not unlabelled
    return {"label": int(bool(later)) if mature else None, "converted_at": min(later, default=None)}


def _matching(tables: Tables, lead_id: str, kinds: tuple[str, ...]) -> list[datetime]:
    return [
        item["converted_at"]
        for item in tables["conversions"]
        if item["lead_id"] == lead_id and (not kinds or item["kind"] in kinds)
    ]
