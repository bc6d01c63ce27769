"""Queries over rows that name leads: by their ids, by another column of theirs, or several in one value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.links import Link, text_of
from leadlens.pipeline.starting.people import Leads
from leadlens.pipeline.starting.tables import quote


def select(items: Mapping[str, str], conditions: Iterable[str] = (), more: str = "") -> str:
    """A SELECT over ``source`` as people write it: the SQL of each name on a line of its own.

    >>> print(select({"lead_id": '"Id"', "occurred_at": '"At"'}, ['"At" IS NOT NULL']))
    SELECT
      "Id" AS lead_id,
      "At" AS occurred_at
    FROM source
    WHERE "At" IS NOT NULL
    """
    columns = ",\n  ".join(f"{sql} AS {name}" for name, sql in items.items())
    where = "\n  AND ".join(conditions)
    return (
        f"SELECT\n  {columns}\nFROM source"
        + (f"\nWHERE {where}" if where else "")
        + (f"\n{more}" if more else "")
    )


def of_leads(column: Column) -> str:
    """SQL of a mapped column of ``leads`` in another source's query: what their own query has repaired needs no repair."""
    return column.sql if column.plain else quote(column.name)


def repaired_leads(leads: Leads) -> str:
    """The table of leads, with the time at which they came in as their query gives it."""
    created = leads.created
    repaired = "" if created.plain else f" REPLACE ({created.sql} AS {quote(created.name)})"
    return f"SELECT *{repaired} FROM {leads.table.export.sql}"


def looked_up(inner: str, link: Link | None, leads: Leads) -> str:
    """A query whose ``lead_id`` names leads by any key, as one by their ids."""
    if link is None or (link.key == leads.id.name and not link.folded):
        return inner
    key = text_of(link.key, link.folded, "l")
    own = "lower(trim(s.lead_id))" if link.folded else "trim(CAST(s.lead_id AS VARCHAR))"
    return f"SELECT l.{quote(leads.id.name)} AS lead_id, s.* EXCLUDE (lead_id)\nFROM (\n{inner}\n) AS s\nJOIN leads AS l ON {own} = {key}"


def named_lead(link: Link | None, leads: Leads) -> str:
    """SQL of the lead that a row names."""
    column = quote(leads.id.name if link is None else link.column)
    if link is not None and link.listed:
        return f"unnest(string_split_regex(trim(CAST({column} AS VARCHAR)), '\\s*[;,]\\s*'))"
    return column
