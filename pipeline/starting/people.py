"""Which table of an export is the leads, by what column they are told apart, and when each came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from leadlens.features import UsageError
from leadlens.features.errors import listed
from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.links import Link, keys_of, link
from leadlens.pipeline.starting.roles import Table
from leadlens.pipeline.starting.tables import Export
from leadlens.pipeline.starting.words import says

_LIKELY = {"leads": 5.0, "people": 3.5, "deals": 2.5, "other": 2.0, "conversions": 0.5, "accounts": 0.5}
_NEAR = 0.4


@dataclass(frozen=True, kw_only=True)
class Leads:
    """The leads of an export: their table, what tells them apart, when they came in; ``links`` say how each other table names them.

    ``keys`` are all columns that tell them apart. ``sure`` is how sure the choice is, 0 to 1, ``why`` what it rests on.
    """

    table: Table
    id: Column
    keys: tuple[Column, ...]
    created: Column
    created_why: str
    links: Mapping[str, Link]
    sure: float
    why: str
    others: tuple[str, ...] = ()

    @property
    def repeated(self) -> bool:
        """Whether some ids occur more than once."""
        return not self.id.unique


def find_leads(export: Export, tables: Iterable[Table], chosen: str | None = None) -> Leads:
    """The likeliest leads, or those of the table that is ``chosen`` by the name of its file or sheet.

    Raises ``UsageError`` where no table can be the leads, or two are equally likely.
    """
    tables = list(tables)
    able = [each for table in tables if (each := _candidate(export, table, tables)) is not None]
    labels = [table.label for table in tables]
    if chosen is not None:
        named = [
            each
            for each in able
            if chosen in (each.table.label, each.table.export.stem, each.table.label.split(".")[0])
        ]
        if len(named) == 1:
            return named[0]
        exists = any(
            chosen in (table.label, table.export.stem, table.label.split(".")[0]) for table in tables
        )
        raise UsageError(
            "the table that is named as the leads has no column that tells rows apart, or no time at which they came in"
            if exists
            else "there is no such table in the export",
            value=chosen,
            known=[] if exists else labels,
            why="every lead needs an id of its own and the time at which it was created" if exists else None,
            fix=f"tables that can be: {listed(each.table.label for each in able) or 'none'}",
        )
    if not able:
        raise UsageError(
            "no table of this export can be the leads",
            value="; ".join(_seen(table) for table in tables[:5]),
            why="it takes a column that tells the rows apart (an id or e-mail address) and one with the time at which each was created",
            fix="export leads, contacts or deals with their id and creation date; a table of flat rows without any dates is written "
            "by hand: see `order: none` in docs/project_file.md",
        )
    able = [each for each in able if not any(_names_again(other, each) for other in able)]
    able.sort(key=lambda each: -each.sure)
    best = able[0]
    rivals = [
        each for each in able[1:] if best.sure - each.sure < _NEAR and each.table.holds == best.table.holds
    ]
    if rivals:
        both = [best.table, *(each.table for each in rivals)]
        raise UsageError(
            "several tables may be the leads",
            value=listed(f"{table.label} ({table.export.rows:,} rows)" for table in both),
            why="they look alike: each has ids, creation dates and people",
            fix=f"say which: --leads {both[0].export.stem}",
        )
    sure = best.sure / 10 + 0.2 * (len(able) == 1) + 0.1 * (best.created_why == "by its name")
    return Leads(
        **{
            **vars(best),
            "sure": min(0.99, sure),
            "others": tuple(each.table.label for each in able[1:]),
        }
    )


def _names_again(other: Leads, each: Leads) -> bool:
    """Whether a table names the rows of another several times: then it is what these did, however much it looks like people."""
    found = other.links.get(each.table.export.sql)
    if other is each or found is None or each.table.holds not in ("other", "people"):
        return False
    column = each.table.export.columns[found.column]
    return column.distinct < 0.9 * column.rows * column.filled


def _seen(table: Table) -> str:
    times = [column.name for column in table.export.of_kind("time")]
    keys = [column.name for column in keys_of(table)]
    unread = [
        f"{column.name} ({column.values[0][0]!r} is not a readable date)"
        for column in table.export.of_kind("text", "number")
        if not times and (says("columns", "created", column.name) or says("activities", "time", column.name))
    ]
    return (
        f"{table.label}: {table.export.rows:,} rows, tell rows apart: {listed(keys, 2) or 'no column'}, "
        f"times: {listed(times or unread, 3) or 'none'}"
    )


def _candidate(export: Export, table: Table, tables: list[Table]) -> Leads | None:
    """A table as the leads, with ``sure`` as points; ``None`` if it cannot be."""
    if table.holds in ("activities", "history"):
        return None
    keys = keys_of(table)
    found = created_of(export, table)
    if not keys or found is None:
        return None
    created, why = found
    links = {
        other.export.sql: each
        for other in tables
        if other is not table and (each := link(export, other, table, keys)) is not None
    }
    points, reasons = _LIKELY[table.holds], [table.why]
    if table.having("converted_date", "converted_flag"):
        points += 2.0
        reasons.append("it says who converted")
    elif any(other.holds in ("deals", "conversions") and other.export.sql in links for other in tables):
        points += 2.0
        reasons.append("deals or orders name its ids")
    if any(other.holds in ("activities", "history") and other.export.sql in links for other in tables):
        points += 2.0
        reasons.append("activities name its ids")
    if table.having("email", "first_name", "phone"):
        points += 0.5
    return Leads(
        table=table,
        id=keys[0],
        keys=tuple(keys),
        created=created,
        created_why=why,
        links=links,
        sure=points,
        why="; ".join(reasons),
    )


def created_of(export: Export, table: Table) -> tuple[Column, str] | None:
    """The column of the times at which rows came in, and why it is that one: by its name, else as the earliest time of nearly every row."""
    times = [column for column in table.export.of_kind("time") if column.filled >= 0.95]
    named = [column for column in times if table.roles[column.name] == "created"]
    if named:
        named.sort(key=lambda column: (column.days, times.index(column)))
        return named[0], "by its name"
    able = [
        column
        for column in times
        if table.roles[column.name] in ("attribute", "stage_date", "known_at", "activity_time")
    ]
    if not able:
        return None
    if len(able) == 1 and len(table.export.of_kind("time")) == 1:
        return able[0], "the only time in it"
    for column in able:
        others = [
            other
            for other in table.export.of_kind("time")
            if other is not column and table.roles[other.name] != "birth_date"
        ]
        if not others:
            return column, "the only time that every row has"
        earlier = " AND ".join(f"coalesce({column.sql} <= {other.sql}, TRUE)" for other in others)
        share = export.value(f"SELECT avg(CAST({earlier} AS INTEGER)) FROM {table.export.sql}")
        if isinstance(share, float) and share >= 0.9:
            return column, f"the earliest time in {share:.0%} of the rows"
    return None


def account_link(export: Export, leads: Leads, tables: Iterable[Table]) -> tuple[Table, Link] | None:
    """The table of companies that leads name, and how; of deals without one, that of the people, whose attributes come with it."""
    wanted = ("accounts", "people") if leads.table.holds == "deals" else ("accounts",)
    tables = [table for table in tables if table is not leads.table]
    for holds in wanted:
        for table in tables:
            found = link(export, leads.table, table, keys_of(table)) if table.holds == holds else None
            if found is not None and not found.listed and found.column != leads.id.name:
                return table, found
    return None
