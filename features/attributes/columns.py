"""Demographic and firmographic features: one SQL expression per attribute, over the values as of then."""

from __future__ import annotations

from collections.abc import Iterator

from leadlens.features.accounts.rollups import colleague_steps, rollups
from leadlens.features.attributes.lookups import (
    kind_of,
    lookup_columns,
    lookup_joins,
    lookup_steps,
    make_lookups,
)
from leadlens.features.attributes.ranges import AGE_BANDS, REVENUE_BANDS, SIZE_BANDS, Band
from leadlens.features.attributes.wording import attribute_column
from leadlens.features.columns import FeatureColumn
from leadlens.features.history import History
from leadlens.features.plan import AttributeFeature, FeaturePlan

__all__ = [
    "attribute_column", "attribute_columns", "attribute_select", "colleague_steps", "lookup_joins", "lookup_steps",
    "make_lookups",
]  # fmt: skip
_BANDS = {"size_band": SIZE_BANDS, "revenue_band": REVENUE_BANDS, "age_band": AGE_BANDS}
OLDEST_PERSON = 120  # a birth date of 1900-01-01 stands for "not known"


def attribute_columns(plan: FeaturePlan) -> Iterator[FeatureColumn]:
    """The columns that ``attribute_select`` makes, in order."""
    yield from map(attribute_column, plan.attributes)
    yield from rollups(plan)


def attribute_select(history: History, plan: FeaturePlan) -> list[str]:
    """Expressions over ``s`` (a spine), ``lead_as_of AS lead``, ``account_as_of AS account``, ``lookup_joins`` and ``colleagues``."""
    quote = history.engine.dialect.quote
    read = lookup_columns(history, plan)
    columns = [
        f"{expression(history, item, read.get(item))} AS {quote(item.name)}" for item in plan.attributes
    ]
    return columns + [f"colleagues.{column.name}" for column in rollups(plan)]


def expression(history: History, feature: AttributeFeature, read: str | None) -> str:
    """SQL of one feature; ``read`` is the column of its lookup, if it has one."""
    dialect = history.engine.dialect
    value = f"{feature.source}.{dialect.quote(feature.column)}"
    match feature.reading:
        case "number":
            return f"CAST({value} AS DOUBLE)"
        case "flag":
            return f"CASE WHEN {value} THEN 1.0 WHEN NOT {value} THEN 0.0 END"
        case "filled":
            return f"CASE WHEN {value} IS NULL THEN 0.0 ELSE 1.0 END"
        case "age":
            return f"{dialect.seconds_between('s.as_of', value)} / 86400.0"
        case "years":
            return _years(history, feature, value)
        case "category":
            return _known(history, feature, dialect.text(value))
        case "email_country" | "phone_country" | "postcode_area":
            return _known(history, feature, str(read))
        case "size_band" | "revenue_band" | "age_band":
            is_date = kind_of(history, feature.source, feature.column) == "time"
            number = read or (_years(history, feature, value) if is_date else f"CAST({value} AS DOUBLE)")
            return _banded(history, number, _BANDS[feature.reading])
        case _:
            return str(read)


def _known(history: History, feature: AttributeFeature, text: str) -> str:
    """Frequent values as they are, others as one."""
    known = ", ".join(map(history.engine.dialect.literal, feature.categories)) or "NULL"
    return f"CASE WHEN {text} IN ({known}) THEN {text} WHEN {text} IS NOT NULL THEN '(other)' END"


def _banded(history: History, number: str, bands: tuple[Band, ...]) -> str:
    literal = history.engine.dialect.literal
    cases = " ".join(
        f"WHEN {number} >= {literal(float(least))} THEN {literal(name)}" for least, name in bands[::-1]
    )
    return f"CASE {cases} END"


def _years(history: History, feature: AttributeFeature, value: str) -> str:
    """Birthdays since a date, or years since a year's number; NULL where that lies ahead."""
    if kind_of(history, feature.source, feature.column) == "number":
        passed = f"year(s.as_of) - {value}"
    else:
        today, then = (f"month({at}) * 100 + day({at})" for at in ("s.as_of", value))
        passed = f"year(s.as_of) - year({value}) - CASE WHEN {today} < {then} THEN 1 ELSE 0 END"
    least, most = 0, OLDEST_PERSON if feature.family == "demographic" else 9999
    return f"CAST(CASE WHEN {passed} BETWEEN {least} AND {most} THEN {passed} END AS DOUBLE)"
