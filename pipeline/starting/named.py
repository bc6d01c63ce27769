"""`--conversion NAME`: the way in which leads convert, as somebody names it: a way that is seen, a column, a value, a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from leadlens.features import UsageError
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.errors import listed
from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.conversions import (
    Conversions,
    by_date,
    by_rows,
    by_value,
    leads_of,
    yes_values,
)
from leadlens.pipeline.starting.people import Leads
from leadlens.pipeline.starting.roles import Table
from leadlens.pipeline.starting.tables import Export

_literal = DuckDBDialect().literal
_MOST_VALUES = 60


def named_conversions(
    export: Export, leads: Leads, tables: Iterable[Table], ways: Sequence[Conversions], named: str
) -> Conversions:
    """What is named: one of the ``ways``, a time or yes and no of a table that is linked with the leads, a value of a column of such, or the
    rows of such a table.

    Raises ``UsageError`` where nothing is called so, or nothing says who converted by it.
    """
    for way in ways:
        if named.lower() in (
            way.named.lower(),
            way.table.label.lower(),
            way.table.export.stem.lower(),
            *(value.lower() for value in way.won),
        ):
            return way
    linked = [table for table in tables if table is leads.table or table.export.sql in leads.links]
    linked.sort(key=lambda table: table is not leads.table)
    seen = list(_by_name(export, leads, linked, named))
    counted = [replace(way, leads=leads_of(export, way, leads), sure=1.0) for way in seen]
    best = next(iter(sorted(counted, key=lambda way: (way.leads == 0, way.flat))), None)
    if best is not None and best.leads:
        return best
    if best is not None:
        raise UsageError(
            "no lead of the export converted by this", value=f"{named}: {best.how}", where="--conversion"
        )
    raise _unknown(leads, linked, ways, named)


def _by_name(export: Export, leads: Leads, tables: Sequence[Table], named: str) -> Iterator[Conversions]:
    text = named.strip().lower()
    of, mark, value = (part.strip() for part in text.partition("="))  # Status=1
    for table in tables if mark else ():
        for column in table.export.columns.values():
            if column.name.lower() == of and (
                values := tuple(v for v, _ in column.values if v.strip().lower() == value)
            ):
                yield from by_value(export, leads, table, column, values)
    for table in tables:
        for column in table.export.columns.values():
            if column.name.lower() == text:
                yield from _by_column(export, leads, table, column)
    for table in tables:
        for column in table.export.columns.values():
            if column.kind in ("text", "flag", "number"):
                values = tuple(value for value, _ in column.values if value.strip().lower() == text)
                if values:
                    yield from by_value(export, leads, table, column, values)
    for table in tables:
        if text in (table.label.lower(), table.export.stem.lower()) and table is not leads.table:
            yield from by_rows(table, leads.links[table.export.sql], leads)


def _by_column(export: Export, leads: Leads, table: Table, column: Column) -> Iterator[Conversions]:
    if column.kind == "time":
        yield by_date(leads, table, column)
    elif column.kind in ("flag", "text", "number") and (values := yes_values(column)):
        yield from by_value(export, leads, table, column, values)


def _unknown(leads: Leads, tables: Sequence[Table], ways: Sequence[Conversions], named: str) -> UsageError:
    columns = {
        name: (table, column) for table in reversed(tables) for name, column in table.export.columns.items()
    }
    own = next((each for name, each in columns.items() if name.lower() == named.strip().lower()), None)
    if own is not None:
        table, column = own
        values = [value for value, _ in column.values]
        if column.kind == "empty":
            why, fix = "it is empty", "name another column"
        elif column.kind in ("text", "flag") and column.all_values:
            why = "it holds neither times nor yes and no"
            fix = f"name the value that says who converted: {listed(values, 10)}"
        else:
            why = f"it holds {'numbers' if column.kind == 'number' else 'texts'}, such as {listed(values, 3)}"
            fix = "name a column of times or of yes and no, or a value of a status"
        return UsageError(
            f"this column of {table.label} does not say who converted",
            value=column.name,
            why=why,
            where="--conversion",
            fix=fix,
        )
    values = [
        value
        for table in tables
        for column in table.export.columns.values()
        if column.kind in ("text", "flag") and column.distinct <= _MOST_VALUES
        for value, _ in column.values
    ]
    seen = [way.named for way in ways]
    return UsageError(
        "nothing in the export has this name",
        value=named,
        known=list(dict.fromkeys([*seen, *columns, *values, *(table.label for table in tables)])),
        where="--conversion",
        fix=f"name a column of times or of yes and no, a value of a status, or a table whose rows are conversions; recognised: {listed(seen) or 'nothing'}; "
        f"of a value that several columns have, Status=1; columns of {leads.table.label}: {listed(leads.table.export.columns, 20)}",
    )
