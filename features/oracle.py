"""The slow, obvious way to compute features, in plain Python: what every engine is held against.

One loop per spine row over all events of the lead, no SQL, no windows merged, nothing cached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from features.durations import compact
from features.oracle_attributes import colleague_values, known_value, read_value
from features.plan import EventKey, FeaturePlan

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
        known = known_value(tables.get("changes", ()), feature, entity, as_of)
        values[feature.name] = read_value(known, feature, as_of)
    if plan.colleagues:
        values.update(colleague_values(tables, lead, leads, as_of))
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
