"""Readings that need a library or a word list: read in Python once per distinct value, and joined as small tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from features.attributes.contact import read_email, read_phone
from features.attributes.ranges import range_number
from features.attributes.titles import function, seniority
from features.engines import Step
from features.history import History, Kind
from features.plan import AttributeFeature, FeaturePlan, Reading
from features.spine import Spine

_MOST_VALUES = 200_000  # read into Python at a time


@dataclass(frozen=True)
class Topic:
    """What is read in one go from a value and the one ``beside`` it: columns, in order, and their pandas types."""

    name: str
    columns: tuple[tuple[str, str], ...]
    read: Callable[[str, str | None], tuple[str | float | None, ...]]


def postcode_area(text: str) -> str | None:
    """The part of a postcode that names a region: the letters that begin it, or its first two digits.

    >>> postcode_area("SW1A 1AA"), postcode_area("8001"), postcode_area("D-80331"), postcode_area("K1A 0B1")
    ('SW', '80', '80', 'K1')
    """
    plain = "".join(c for c in text.upper() if c.isalnum())
    letters = plain[: next((at for at, c in enumerate(plain) if not c.isalpha()), len(plain))]
    digits = plain[len(letters) :]
    if letters and digits.isdigit():  # a country's letter before the number
        plain, letters = digits, ""
    area = letters if len(letters) > 1 else plain[:2]
    return area or None


_CONTACT = (("kind", "str"), ("valid", "float64"), ("country", "str"))
_TOPICS = (
    Topic("email", _CONTACT, lambda value, _: read_email(value)),
    Topic("phone", _CONTACT, read_phone),
    Topic("title", (("seniority", "str"), ("function", "str")), lambda value, _: (seniority(value), function(value))),
    Topic("range", (("number", "float64"),), lambda value, _: (range_number(value),)),
    Topic("postcode", (("area", "str"),), lambda value, _: (postcode_area(value),)),
)  # fmt: skip
_COLUMNS: dict[Reading, tuple[str, str]] = {
    "email_kind": ("email", "kind"),
    "email_valid": ("email", "valid"),
    "email_country": ("email", "country"),
    "phone_kind": ("phone", "kind"),
    "phone_valid": ("phone", "valid"),
    "phone_country": ("phone", "country"),
    "seniority": ("title", "seniority"),
    "function": ("title", "function"),
    "range": ("range", "number"),
    "size_band": ("range", "number"),
    "revenue_band": ("range", "number"),
    "age_band": ("range", "number"),
    "postcode_area": ("postcode", "area"),
}
_BANDS = ("size_band", "revenue_band", "age_band")


@dataclass(frozen=True)
class Lookup:
    """One lookup table of a plan: ``name(value, beside, columns of the topic)``, one row per distinct value."""

    name: str
    topic: Topic
    source: str
    column: str
    beside: str


def lookups_of(history: History, plan: FeaturePlan) -> dict[AttributeFeature, tuple[Lookup, str]]:
    """The lookup, and its column, that each feature reads; features that need none are left out."""
    tables: dict[tuple[str, str, str, str], Lookup] = {}
    lookups = {}
    for feature in plan.attributes:
        if not _is_looked_up(history, feature):
            continue
        name, column = _COLUMNS[feature.reading]
        key = (name, feature.source, feature.column, feature.beside)
        topic = next(topic for topic in _TOPICS if topic.name == name)
        table = tables.setdefault(key, Lookup(f"{name}_lookup_{len(tables) + 1}", topic, *key[1:]))
        lookups[feature] = (table, column)
    return lookups


def _is_looked_up(history: History, feature: AttributeFeature) -> bool:
    banded = feature.reading in _BANDS  # numbers and dates need no table
    return feature.reading in _COLUMNS and not (
        banded and kind_of(history, feature.source, feature.column) in ("number", "time")
    )


def kind_of(history: History, source: str, column: str) -> Kind:
    """The kind of a column of leads or accounts."""
    return (history.lead_attributes if source == "lead" else history.account_attributes)[column]


def lookup_joins(history: History, plan: FeaturePlan) -> str:
    """Joins of the lookups to ``lead_as_of AS lead`` and ``account_as_of AS account``, each on a line."""
    joins = ""
    for table in _tables(history, plan):
        value = _key(history, table.source, table.column, f"{table.source}.")
        joins += f"\nLEFT JOIN {table.name} ON {table.name}.value = {value}"
        if table.beside:
            beside = _key(history, table.source, table.beside, f"{table.source}.")
            joins += f" AND {table.name}.beside = coalesce({beside}, '')"
    return joins


def lookup_steps(history: History, plan: FeaturePlan, spine: Spine) -> list[Step]:
    """The distinct values to be read: ``<lookup>_values(value, beside)`` of the spine's leads or their accounts.

    Every value that an attribute ever had is among them, so that the one that held as of any row is found.
    """
    return [Step(f"{table.name}_values", _values(history, table, spine)) for table in _tables(history, plan)]


def make_lookups(history: History, plan: FeaturePlan, spine: Spine) -> tuple[str, ...]:
    """Make the lookup tables in the history's engine, a bounded number of values at a time; returns their names."""
    engine = history.engine
    for step, table in zip(lookup_steps(history, plan, spine), _tables(history, plan), strict=True):
        engine.run([step])
        parts = -(-engine.count(step.name) // _MOST_VALUES) or 1
        part_of = f"{engine.dialect.hash_number('value')} % {parts}"
        pieces = []
        for part in range(parts):
            where = f" WHERE {part_of} = {part}" if parts > 1 else ""
            values = engine.frame(f"SELECT value, beside FROM {step.name}{where}")
            pieces.append(f"{table.name}_{part}" if parts > 1 else table.name)
            engine.register(pieces[-1], _read(table.topic, list(values["value"]), list(values["beside"])))
        if parts > 1:
            engine.run([Step(table.name, " UNION ALL ".join(f"SELECT * FROM {piece}" for piece in pieces))])
            engine.drop(*pieces)
        engine.drop(step.name)
    return tuple(table.name for table in _tables(history, plan))


def _tables(history: History, plan: FeaturePlan) -> list[Lookup]:
    return list(dict.fromkeys(table for table, _ in lookups_of(history, plan).values()))


def _read(topic: Topic, values: Sequence[str], besides: Sequence[str]) -> pd.DataFrame:
    read: list[tuple[Any, ...]] = [
        topic.read(value, beside or None) for value, beside in zip(values, besides, strict=True)
    ]
    columns = list(zip(*read, strict=True)) or [()] * len(topic.columns)
    frame = {"value": pd.Series(values, dtype="str"), "beside": pd.Series(besides, dtype="str")}
    for (name, kind), column in zip(topic.columns, columns, strict=True):
        frame[name] = pd.Series(list(column), dtype=kind)
    return pd.DataFrame(frame)


def _values(history: History, table: Lookup, spine: Spine) -> str:
    # A number may have been known while another country was: every pair of one row's values.
    beside = (
        f"JOIN ({_ever(history, table.source, table.beside, spine)}) AS b ON b.id = v.id"
        if table.beside
        else ""
    )
    return f"""
        SELECT DISTINCT v.value, {"coalesce(b.value, '')" if beside else "''"} AS beside
        FROM ({_ever(history, table.source, table.column, spine)}) AS v
        {beside}
        WHERE v.value IS NOT NULL
    """


def _ever(history: History, source: str, column: str, spine: Spine) -> str:
    """(id, value): the present value of a column and those in ``changes``, NULL (before the first) included."""
    dialect, kind = history.engine.dialect, kind_of(history, source, column)
    ids = f"SELECT s.lead_id AS id FROM {spine} AS s"
    if source == "account":
        ids = f"SELECT l.account_id AS id FROM {spine} AS s JOIN leads AS l ON l.lead_id = s.lead_id"
    changed = dialect.try_cast("c.value", kind) if kind == "number" else "c.value"
    changes = f"""
        FROM changes AS c
        WHERE c.entity = {dialect.literal(source)}
          AND c.attribute = {dialect.literal(column)}
          AND c.id IN ({ids})
    """
    return f"""
        SELECT t.{source}_id AS id, {_key(history, source, column, "t.")} AS value
        FROM {source}s AS t
        WHERE t.{source}_id IN ({ids})
        UNION ALL
        SELECT c.id, {_as_text(history, kind, changed)} AS value {changes}
        UNION ALL
        SELECT DISTINCT c.id, CAST(NULL AS {dialect.text_type}) AS value {changes}
    """


def _key(history: History, source: str, column: str, table: str) -> str:
    value = f"{table}{history.engine.dialect.quote(column)}"
    return _as_text(history, kind_of(history, source, column), value)


def _as_text(history: History, kind: Kind, value: str) -> str:
    text = history.engine.dialect.text
    if kind != "number":
        return text(value)
    # A phone number that a spreadsheet turned into a number.
    return f"CASE WHEN abs({value}) < 1e15 THEN {text(f'CAST(round({value}) AS BIGINT)')} END"
