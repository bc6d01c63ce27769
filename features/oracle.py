"""The slow, obvious way to compute features, in plain Python: what every engine is held against.

One loop per spine row over all events of the lead, no SQL, no windows merged, nothing cached.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from features.attributes import FREE_MAIL, SENIORITY
from features.durations import compact
from features.plan import AttributeFeature, EventKey, FeaturePlan

Row = Mapping[str, Any]
_DAY = timedelta(days=1)


def oracle_features(
    tables: Mapping[str, Sequence[Row]], plan: FeaturePlan, spine: Sequence[Row]
) -> list[dict[str, Any]]:
    """One dict of feature values per spine row; ``None`` means unknown.

    ``tables`` holds the contract tables as lists of rows (moments as ``datetime``, unknown as ``None``).
    Behaviours given by a free condition (``EventKey.when``) are not evaluated: the oracle knows no SQL.
    """
    leads = {lead["lead_id"]: lead for lead in tables["leads"]}
    accounts = {account["account_id"]: account for account in tables.get("accounts", ())}
    return [_row(tables, plan, row["as_of"], leads[row["lead_id"]], leads, accounts) for row in spine]


def _row(
    tables: Mapping[str, Sequence[Row]],
    plan: FeaturePlan,
    as_of: datetime,
    lead: Row,
    leads: Mapping[str, Row],
    accounts: Mapping[str, Row],
) -> dict[str, Any]:
    seen = [
        event
        for event in tables.get("events", ())
        if event["lead_id"] == lead["lead_id"] and event["occurred_at"] < as_of and event["known_at"] < as_of
    ]
    values: dict[str, Any] = {}
    for key in plan.keys:
        values.update(_behaviour(plan, key, [event for event in seen if _belongs(event, key)], as_of))
    if plan.last_actions:
        values["last_action"] = _last_action(seen, plan)
    if plan.lead_age:
        values["lead_age"] = (as_of - lead["created_at"]) / _DAY
    account = accounts.get(lead["account_id"], {"account_id": lead["account_id"]})
    for feature in plan.attributes:
        entity = lead if feature.source == "lead" else account
        known = _known_value(tables.get("changes", ()), feature, entity, as_of)
        values[feature.name] = _read(known, feature, as_of)
    if plan.colleagues:
        values.update(_colleagues(tables, lead, leads, as_of))
    return values


def _belongs(event: Row, key: EventKey) -> bool:
    if key.when:
        raise NotImplementedError("the oracle evaluates no SQL")
    if key.event_type is not None and event["event_type"] != key.event_type:
        return False
    return key.prop is None or (event[key.prop] is not None and str(event[key.prop]) == key.value)


def _behaviour(plan: FeaturePlan, key: EventKey, events: list[Row], as_of: datetime) -> dict[str, Any]:
    ages = [(as_of - event["occurred_at"]) / _DAY for event in events]
    values: dict[str, Any] = {"count": len(events)}
    for window in plan.windows:
        values[f"count_{compact(window)}"] = sum(event["occurred_at"] >= as_of - window for event in events)
    values["active_days"] = len({event["occurred_at"].date() for event in events})
    values["recency"] = min(ages, default=None)
    values["decayed"] = sum(2.0 ** (-age / (plan.half_life / _DAY)) for age in ages)
    if key.rhythm:
        span = max(ages) - min(ages) if ages else 0.0
        values["first"] = max(ages, default=None)
        values["gap"] = span / (len(ages) - 1) if len(ages) > 1 else None
        values["overdue"] = min(ages) * (len(ages) - 1) / span if span else None
    for name in key.amounts:
        amounts = [event[name] for event in events if event[name] is not None]
        values[f"sum_{name}"] = sum(amounts)
        values[f"mean_{name}"] = sum(amounts) / len(amounts) if amounts else None
    return {f"{key.name}__{name}": value for name, value in values.items()}


def _last_action(seen: list[Row], plan: FeaturePlan) -> str | None:
    if not seen:
        return None
    last = max(seen, key=lambda event: (event["occurred_at"], event["event_type"]))["event_type"]
    return last if last in plan.last_actions else "(other)"


def _known_value(changes: Sequence[Row], feature: AttributeFeature, entity: Row, as_of: datetime) -> Any:
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


def _read(value: Any, feature: AttributeFeature, as_of: datetime) -> Any:
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


def _colleagues(
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
