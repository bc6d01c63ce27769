"""The oracle's reading of attributes and colleagues: slow, obvious, in plain Python."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from features.attributes import FREE_MAIL, SENIORITY
from features.plan import AttributeFeature

Row = Mapping[str, Any]
_DAY = timedelta(days=1)


def known_value(changes: Sequence[Row], feature: AttributeFeature, entity: Row, as_of: datetime) -> Any:
    told = [
        change
        for change in changes
        if change["entity"] == feature.source
        and change["id"] == entity[f"{feature.source}_id"]
        and change["attribute"] == feature.column
    ]
    if not told:
        return entity.get(feature.column)
    before = [change for change in told if change["known_at"] < as_of]
    if not before:
        return None
    value = max(before, key=lambda change: (change["known_at"], change["value"] or ""))["value"]
    return float(value) if feature.reading == "number" and value is not None else value


def read_value(value: Any, feature: AttributeFeature, as_of: datetime) -> Any:
    if feature.reading == "filled":
        return float(value is not None)
    if value is None:
        return None
    match feature.reading:
        case "number" | "flag":
            return float(value)
        case "age":
            return (as_of - value) / _DAY
        case "category":
            return str(value) if str(value) in feature.categories else "(other)"
        case "email_kind":
            found = re.search(r"@([^@\s]+)$", value)
            if not found:
                return None
            domain = found[1].lower()
            academic = re.search(r"(\.edu(\.[a-z]+)?|\.ac\.[a-z]+)$", domain)
            return "free" if domain in FREE_MAIL else "academic" if academic else "corporate"
        case "seniority":
            return next((rank for rank, pattern in SENIORITY if re.search(pattern, value.lower())), "staff")


def colleague_values(
    tables: Mapping[str, Sequence[Row]], lead: Row, leads: Mapping[str, Row], as_of: datetime
) -> dict[str, Any]:
    if lead["account_id"] is None:
        return {"colleagues": None, "colleagues_active_30d": None}
    others = {
        other["lead_id"]
        for other in leads.values()
        if other["account_id"] == lead["account_id"]
        and other["lead_id"] != lead["lead_id"]
        and other["created_at"] < as_of
    }
    active = {
        event["lead_id"]
        for event in tables.get("events", ())
        if event["lead_id"] in others
        and as_of - timedelta(days=30) <= event["occurred_at"] < as_of
        and event["known_at"] < as_of
    }
    return {"colleagues": len(others), "colleagues_active_30d": len(active)}
