"""Choose how each column of leads and accounts is read, from its name, its kind and its values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from features.history import History, Kind
from features.phrases import words
from features.plan import AttributeFeature, Reading

if TYPE_CHECKING:
    from features.planning import FeatureSettings


def plan_attributes(history: History, settings: FeatureSettings, spine: str) -> tuple[AttributeFeature, ...]:
    chosen: list[AttributeFeature] = []
    for source, attributes in (("lead", history.lead_attributes), ("account", history.account_attributes)):
        for column, kind in attributes.items():
            if column in settings.drop or (history.clock != "time" and kind == "time"):
                continue
            if source == "account" or column in settings.firmographic:
                family = "firmographic"
            else:
                family = "behavioural" if column in settings.behavioural else "demographic"
            for reading in _readings(column, kind):
                categories: tuple[str, ...] = ()
                if reading == "category":
                    categories = _categories(history, source, column, settings, spine)
                    if not categories:
                        continue
                label = settings.labels.get(column, words(column))
                chosen.append(AttributeFeature(source, column, reading, label, family, categories))  # type: ignore[arg-type]
    return tuple(chosen)


def _readings(column: str, kind: Kind) -> tuple[Reading, ...]:
    name = column.lower()
    if kind in ("category", "text"):
        if re.search(r"e.?mail", name):
            return ("email_kind",)
        if re.search(r"phone|mobile", name):
            return ("filled",)
        if re.search(r"(^|_|job)title$", name):
            return ("seniority",) if kind == "text" else ("seniority", "category")
    readings: dict[Kind, tuple[Reading, ...]] = {
        "number": ("number",),
        "boolean": ("flag",),
        "category": ("category",),
        "time": ("age",),
        "text": ("filled",),
    }
    return readings[kind]


def _categories(
    history: History, source: str, column: str, settings: FeatureSettings, spine: str
) -> tuple[str, ...]:
    quoted = history.engine.dialect.quote(column)
    join = "JOIN leads AS l ON l.lead_id = s.lead_id"
    if source == "account":
        join += " JOIN accounts AS a ON a.account_id = l.account_id"
    value = f"CAST({'l' if source == 'lead' else 'a'}.{quoted} AS VARCHAR)"
    found = history.engine.frame(
        f"SELECT {value} AS v, count(DISTINCT s.lead_id) AS n FROM {spine} AS s {join} WHERE {value} IS NOT NULL "
        f"GROUP BY 1 HAVING count(DISTINCT s.lead_id) >= 5 ORDER BY n DESC, v LIMIT {settings.max_categories}"
    )
    return tuple(found["v"])
