"""Bring a raw table into shape: its columns renamed, its own words for “not known” gone, rows and columns left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from features import DuckDBEngine, Finding, Step, UsageError
from features.conditions.condition import Condition
from features.errors import counted, listed
from features.history import Kind
from pipeline.config import Project, Source
from pipeline.sources.contract import CONTRACT, contract_columns_of
from pipeline.sources.unknown_words import WordKind, Words, is_unknown, text_columns, word_kind


@dataclass(frozen=True)
class Shape:
    """A table as the project file wants it: ``SELECT kept FROM (SELECT values FROM …) AS renamed WHERE condition``."""

    values: str
    condition: str
    kept: str
    hidden: set[str]


def shape_of(
    engine: DuckDBEngine,
    table: str,
    present: Mapping[str, str],
    source: Source,
    project: Project,
    where: str,
    wordless: Collection[str] = (),
) -> Shape:
    """Apply ``columns``, ``missing`` and ``where``, and leave out the ``known_after`` columns.

    ``present`` are the columns of the source and their SQL types; those that are ``wordless`` are known to hold no word for
    “not known”: looking for them in every row costs more than all else. Raises ``UsageError`` where they do not fit.
    """
    quote = engine.dialect.quote
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
    names = [*mapped.items(), *((name, name) for name in present if name not in (*mapped, *mapped.values()))]
    used = Counter(origin for _, origin in names)  # words were sought for one use of a column
    clean = {origin for origin in wordless if used[origin] == 1}
    kinds = {name: None if origin in clean else word_kind(table, name) for name, origin in names}
    values = (
        f"{_without_missing(engine, origin, present[origin], source.missing, kinds[name])} AS {quote(name)}"
        for name, origin in names
    )
    condition = "TRUE"
    if source.where is not None:
        types = {name: _rough_kind(present[origin]) for name, origin in names}
        parsed = Condition.parse(source.where, types, where=f"{where}.where")
        condition = parsed.sql(engine.dialect, {"": "renamed"})
    hidden = {name for name, _ in names if name in project.known_after and name not in CONTRACT[table]}
    # The outcome and the order may be declared too; they are no attributes, but still needed here.
    needed = outcome_and_order(project) if table == "leads" else set()
    kept = ", ".join(quote(name) for name, _ in names if name not in hidden - needed)
    return Shape(", ".join(values), condition, kept, hidden)


def where_finding(table: str, out: int, rows: int) -> Finding:
    """How many rows ``where`` left out."""
    return Finding("where", f"{counted(out, 'row')} of {rows:,} left out by data.{table}.where", "note", out)


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
    raw = f"raw_{table}"
    types = engine.columns(raw)
    wordless = set(text_columns(table, source.columns, types)) - set(words)
    shape = shape_of(engine, table, types, source, project, where, wordless)
    engine.run([Step("renamed", f"SELECT {shape.values} FROM {raw}")])
    if source.where is not None:
        out = engine.count(f"renamed WHERE NOT coalesce({shape.condition}, FALSE)")
        findings.append(where_finding(table, out, engine.count("renamed")))
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
    return name


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < 1e300
    except ValueError:
        return False


def outcome_and_order(project: Project) -> set[str]:
    order = project.order.column if project.order and project.order != "none" else None
    return {name for name in (project.outcome.column, order) if name is not None}


def _rough_kind(sql_type: str) -> Kind:
    if sql_type == "BOOLEAN":
        return "boolean"
    if sql_type.startswith(("TIMESTAMP", "DATE")):
        return "time"
    return "category" if sql_type == "VARCHAR" else "number"
