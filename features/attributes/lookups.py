"""Readings that need a library or a word list: read in Python once per distinct value, and joined as small tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from leadlens.features.attributes.contact import read_email, read_phone
from leadlens.features.attributes.ranges import range_number
from leadlens.features.attributes.titles import function, seniority
from leadlens.features.engines import Step
from leadlens.features.history import History, Kind
from leadlens.features.plan import AttributeFeature, FeaturePlan, Reading
from leadlens.features.spine import Spine

_AT_ONCE = 20  # lookups joined in one statement
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


def lookup_columns(history: History, plan: FeaturePlan) -> dict[AttributeFeature, str]:
    """SQL of what each feature reads of its lookup, after ``lookup_joins``."""
    gathered = {table: part for part, some in _gathered(history, plan).items() for table in some}
    return {
        feature: f"{gathered[table]}.{table.name}_{column}" if table in gathered else f"{table.name}.{column}"
        for feature, (table, column) in lookups_of(history, plan).items()
    }


def lookup_joins(history: History, plan: FeaturePlan) -> str:
    """Joins of the lookups to ``s`` (a spine), ``lead_as_of AS lead`` and ``account_as_of AS account``, each on a line."""
    if parts := _gathered(history, plan):
        return "".join(f"\nJOIN {part} ON {part}.row_id = s.row_id" for part in parts)
    return "".join(lookup_join(history, table) for table in _tables(history, plan))


def gathering_steps(history: History, plan: FeaturePlan, spine: Spine) -> list[Step]:
    """Where a plan has many lookups, steps that join them to the rows, some at a time and without other columns.

    A statement that joins 200 of them to 1,000 columns carries all columns through each join: 19 seconds for 800 rows.
    """
    return [
        Step(
            part,
            f"""
            SELECT s.row_id, {", ".join(f"{t.name}.{name} AS {t.name}_{name}" for t in some for name, _ in t.topic.columns)}
            FROM {spine} AS s
            JOIN lead_as_of AS lead ON lead.row_id = s.row_id
            JOIN account_as_of AS account ON account.row_id = s.row_id
            {"".join(lookup_join(history, table) for table in some)}
            """,
        )
        for part, some in _gathered(history, plan).items()
    ]


def _gathered(history: History, plan: FeaturePlan) -> dict[str, list[Lookup]]:
    """The tables of ``gathering_steps``, and the lookups in each; none where all are joined in one statement."""
    tables = _tables(history, plan)
    if len(tables) <= _AT_ONCE:
        return {}
    return {
        f"looked_up_{start}": tables[start : start + _AT_ONCE] for start in range(0, len(tables), _AT_ONCE)
    }


def lookup_join(history: History, table: Lookup) -> str:
    """The join of one lookup, on a line."""
    value = _key(history, table.source, table.column, f"{table.source}.")
    join = f"\nLEFT JOIN {table.name} ON {table.name}.value = {value}"
    if table.beside:
        beside = _key(history, table.source, table.beside, f"{table.source}.")
        join += f" AND {table.name}.beside = coalesce({beside}, '')"
    return join


def lookup_steps(history: History, plan: FeaturePlan, spine: Spine) -> list[Step]:
    """The distinct values to be read: ``<lookup>_values(value, beside)`` of the spine's leads or their accounts.

    Every value that an attribute ever had is among them, so that the one that held as of any row is found.
    """
    tables = _tables(history, plan)
    return [
        *(step for source in ("lead", "account") for step in _present(history, source, tables, spine)),
        *(Step(f"{table.name}_values", _values(history, table, spine)) for table in tables),
    ]


def _present(history: History, source: str, tables: Sequence[Lookup], spine: Spine) -> Iterator[Step]:
    """The columns that lookups read, taken from a table once: of a wide file each reading costs by all its columns."""
    columns = dict.fromkeys(
        column
        for table in tables
        if table.source == source
        for column in (table.column, table.beside)
        if column
    )
    if columns:
        names = ", ".join(f"t.{history.engine.dialect.quote(column)}" for column in columns)
        ids = _ids(source, spine)
        yield Step(
            f"{source}_present",
            f"SELECT t.{source}_id AS id, {names} FROM {source}s AS t WHERE t.{source}_id IN ({ids})",
        )


def make_lookups(history: History, plan: FeaturePlan, spine: Spine) -> tuple[str, ...]:
    """Make the lookup tables in the history's engine, a bounded number of values at a time; returns their names."""
    engine, tables, steps = history.engine, _tables(history, plan), lookup_steps(history, plan, spine)
    shared = steps[: len(steps) - len(tables)]
    engine.run(shared)
    for step, table in zip(steps[len(shared) :], tables, strict=True):
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
    engine.drop(*(step.name for step in shared))
    return tuple(table.name for table in tables)


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
    changed = dialect.try_cast("c.value", kind) if kind == "number" else "c.value"
    changes = f"""
        FROM changes AS c
        WHERE c.entity = {dialect.literal(source)}
          AND c.attribute = {dialect.literal(column)}
          AND c.id IN ({_ids(source, spine)})
    """
    return f"""
        SELECT t.id, {_key(history, source, column, "t.")} AS value
        FROM {source}_present AS t
        UNION ALL
        SELECT c.id, {_as_text(history, kind, changed)} AS value {changes}
        UNION ALL
        SELECT DISTINCT c.id, CAST(NULL AS {dialect.text_type}) AS value {changes}
    """


def _ids(source: str, spine: Spine) -> str:
    """A SELECT of the spine's leads, or of their accounts."""
    if source == "account":
        return f"SELECT l.account_id AS id FROM {spine} AS s JOIN leads AS l ON l.lead_id = s.lead_id"
    return f"SELECT s.lead_id AS id FROM {spine} AS s"


def _key(history: History, source: str, column: str, table: str) -> str:
    value = f"{table}{history.engine.dialect.quote(column)}"
    return _as_text(history, kind_of(history, source, column), value)


def _as_text(history: History, kind: Kind, value: str) -> str:
    text = history.engine.dialect.text
    if kind != "number":
        return text(value)
    # A phone number that a spreadsheet turned into a number.
    return f"CASE WHEN abs({value}) < 1e15 THEN {text(f'CAST(round({value}) AS BIGINT)')} END"
