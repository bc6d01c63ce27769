"""What leads did: events out of tables of activities, of stage dates, and of the history of a stage."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.conversions import Conversions, statement
from leadlens.pipeline.starting.links import Link
from leadlens.pipeline.starting.lookups import looked_up, named_lead, select
from leadlens.pipeline.starting.people import Leads
from leadlens.pipeline.starting.roles import Table
from leadlens.pipeline.starting.shapes import ActivityColumns, activity_columns, history_columns
from leadlens.pipeline.starting.tables import Export, quote
from leadlens.pipeline.starting.words import is_value, says

_literal = DuckDBDialect().literal
_MOST_TYPES = 200
_MOST_STAGED = 0.85  # of the leads have a date that no name calls a stage
_DATE_WORDS = re.compile(
    r"(?i)^(became an? |date[ _](of[ _]|entered[ _]|de[ _])?|(date[ _])?entered[ _])|[ _-]?(date|time|datum|on|am|le|el|at|op|em|il)$"
)


@dataclass(frozen=True, kw_only=True)
class Events:
    """One source of events: what it is, and the query that makes it of ``source`` (and ``leads``).

    ``types`` are names of event types in it as far as they are known; ``notes`` say what is worth checking.
    """

    table: Table
    query: str
    how: str
    types: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def events_of_table(
    table: Table, link: Link, leads: Leads, way: Conversions | None, bound: str | None
) -> Events | None:
    """The rows of a table of activities as events. ``bound`` is SQL of a time after which nothing in the export happened."""
    columns = activity_columns(table)
    if columns is None:
        return None
    known: dict[str, str] = {}
    if columns.known is not None:
        over = columns.time.sql + (" + INTERVAL 1 DAY" if columns.time.days else "")
        known = {
            "known_at": f"greatest({columns.known.sql}, {over})"
        }  # what is planned is known, and has not happened
    elif columns.time.days:
        known = {"known_at": f"{columns.time.sql} + INTERVAL 1 DAY"}
    kind, label, types = _named(table, columns)
    taken = {"lead_id", "occurred_at", "known_at", "event_type", "event_id"}
    properties = [
        (name if name.lower() not in taken else f"{table.export.stem} {name}", column)
        for name, column in columns.properties
    ]
    conditions = [f"{quote(columns.time.name)} IS NOT NULL"] if columns.time.filled < 1 else []
    if columns.type is not None and columns.type.filled < 1:
        conditions.append(f"{quote(columns.type.name)} IS NOT NULL")
    won = [
        value
        for value in types
        if is_value("won_events", value) or is_value("won", value) or is_value("lost", value)
    ]
    if way is not None and way.table is table:
        won = list({*won, *way.won})
    if won and columns.type is not None:
        conditions.append(
            f"CAST({quote(columns.type.name)} AS VARCHAR) NOT IN ({', '.join(map(_literal, sorted(won)))})"
        )
    if bound:
        conditions.append(f"{columns.time.sql} <= {bound}")
    items = {
        "lead_id": named_lead(link, leads),
        "occurred_at": columns.time.sql,
        **known,
        "event_type": kind,
    }
    inner = select(items | {quote(name): quote(column.name) for name, column in properties}, conditions)
    used = {columns.time.name, link.column, *(column.name for _, column in properties)}
    used |= {column.name for column in (columns.type, columns.known) if column is not None}
    return Events(
        table=table,
        query=looked_up(inner, link, leads),
        how=f"{table.export.rows:,} rows, dated by {columns.time.name}, {label}",
        types=tuple(value for value in types if value not in won),
        properties=tuple(name for name, _ in properties),
        left_out=tuple(name for name in table.export.columns if name not in used),
    )


def _named(table: Table, columns: ActivityColumns) -> tuple[str, str, list[str]]:
    """(SQL of the type of event, the same in words, the types)."""
    event = table.known.event if table.known else None
    if event and "{campaign}" in event:
        campaigns = [column for column in table.having("campaign") if column.distinct <= _MOST_TYPES]
        named = next(
            (column for column in campaigns if not says("ids", "", column.name)), next(iter(campaigns), None)
        )
        if named is not None:
            types = [event.format(campaign=value) for value, _ in named.values]
            return (
                f"{_literal(event.format(campaign=''))} || {quote(named.name)}",
                f"named by {named.name}",
                types,
            )
        event = event.partition(":")[0]
    if event:
        return _literal(event), f"called {event}", [event]
    if columns.type is not None:
        return (
            quote(columns.type.name),
            f"named by {columns.type.name}",
            [value for value, _ in columns.type.values],
        )
    name = re.sub(r"[_\W]+", " ", table.export.stem).strip().capitalize() or "Activity"
    return _literal(name), f"called {name}", [name]


def stage_dates(
    export: Export, leads: Leads, way: Conversions | None, tables: Iterable[Table]
) -> list[tuple[Column, str]]:
    """The times in the table of leads that are stages on the way, each with what the event is called.

    They lie after the creation of most leads that have them; those that lie before are known when a lead comes in.
    """
    table, link = leads.table, []
    for column in table.export.of_kind("time"):
        role = table.roles[column.name]
        if column.name in (leads.created.name, way.named if way else None) or role not in (
            "stage_date",
            "attribute",
            "created",
        ):
            continue
        if is_value("latest_change", column.name):
            continue  # the earlier ones were overwritten
        if role != "stage_date" and (column.filled > _MOST_STAGED or _is_last(export, leads, tables, column)):
            continue  # rather the last time that anything happened: to know which is the last is to know the future
        if way is not None and not way.flat and _is_outcome(export, leads, way, column):
            continue
        if share_after(export, leads, column) >= 0.5 and not _names_the_outcome(column.name):
            link.append((column, stage_name(column.name)))
    return link


def _is_last(export: Export, leads: Leads, tables: Iterable[Table], column: Column) -> bool:
    """Whether a time of the leads is, for many of them, the day of the last row that names them in a table of activities."""
    for table in tables:
        link, columns = leads.links.get(table.export.sql), activity_columns(table)
        if (
            table is leads.table
            or link is None
            or columns is None
            or table.holds not in ("activities", "other")
        ):
            continue
        rows = select({"lead_id": named_lead(link, leads), "seen_at": columns.time.sql})
        rows = f"WITH source AS (SELECT * FROM {table.export.sql}), leads AS (SELECT * FROM {leads.table.export.sql}) {looked_up(rows, link, leads)}"
        share = export.value(
            f"SELECT avg(CAST(date_trunc('day', l.t) = date_trunc('day', last.t) AS INTEGER)) FROM "
            f"(SELECT CAST({quote(leads.id.name)} AS VARCHAR) AS id, {column.sql} AS t FROM {leads.table.export.sql}) AS l "
            f"JOIN (SELECT CAST(lead_id AS VARCHAR) AS id, max(seen_at) AS t FROM ({rows}) AS r GROUP BY 1) AS last ON l.id = last.id WHERE l.t IS NOT NULL"
        )
        if float(str(share or 0)) >= 0.5:
            return True
    return False


def _is_outcome(export: Export, leads: Leads, way: Conversions, column: Column) -> bool:
    """Whether hardly anybody but those who converted has a time in a column, and most of these have."""
    of_won, of_rest = export.connection.execute(
        f"SELECT avg(CAST({column.sql} IS NOT NULL AS INTEGER)) FILTER (c.lead_id IS NOT NULL), avg(CAST({column.sql} IS NOT NULL AS INTEGER)) FILTER (c.lead_id IS NULL) "
        f"FROM {leads.table.export.sql} AS l LEFT JOIN (SELECT DISTINCT CAST(lead_id AS VARCHAR) AS lead_id FROM ({statement(way, leads)}) AS found) AS c "
        f"ON CAST(l.{quote(leads.id.name)} AS VARCHAR) = c.lead_id"
    ).fetchall()[0]
    return (of_won or 0) >= 0.8 and (of_rest or 0) <= 0.02


def _names_the_outcome(name: str) -> bool:
    return is_value("won", stage_name(name)) or is_value("lost", stage_name(name))


def share_after(export: Export, leads: Leads, column: Column) -> float:
    """Of the leads that have a time in a column, the share whose time is after their creation."""
    value = export.value(
        f"SELECT avg(CAST({column.sql} > {leads.created.sql} AS INTEGER)) FROM {leads.table.export.sql} WHERE {quote(column.name)} IS NOT NULL"
    )
    return float(str(value or 0))


def stage_name(column: str) -> str:
    """What a stage is called whose date stands in a column.

    >>> stage_name("Became a Marketing Qualified Lead Date"), stage_name("demo_at"), stage_name("Angebot am")
    ('Marketing Qualified Lead', 'demo', 'Angebot')
    """
    short = re.sub(r"^\w+ - ", "", column)
    return _DATE_WORDS.sub("", _DATE_WORDS.sub("", short)).strip(" _-") or short


def events_of_stages(leads: Leads, stages: Iterable[tuple[Column, str]], bound: str | None) -> Events | None:
    """One event for each stage that a lead reached, at its date."""
    stages = list(stages)
    if not stages:
        return None
    dated = any(column.days for column, _ in stages)  # a day alone is known when it is over
    parts = []
    for column, name in stages:
        known = {"known_at": column.sql + (" + INTERVAL 1 DAY" if column.days else "")} if dated else {}
        items = {
            "lead_id": quote(leads.id.name),
            "occurred_at": column.sql,
            **known,
            "event_type": _literal("Stage: " + name),
        }
        conditions = [f"{quote(column.name)} IS NOT NULL", *([f"{column.sql} <= {bound}"] if bound else [])]
        parts.append(select(items, conditions))
    return Events(
        table=leads.table,
        query="\nUNION ALL\n".join(parts),
        how=f"the dates of {len(stages)} stages: {', '.join(column.name for column, _ in stages)}",
        types=tuple(f"Stage: {name}" for _, name in stages),
    )


def events_of_history(table: Table, link: Link, leads: Leads, way: Conversions | None) -> Events | None:
    """One event for each edit of a stage or status to a value that is not the outcome."""
    columns = history_columns(table)
    if columns is None:
        return None
    field, new, _, at = columns
    fields = [
        name
        for name, _ in field.values
        if says("columns", "stage", name)
        and (way is None or name != way.named or way.table is not table or way.won)
    ]
    if not fields:
        return None
    outcome = sorted(value for value, _ in new.values if is_value("won", value) or is_value("lost", value))
    own, value = quote(field.name), quote(new.name)
    conditions = [f"{own} IN ({', '.join(map(_literal, fields))})", f"{value} IS NOT NULL"]
    if outcome:
        conditions.append(f"CAST({value} AS VARCHAR) NOT IN ({', '.join(map(_literal, outcome))})")
    known = {"known_at": f"{at.sql} + INTERVAL 1 DAY"} if at.days else {}
    items = {
        "lead_id": named_lead(link, leads),
        "occurred_at": at.sql,
        **known,
        "event_type": f"{own} || ': ' || {value}",
    }
    inner = select(items, conditions)
    return Events(
        table=table,
        query=looked_up(inner, link, leads),
        how=f"edits of {', '.join(fields)} to a stage that is not the outcome",
        types=tuple(f"{name}: {each}" for name in fields for each, _ in new.values if each not in outcome)[
            :20
        ],
    )
