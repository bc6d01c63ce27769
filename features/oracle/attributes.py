"""The oracle's reading of attributes and colleagues: slow, obvious, in plain Python.

Libraries and word lists are shared with the code under test; when a value held, and who counts, is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from leadlens.features.attributes.contact import Phone, read_email, read_phone
from leadlens.features.attributes.lookups import postcode_area
from leadlens.features.attributes.ranges import AGE_BANDS, REVENUE_BANDS, SIZE_BANDS, band_of, range_number
from leadlens.features.attributes.titles import function, seniority
from leadlens.features.plan import AttributeFeature, FeaturePlan

Row = Mapping[str, Any]
_DAY = timedelta(days=1)


def can_be_seen(event: Row, as_of: datetime) -> bool:
    retracted = event.get("retracted_at")
    stands = retracted is None or retracted >= as_of
    return bool(event["occurred_at"] < as_of and event["known_at"] < as_of and stands)


def attribute_value(
    changes: Sequence[Row], feature: AttributeFeature, entity: Row, as_of: datetime
) -> float | str | None:
    """The feature's value for a lead (or an account) as of then."""
    value = known_value(changes, feature.source, feature.column, entity, as_of)
    if feature.reading == "filled":
        return float(value is not None)
    if value is None:
        return None
    beside = known_value(changes, feature.source, feature.beside, entity, as_of) if feature.beside else None
    read = read_value(value, beside, feature, as_of)
    if (
        feature.reading in ("category", "email_country", "phone_country", "postcode_area")
        and read is not None
    ):
        return read if read in feature.categories else "(other)"
    return read


def known_value(changes: Sequence[Row], source: str, column: str, entity: Row, as_of: datetime) -> Any:
    """The value of a column that was known before ``as_of``: as text where ``changes`` hold the attribute."""
    changed = [
        change
        for change in changes
        if change["entity"] == source
        and change["id"] == entity[f"{source}_id"]
        and change["attribute"] == column
    ]
    if not changed:
        return entity.get(column)
    before = [change for change in changed if change["known_at"] < as_of]
    if not before:
        return None
    return max(before, key=lambda change: (change["known_at"], change["value"] or ""))["value"]


def read_value(
    value: Any, beside: str | None, feature: AttributeFeature, as_of: datetime
) -> float | str | None:
    match feature.reading:
        case "number":
            return float(value)
        case "flag":
            return float(value in (True, "true"))
        case "category":
            return str(value)
        case "age":
            return (as_of - (_timestamp(value) or as_of)) / _DAY
        case "years":
            return _years(value, feature, as_of)
        case "range":
            return range_number(value)
        case "size_band" | "revenue_band" | "age_band":
            bands = {"size_band": SIZE_BANDS, "revenue_band": REVENUE_BANDS, "age_band": AGE_BANDS}
            number = _number(value, feature, as_of)
            return None if number is None else band_of(number, bands[feature.reading])
        case "email_kind":
            return read_email(value).kind
        case "email_valid":
            return read_email(value).valid
        case "email_country":
            return read_email(value).country
        case "phone_kind":
            return _phone(value, beside).kind
        case "phone_valid":
            return _phone(value, beside).valid
        case "phone_country":
            return _phone(value, beside).country
        case "seniority":
            return seniority(value)
        case "function":
            return function(value)
        case "postcode_area":
            return postcode_area(value)
        case "filled":
            raise AssertionError("decided without the value")


def _phone(value: Any, beside: str | None) -> Phone:
    """Of a number column's number, its digits; beyond fifteen digits it is no phone number."""
    if isinstance(value, float) or re.fullmatch(r"[0-9]+(\.[0-9]+|e\+[0-9]+)", value):
        if float(value) >= 1e15:
            return Phone(None, None, None)
        value = str(int(float(value)))
    return read_phone(value, beside)


def _number(value: Any, feature: AttributeFeature, as_of: datetime) -> float | None:
    if _timestamp(value) is not None:
        return _years(value, feature, as_of)
    return range_number(value) if isinstance(value, str) else float(value)


def _years(value: Any, feature: AttributeFeature, as_of: datetime) -> float | None:
    """From a date, or from the number of a year."""
    then = _timestamp(value)
    if then is not None:
        years: float = as_of.year - then.year
        if (as_of.month, as_of.day) < (then.month, then.day):  # the birthday is still to come
            years -= 1
    else:
        years = as_of.year - float(value)
    oldest = 120 if feature.family == "demographic" else 9999
    return float(years) if 0 <= years <= oldest else None


def _timestamp(value: Any) -> datetime | None:
    """A timestamp, as it is or as ``changes`` write it; ``None`` for anything else."""
    try:
        return value if isinstance(value, datetime) else datetime.strptime(value, "%Y-%m-%d %H:%M:%S")
    except (TypeError, ValueError):
        return None


def colleague_values(
    tables: Mapping[str, Sequence[Row]],
    plan: FeaturePlan,
    lead: Row,
    leads: Mapping[str, Row],
    as_of: datetime,
) -> dict[str, Any]:
    """What the other leads of the same account, created before ``as_of``, had done by then."""
    others = [
        other["lead_id"]
        for other in leads.values()
        if other["account_id"] is not None
        and other["account_id"] == lead["account_id"]
        and other["lead_id"] != lead["lead_id"]
        and other["created_at"] < as_of
    ]
    events = [
        event
        for event in tables.get("events", ())
        if event["lead_id"] in others and can_be_seen(event, as_of)
    ]
    recent = [event["lead_id"] for event in events if as_of - timedelta(days=30) <= event["occurred_at"]]
    converted = [
        conversion["converted_at"]
        for conversion in tables.get("conversions", ())
        if conversion["lead_id"] in others and conversion["converted_at"] < as_of
    ]
    values = {
        "colleagues": len(others),
        "colleagues_active_30d": len(set(recent)),
        "best_colleague_30d": max((recent.count(other) for other in others), default=0),
        "account_last_activity": _days_since(
            max((event["occurred_at"] for event in events), default=None), as_of
        ),
        "account_conversions": len(converted),
        "account_last_conversion": _days_since(max(converted, default=None), as_of),
    }
    wanted = list(values) if isinstance(plan.colleagues, bool) else plan.colleagues
    return {
        name: value if lead["account_id"] is not None else None
        for name, value in values.items()
        if name in wanted
    }


def _days_since(time: datetime | None, as_of: datetime) -> float | None:
    return None if time is None else (as_of - time) / _DAY
