"""The rows of a raw lead: every name of the request found, every value as its column has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from leadlens.features import UsageError
from leadlens.features.errors import listed
from leadlens.features.history import Kind
from leadlens.pipeline.config import Project, Source
from leadlens.pipeline.raw_lead.columns import RawColumns
from leadlens.pipeline.raw_lead.request import RawLead, Row
from leadlens.pipeline.raw_lead.values import Read, Reading, read_value
from leadlens.pipeline.sources.contract import CONTRACT, is_link
from leadlens.pipeline.sources.shaping import outcome_and_order
from leadlens.pipeline.sources.unknown_words import word_finding

NEW_LEAD = "(new lead)"
Typed = dict[str, Read]


@dataclass
class RawRows:
    """The rows of each table, by the names of the contract and of the columns; ``notes`` say what was left out of the request.

    ``absent`` are the attributes of the account that the request does not name.
    """

    lead: Typed
    account: Typed | None
    events: list[Typed]
    conversions: list[Typed]
    absent: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def lead_id(self) -> str:
        return str(self.lead["lead_id"])

    @property
    def account_id(self) -> str | None:
        found = self.lead["account_id"]
        return None if found is None else str(found)


def raw_rows(raw: RawLead, columns: RawColumns, project: Project, where: str = "lead") -> RawRows:
    """Read a request. Raises ``UsageError`` for a name that no column has, and for a value of another kind."""
    reader = _Reader(columns, project, where)
    lead = reader.row("leads", "lead", raw.lead)
    if lead["lead_id"] is None:
        lead["lead_id"] = NEW_LEAD
    account = None if raw.account is None else reader.row("accounts", "account", raw.account)
    alone = account is not None and not _have_one_account(lead, account, where)
    events = [reader.row("events", f"events[{n}]", row) for n, row in enumerate(raw.events, 1)]
    conversions = [
        reader.row("conversions", f"conversions[{n}]", row) for n, row in enumerate(raw.conversions, 1)
    ]
    for row in (*events, *conversions):
        row["lead_id"] = _own_id(row["lead_id"], lead["lead_id"], where)
    notes = reader.notes()
    if alone:
        notes.append("the account has no account_id, so nothing is known of colleagues: they count as none")
    absent = tuple(name for name in columns.account if name not in (account or {}))
    return RawRows(lead, account, events, conversions, absent, notes)


def _have_one_account(lead: Typed, account: Typed, where: str) -> bool:
    """Give lead and account the id that stands with either; where it stands with none, the account is the lead's alone."""
    ids = {row["account_id"] for row in (lead, account) if row.get("account_id") is not None}
    if len(ids) > 1:
        raise UsageError(
            "the lead belongs to one account, and another is described",
            value=listed(sorted(map(str, ids))),
            where=where,
            fix="give only lead.account_id",
        )
    lead["account_id"] = account["account_id"] = next(iter(ids), f"account of {lead['lead_id']}")
    return bool(ids)


def _own_id(given: Read, lead_id: Read, where: str) -> Read:
    if given is not None and given != lead_id:
        raise UsageError(
            "this row is of another lead",
            value=given,
            known=[str(lead_id)],
            where=where,
            fix="leave lead_id out of events and conversions: all of them are the lead's",
        )
    return lead_id


class _Reader:
    """Reads rows of the request, and notes what it leaves out."""

    def __init__(self, columns: RawColumns, project: Project, where: str) -> None:
        self.columns, self.project, self.where = columns, project, where
        self.left_out: dict[str, None] = {}
        self.words: dict[str, dict[str, int]] = {}
        self.absent: list[str] = []
        self._tables: dict[str, _Table] = {}

    def row(self, table: str, name: str, row: Row) -> Typed:
        """One row, with a value for every column of the table."""
        known = self._table(table)
        typed: Typed = dict.fromkeys(known.readings)
        given: dict[str, str] = {}
        for key, value in row.items():
            target = known.target(key)
            if target in known.unread:
                self.left_out[f"{table}.{target}"] = None
                continue
            if target is None:
                raise known.unknown(name, key, f"{self.where}: {name}")
            if target in given:
                raise UsageError(
                    "two names of one column",
                    value=f"{given[target]} and {key}",
                    where=f"{self.where}: {name}",
                )
            given[target] = key
            place = f"{self.where}: {name}.{key}"
            typed[target], word = read_value(value, known.readings[target], place, known.missing)
            if word is not None:
                words = self.words.setdefault(f"{table}.{target}", {})
                words[word] = words.get(word, 0) + 1
        for needed in known.required:
            if typed[needed] is None:
                raise UsageError(
                    f"{name} has no {needed}",
                    value=None if needed not in given else row[given[needed]],
                    why="what happened cannot be placed in time" if needed.endswith("_at") else None,
                    where=self.where,
                    fix=f"add it: {needed}: {_EXAMPLES[needed]}",
                )
        if table == "leads":
            self.absent = [column for column in known.kinds if column not in given]
        if table == "accounts":
            typed = {column: typed[column] for column in typed if column in given or column == "account_id"}
        return typed

    def notes(self) -> list[str]:
        """What the request holds and the score does not use, and what it lacks."""
        notes = [word_finding(column, words).message for column, words in self.words.items()]
        if self.left_out:
            notes.append(f"left out, since no feature may read it: {listed(self.left_out)}")
        if self.absent:
            notes.append(f"not given, so taken as not known: {listed(self.absent)}")
        return notes

    def _table(self, table: str) -> _Table:
        if table not in self._tables:
            sources = self.project.data.sources(table)
            flat = outcome_and_order(self.project) if table == "leads" else set()
            self._tables[table] = _Table(
                table, sources, self.columns.of(table), {*self.columns.hidden, *flat}, self._made_times(table)
            )
        return self._tables[table]

    def _made_times(self, table: str) -> bool:
        return table == "leads" and self.columns.clock != "time"


_EXAMPLES = {
    "created_at": "2026-01-31T09:30:00Z",
    "occurred_at": "2026-01-31T09:31:00Z",
    "converted_at": "2026-01-31",
    "event_type": "page_viewed",
}


class _Table:
    """The names of one table, and how each column is read."""

    def __init__(
        self,
        table: str,
        sources: Sequence[Source],
        kinds: Mapping[str, Kind],
        unread: set[str],
        made_times: bool,
    ) -> None:
        self.table, self.kinds = table, kinds
        # Of several sources, the first that has a column of this name.
        self.origins = {
            origin: target for source in reversed(sources) for target, origin in source.columns.items()
        }
        self.missing = frozenset(text.strip() for source in sources for text in source.missing)
        contract = CONTRACT[table]
        self.readings: dict[str, Reading] = {
            **{name: _reading(table, name, how.rstrip("!")) for name, how in contract.items()},
            **kinds,
        }
        times = {"created_at"} if made_times else set()
        self.unread = (unread - set(contract)) | times
        ours = {"lead_id", "account_id", *times}
        self.required = [name for name, how in contract.items() if how.endswith("!") and name not in ours]
        self._any_case = {name.lower(): name for name in contract}

    def target(self, key: str) -> str | None:
        """The column that a name of the request means: under its name in the history, or yours."""
        if key in self.readings or key in self.unread:
            return key
        return self.origins.get(key) or self._any_case.get(key.lower())

    def unknown(self, name: str, key: str, where: str) -> UsageError:
        known = [*self.readings, *self.origins]
        what = {"leads": "leads have", "accounts": "accounts have", "events": "events have"}
        return UsageError(
            f"{what.get(self.table, 'conversions have')} no such column",
            value=key,
            known=known,
            where=where,
            why="a name in another spelling would be a value that nobody reads",
            fix=f"known here: {listed(known, 20)}",
        )


def _reading(table: str, name: str, how: str) -> Reading:
    if how == "id":
        return "id" if is_link(table, name) else "code"
    return "time" if how == "timestamp" else "number"
