"""Demographic and firmographic features: one SQL expression per attribute, and the account roll-up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from features.columns import FeatureColumn
from features.engine import Step
from features.history import History
from features.plan import AttributeFeature, FeaturePlan
from features.visibility import known_by

FREE_MAIL = ("gmail.com", "googlemail.com", "yahoo.com", "hotmail.com", "outlook.com", "live.com", "icloud.com",
             "aol.com", "gmx.de", "gmx.net", "web.de", "mail.ru", "proton.me", "protonmail.com", "yandex.ru",
             "qq.com", "163.com", "msn.com", "me.com", "zoho.com")  # fmt: skip

# The first that a title holds decides: "vice president" is asked before "president".
SENIORITY: tuple[tuple[str, str], ...] = (
    ("student", r"\b(student|intern|trainee|apprentice)\b"),
    ("vice president", r"\b(vp|svp|evp|vice president)\b"),
    ("executive", r"\b(ceo|cto|cfo|coo|cmo|cio|ciso|chief|founder|co-founder|owner|president|partner)\b"),
    ("director", r"\b(director|head)\b"),
    ("manager", r"\b(manager|lead|supervisor)\b"),
)

COLLEAGUES = FeatureColumn(
    "colleagues", "Colleagues known at the account", "firmographic", "number", "people",
    "Other leads of the same account, created before the moment.", "account_id is the same",
    "{value} colleagues known at the account", "No account known",
)  # fmt: skip
COLLEAGUES_ACTIVE = FeatureColumn(
    "colleagues_active_30d", "Colleagues active in 30 days", "firmographic", "number", "people",
    "Other leads of the same account with an event in the 30 days before the moment.", "account_id is the same",
    "{value} colleagues active in 30 days", "No account known",
)  # fmt: skip


def attribute_column(feature: AttributeFeature) -> FeatureColumn:
    """What the reader is told about an attribute feature."""
    where = f"{feature.source}s.{feature.column}"
    label, name = feature.label, feature.name
    sentence = {
        "number": f"{where} as known at the moment.",
        "category": f"{where} as known at the moment; rare values are (other).",
        "flag": f"1 if {where} is true.",
        "filled": f"1 if {where} is filled in.",
        "age": f"Days from {where} to the moment.",
        "email_kind": f"Kind of the domain of {where}: free, academic or corporate.",
        "seniority": f"Rank told by {where}.",
    }[feature.reading]
    shown = {
        "filled": f"{label} given",
        "email_kind": "E-mail address",
        "seniority": "Seniority",
        "age": f"Days since {label[:1].lower()}{label[1:]}",
    }.get(feature.reading, label)
    kind: Literal["number", "category"] = (
        "category" if feature.reading in ("category", "email_kind", "seniority") else "number"
    )
    phrase, absent = {
        "filled": (shown, f"{label} not given"),
        "flag": (shown, f"Not so: {shown[:1].lower()}{shown[1:]}"),
        "age": (f"{label} {{value}} days ago", f"{shown}: not known"),
    }.get(feature.reading, (f"{shown}: {{value}}", f"{shown}: not known"))
    unit = {"age": "days", "flag": "yes/no", "filled": "yes/no"}.get(feature.reading, "")
    return FeatureColumn(name, shown, feature.family, kind, unit, sentence, where, phrase, absent)


def attribute_columns(plan: FeaturePlan) -> Iterator[FeatureColumn]:
    """The columns that ``attribute_select`` makes, in order."""
    yield from map(attribute_column, plan.attributes)
    if plan.colleagues:
        yield from (COLLEAGUES, COLLEAGUES_ACTIVE)


def attribute_select(history: History, plan: FeaturePlan) -> list[str]:
    """Expressions over ``lead_as_of AS lead``, ``account_as_of AS account`` and ``colleagues``."""
    quote = history.engine.dialect.quote
    found = [f"{_expression(history, item)} AS {quote(item.name)}" for item in plan.attributes]
    if plan.colleagues:
        found += [f"colleagues.{column.name}" for column in (COLLEAGUES, COLLEAGUES_ACTIVE)]
    return found


def _expression(history: History, feature: AttributeFeature) -> str:
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
        case "category":
            known = ", ".join(map(dialect.literal, feature.categories))
            text = f"CAST({value} AS VARCHAR)"
            return f"CASE WHEN {text} IN ({known}) THEN {text} WHEN {text} IS NOT NULL THEN '(other)' END"
        case "email_kind":
            domain = f"lower(regexp_extract({value}, '@([^@\\s]+)$', 1))"
            free = ", ".join(map(dialect.literal, FREE_MAIL))
            academic = f"regexp_matches({domain}, '(\\.edu(\\.[a-z]+)?|\\.ac\\.[a-z]+)$')"
            return (
                f"CASE WHEN coalesce({domain}, '') = '' THEN NULL WHEN {domain} IN ({free}) THEN 'free' "
                f"WHEN {academic} THEN 'academic' ELSE 'corporate' END"
            )
        case "seniority":
            title = f"lower({value})"
            ranks = " ".join(
                f"WHEN regexp_matches({title}, {dialect.literal(pattern)}) THEN {dialect.literal(rank)}"
                for rank, pattern in SENIORITY
            )
            return f"CASE WHEN {value} IS NULL THEN NULL {ranks} ELSE 'staff' END"


def colleague_steps(history: History, spine: str) -> list[Step]:
    """Steps ending in ``colleagues(row_id, colleagues, colleagues_active_30d)``; NULL without an account."""
    since = history.engine.dialect.minus("s.as_of", timedelta(days=30))
    return [
        Step(
            "colleagues",
            "SELECT s.row_id, CASE WHEN max(l.account_id) IS NULL THEN NULL "
            "ELSE CAST(count(DISTINCT o.lead_id) AS DOUBLE) END AS colleagues, "
            "CASE WHEN max(l.account_id) IS NULL THEN NULL "
            "ELSE CAST(count(DISTINCT e.lead_id) AS DOUBLE) END AS colleagues_active_30d "
            f"FROM {spine} AS s JOIN leads AS l ON l.lead_id = s.lead_id "
            "LEFT JOIN leads AS o ON o.account_id = l.account_id AND o.lead_id <> l.lead_id "
            "AND o.created_at < s.as_of "
            f"LEFT JOIN events AS e ON e.lead_id = o.lead_id AND {known_by()} "
            f"AND e.occurred_at >= {since} GROUP BY s.row_id",
        )
    ]
