"""Bring a raw table into shape: its columns renamed, its own words for “not known” gone, rows and columns left out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from leadlens.features import DuckDBEngine, Finding, Step, UsageError
from leadlens.features.conditions.condition import Condition
from leadlens.features.errors import counted, listed
from leadlens.features.history import Kind
from leadlens.pipeline.config import Project, Source
from leadlens.pipeline.sources.contract import CONTRACT, contract_columns_of
from leadlens.pipeline.sources.unknown_words import WordKind, Words, is_unknown, text_columns, word_kind


@dataclass(frozen=True)
class Shape:
    """A table as the project file wants it: ``SELECT kept FROM (SELECT values FROM …) AS renamed WHERE condition``."""

    values: str
    condition: str
    kept: str
    hidden: set[str]


def mapped_names(table: str, present: Collection[str], source: Source, where: str) -> dict[str, str]:
    """Name after the mapping → column of the source, for all of its columns. Raises ``UsageError`` where they do not fit."""
    for target, origin in source.columns.items():
        if origin in set(CONTRACT[table]) - set(present) and target in set(present) - set(CONTRACT[table]):
            raise UsageError(
                "this column mapping is the wrong way round",
                value=f"{{{target}: {origin}}}",
                where=f"{where}.columns.{target}",
                why=f"the data have a column {target}, but none called {origin}",
                fix=f"columns: {{{origin}: {target}}}, first the contract's name, then yours",
            )
        if origin not in present:
            raise UsageError(
                "there is no such column",
                value=origin,
                known=present,
                where=f"{where}.columns.{target}",
                fix=f"columns found: {listed(present)}",
            )
    named = contract_columns_of(table, source.columns, present)
    mapped = dict(source.columns) | {target: origin for target, origin in named.items() if target != origin}
    return mapped | {name: name for name in present if name not in (*mapped, *mapped.values())}


def shape_of(
    engine: DuckDBEngine,
    table: str,
    names: Mapping[str, str],
    types: Mapping[str, str],
    source: Source,
    project: Project,
    where: str,
    wordless: Collection[str] = (),
) -> Shape:
    """Apply ``missing`` and ``where``, and leave out the ``known_after`` columns, but for those that people are shown.

    ``names`` are those of the source (:func:`mapped_names`), ``types`` the SQL types by name after the mapping, of all sources of the
    table. Columns of the source that are ``wordless`` are known to hold no word for “not known”: looking for them in every row costs
    more than all else. Raises ``UsageError`` where they do not fit.
    """
    quote = engine.dialect.quote
    used = Counter(names.values())  # words were sought for one use of a column
    clean = {origin for origin in wordless if used[origin] == 1}
    kinds = {name: None if origin in clean else word_kind(table, name) for name, origin in names.items()}
    values = (
        f"{_without_missing(engine, name, types[name], source.missing, kinds[name])} AS {quote(name)}"
        if name in names
        else quote(name)
        for name in types
    )
    condition = "TRUE"
    if source.where is not None:
        rough = {name: _rough_kind(types[name]) for name in names}
        try:
            parsed = Condition.parse(source.where, rough, where=f"{where}.where")
        except UsageError as error:
            raise _with_new_name(error, names) from None
        condition = parsed.sql(engine.dialect, {"": "renamed"})
    hidden = {name for name in types if name in project.known_after and name not in CONTRACT[table]}
    # The outcome and the order may be declared too; they are no attributes, but still needed here.
    needed = outcome_and_order(project) if table == "leads" else set()
    needed |= shown_only(table, project)
    kept = ", ".join(quote(name) for name in types if name not in hidden - needed)
    return Shape(", ".join(values), condition, kept, hidden)


def _with_new_name(error: UsageError, names: Mapping[str, str]) -> UsageError:
    """The same mistake; where it names a column under the name before the mapping, with the one after it."""
    for name, origin in names.items():
        if name != origin and error.value == origin:
            return UsageError(
                error.what,
                value=origin,
                where=error.where,
                why="`where` comes after the column mapping, by which this column has another name",
                fix=f"write {name} in place of {origin}",
            )
    return error


def where_finding(place: str, out: int, rows: int) -> Finding:
    """How many rows ``where`` of the source at some ``place`` of the project file left out."""
    return Finding("where", f"{counted(out, 'row')} of {rows:,} left out by {place}.where", "note", out)


def bring_into_shape(
    engine: DuckDBEngine,
    table: str,
    source: Source,
    project: Project,
    findings: list[Finding],
    where: str,
    words: Words,
) -> set[str]:
    """Bring a raw table into shape, in which the ``words`` for “not known” are all there are.

    Returns the names of the columns that were left out.
    """
    raw, quote = f"raw_{table}", engine.dialect.quote
    types = engine.columns(raw)
    wordless = set(text_columns(table, source.columns, types)) - set(words)
    names = mapped_names(table, types, source, where)
    mapped = {name: types[origin] for name, origin in names.items()}
    shape = shape_of(engine, table, names, mapped, source, project, where, wordless)
    under_new = ", ".join(f"{quote(origin)} AS {quote(name)}" for name, origin in names.items())
    engine.run([Step("renamed", f"SELECT {shape.values} FROM (SELECT {under_new} FROM {raw})")])
    if source.where is not None:
        out = engine.count(f"renamed WHERE NOT coalesce({shape.condition}, FALSE)")
        findings.append(where_finding(f"data.{table}", out, engine.count("renamed")))
    engine.connection.execute(
        f"CREATE OR REPLACE TABLE {raw} AS SELECT {shape.kept} FROM renamed WHERE {shape.condition}"
    )
    engine.drop("renamed")
    return shape.hidden


def _without_missing(
    engine: DuckDBEngine, column: str, sql_type: str, missing: tuple[str, ...], kind: WordKind | None
) -> str:
    """The column, with NULL in place of the texts in ``missing`` and of words for “not known”."""
    name, literal = engine.dialect.quote(column), engine.dialect.literal
    if sql_type == "VARCHAR":
        value, conditions = f"trim({name})", []
        if missing:
            conditions.append(f"{value} IN ({', '.join(literal(text.strip()) for text in missing)})")
        if kind is not None:
            conditions.append(is_unknown(value, kind))
        return f"CASE WHEN {' OR '.join(conditions)} THEN NULL ELSE {name} END" if conditions else name
    numbers = ", ".join(repr(float(text)) for text in missing if _is_number(text))
    if numbers and _rough_kind(sql_type) == "number":
        return f"CASE WHEN TRY_CAST({name} AS DOUBLE) IN ({numbers}) THEN NULL ELSE {name} END"
    dates = [text.strip() for text in missing if _DATE.match(text.strip())]
    if dates and _rough_kind(sql_type) == "time":
        moments = ", ".join(f"TRY_CAST({literal(text)} AS TIMESTAMPTZ)" for text in dates)
        return f"CASE WHEN CAST({name} AS TIMESTAMPTZ) IN ({moments}) THEN NULL ELSE {name} END"
    return name


_DATE = re.compile("[0-9]{4}-")


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < 1e300
    except ValueError:
        return False


def shown_only(table: str, project: Project) -> set[str]:
    """Columns of a table that are kept for people to see alone."""
    return set(project.shown_only) - set(CONTRACT[table]) if table in ("leads", "accounts") else set()


def outcome_and_order(project: Project) -> set[str]:
    order = project.order.column if project.order and project.order != "none" else None
    return {name for name in (project.outcome.column, order) if name is not None}


def _rough_kind(sql_type: str) -> Kind:
    if sql_type == "BOOLEAN":
        return "boolean"
    if sql_type.startswith(("TIMESTAMP", "DATE")):
        return "time"
    return "category" if sql_type == "VARCHAR" else "number"
