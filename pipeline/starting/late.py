"""Which columns of the leads are filled in after they came in: by their role, and by what their values say beside the outcome."""

from __future__ import annotations

from dataclasses import dataclass

from leadlens.pipeline.starting.activities import share_after
from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.conversions import Conversions, statement
from leadlens.pipeline.starting.people import Leads
from leadlens.pipeline.starting.roles import LATE
from leadlens.pipeline.starting.tables import Export, quote

_AFTER = 0.1  # of the times in a column that lie after the creation of their lead
_FEWEST = 10


@dataclass(frozen=True)
class Late:
    """A column that is filled in later; ``why`` groups it, ``proof`` is what its values say, if they do."""

    column: str
    why: str
    proof: str = ""


def late_columns(export: Export, leads: Leads, way: Conversions | None, taken: set[str]) -> list[Late]:
    """The columns of the leads that no feature may see, in the order of the table; those ``taken`` by the contract are passed over."""
    late = []
    for column in leads.table.export.columns.values():
        if column.name in taken:
            continue
        found = _by_role(leads, way, column) or _by_values(export, leads, way, column)
        if found is not None:
            late.append(found)
    return late


def _by_role(leads: Leads, way: Conversions | None, column: Column) -> Late | None:
    if way is not None and way.table is leads.table and column.name == way.named:
        return Late(column.name, LATE["converted_date"])
    role = leads.table.roles[column.name]
    why = LATE.get(role)
    if role == "owner" and column.unique:
        return None
    return Late(column.name, why) if why else None


def _by_values(export: Export, leads: Leads, way: Conversions | None, column: Column) -> Late | None:
    if column.kind == "empty":
        return None
    if column.kind == "time":
        share = share_after(export, leads, column)
        if share >= _AFTER and leads.table.roles[column.name] != "birth_date":
            return Late(
                column.name,
                "dates after the lead came in",
                f"{share:.0%} of its dates are later than {leads.created.name}",
            )
        return None
    if way is None or way.flat or column.unique:
        return None
    return _by_outcome(export, leads, way, column)


def _by_outcome(export: Export, leads: Leads, way: Conversions, column: Column) -> Late | None:
    """Filled in for those who convert alone, or with values that hardly anybody else has."""
    own = quote(column.name)
    joined = (
        f"SELECT l.{own} AS v, c.lead_id IS NOT NULL AS won FROM {leads.table.export.sql} AS l LEFT JOIN "
        f"(SELECT DISTINCT CAST(lead_id AS VARCHAR) AS lead_id FROM ({statement(way, leads)}) AS found) AS c ON CAST(l.{quote(leads.id.name)} AS VARCHAR) = c.lead_id"
    )
    filled, of_won, of_rest, won = export.connection.execute(
        f"SELECT count(v), avg(CAST(v IS NOT NULL AS INTEGER)) FILTER (won), avg(CAST(v IS NOT NULL AS INTEGER)) FILTER (NOT won), count(*) FILTER (won) FROM ({joined}) AS j"
    ).fetchall()[0]
    if won < _FEWEST or filled < _FEWEST:
        return None
    if column.filled < 0.7 and (of_rest or 0) <= 0.02 and (of_won or 0) >= 0.3:
        return Late(
            column.name,
            "filled in where leads converted",
            f"filled in for {of_won:.0%} of the leads that converted and {of_rest:.0%} of the others",
        )
    if column.distinct <= 60:
        telling = export.connection.execute(
            f"SELECT sum(wins) FROM (SELECT v, count(*) FILTER (won) AS wins, count(*) AS n FROM ({joined}) AS j WHERE v IS NOT NULL GROUP BY v) AS by_value "
            f"WHERE wins >= 0.9 * n AND n >= {_FEWEST}"
        ).fetchall()[0][0]
        if (telling or 0) >= 0.5 * won:
            return Late(
                column.name,
                "filled in where leads converted",
                f"some of its values stand for {telling / won:.0%} of the conversions, and for hardly any other lead",
            )
    return None
