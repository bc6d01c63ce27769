"""Who converted, and when: every way in which an export may say so, the surest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.errors import counted
from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.links import Link, text_of
from leadlens.pipeline.starting.lookups import looked_up, named_lead, of_leads, repaired_leads, select
from leadlens.pipeline.starting.people import Leads
from leadlens.pipeline.starting.roles import Table
from leadlens.pipeline.starting.shapes import activity_columns, history_columns
from leadlens.pipeline.starting.tables import Export, quote
from leadlens.pipeline.starting.words import is_value, says

_literal = DuckDBDialect().literal
_FEWEST, _MOST = 0.001, 0.7  # share of the leads that convert, if a column says who did
_NEVER = "2200-01-01"
CREATED = "created"  # of a lead, in a query


@dataclass(frozen=True, kw_only=True)
class Conversions:
    """One way in which the export says who converted.

    ``query`` selects lead_id, converted_at (and value) from ``source``, the rows of ``table``, and ``leads`` where ids must be looked up. ``sure``
    is 0 to 1; ``how`` says in words what it is. Flat: ``column`` of the leads says who converted, ``positive`` by which
    values, and nothing says when.
    """

    table: Table
    query: str
    how: str
    sure: float
    named: str
    leads: int = 0
    exact: bool = True
    column: str | None = None
    positive: tuple[str, ...] = ()
    won: tuple[str, ...] = ()

    @property
    def flat(self) -> bool:
        return self.column is not None


def find_conversions(export: Export, leads: Leads, tables: Iterable[Table]) -> list[Conversions]:
    """All ways, the surest first; each with the number of leads that converted by it. Ways that nobody, or nearly everybody, converted by are none."""
    ways = []
    for table in tables:
        each = leads.table is table
        link = leads.links.get(table.export.sql)
        if each:
            ways += list(_of_columns(export, table, None, leads))
        elif link is None:
            continue
        elif table.holds == "history":
            ways += list(_of_history(table, link, leads))
        elif table.holds in ("deals", "conversions", "leads", "people", "other"):
            ways += list(_of_columns(export, table, link, leads))
            if table.holds == "conversions":
                ways += list(by_rows(table, link, leads))
        elif table.holds == "activities":
            ways += list(_of_activities(table, link, leads))
    counted_ways = [replace(way, leads=leads_of(export, way, leads)) for way in ways]
    total = leads.table.export.rows
    able = [way for way in counted_ways if max(3, _FEWEST * total) <= way.leads <= _MOST * total]
    most = max((way.leads for way in able if way.sure >= 0.8), default=0)
    # A few rows of one way beside many of another are its remains: the export of a year's deals, say.
    return sorted(
        able, key=lambda way: (way.flat, way.sure < 0.8, way.leads < 0.3 * most, -way.sure - 0.03 * way.exact)
    )


def statement(export_way: Conversions, leads: Leads) -> str:
    """The query over the tables that the export was read into."""
    own = f"source AS (SELECT * FROM {export_way.table.export.sql})"
    people = f"leads AS ({repaired_leads(leads)})"
    return f"WITH {own}, {people} {export_way.query}"


def leads_of(export: Export, way: Conversions, leads: Leads) -> int:
    """How many leads converted in one way."""
    if way.flat:
        values = ", ".join(map(_literal, way.positive))
        own = f"lower(trim(CAST({quote(str(way.column))} AS VARCHAR)))"
        return int(
            str(export.value(f"SELECT count(*) FROM {leads.table.export.sql} WHERE {own} IN ({values})"))
        )
    known = f"SELECT {text_of(leads.id.name)} FROM {leads.table.export.sql}"
    rows = f"({statement(way, leads)}) AS found WHERE {text_of('lead_id')} IN ({known})"
    return int(str(export.value(f"SELECT count(DISTINCT lead_id) FROM {rows}")))


def won_values(table: Table, column: Column) -> tuple[str, ...]:
    """The values of a stage, status or flag that say that a lead converted."""
    values = [value for value, _ in column.values]
    if table.known and (own := tuple(value for value in values if table.known.is_won(value))):
        return own
    return tuple(value for value in values if is_value("won", value) and not is_value("lost", value))


def yes_values(column: Column) -> tuple[str, ...]:
    """The values of a column that say yes, or that a lead converted."""
    return tuple(value for value, _ in column.values if is_value("affirmed", value) or is_value("won", value))


def _of_columns(export: Export, table: Table, link: Link | None, leads: Leads) -> Iterator[Conversions]:
    """Dates of conversion; dates of closing with a stage or flag that says won; a stage or flag alone."""
    lead = named_lead(link, leads)
    created = leads.created if link is None else None
    value = {} if link is None else _value_of(table)
    stages = [
        (column, won)
        for column in table.having("converted_flag", "stage")
        if (
            won := won_values(table, column)
            or (yes_values(column) if table.roles[column.name] == "converted_flag" else ())
        )
    ]
    decided = next(iter(stages), None)
    for column in table.having("converted_date"):
        agree = ""
        sure = 0.95
        if decided is not None:
            share = _agreement(export, table, column, *decided)
            agree = f", which {decided[0].name} confirms for {share:.0%} of the rows"
            sure = 0.97 if share > 0.98 else 0.9 if share > 0.8 else 0.75
        yield Conversions(
            table=table, query=_named_by(_select(lead, column, value, created, f"{quote(column.name)} IS NOT NULL"), column, link, leads),
            how=f"a date in {column.name}{agree}", sure=sure, named=column.name, exact=not column.days, won=decided[1] if decided else (),
        )  # fmt: skip
    for flag, won in stages:
        values = ", ".join(map(_literal, won))
        condition = f"CAST({quote(flag.name)} AS VARCHAR) IN ({values})"
        changed = _stage_changes(table) if table.roles[flag.name] == "stage" else []
        for column in dict.fromkeys(
            (*table.having("closed_date"), *_filled_with(export, table, flag, won), *changed)
        ):
            yield Conversions(
                table=table, query=_named_by(_select(lead, column, value, created, f"{condition} AND {quote(column.name)} IS NOT NULL"), column, link, leads),
                how=f"{flag.name} is {' or '.join(won[:3])}, dated by {column.name}", sure=0.88 if table.roles[column.name] == "closed_date" else 0.75 if column in changed else 0.8,
                named=flag.name, exact=not column.days, won=won,
            )  # fmt: skip
        if link is None:
            yield _flat(table, flag, won)
    if link is None and not stages and not table.having("converted_date"):
        yield from _of_values_alone(export, table, leads)


def by_date(leads: Leads, table: Table, column: Column) -> Conversions:
    """Whoever has a time in a column converted then."""
    link = leads.links.get(table.export.sql) if table is not leads.table else None
    created, value = (leads.created, {}) if link is None else (None, _value_of(table))
    inner = _select(named_lead(link, leads), column, value, created, f"{quote(column.name)} IS NOT NULL")
    return Conversions(
        table=table, query=_named_by(inner, column, link, leads), how=f"a date in {column.name}", sure=0.75, named=column.name,
        exact=not column.days,
    )  # fmt: skip


def by_value(
    export: Export, leads: Leads, table: Table, flag: Column, won: tuple[str, ...]
) -> Iterator[Conversions]:
    """Whoever has one of some values in a column converted: when its date of closing says, or a time that hardly any other row has; of leads
    without such, as of their creation.
    """
    link = leads.links.get(table.export.sql) if table is not leads.table else None
    created, value = (leads.created, {}) if link is None else (None, _value_of(table))
    condition = f"CAST({quote(flag.name)} AS VARCHAR) IN ({', '.join(map(_literal, won))})"
    dates = [
        *table.having("converted_date", "closed_date"),
        *_filled_with(export, table, flag, won),
        *(_stage_changes(table) if table.roles[flag.name] == "stage" else []),
    ]
    if table.holds in ("activities", "history"):
        columns = activity_columns(table)
        dates += [columns.time] if columns is not None else []
    for column in dates:
        inner = _select(
            named_lead(link, leads),
            column,
            value,
            created,
            f"{condition} AND {quote(column.name)} IS NOT NULL",
        )
        yield Conversions(
            table=table, query=_named_by(inner, column, link, leads), how=f"{flag.name} is {' or '.join(won[:3])}, dated by {column.name}",
            sure=0.8, named=flag.name, exact=not column.days, won=won,
        )  # fmt: skip
    if link is None:
        yield _flat(table, flag, won)


def _flat(table: Table, flag: Column, won: tuple[str, ...]) -> Conversions:
    return Conversions(
        table=table, query="", how=f"{flag.name} is {' or '.join(won[:3])}; nothing says when", sure=0.6, named=flag.name,
        column=flag.name, positive=tuple(each.lower() for each in won), won=won,
    )  # fmt: skip


def _value_of(table: Table) -> dict[str, str]:
    """What a deal or an order is worth, as a column of the conversions."""
    columns = (column for column in table.having("deal_value") if column.kind == "number")
    return next(({"value": column.sql} for column in columns), {})


def _select(lead: str, column: Column, value: dict[str, str], created: Column | None, condition: str) -> str:
    """A day without a clock counts from its beginning, or from the creation of a lead of the same day."""
    at = column.sql
    if column.days and created is not None and not created.days:
        at = _not_before(column.sql, created.sql)
    conditions = [condition]
    if column.last[:4] >= _NEVER[:4]:  # 31.12.9999, which stands for no date
        conditions.append(f"{column.sql} < TIMESTAMP '{_NEVER}'")
    return select({"lead_id": lead, "converted_at": at, **value}, conditions)


def _not_before(day: str, created: str) -> str:
    return f"CASE WHEN {day} = date_trunc('day', {created}) THEN {created} ELSE {day} END"


def _named_by(inner: str, column: Column, link: Link | None, leads: Leads) -> str:
    """:func:`looked_up`, with days without a clock of another table as in :func:`_select`."""
    rows = looked_up(inner, link, leads)
    if link is None or not column.days or leads.created.days:
        return rows
    at = _not_before("c.converted_at", f"l.{CREATED}")
    people = f"SELECT {quote(leads.id.name)} AS id, min({of_leads(leads.created)}) AS {CREATED} FROM leads GROUP BY ALL"
    return (
        f"SELECT c.* REPLACE ({at} AS converted_at)\nFROM (\n{rows}\n) AS c\n"
        f"LEFT JOIN ({people}) AS l ON CAST(l.id AS VARCHAR) = trim(CAST(c.lead_id AS VARCHAR))"
    )


def _agreement(export: Export, table: Table, date: Column, flag: Column, won: tuple[str, ...]) -> float:
    values = ", ".join(map(_literal, won))
    same = f"coalesce(CAST({quote(flag.name)} AS VARCHAR) IN ({values}), FALSE) = ({quote(date.name)} IS NOT NULL)"
    return float(str(export.value(f"SELECT avg(CAST({same} AS INTEGER)) FROM {table.export.sql}")))


def _stage_changes(table: Table) -> list[Column]:
    """Times of the latest change of a stage: of rows that are won, of the winning."""
    return [column for column in table.export.of_kind("time") if is_value("stage_changed", column.name)]


def _filled_with(export: Export, table: Table, flag: Column, won: tuple[str, ...]) -> Iterator[Column]:
    """Times that the rows with these values have, and hardly any other row: they date the values, whatever they are called."""
    values = ", ".join(map(_literal, won))
    is_won = f"coalesce(CAST({quote(flag.name)} AS VARCHAR) IN ({values}), FALSE)"
    for column in table.export.of_kind("time"):
        if table.roles[column.name] in ("created", "closed_date", "converted_date", "birth_date"):
            continue
        inside, outside = export.connection.execute(
            f"SELECT avg(CAST({quote(column.name)} IS NOT NULL AS INTEGER)) FILTER ({is_won}), "
            f"avg(CAST({quote(column.name)} IS NOT NULL AS INTEGER)) FILTER (NOT {is_won}) FROM {table.export.sql}"
        ).fetchall()[0]
        if (inside or 0) >= 0.95 and (outside or 0) <= 0.05:
            yield column


def _of_values_alone(export: Export, table: Table, leads: Leads) -> Iterator[Conversions]:
    """Where no word is known: a value that rows have if, and only if, they have a certain time after their creation."""
    times = [
        column
        for column in table.export.of_kind("time")
        if 0.002 <= column.filled <= 0.6
        and table.roles[column.name] in ("attribute", "stage_date", "closed_date")
    ]
    for column in times:
        for state in table.export.of_kind("text", "flag", "number"):
            if not 2 <= state.distinct <= 30 or not state.all_values:
                continue
            for value, count in state.values:
                if is_value("lost", value) or count > 0.7 * state.rows:
                    continue
                same = f"coalesce(CAST({quote(state.name)} AS VARCHAR) = {_literal(value)}, FALSE) = ({quote(column.name)} IS NOT NULL)"
                later = f"{column.sql} >= {leads.created.sql}"
                share, after = export.connection.execute(
                    f"SELECT avg(CAST({same} AS INTEGER)), avg(CAST({later} AS INTEGER)) FILTER ({quote(column.name)} IS NOT NULL) FROM {table.export.sql}"
                ).fetchall()[0]
                if share >= 0.995 and (after or 0) >= 0.95:
                    yield Conversions(
                        table=table, query=_select(quote(leads.id.name), column, {}, leads.created, f"{quote(column.name)} IS NOT NULL"),
                        how=f"{column.name} is filled in where {state.name} is {value}, and nowhere else", sure=0.5, named=column.name,
                        exact=not column.days, won=(value,),
                    )  # fmt: skip


def by_rows(table: Table, link: Link, leads: Leads) -> Iterator[Conversions]:
    """Each row of a table, such as of orders or contracts, is a conversion."""
    times = [
        *table.having("converted_date", "closed_date", "created", "activity_time"),
        *table.export.of_kind("time"),
    ]
    if times:
        value = _value_of(table)
        inner = _select(named_lead(link, leads), times[0], value, None, f"{quote(times[0].name)} IS NOT NULL")
        yield Conversions(
            table=table, query=_named_by(inner, times[0], link, leads), how=f"each row of {table.label}, dated by {times[0].name}", sure=0.85,
            named=table.label, exact=not times[0].days,
        )  # fmt: skip


def _of_history(table: Table, link: Link, leads: Leads) -> Iterator[Conversions]:
    """The first edit of a field to a value that says won."""
    columns = history_columns(table)
    if columns is None:
        return
    field, new, _, at = columns
    lead, own = named_lead(link, leads), quote(field.name)
    for name, _ in field.values:
        flag, stage = (
            says("columns", "converted_flag", name) or name.lower().endswith("converted"),
            says("columns", "stage", name),
        )
        if not (flag or stage):
            continue
        stages = tuple(
            value for value, _ in new.values if is_value("won", value) and not is_value("lost", value)
        )
        condition = f"{own} = {_literal(name)}"
        if flag:
            no = f"lower(trim(CAST({quote(new.name)} AS VARCHAR))) NOT IN ('false', '0', 'no')"
            condition += f" AND coalesce({no}, TRUE)"
        elif stages:
            condition += f" AND CAST({quote(new.name)} AS VARCHAR) IN ({', '.join(map(_literal, stages))})"
        else:
            continue
        inner = select({"lead_id": lead, "converted_at": f"min({at.sql})"}, [condition], "GROUP BY ALL")
        yield Conversions(
            table=table, query=looked_up(inner, link, leads), how=f"the first edit of {name}{'' if flag else ' to ' + ' or '.join(stages)} in {table.label}",
            sure=0.95, named=name, exact=not at.days, won=stages,
        )  # fmt: skip


def _of_activities(table: Table, link: Link, leads: Leads) -> Iterator[Conversions]:
    """Events that are the conversion itself, such as a purchase."""
    columns = activity_columns(table)
    if columns is None or columns.type is None:
        return
    kind, at = columns.type, columns.time
    won = tuple(value for value, _ in kind.values if is_value("won_events", value) or is_value("won", value))
    if won:
        condition = f"CAST({quote(kind.name)} AS VARCHAR) IN ({', '.join(map(_literal, won))})"
        inner = select({"lead_id": named_lead(link, leads), "converted_at": at.sql}, [condition])
        yield Conversions(
            table=table, query=looked_up(inner, link, leads), how=f"events {' or '.join(won[:3])} in {table.label}", sure=0.82,
            named=f"{kind.name}: {won[0]}", exact=not at.days, won=won,
        )  # fmt: skip


def rate(way: Conversions, leads: Leads) -> str:
    """How many leads converted, in words."""
    return f"{counted(way.leads, 'lead')} of {leads.table.export.rows:,} ({way.leads / leads.table.export.rows:.1%})"
