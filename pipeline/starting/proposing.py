"""The proposal: from the tables of an export to the parts of a project, each with what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from leadlens.features.errors import listed
from leadlens.pipeline.sources.styles import unclear_words
from leadlens.pipeline.starting.activities import (
    Events,
    events_of_history,
    events_of_stages,
    events_of_table,
    stage_dates,
)
from leadlens.pipeline.starting.closings import CLOSED, Closing, find_closing
from leadlens.pipeline.starting.conversions import Conversions, find_conversions
from leadlens.pipeline.starting.domains import Domains, find_domains
from leadlens.pipeline.starting.histories import Edited, changes_query, edited_fields
from leadlens.pipeline.starting.horizon import Horizon, find_horizon
from leadlens.pipeline.starting.late import Late, late_columns
from leadlens.pipeline.starting.links import Link, link
from leadlens.pipeline.starting.lookups import of_leads
from leadlens.pipeline.starting.named import named_conversions
from leadlens.pipeline.starting.people import Leads, account_link, find_leads
from leadlens.pipeline.starting.roles import Table, understand
from leadlens.pipeline.starting.shapes import activity_columns
from leadlens.pipeline.starting.tables import Export, quote

_CONTRACT = ("lead_id", "created_at", "account_id", "closed_at")
_PAST = ("last_activity", "modified", "known_at")  # times that no export has in the future


@dataclass(frozen=True)
class Changes:
    """One source of edits: the fields that it gives, and its query."""

    table: Table
    query: str
    fields: tuple[Edited, ...]


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The parts of a project. ``ways`` are all ways in which the export says who converted; ``conversions`` is the one that is taken.

    ``ends`` is the day of the last thing that happened to a lead; ``excluded`` are types of events that are left out, because they give the outcome away; ``check`` are sentences on what a person should look at;
    ``left_out`` are tables that are not used, with the reason.
    """

    leads: Leads
    tables: tuple[Table, ...]
    ways: tuple[Conversions, ...]
    conversions: Conversions | None
    columns: dict[str, str]
    closing: Closing
    account: tuple[Table, Link] | None
    events: tuple[Events, ...]
    changes: tuple[Changes, ...]
    late: tuple[Late, ...]
    account_late: tuple[Late, ...]
    horizon: Horizon
    ends: str
    domains: Domains
    left_out: tuple[str, ...]
    check: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    ages: tuple[str, ...] = ()
    proof: tuple[str, ...] = field(default=())

    @property
    def known_after(self) -> tuple[str, ...]:
        """The columns that no feature, rule or model may see."""
        return tuple(dict.fromkeys(late.column for late in (*self.late, *self.account_late)))

    @property
    def systems(self) -> dict[str, list[str]]:
        """The systems whose tables were recognised, each with the tables."""
        used = {self.leads.table.label, *(each.table.label for each in self.events)}
        used |= {self.conversions.table.label} if self.conversions else set()
        systems: dict[str, list[str]] = {}
        for table in self.tables:
            known = table.known if table.label in used else None
            if table.system is None or known is None:
                continue
            # two names alone may be those of another system
            if (
                table is self.leads.table
                or table.system in systems
                or known.matches(table.export.columns) > 2
            ):
                systems.setdefault(table.system, []).append(table.label)
        return systems

    @property
    def taken_for(self) -> str:
        """The same in words: of several systems, which table was taken for whose."""
        if not self.systems:
            return ""
        if len(self.systems) == 1:
            return f"an export of {next(iter(self.systems))}"
        return "exports of " + " and ".join(
            f"{name} ({listed(own, 4)})" for name, own in self.systems.items()
        )


def propose(
    export: Export,
    *,
    leads: str | None = None,
    conversion: str | None = None,
    choose: Callable[[Sequence[Conversions], Leads], Conversions | None] | None = None,
) -> Proposal:
    """What the project should be. ``leads`` and ``conversion`` name a table and a column or value that settle what is guessed else; ``choose``
    is asked which of several ways to convert is meant.

    Raises ``UsageError`` where no table can be the leads, or what is named is not there.
    """
    tables = tuple(understand(table) for table in export.tables)
    people = find_leads(export, tables, leads)
    ways = find_conversions(export, people, tables)
    way = (
        named_conversions(export, people, tables, ways, conversion) if conversion else next(iter(ways), None)
    )
    if conversion is None and choose is not None and ways:
        way = choose(ways, people)
    bound = _bound(people)
    events = tuple(_events(export, people, tables, way, bound))
    histories = _histories(export, people, tables)
    companies = account_link(export, people, tables)
    closing = find_closing(export, people, tables, way)
    columns = _mapped(people, closing, companies)
    edited = tuple(_changes(people, histories, set(columns.values()), way))
    whole = {each.column for changes in edited for each in changes.fields}
    late = late_columns(
        export, people, way, {*columns.values(), *whole, *_named_like_the_contract(people, columns)}
    )
    late += _half_known(histories, late, whole, columns)
    account_late = _late_of_accounts(companies)
    used = {people.table.export.sql, *(each.table.export.sql for each in events)}
    used |= {each.table.export.sql for each in edited}
    used |= {way.table.export.sql} if way else set()
    used |= {companies[0].export.sql} if companies else set()
    return Proposal(
        leads=people,
        tables=tables,
        ways=tuple(ways),
        conversions=way,
        columns=columns,
        closing=closing,
        account=companies,
        events=events,
        changes=edited,
        late=tuple(late),
        account_late=tuple(account_late),
        horizon=find_horizon(export, people, way),
        ends=str(export.value(f"SELECT {bound} FROM {people.table.export.sql}"))[:10],
        domains=find_domains(export, people, tables),
        left_out=(*export.left_out, *_unused(export, tables, used, people)),
        check=tuple(
            _doubts(
                closing,
                people,
                way,
                ways,
                late,
                histories,
                [each for each in tables if each.export.sql in used],
            )
        ),
    )


def _bound(leads: Leads, elsewhere: bool = False) -> str:
    """SQL, over the table of leads, of the last time that anything in it happened: later dates in it are plans or mistakes.

    With ``elsewhere``, over the leads as the query of another source sees them.
    """
    columns = [
        column for column in leads.table.having(*_PAST) if column.kind == "time" and column.filled > 0.05
    ]
    created = of_leads(leads.created) if elsewhere else leads.created.sql
    times = [created, *(column.sql for column in columns if not elsewhere or column.plain)]
    latest = ", ".join(f"max({time})" for time in times)
    return f"greatest({latest})" if len(times) > 1 else latest


def _events(
    export: Export, leads: Leads, tables: Iterable[Table], way: Conversions | None, bound: str
) -> Iterable[Events]:
    made: list[Events | None] = []
    for table in tables:
        found = leads.links.get(table.export.sql)
        if table is leads.table or found is None:
            continue
        if table.holds == "history":
            made.append(events_of_history(table, found, leads, way))
        elif table.holds in ("activities", "other"):
            made.append(events_of_table(table, found, leads, way, _bound_of(export, table, leads, bound)))
    stages = stage_dates(export, leads, way, tables)
    last = export.value(f"SELECT {bound} FROM {leads.table.export.sql}")
    beyond = any(column.last > str(last) for column, _ in stages)
    made.append(events_of_stages(leads, stages, f"(SELECT {bound} FROM source)" if beyond else None))
    return [each for each in made if each is not None]


def _bound_of(export: Export, table: Table, leads: Leads, bound: str) -> str | None:
    """Of a table with rows after all that happened: SQL of the time at which these end."""
    columns = activity_columns(table)
    if columns is None:
        return None
    if columns.known is not None:
        return (
            f"(SELECT max({columns.known.sql}) FROM source)"
            if columns.time.last > columns.known.last
            else None
        )
    last = str(export.value(f"SELECT {bound} + INTERVAL 2 DAY FROM {leads.table.export.sql}"))
    planned = bool(table.having("next_activity", "expected_date"))
    return (
        f"(SELECT {_bound(leads, elsewhere=True)} + INTERVAL 2 DAY FROM leads)"
        if planned and columns.time.last > last
        else None
    )


def _histories(
    export: Export, leads: Leads, tables: Iterable[Table]
) -> list[tuple[Table, Link, list[Edited]]]:
    return [
        (table, found, edited_fields(export, table, found, leads))
        for table in tables
        if table.holds == "history" and (found := leads.links.get(table.export.sql)) is not None
    ]


def _changes(
    leads: Leads, histories: list[tuple[Table, Link, list[Edited]]], mapped: set[str], way: Conversions | None
) -> Iterable[Changes]:
    outcome = {way.named} if way else set()
    for table, found, fields in histories:
        usable = tuple(
            each
            for each in fields
            if each.usable
            and each.column not in mapped | outcome
            and leads.table.roles[each.column]
            not in ("stage", "converted_flag", "converted_date", "closed_date")
        )
        if usable:
            yield Changes(table, changes_query(table, found, leads, list(usable)), usable)


def _half_known(
    histories: list[tuple[Table, Link, list[Edited]]],
    late: list[Late],
    whole: set[str],
    columns: dict[str, str],
) -> list[Late]:
    """Columns that are edited, and whose history does not lead to what they hold."""
    known = {each.column for each in late} | whole | set(columns.values())
    return [
        Late(
            each.column,
            "edited later, and its edit history is incomplete",
            f"the last edit is what it holds for {each.whole:.0%} of the edited leads",
        )
        for _, _, fields in histories
        for each in fields
        if each.column not in known
    ]


def _mapped(leads: Leads, closing: Closing, companies: tuple[Table, Link] | None) -> dict[str, str]:
    """The contract's columns of the leads."""
    columns = {"lead_id": leads.id.name, "created_at": leads.created.name}
    if companies is not None:
        columns["account_id"] = companies[1].column
    if closing.column is not None:
        columns["closed_at"] = closing.column.name
    elif closing.rows:
        columns["closed_at"] = CLOSED
    taken = {name.lower() for name in columns.values()}
    for name in leads.table.export.columns:
        if name.lower() == "row_id" and name.lower() not in taken:
            columns["export_row_id"] = name
    return columns


def _named_like_the_contract(leads: Leads, columns: dict[str, str]) -> set[str]:
    """Columns that Leadlens would read by their names alone."""
    return {
        name for name in leads.table.export.columns if name.lower() in _CONTRACT and name.lower() in columns
    }


def _late_of_accounts(companies: tuple[Table, Link] | None) -> list[Late]:
    from leadlens.pipeline.starting.roles import LATE

    if companies is None:
        return []
    table, found = companies
    roles = ((name, table.roles[name]) for name in table.export.columns if name != found.key)
    return [Late(name, LATE[role]) for name, role in roles if role in LATE]


def _unused(export: Export, tables: Iterable[Table], used: set[str], leads: Leads) -> Iterable[str]:
    for table in tables:
        if table.export.sql in used:
            continue
        if table.export.sql in leads.links:
            why = "it names leads, but has nothing to make events, conversions or edits from"
        elif (chance := link(export, table, leads.table, list(leads.keys), small=True)) is not None:
            why = (
                f"the numbers of {chance.column} occur as {chance.key} of {leads.table.label}, but small whole numbers occur anywhere: "
                f"only where both names say that they are ids (lead_id) are they taken for such"
            )
        else:
            why = f"no column of it holds ids or addresses of {leads.table.label}"
        yield f"{table.label}: {why}"


def _doubts(
    closing: Closing,
    leads: Leads,
    way: Conversions | None,
    ways: Sequence[Conversions],
    late: Sequence[Late],
    histories: list[tuple[Table, Link, list[Edited]]],
    used: Iterable[Table],
) -> Iterable[str]:
    if leads.sure < 0.5:
        yield f"are the leads really in {leads.table.label}? It is only the likeliest table: --leads names another"
    if leads.created_why != "by its name":
        yield f"is {leads.created.name} when leads came in? It is taken for that as {leads.created_why}"
    if leads.repeated:
        twice = leads.id.rows - leads.id.distinct
        yield f"{leads.id.name} occurs more than once in {twice:,} rows of {leads.table.label}: the first of each is kept"
    if closing.doubt:
        yield closing.doubt
    if way is None:
        yield "who converted is not recognised: the project has an open point where data.conversions stands"
    elif way.sure < 0.9 or sum(not each.flat for each in ways) > 1:
        others = [each.how for each in ways if each is not way and not each.flat][:3]
        rest = f" Also seen: {'; '.join(others)} (--conversion NAME takes another)" if others else ""
        yield f"who converted: {way.how}. Is that what counts?{rest}"
    for table in used:
        for name, value in table.export.unclear.items():
            if name in table.export.columns:
                yield f"{name} in {table.label}: {unclear_words(value)}"
    for table in (leads.table, *(way.table for way in ways[:1])):
        for column in table.export.columns.values():
            if column.doubt:
                yield f"{column.name} in {table.label} is {column.doubt}"
            if column.misfits and table.roles[column.name] not in ("attribute",):
                yield f"{column.name} in {table.label}: {column.misfits:,} values are not times and count as missing"
    for each in late:
        if each.proof:
            yield f"{each.column} is kept out, for {each.proof}"
    for table, _, fields in histories:
        for edit in fields:
            if not edit.usable and leads.table.roles.get(edit.column) not in ("stage", "converted_flag"):
                yield f"the history of {edit.field} in {table.label} is incomplete, so its past values are not known ({edit.whole:.0%} agree)"


def with_late(proposal: Proposal, more: Iterable[Late]) -> Proposal:
    """The same with further columns kept out."""
    known = set(proposal.known_after)
    return replace(proposal, late=(*proposal.late, *(each for each in more if each.column not in known)))


def leads_query(proposal: Proposal) -> str | None:
    """The query that the leads need: formats repaired that would be text else, ids that occur once; ``None`` where they need none."""
    leads, hidden = proposal.leads, set(proposal.known_after)
    mapped = set(proposal.columns.values())
    repaired = [
        f"{column.sql} AS {quote(column.name)}"
        for column in leads.table.export.columns.values()
        if not column.plain and (column.name in mapped or column.name not in hidden)
    ]
    listed_columns = ",\n  ".join(repaired)
    rows = f"SELECT * REPLACE (\n  {listed_columns}\n) FROM source" if repaired else "SELECT * FROM source"
    if leads.repeated:
        own = quote(leads.id.name)
        rows += f"\nQUALIFY row_number() OVER (PARTITION BY {own} ORDER BY {leads.created.sql}) = 1"
    if proposal.closing.rows:
        lost = proposal.closing.rows.replace("\n", "\n  ")
        own = f"CAST(l.{quote(leads.id.name)} AS VARCHAR)"
        return f"SELECT l.*, lost.{CLOSED}\nFROM (\n{rows}\n) AS l\nLEFT JOIN (\n  {lost}\n) AS lost ON lost.lead_id = {own}"
    return rows if repaired or leads.repeated else None
