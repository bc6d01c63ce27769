"""When leads were lost: a date among their columns, the edit of a field history that lost them, or only that they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.errors import listed
from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.conversions import Conversions
from leadlens.pipeline.starting.lookups import named_lead
from leadlens.pipeline.starting.people import Leads
from leadlens.pipeline.starting.roles import Table
from leadlens.pipeline.starting.shapes import history_columns
from leadlens.pipeline.starting.tables import Export, quote
from leadlens.pipeline.starting.words import is_value, says

CLOSED, HISTORY = "closed_by_history", "history"  # a column of the leads' query, and the source that it joins
_literal = DuckDBDialect().literal
_SOME = 0.01  # of all leads
_TOLD = 0.5  # of the leads that are lost as of the export, a history must say it of as many


@dataclass(frozen=True, kw_only=True)
class Closing:
    """When leads were lost: by a ``column`` of theirs, or by ``rows``, a query of lead_id and time over the ``table`` of a history.

    Where nothing says when, ``finished`` is the query of the leads that are lost by now, and ``doubt`` says which.
    """

    column: Column | None = None
    table: Table | None = None
    rows: str = ""
    how: str = ""
    finished: str = ""
    doubt: str = ""


def find_closing(export: Export, leads: Leads, tables: Iterable[Table], way: Conversions | None) -> Closing:
    """The surest that the export has."""
    if (column := _dated(leads, way)) is not None:
        return Closing(column=column, how=column.name)
    stages = [(column, lost) for column in leads.table.having("stage") if (lost := _lost_values(column))]
    stage, values = stages[0] if stages else (None, ())
    count = 0 if stage is None else sum(rows for value, rows in stage.values if value in values)
    for table in tables:
        found = _in_history(export, leads, table)
        if found is not None and found[1] >= max(_TOLD * count, _SOME * leads.table.export.rows):
            return Closing(table=table, rows=found[0], how=f"the last edit of a stage in {table.label}")
    if stage is None:
        return Closing()
    states = listed((repr(value) for value in values), 3)
    listed_values = ", ".join(map(_literal, values))
    return Closing(
        finished=f"SELECT {quote(leads.id.name)} AS lead_id\nFROM source\nWHERE CAST({quote(stage.name)} AS VARCHAR) IN ({listed_values})",
        doubt=f"{count:,} leads are {states} by {stage.name}, and nothing says since when: they are learned from and not scored "
        "(data.finished). If a column says the day, name it in its place: columns: {closed_at: …} under data.leads",
    )


def _dated(leads: Leads, way: Conversions | None) -> Column | None:
    lost = [
        column
        for column in leads.table.having("lost_date")
        if 0.01 <= column.filled < 1 and column.kind == "time"
    ]
    if not lost and way is not None and not way.flat:
        # a date of closing that more leads have than converted is that of the lost ones, too
        lost = [
            column
            for column in leads.table.having("closed_date")
            if column.kind == "time"
            and column.name != way.named
            and way.leads * 1.2 < column.filled * column.rows < 0.98 * column.rows
        ]
    return next(iter(lost), None)


def _lost_values(column: Column) -> tuple[str, ...]:
    return tuple(value for value, _ in column.values if is_value("lost", value))


def _in_history(export: Export, leads: Leads, table: Table) -> tuple[str, int] | None:
    """(query of the leads whose last edit of a stage lost them, how many), of a history that names leads by their ids."""
    found, columns = leads.links.get(table.export.sql), history_columns(table)
    if table.holds != "history" or found is None or columns is None:
        return None
    field, new, _, at = columns
    fields = [name for name, _ in field.values if says("columns", "stage", name)]
    if not fields or found.key != leads.id.name or found.listed:
        return None
    value = f"CAST({quote(new.name)} AS VARCHAR)"
    own = f"{quote(field.name)} IN ({', '.join(map(_literal, fields))})"
    distinct = export.connection.execute(
        f"SELECT DISTINCT {value} FROM {table.export.sql} WHERE {own} AND {value} IS NOT NULL ORDER BY 1"
    ).fetchall()
    lost = [text for (text,) in distinct if is_value("lost", text)]
    if not lost:
        return None
    time = at.sql + (" + INTERVAL 1 DAY" if at.days else "")  # a day counts from its end
    rows = (
        f"SELECT CAST({named_lead(found, leads)} AS VARCHAR) AS lead_id, max({time}) AS {CLOSED}\n"
        f"FROM {HISTORY}\nWHERE {own}\nGROUP BY ALL\nHAVING arg_max({value}, {at.sql}) IN ({', '.join(map(_literal, lost))})"
    )
    known = f"SELECT CAST({quote(leads.id.name)} AS VARCHAR) FROM {leads.table.export.sql}"
    count = export.value(
        f"WITH {HISTORY} AS (SELECT * FROM {table.export.sql}) SELECT count(*) FROM ({rows}) AS lost WHERE lead_id IN ({known})"
    )
    return rows, int(str(count))
