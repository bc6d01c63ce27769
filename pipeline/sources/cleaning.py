"""Make the opened tables consistent: unusable rows are left out with a finding, ambiguous data are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from leadlens.features import DataError, DuckDBEngine, Finding, Step, nearest
from leadlens.features.errors import counted, listed
from leadlens.features.history import Kind
from leadlens.pipeline.sources.casting import EARLIEST, LARGEST, LATEST
from leadlens.pipeline.sources.styles import COMMA, FITS, PROVES, in_style, sql_type

# No CRM is older than the Unix epoch: zero seconds since 1970 stands for a missing timestamp.
FIRST_DAY = "TIMESTAMP '1970-01-02'"
_NEVER_CHANGED = ("lead_id", "account_id", "created_at", "closed_at")  # read from leads and accounts alone
_CASTS: dict[Kind, str] = {"number": "DOUBLE", "boolean": "BOOLEAN", "time": "TIMESTAMP"}


EVENT_NEEDS = ("lead_id", "occurred_at", "event_type")


@dataclass
class EventCounts:
    """What was found in the events: rows read, and how many of them were left out or are odd, in this order.

    ``incomplete`` counts rows by the first column of ``EVENT_NEEDS`` that they lack; ``stranger`` is an id that no
    lead has, ``latest`` the last day in the future.
    """

    rows: int = 0
    incomplete: dict[str, int] = field(default_factory=dict)
    unknown: int = 0
    stranger: str = ""
    known_early: int = 0
    retracted: int = 0
    in_vain: int = 0
    alike: int = 0
    repeated: int = 0
    shared: int = 0
    future: int = 0
    latest: str = ""
    ancient: int = 0
    early: int = 0


@dataclass
class Cleaner:
    """Cleans one contract table after the other (leads first), and collects findings about them."""

    engine: DuckDBEngine
    findings: list[Finding] = field(default_factory=list)
    event_rows: int = 0

    def leads(self) -> None:
        if not self.engine.count("leads"):
            raise DataError(
                "the table leads is empty",
                where="data.leads",
                why="there are no leads to score",
                fix="check `read`, `query` and `where`",
            )
        self._keep("leads", "lead_id IS NOT NULL", "lead-incomplete", "without lead_id")
        self._keep("leads", "created_at IS NOT NULL", "lead-incomplete", "without created_at")
        self._keep_distinct("leads", "lead_id")
        self._drop_future("leads", "created_at")
        if not self.engine.count("leads"):
            raise DataError(
                "no lead is left",
                where="data.leads",
                value="; ".join(finding.message for finding in self.findings),
                why="every lead needs a lead_id and a created_at that is not in the future",
                fix="check `columns`",
            )
        self._report(
            "closed-early",
            self.engine.count("leads WHERE closed_at < created_at"),
            "lead",
            "closed before created: never open, so never scored",
            out_of=self.engine.count("leads"),
        )
        self._report_ancient("leads", "created_at")

    def accounts(self) -> None:
        self._keep("accounts", "account_id IS NOT NULL", "account-incomplete", "without account_id")
        self._keep_distinct("accounts", "account_id")
        if self.engine.count("accounts"):
            unknown = "leads WHERE account_id NOT IN (SELECT account_id FROM accounts)"
            problem = f"of an account that is not in accounts{self._example('account_id', unknown)}"
            count, leads = self.engine.count(unknown), self.engine.count("leads")
            self._report("account-unknown", count, "lead", problem, out_of=leads)

    def events(self) -> None:
        counts = EventCounts(rows=self.engine.count("events"))
        for column in EVENT_NEEDS:
            counts.incomplete[column] = self._leave_out("events", f"{column} IS NOT NULL")
        self._unknown_leads(counts)
        counts.known_early = self.engine.count("events WHERE known_at < occurred_at")
        known = "greatest(coalesce(known_at, occurred_at), occurred_at) AS known_at"
        self.engine.run([Step("events", f"SELECT * REPLACE ({known}) FROM events")])
        counts.retracted = self.engine.count("events WHERE retracted_at IS NOT NULL")
        counts.in_vain = self.engine.count("events WHERE retracted_at <= known_at")
        self._keep_one_per_event_id(counts)
        latest = self.engine.value("SELECT max(known_at) FROM events")
        counts.future = self._leave_out("events", f"known_at <= {now_literal(self.engine)}")
        counts.latest = "" if latest is None else str(latest)[:10]
        counts.ancient = self.engine.count(f"events WHERE occurred_at < {FIRST_DAY}")
        counts.early = self.engine.count(
            "events AS e JOIN leads AS l USING (lead_id) WHERE e.occurred_at < l.created_at"
        )
        self.report_events(counts)

    def report_events(self, counts: EventCounts) -> None:
        """The findings about events, in the order in which rows are left out."""
        self.event_rows = counts.rows
        for column, count in counts.incomplete.items():
            self._report(
                "event-incomplete", count, "event", f"without {column}: left out", out_of=counts.rows
            )
        if counts.unknown and counts.unknown == counts.rows - sum(counts.incomplete.values()):
            # Never by chance: the two tables spell the same ids differently.
            ours = self.engine.value("SELECT min(lead_id) FROM leads")
            message = (
                f"none of {counted(counts.unknown, 'event')} belongs to a lead: its ids are of the form "
                f"{listed([counts.stranger])}, those in leads {listed([ours])}. "
                "Are they the same ids in another spelling?"
            )
            self.findings.append(Finding("event-unknown-lead", message, count=counts.unknown, share=1.0))
        else:
            such = f" (such as {listed([counts.stranger])})"
            problem = f"of leads that are not in leads{such}: left out"
            self._report("event-unknown-lead", counts.unknown, "event", problem, out_of=counts.rows)
        for code, count, problem, level in (
            ("known-early", counts.known_early,
             "with known_at before occurred_at: taken as known at occurred_at", "note"),
            ("events-retracted", counts.retracted, "retracted: each counts until its retracted_at", "note"),
            ("retracted-unknown", counts.in_vain, "retracted before known: they never count", "note"),
            ("event-alike", counts.alike, "without event_id, identical to another in every column: "
             "each counts. Add an event_id to tell them apart", "note"),
            ("event-repeated", counts.repeated, "identical to another in every column: kept once", "note"),
            ("event-id-shared", counts.shared,
             "with the event_id of a different event: left out, the first known one counts", "warning"),
            ("future", counts.future, f"in the future (to {counts.latest}): left out", "warning"),
            ("ancient", counts.ancient, _ancient("occurred_at"), "warning"),
            ("event-early", counts.early, "dated before the lead was created: part of its history", "note"),
        ):  # fmt: skip
            self._report(code, count, "event", problem, level, out_of=counts.rows)

    def _unknown_leads(self, counts: EventCounts) -> None:
        unknown = "events WHERE lead_id NOT IN (SELECT lead_id FROM leads)"
        counts.stranger = str(self.engine.value(f"SELECT min(lead_id) FROM {unknown}"))
        counts.unknown = self._leave_out("events", "lead_id IN (SELECT lead_id FROM leads)")

    def conversions(self) -> None:
        for column in ("lead_id", "converted_at"):
            self._keep("conversions", f"{column} IS NOT NULL", "conversion-incomplete", f"without {column}")
        self._keep_known_leads("conversions", "conversion-unknown-lead")
        before = self.engine.count("conversions")
        self.engine.run([Step("conversions", "SELECT DISTINCT * FROM conversions")])
        repeated = before - self.engine.count("conversions")
        problem = "identical to another in every column: counted once"
        self._report("conversion-repeated", repeated, "conversion", problem, "note")
        self._drop_future("conversions", "converted_at")
        self._report_ancient("conversions", "converted_at")
        early = self.engine.count(
            "conversions AS c JOIN leads AS l USING (lead_id) WHERE c.converted_at < l.created_at"
        )
        self._report("conversion-early", early, "conversion", "dated before the lead was created")

    def changes(
        self,
        attributes: Mapping[str, Mapping[str, Kind]],
        styles: Mapping[str, Mapping[str, str]],
        hidden: Iterable[str],
    ) -> None:
        """``attributes`` are those of ``lead`` and ``account``, ``styles`` the ways in which some are written that are no plain numbers
        and dates; changes of ``hidden`` ones are left out silently.
        """
        literal = self.engine.dialect.literal
        self.engine.run([Step("changes", "SELECT * REPLACE (lower(entity) AS entity) FROM changes")])
        if names := ", ".join(map(literal, hidden)):
            self.engine.run([Step("changes", f"SELECT * FROM changes WHERE attribute NOT IN ({names})")])
        for column in ("id", "attribute", "known_at"):
            self._keep("changes", f"{column} IS NOT NULL", "change-incomplete", f"without {column}")
        self._keep(
            "changes", "coalesce(entity IN ('lead', 'account'), FALSE)", "change-unknown-entity",
            "of an entity that is neither lead nor account", "entity", ("lead", "account"),
        )  # fmt: skip
        fixed = ", ".join(map(literal, _NEVER_CHANGED))
        self._keep(
            "changes", f"attribute NOT IN ({fixed})", "change-fixed",
            "of an id, created_at or closed_at, which do not change", "attribute",
        )  # fmt: skip
        for entity, kinds in attributes.items():
            names = ", ".join(map(literal, kinds)) or "NULL"
            other = f"entity <> {literal(entity)}"
            self._keep(
                "changes", f"({other} OR coalesce(attribute IN ({names}), FALSE))", "change-unknown-attribute",
                f"of an attribute that {entity}s lack", "attribute", kinds,
            )  # fmt: skip
            self._keep(
                "changes", f"({other} OR id IN (SELECT {entity}_id FROM {entity}s))", "change-unknown-id",
                f"of {entity}s that are not in {entity}s", "id",
            )  # fmt: skip
            for name, kind in kinds.items():
                if kind in _CASTS:
                    self._out_of_style(entity, name, kind, styles[entity].get(name))
                    self._unknown_if_misfit(entity, name, kind)
        self._drop_future("changes", "known_at")

    def _out_of_style(self, entity: str, name: str, kind: Kind, style: str | None) -> None:
        """Values as 1.500,50 and 31.01.2026 in the way in which numbers and dates are written else.

        In the ``style`` of the attribute itself, unless a value is written in the usual way alone; or with decimal commas where one of
        the values shows that its comma is no mark of thousands, and every value is written so.
        """
        literal, value = self.engine.dialect.literal, "trim(value)"
        of = f"entity = {literal(entity)} AND attribute = {literal(name)} AND {value} <> ''"
        guessed = style is None and kind == "number"
        if guessed and self.engine.count(f"changes WHERE {of} AND {PROVES.format(v=value)}"):
            style = COMMA
        if style is None or sql_type(style) != _CASTS[kind]:
            return
        fits = f"coalesce({FITS[style].format(v=value)}, FALSE)"
        others = "TRUE" if guessed else f"TRY_CAST({value} AS {_CASTS[kind]}) IS NOT NULL"
        if self.engine.count(f"changes WHERE {of} AND NOT ({fits}) AND {others}"):
            return
        read = f"CASE WHEN {of} AND {fits} THEN CAST({in_style(value, style)} AS VARCHAR) ELSE value END AS value"
        self.engine.run([Step("changes", f"SELECT * REPLACE ({read}) FROM changes")])

    def _unknown_if_misfit(self, entity: str, name: str, kind: Kind) -> None:
        """Values that do not fit the kind of their attribute become NULL."""
        literal = self.engine.dialect.literal
        cast = f"TRY_CAST(value AS {_CASTS[kind]})"
        if kind == "time":  # what has no zone is UTC
            cast = "CAST(TRY_CAST(value AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP)"
        fits = {
            "number": f"(isfinite({cast}) AND abs({cast}) <= {LARGEST})",
            "time": f"(isfinite({cast}) AND {cast} BETWEEN {EARLIEST} AND {LATEST})",
        }.get(kind, f"{cast} IS NOT NULL")
        of = f"entity = {literal(entity)} AND attribute = {literal(name)} AND value IS NOT NULL"
        misfit = f"{of} AND NOT coalesce({fits}, FALSE)"
        if count := self.engine.count(f"changes WHERE {misfit}"):
            example = self._example("value", f"changes WHERE {misfit}")
            problem = f"of {entity}s' {name} to what is not a {kind}{example}: read as missing"
            self._report("change-misfit", count, "change", problem)
            replaced = f"CASE WHEN {misfit} THEN NULL ELSE value END AS value"
            self.engine.run([Step("changes", f"SELECT * REPLACE ({replaced}) FROM changes")])
        zoned = f"{of} AND TRY_CAST(value AS TIMESTAMP) IS DISTINCT FROM {cast}"
        if kind == "time" and self.engine.count(f"changes WHERE {zoned}"):
            replaced = f"CASE WHEN {zoned} THEN CAST({cast} AS VARCHAR) ELSE value END AS value"
            self.engine.run([Step("changes", f"SELECT * REPLACE ({replaced}) FROM changes")])

    def _keep(
        self,
        table: str,
        condition: str,
        code: str,
        problem: str,
        example: str | None = None,
        known: Iterable[str] = (),
    ) -> None:
        """Leave out the rows for which ``condition`` does not hold, and report their number and an example."""
        rest = f"{table} WHERE NOT ({condition})"
        if not self.engine.count(rest):
            return
        shown = self._example(example, rest, known) if example else ""
        before, dropped = self.engine.count(table), self._leave_out(table, condition)
        thing, out_of = table.removesuffix("s"), before if table == "leads" else None
        self._report(code, dropped, thing, f"{problem}{shown}: left out", out_of=out_of)

    def _leave_out(self, table: str, condition: str) -> int:
        """Leave out the rows for which ``condition`` does not hold; returns how many."""
        dropped = self.engine.count(f"{table} WHERE NOT ({condition})")
        if dropped:
            self.engine.run([Step(table, f"SELECT * FROM {table} WHERE {condition}")])
        return dropped

    def _example(self, column: str, rest: str, known: Iterable[str] = ()) -> str:
        value = self.engine.value(f"SELECT min({column}) FROM {rest}")
        if value is None:
            return ""
        near = nearest(str(value), known)
        return f" (such as {listed([str(value)])}{'; did you mean ' + near[0] + '?' if near else ''})"

    def _keep_known_leads(self, table: str, code: str) -> None:
        total, unknown = self.engine.count(table), f"{table} WHERE lead_id NOT IN (SELECT lead_id FROM leads)"
        if total and self.engine.count(unknown) == total:
            # Never by chance: the two tables spell the same ids differently.
            ours = self.engine.value("SELECT min(lead_id) FROM leads")
            theirs = self.engine.value(f"SELECT min(lead_id) FROM {table}")
            self.findings.append(
                Finding(
                    code,
                    f"none of {counted(total, table.removesuffix('s'))} belongs to a lead: its ids are of the form "
                    f"{listed([theirs])}, those in leads {listed([ours])}. Are they the same ids in another spelling?",
                    count=total,
                )
            )
            self.engine.run([Step(table, f"SELECT * FROM {table} WHERE FALSE")])
        known = "lead_id IN (SELECT lead_id FROM leads)"
        self._keep(table, known, code, "of leads that are not in leads", "lead_id")

    def _keep_distinct(self, table: str, key: str) -> None:
        """Drop exact duplicates; other rows must not share their key."""
        before = self.engine.count(table)
        if before == self.engine.value(f"SELECT count(DISTINCT {key}) FROM {table}"):
            return
        self.engine.run([Step(table, f"SELECT DISTINCT * FROM {table}")])
        thing, repeated = table.removesuffix("s"), before - self.engine.count(table)
        problem = "identical to another in every column: kept once"
        self._report(
            f"{thing}-repeated", repeated, thing, problem, out_of=before if table == "leads" else None
        )
        refuse_duplicates(self.engine, table, key)

    def _keep_one_per_event_id(self, counts: EventCounts) -> None:
        columns = list(self.engine.columns("events"))
        first = ["event_id", "known_at", "occurred_at"]
        order = ", ".join(
            map(self.engine.dialect.quote, [*first, *(name for name in columns if name not in first)])
        )
        without_id = "SELECT * FROM events WHERE event_id IS NULL"
        with_id = self.engine.count("events WHERE event_id IS NOT NULL")
        counts.alike = self.engine.value(
            f"SELECT count(*) - (SELECT count(*) FROM (SELECT DISTINCT * FROM ({without_id}))) FROM ({without_id})"
        )
        # NULL ids are never duplicates.
        once = "SELECT DISTINCT * FROM events WHERE event_id IS NOT NULL"
        self.engine.run([Step("events", f"{without_id} UNION ALL ({once})")])
        distinct = self.engine.count("events WHERE event_id IS NOT NULL")
        counts.repeated = with_id - distinct
        # Of different rows with the same event_id the first known one counts, whatever the order of rows.
        first_known = (
            f"SELECT DISTINCT ON (event_id) * FROM events WHERE event_id IS NOT NULL ORDER BY {order}"
        )
        self.engine.run([Step("events", f"{without_id} UNION ALL ({first_known})")])
        counts.shared = distinct - self.engine.count("events WHERE event_id IS NOT NULL")

    def _drop_future(self, table: str, column: str) -> None:
        latest = self.engine.value(f"SELECT CAST(max({column}) AS VARCHAR) FROM {table}")
        problem = f"in the future (to {str(latest)[:10]})"
        self._keep(table, f"{column} <= {now_literal(self.engine)}", "future", problem)

    def _report_ancient(self, table: str, column: str) -> None:
        ancient = self.engine.count(f"{table} WHERE {column} < {FIRST_DAY}")
        out_of = self.engine.count(table) if table == "leads" else None
        self._report("ancient", ancient, table.removesuffix("s"), _ancient(column), out_of=out_of)

    def _report(
        self,
        code: str,
        count: int,
        thing: str,
        problem: str,
        level: str = "warning",
        *,
        out_of: int | None = None,
    ) -> None:
        """Note a finding about ``count`` rows, ``out_of`` so many leads or events."""
        if count:
            self.findings.append(
                Finding(
                    code,
                    f"{counted(count, thing)} {problem}",
                    "note" if level == "note" else "warning",
                    count,
                    count / out_of if out_of else None,
                )
            )


def now_literal(engine: DuckDBEngine) -> str:
    """The present, in UTC, as SQL."""
    return engine.dialect.literal(datetime.now(UTC).replace(tzinfo=None))


def _ancient(column: str) -> str:
    return f"with {column} before 1970-01-02: if that means “not known”, filter it out with `where`"


def refuse_duplicates(engine: DuckDBEngine, table: str, key: str) -> None:
    """Raise ``DataError`` where a key occurs more than once."""
    keys = engine.frame(f"SELECT {key} AS k FROM {table} GROUP BY 1 HAVING count(*) > 1 ORDER BY 1")["k"]
    if len(keys):
        raise DataError(
            f"{counted(len(keys), 'id')} {'occurs' if len(keys) == 1 else 'occur'} more than once in {table}, "
            "with different values",
            value=listed(keys, 3),
            where=f"data.{table}",
            why=f"one row per {key} is required, and which of them is right cannot be guessed",
            fix="keep the right row with `query`, e.g. SELECT DISTINCT ON (…) …",
        )
