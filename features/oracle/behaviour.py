"""The oracle's reading of behaviour: loops over the events of one lead, in plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from leadlens.features.durations import format_duration
from leadlens.features.plan import EventKey, FeaturePlan, Touch

Row = Mapping[str, Any]
_DAY = timedelta(days=1)


def behaviour_values(plan: FeaturePlan, seen: Sequence[Row], as_of: datetime) -> dict[str, Any]:
    """The behavioural features of a lead, from the events that are visible as of then."""
    values: dict[str, Any] = {}
    for key in plan.keys:
        mine = [event for event in seen if _belongs(event, key)]
        measures = _counts(plan, key, mine, as_of)
        if key.share and any(other.cadence for other in plan.keys):
            measures["share"] = len(mine) / len(seen) if seen else None
        if key.cadence:
            measures.update(_cadence(plan, mine, as_of))
        measures.update(_amounts(plan, key, mine, as_of))
        values.update({f"{key.name}__{name}": value for name, value in measures.items()})
    for rate in plan.rates:
        above, below = (values[f"{name}__count"] for name in (rate.numerator, rate.denominator))
        values[rate.name] = above / below if below else None
    for touch in plan.touches:
        values[touch.name] = _touch(touch, seen)
    return values


def purchase_values(conversions: Sequence[Row], lead_id: str, as_of: datetime) -> dict[str, Any]:
    """What the lead bought strictly before ``as_of``."""
    mine = [item for item in conversions if item["lead_id"] == lead_id and item["converted_at"] < as_of]
    ages = sorted(as_of - item["converted_at"] for item in mine)
    paid = [item["value"] for item in mine if item["value"] is not None]
    return {
        "bought__count": len(mine),
        "bought__recency": ages[0] / _DAY if ages else None,
        "bought__gap": (ages[-1] - ages[0]) / _DAY / (len(ages) - 1) if len(ages) > 1 else None,
        "bought__sum_value": sum(paid),
        "bought__mean_value": sum(paid) / len(paid) if paid else None,
    }


def _belongs(event: Row, key: EventKey) -> bool:
    if key.when:
        raise NotImplementedError("the oracle evaluates no SQL")
    if key.event_type is not None and event["event_type"] != key.event_type:
        return False
    return key.prop is None or (event[key.prop] is not None and str(event[key.prop]) == key.value)


def _days(events: Sequence[Row]) -> int:
    return len({event["occurred_at"].date() for event in events})


def _within(events: Sequence[Row], as_of: datetime, window: timedelta) -> list[Row]:
    return [event for event in events if event["occurred_at"] >= as_of - window]


def _counts(plan: FeaturePlan, key: EventKey, events: list[Row], as_of: datetime) -> dict[str, Any]:
    ages = [(as_of - event["occurred_at"]) / _DAY for event in events]
    return {
        "count": len(events),
        **{
            f"count_{format_duration(window)}": len(_within(events, as_of, window)) for window in plan.windows
        },
        "active_days": _days(events),
        "recency": min(ages, default=None),
        "decayed": sum(2.0 ** (-age / (plan.half_life / _DAY)) for age in ages),
    }


def _cadence(plan: FeaturePlan, events: list[Row], as_of: datetime) -> dict[str, Any]:
    times = sorted(event["occurred_at"] for event in events)
    ages = [as_of - time for time in times]
    span = ages[0] - ages[-1] if ages else timedelta(0)  # exact: differences of days as floats are not
    week, month = (len(_within(events, as_of, timedelta(days=days))) for days in (7, 28))
    values: dict[str, Any] = {
        "first": ages[0] / _DAY if ages else None,
        "gap": span / _DAY / (len(ages) - 1) if len(ages) > 1 else None,
        "overdue": ages[-1] * (len(ages) - 1) / span if span else None,
        "trend": week - (month - week) / 3,
        "surge": int(week >= 3 and week >= month - week),
        **{
            f"active_days_{format_duration(window)}": _days(_within(events, as_of, window))
            for window in plan.windows
        },
    }
    if plan.hours:
        begun = [
            time
            for place, time in enumerate(times)
            if place == 0 or time - times[place - 1] >= timedelta(minutes=30)
        ]
        count = len(times)
        values["sessions"] = len(begun)
        for window in plan.windows:
            values[f"sessions_{format_duration(window)}"] = sum(time >= as_of - window for time in begun)
        values["per_session"] = count / len(begun) if begun else None
        office = sum(time.isoweekday() <= 5 and 8 <= time.hour < 18 for time in times)
        values["office_hours"] = office / count if count else None
        values["weekend"] = sum(time.isoweekday() >= 6 for time in times) / count if count else None
    return values


def _amounts(plan: FeaturePlan, key: EventKey, events: list[Row], as_of: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in key.amounts:
        filled = [event for event in events if event[name] is not None]
        total = sum(event[name] for event in filled)
        values[f"sum_{name}"] = total
        for window in plan.windows if key.cadence else ():
            values[f"sum_{name}_{format_duration(window)}"] = sum(
                event[name] for event in _within(filled, as_of, window)
            )
        values[f"mean_{name}"] = total / len(filled) if filled else None
    return values


def _touch(touch: Touch, seen: Sequence[Row]) -> str | None:
    filled = [event for event in seen if event[touch.column] is not None]
    if not filled:
        return None
    edge = (max if touch.which == "last" else min)(event["occurred_at"] for event in filled)
    values = {str(event[touch.column]) for event in filled if event["occurred_at"] == edge}
    # Of several values at the same time, the most frequent one of the plan.
    return next((value for value in touch.categories if value in values), "(other)")
