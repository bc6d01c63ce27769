"""The lines that a learned sheet may have: what a marketer could write of these data, worded as one would."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from leadlens.features import UsageError, humanize
from leadlens.features.attributes.as_of import attribute_steps
from leadlens.features.conditions.condition import Condition
from leadlens.features.durations import format_duration
from leadlens.features.history import History, Kind
from leadlens.features.plan import AttributeFeature, EventKey, FeaturePlan
from leadlens.features.spine import Spine

MOST_VALUES = 200  # of a category
_QUANTILES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_TIMES = (2, 3, 5, 10)


@dataclass(frozen=True)
class Candidate:
    """A line without points: ``settings`` as in the file. ``column`` and ``value`` are those of one value of an attribute,
    so that lines of several values can be put together."""

    section: str
    label: str
    settings: dict[str, Any] = field(hash=False)
    column: str = ""
    value: str = ""


def candidates(
    history: History, plan: FeaturePlan, spine: Spine, dropped: Collection[str] = ()
) -> list[Candidate]:
    """Lines over what the plan reads: values and ranges of attributes, and how often events happened, in its windows.

    Values and thresholds are taken from the rows of ``spine`` alone, so give training rows. ``dropped`` are features that
    the model may not use either.
    """
    items = {(item.source, item.column): item for item in plan.attributes if item.name not in dropped}
    texts = {key: _column_text(history, *key) for key in items}
    values = _values(history, spine)
    attributes = [
        line
        for key, item in items.items()
        for line in _attribute(item, texts[key], _kinds(history, key[0])[key[1]], values[key])
    ]
    taken = {name.partition("__")[0] for name in dropped}
    actions = [
        line
        for key in plan.keys
        if key.name not in taken
        for line in _actions(history, key, plan.windows, spine)
    ]
    return [*attributes, *actions]


def literal(value: str) -> str:
    """A text as conditions quote it."""
    return "'" + value.replace("'", "''") + "'"


def _kinds(history: History, source: str) -> dict[str, Kind]:
    return dict(history.lead_attributes if source == "lead" else history.account_attributes)


def _column_text(history: History, source: str, column: str) -> str:
    """A column as conditions name it: as it is where that can be read, else in quotes."""
    prefix = "" if source == "lead" else "account."
    return prefix + _name_text(column, _kinds(history, source))


def _name_text(name: str, kinds: dict[str, Kind]) -> str:
    if re.fullmatch(r"[A-Za-z_]\w*", name):
        try:
            Condition.parse(f"{name} IS NULL", kinds)
            return name
        except UsageError:  # a word of SQL
            pass
    return '"' + name.replace('"', '""') + '"'


def _values(history: History, spine: Spine) -> dict[tuple[str, str], pd.Series]:
    """What each attribute was as of each row."""
    engine, steps = history.engine, attribute_steps(history, spine)
    try:
        engine.run(steps)
        frames = {
            source: engine.frame(f"SELECT * FROM {source}_as_of ORDER BY row_id")
            for source in ("lead", "account")
        }
    finally:
        engine.drop(*(step.name for step in steps))
    return {
        (source, str(name)): frame[name]
        for source, frame in frames.items()
        for name in frame.columns
        if name != "row_id"
    }


def _attribute(item: AttributeFeature, column: str, kind: Kind, values: pd.Series) -> Iterator[Candidate]:
    def line(label: str, when: str, value: str = "") -> Candidate:
        return Candidate("attributes", label, {"when": when}, column if value else "", value)

    name = item.label
    if values.isna().any() and not values.isna().all():
        known = item.reading == "filled"
        yield line(
            f"{name} given" if known else f"{name} not known",
            f"{column} IS {'NOT ' * known}NULL",
        )
    if kind == "number":
        for at in _thresholds(values):
            yield line(f"{name}: {at} or more", f"{column} >= {at}")
    elif kind == "boolean":
        yield line(f"{name}: yes", column)
    elif kind == "category":
        for value in values.dropna().astype(str).value_counts().index[:MOST_VALUES]:
            if value and value.strip() == value and value.isprintable():
                yield line(f"{name}: {value}", f"{column} = {literal(value)}", value)


def _actions(
    history: History, key: EventKey, windows: tuple[timedelta, ...], spine: Spine
) -> Iterator[Candidate]:
    when = key.when or _event_condition(history, key)
    phrase = key.phrase

    def line(label: str, **settings: Any) -> Candidate:
        return Candidate("actions", label, {"when": when, **settings})

    yield line(phrase)
    for times in _TIMES:
        yield line(f"{phrase}: {times} times or more", at_least=times)
    for days in (2, 3):
        yield line(f"{phrase}: on {days} days or more", at_least={"days": days})
    for window in windows:
        within, lately = format_duration(window), f"in the last {humanize(window).removeprefix('1 ')}"
        yield line(f"{phrase}, {lately}", within=within)
        for times in _TIMES[:2]:
            yield line(f"{phrase}, {lately}: {times} times or more", within=within, at_least=times)
        if not key.prop:
            yield line(f"{phrase}: not {lately}", inactive_for=within)
    for amount in key.amounts:
        for at in _thresholds(_amounts(history, amount, spine), (0.5, 0.8, 0.95)):
            yield Candidate(
                "actions",
                f"{phrase} with {amount} of {at} or more",
                {"when": _and(when, f"{_property(history, amount)} >= {at}")},
            )


def _event_condition(history: History, key: EventKey) -> str:
    if key.event_type is None and not key.prop:
        return "event_type IS NOT NULL"
    parts = [f"event_type = {literal(key.event_type)}"] if key.event_type is not None else []
    if key.prop:
        parts.append(_is(_property(history, key.prop), history.event_properties[key.prop], str(key.value)))
    return " AND ".join(parts)


def _is(column: str, kind: Kind, value: str) -> str:
    """That a property has a value, which the plan has as text."""
    if kind == "boolean":
        return column if value == "true" else f"NOT {column}"
    return f"{column} = {value if kind == 'number' else literal(value)}"


def _and(one: str, other: str) -> str:
    if one == "event_type IS NOT NULL":
        return other
    return f"({one}) AND {other}" if " OR " in one.upper() else f"{one} AND {other}"


def _property(history: History, name: str) -> str:
    return _name_text(name, {"event_type": "category", **history.event_properties})


def _amounts(history: History, amount: str, spine: Spine) -> pd.Series:
    """The amounts of events that a row of the spine could see."""
    name = history.engine.dialect.quote(amount)
    frame = history.engine.frame(
        f"""
        SELECT e.{name} AS amount
        FROM events AS e
        JOIN (SELECT lead_id, max(as_of) AS as_of FROM {spine} GROUP BY lead_id) AS s
          ON s.lead_id = e.lead_id AND e.occurred_at < s.as_of AND e.known_at < s.as_of
        WHERE e.{name} IS NOT NULL
        """
    )
    return frame["amount"]


def _thresholds(values: pd.Series, shares: tuple[float, ...] = _QUANTILES) -> list[str]:
    """Round numbers near quantiles; every value but the lowest where there are few."""
    numbers = pd.to_numeric(values, errors="coerce").dropna().to_numpy(dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return []
    distinct = np.unique(numbers)
    cuts = distinct[1:] if len(distinct) <= len(shares) else np.quantile(numbers, shares)
    rounded = dict.fromkeys(_round_text(at) for at in cuts)
    return [text for text in rounded if distinct[0] < float(text) <= distinct[-1]]


def _round_text(number: float) -> str:
    """Two significant digits, as people write numbers.

    >>> _round_text(1234.0), _round_text(0.0456), _round_text(-3.0)
    ('1200', '0.046', '-3')
    """
    if number == 0:
        return "0"
    digits = 1 - int(np.floor(np.log10(abs(number))))
    value = round(number, digits)
    return f"{value:.{max(digits, 0)}f}".rstrip("0").rstrip(".") if digits > 0 else f"{value:.0f}"
