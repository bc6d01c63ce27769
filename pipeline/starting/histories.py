"""Edits of attributes out of a field history: only of columns whose history is whole, so that past rows have the value of then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from leadlens.features.attributes.personal import snake_case
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.links import Link
from leadlens.pipeline.starting.lookups import looked_up, named_lead, select
from leadlens.pipeline.starting.people import Leads
from leadlens.pipeline.starting.roles import Table
from leadlens.pipeline.starting.shapes import history_columns
from leadlens.pipeline.starting.tables import Export, quote

_literal = DuckDBDialect().literal
_WHOLE = 0.9
_FIRST_DAY = "TIMESTAMP '1970-01-02'"  # the value before the first edit holds from the beginning


@dataclass(frozen=True)
class Edited:
    """A field of the history and the column of the leads that it is; ``whole`` is the share of edited leads whose last edit is what the column holds."""

    field: str
    column: str
    leads: int
    whole: float

    @property
    def usable(self) -> bool:
        return self.whole >= _WHOLE


def edited_fields(export: Export, table: Table, link: Link, leads: Leads) -> list[Edited]:
    """The fields of a history that are columns of the leads."""
    columns = history_columns(table)
    if columns is None:
        return []
    return list(_edited(export, table, link, leads, columns))


def _edited(
    export: Export,
    table: Table,
    link: Link,
    leads: Leads,
    columns: tuple[Column, Column, Column | None, Column],
) -> Iterator[Edited]:
    field, new, _, at = columns
    by_name = {_plain(name): name for name in leads.table.export.columns}
    for name, _ in field.values:
        own = by_name.get(_plain(name))
        if own is None or own in (leads.id.name, leads.created.name):
            continue
        last = looked_up(
            f"SELECT {named_lead(link, leads)} AS lead_id, arg_max(coalesce(CAST({quote(new.name)} AS VARCHAR), ''), {at.sql}) AS v FROM {table.export.sql} "
            f"WHERE {quote(field.name)} = {_literal(name)} GROUP BY ALL",
            link,
            leads,
        )
        people = leads.table.export.sql
        count, whole = export.connection.execute(
            f"WITH leads AS (SELECT * FROM {people}), last AS ({last}) SELECT count(*), avg(CAST(last.v = coalesce(CAST(l.{quote(own)} AS VARCHAR), '') AS INTEGER)) "
            f"FROM last JOIN {people} AS l ON CAST(last.lead_id AS VARCHAR) = CAST(l.{quote(leads.id.name)} AS VARCHAR)"
        ).fetchall()[0]
        if count:
            yield Edited(name, own, int(count), float(whole))


def _plain(name: str) -> str:
    return snake_case(name).replace("_", "")


def changes_query(table: Table, link: Link, leads: Leads, fields: list[Edited]) -> str:
    """The edits of some fields, and the value of each before its first edit, as rows of the contract's ``changes``."""
    columns = history_columns(table)
    assert columns is not None
    field, new, old, at = columns
    names = ", ".join(_literal(each.field) for each in fields)
    attribute = quote(field.name)
    renamed = [each for each in fields if each.field != each.column]
    if renamed:
        cases = " ".join(f"WHEN {_literal(each.field)} THEN {_literal(each.column)}" for each in renamed)
        attribute = f"CASE {quote(field.name)} {cases} ELSE {quote(field.name)} END"
    lead, of_these = named_lead(link, leads), f"{quote(field.name)} IN ({names})"
    items = {
        "lead_id": lead,
        "attribute": attribute,
        "value": f"CAST({quote(new.name)} AS VARCHAR)",
        "known_at": at.sql,
    }
    edits = select(items, [of_these])
    if old is not None:
        first = f"QUALIFY row_number() OVER (PARTITION BY {quote(link.column)}, {quote(field.name)} ORDER BY {at.sql}) = 1"
        before = items | {"value": f"CAST({quote(old.name)} AS VARCHAR)", "known_at": _FIRST_DAY}
        edits += f"\nUNION ALL\n{select(before, [of_these], first)}"
    inner = looked_up(edits, link, leads)
    return f"SELECT 'lead' AS entity, lead_id AS id, attribute, value, known_at\nFROM (\n{inner}\n) AS edits"
