"""By what people know a lead: which columns hold its name, e-mail address, company and owner."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from leadlens.features import DuckDBEngine, History, UsageError
from leadlens.features.attributes.personal import names_people, says_who, snake_case
from leadlens.features.history import Kind
from leadlens.models.scorecard import ScorecardSet, rules_that_show
from leadlens.pipeline.config.page import Page

SHOWN = ("name", "email", "company", "owner")
_FIRST = re.compile(r"(first|fore|given|vor)_?name|prenom|nombre|fname")
_LAST = re.compile(r"(last|family|sur|nach)_?name|nom_de_famille|apellidos?|lname")
_COMPANY = re.compile(r"(account|company|firm|firma|organi[sz]ation|employer|entreprise|empresa)(_name)?")
_OWNER = re.compile(
    r"(lead_|contact_|account_)?(owner|assignee|assigned_to|sales_?(rep|person)|betreuer(in)?)(_name)?"
)
Table = Literal["leads", "accounts"]


class Place(NamedTuple):
    """A column and the table that has it."""

    table: Table
    column: str


def shown_columns(history: History, page: Page) -> dict[str, tuple[Place, ...]]:
    """The columns of each of ``SHOWN``; none where nothing is found, or the project file says so.

    Raises ``UsageError`` for a column that is in neither leads nor accounts.
    """
    recognised = _recognised(history)
    return {
        shown: recognised[shown] if named is None else tuple(_place(history, shown, name) for name in named)
        for shown, named in page.shown().items()
    }


def people_of(history: History, page: Page) -> pa.Table:
    """``lead_id`` and ``SHOWN`` as text of every lead, null where nothing is known."""
    columns, quote = shown_columns(history, page), history.engine.dialect.quote

    def words(places: Iterable[Place]) -> str:
        each = [f"CAST({place.table}.{quote(place.column)} AS VARCHAR)" for place in places]
        return f"nullif(trim(concat_ws(' ', {', '.join(each)})), '')" if each else "CAST(NULL AS VARCHAR)"

    own = ", ".join(f"{words(columns[shown])} AS {shown}" for shown in SHOWN)
    of_account = any(place.table == "accounts" for places in columns.values() for place in places)
    accounts = " LEFT JOIN accounts ON accounts.account_id = leads.account_id" if of_account else ""
    assert isinstance(history.engine, DuckDBEngine), "a prepared history is opened by DuckDB"
    table: pa.Table = history.engine.connection.sql(
        f"SELECT leads.lead_id, {own} FROM leads{accounts}"
    ).to_arrow_table()
    return table


def with_people(rows: pa.Table, people: pa.Table, wanted: Iterable[str]) -> pa.Table:
    """The rows with columns of ``people_of``, by ``lead_id``, called as in lead_scores: ``lead_name`` …"""
    places = pc.index_in(rows["lead_id"], value_set=people["lead_id"])
    for name in wanted:
        rows = rows.append_column(f"lead_{name}", people[name].take(places))
    return rows


def rules_kept_short(history: History, page: Page, sheets: ScorecardSet | None) -> list[str]:
    """Rules whose ledger lines say nothing of the values that they read: of columns that say who somebody is and are not shown."""
    shown = {place.column for places in shown_columns(history, page).values() for place in places}
    columns = [*history.lead_attributes, *history.account_attributes, *history.event_properties]
    personal = {name for name in columns if name not in shown and says_who(name)}
    if sheets is None or not personal:
        return []
    return sorted(
        {
            sheets.label(sheet, label)
            for sheet in sheets.sheets
            for label in rules_that_show(sheet, history, personal)
        }
    )


def last_verdicts(history: History) -> pa.Table:
    """``lead_id, given_at`` of the latest verdict that the data have on each lead (``data.verdicts``)."""
    assert isinstance(history.engine, DuckDBEngine), "a prepared history is opened by DuckDB"
    table: pa.Table = history.engine.connection.sql(
        "SELECT lead_id, max(given_at)::TIMESTAMP AS given_at FROM verdicts GROUP BY lead_id"
    ).to_arrow_table()
    return table


def _recognised(history: History) -> dict[str, tuple[Place, ...]]:
    leads, accounts = _texts(history.lead_attributes), _texts(history.account_attributes)
    email = next(filter(_is(re.compile(r"(.*_)?e_?mail(_address)?")), leads), None)
    company = next(filter(_is(_COMPANY), leads), None)
    of_account = next((name for name in accounts if _is(_COMPANY)(name) or snake_case(name) == "name"), None)
    owner = next(filter(_is(_OWNER), leads), None)
    return {
        "name": tuple(Place("leads", name) for name in name_columns(leads)),
        "email": _one("leads", email),
        "company": _one("accounts", of_account) or _one("leads", company),
        "owner": _one("leads", owner) or _one("accounts", next(filter(_is(_OWNER), accounts), None)),
    }


def name_columns(names: Sequence[str]) -> tuple[str, ...]:
    """The columns of a lead's name: its first and last name, else one that says it all, else what there is."""
    first, last = (next(filter(_is(pattern), names), None) for pattern in (_FIRST, _LAST))
    whole = next((name for name in names if names_people(name) and not _says_part(name)), None)
    parts = (first, last) if first and last else (whole or last or first,)
    return tuple(name for name in parts if name)


def _says_part(name: str) -> bool:
    return bool(_is(_FIRST)(name) or _is(_LAST)(name))


def _texts(attributes: Mapping[str, Kind]) -> list[str]:
    return [name for name, kind in attributes.items() if kind in ("category", "text")]


def _is(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda name: pattern.fullmatch(snake_case(name)) is not None


def _one(table: Table, name: str | None) -> tuple[Place, ...]:
    return (Place(table, name),) if name else ()


def _place(history: History, shown: str, name: str) -> Place:
    if name in history.lead_attributes:
        return Place("leads", name)
    if name in history.account_attributes:
        return Place("accounts", name)
    if name in history.hidden:  # kept for this alone
        for table in ("leads", "accounts"):
            if name in history.engine.columns(table):
                return Place(table, name)
    raise UsageError(
        "no such column of leads or accounts",
        value=name,
        where=f"page.{shown}",
        fix="name another column, or [] to show none",
        known=[*history.lead_attributes, *history.account_attributes],
    )
