"""Open the prepared history: all of it, one part of its leads, or a few leads, as views over its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any

from leadlens.features import DataError, DuckDBEngine, Finding, History, Step
from leadlens.features.errors import listed
from leadlens.features.history import Kind
from leadlens.pipeline.cluster import Workers
from leadlens.pipeline.config import ProjectFile, ProjectOrPath, as_project
from leadlens.pipeline.prepared.event_update import event_findings
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.manifest import Manifest, StoredFile
from leadlens.pipeline.prepared.numbering import STRIDE
from leadlens.pipeline.prepared.preparing import prepare
from leadlens.pipeline.prepared.records import TABLES
from leadlens.pipeline.prepared.sorted_files import scan
from leadlens.pipeline.sources.cleaning import EVENT_NEEDS, Cleaner, EventCounts, now_literal
from leadlens.pipeline.sources.contract import CONTRACT
from leadlens.pipeline.sources.engines import duckdb_engine, lent_engine
from leadlens.pipeline.sources.hygiene.bots import of_events
from leadlens.pipeline.sources.opening import clock_of, data_end, end_findings, make_empty

_EPOCH = datetime(1970, 1, 1)


def open_history(file: ProjectOrPath) -> History:
    """The history of a project: prepared first where its sources changed, then opened without reading it.

    ``History.findings`` report what was repaired or left out. Raises ``UsageError`` where the project file does not
    fit the data, ``DataError`` where the data are ambiguous or broken.
    """
    return open_prepared(as_project(file)).history()


def open_lead(file: ProjectFile, lead_id: str, version: int | None = None) -> History:
    """The history of one lead and its colleagues alone; all of it where there is no such lead.

    ``version`` is an earlier one of the prepared history. Raises ``DataError`` where it is no longer kept.
    """
    prepared = _open_version(file, version)
    return prepared.of_lead(lead_id) or prepared.history()


def merged_into(file: ProjectFile, lead_id: str, version: int | None = None) -> str | None:
    """The lead that an old id stands for, as ``aliases`` say; ``None`` of any other id. Raises as :func:`open_lead`."""
    return _open_version(file, version).survivor(lead_id)


def _open_version(file: ProjectFile, version: int | None) -> PreparedHistory:
    prepared = open_prepared(file)
    return prepared if version is None else prepared.at(version)


def open_prepared(
    file: ProjectFile, place: PreparedFolder | None = None, workers: Workers | None = None
) -> PreparedHistory:
    """The prepared history of a project, brought up to date with its sources, by workers if there are any; by default in the state folder."""
    folder, manifest = prepare(file, place, workers)
    return PreparedHistory(file, folder, manifest)


_ACCOUNTS = "(SELECT account_id FROM leads)"
_LEADS = "(SELECT lead_id FROM leads)"
_OF_LEADS = {
    "accounts": f"account_id IN {_ACCOUNTS}",
    "conversions": f"lead_id IN {_LEADS}",
    "objections": f"lead_id IN {_LEADS}",
    "finished": f"lead_id IN {_LEADS}",
    "changes": f"CASE WHEN entity = 'account' THEN id IN {_ACCOUNTS} ELSE id IN {_LEADS} END",
}


@dataclass(frozen=True)
class PreparedHistory:
    """One version of a prepared history."""

    file: ProjectFile
    folder: PreparedFolder
    manifest: Manifest

    @property
    def parts(self) -> int:
        """How many parts its leads are cut into; leads of one account mostly share one."""
        return self.manifest.events.parts

    @property
    def version(self) -> int:
        """Grows by one with every change of the sources."""
        return self.manifest.version

    def at(self, version: int) -> PreparedHistory:
        """An earlier version, as it was. Raises ``DataError`` where it is no longer kept."""
        manifest = self.folder.read(version)
        if manifest is None or self.folder.damaged(manifest):
            kept = sorted(int(path.stem) for path in (self.folder.path / "versions").glob("*.json"))
            raise DataError(
                "this version of the prepared history is no longer kept",
                value=version,
                fix=f"kept versions: {listed(map(str, kept))}; for another, restore the sources as they were then",
            )
        return replace(self, manifest=manifest)

    def history(self, engine: DuckDBEngine | None = None) -> History:
        """All of it, by default in an engine of its own."""
        engine = self._leased(engine or duckdb_engine(self.file))
        self._define(engine, "TRUE", self.manifest.tables["events"].files if self._has_events else ())
        history = self._history(engine)
        return replace(
            history, findings=(*history.findings, *end_findings(engine, self.file.project, self.event_days))
        )

    def part(self, number: int) -> History:
        """The leads of one part, with all that is known of them; the other tables are whole."""
        engine = self._leased(duckdb_engine(self.file))
        self._define(engine, *self._of_part(number))
        return self._history(engine)

    def of_lead(self, lead_id: str) -> History | None:
        """One lead and those of its account: only their rows are read. ``None`` where there is no such lead."""
        try:
            lead_id.encode()
        except UnicodeEncodeError:  # as a terminal in another encoding may send it
            return None
        engine = self.lend()
        numbers = self._with_colleagues(engine, self._numbers(engine, lead_id))
        if not numbers:
            engine.close()
            return None
        # Each is read many times, and not one of its own rows would be found without looking at all.
        self._define(engine, *self._of_numbers(numbers), stored=_OF_LEADS)
        return self._history(engine)

    def _of_numbers(self, numbers: Sequence[int]) -> tuple[str, list[StoredFile]]:
        parts = {number // STRIDE for number in numbers}
        chosen = f"_lead_no IN ({', '.join(map(str, numbers))})"
        return chosen, [file for file in self._event_files if file.part in parts]

    def show_others(self, engine: DuckDBEngine, numbers: Sequence[int]) -> None:
        """Make ``others_leads``, ``others_events`` and ``others_conversions`` of the leads of these numbers."""
        chosen, files = self._of_numbers(numbers)
        self._define_events(engine, chosen, files)
        known = "lead_id IN (SELECT lead_id FROM others_leads)"
        engine.run(
            [
                Step("others_leads", self.rows(engine, "leads", chosen)),
                Step("others_events", "SELECT * FROM events"),
                Step("others_conversions", self.rows(engine, "conversions", known)),
            ]
        )
        engine.drop("events")

    def ends(self, engine: DuckDBEngine) -> datetime:
        """The end of the data."""
        findings, latest = self._facts(engine)
        return data_end(self.file.project, findings, self.manifest.records.first, latest)

    # views

    @property
    def _has_events(self) -> bool:
        return bool(self.manifest.tables.get("events"))

    @property
    def _event_files(self) -> Sequence[StoredFile]:
        return self.manifest.tables["events"].files if self._has_events else ()

    def _leased(self, engine: DuckDBEngine) -> DuckDBEngine:
        """Keep the files from being removed while the engine is open."""
        lease = ExitStack()
        lease.enter_context(self.folder.in_use())
        engine.on_close(lease.close)
        return engine

    def lend(self) -> DuckDBEngine:
        """An engine for a few rows, while which is open no file is removed."""
        return self._leased(lent_engine(self.file))

    def _of_part(self, number: int) -> tuple[str, list[StoredFile]]:
        """Which leads belong to a part, and the files that their events are in."""
        first, last = number * STRIDE, (number + 1) * STRIDE - 1
        chosen, parts = f"_lead_no BETWEEN {first} AND {last}", {number}
        away = [
            lead for lead, part in self.manifest.events.strays if first <= lead <= last and part != number
        ]
        here = [lead for lead, part in self.manifest.events.strays if part == number]
        if away:
            chosen += f" AND _lead_no NOT IN ({', '.join(map(str, away))})"
        if here:
            chosen = f"({chosen} OR _lead_no IN ({', '.join(map(str, here))}))"
            parts |= {lead // STRIDE for lead in here}
        return chosen, [file for file in self._event_files if file.part in parts]

    def numbers(self, engine: DuckDBEngine) -> str:
        """SQL of ``(lead_id, lead, lead_no)`` of all ids: ``lead`` is another where it was merged, NULL where left out."""
        return self.scan(engine, "numbers")

    def survivor(self, lead_id: str) -> str | None:
        """The lead that an id was merged into; ``None`` where it is a lead itself, unknown, or left out by the settings."""
        with self.lend() as engine:
            rows = engine.connection.execute(
                f"SELECT lead FROM {self.numbers(engine)} WHERE lead_id = {engine.dialect.literal(lead_id)} AND lead <> lead_id"
            ).fetchall()
        return rows[0][0] if rows else None

    def _numbers(self, engine: DuckDBEngine, lead_id: str) -> list[int]:
        """Its number, if there is such a lead."""
        return [
            row[0]
            for row in engine.connection.execute(
                f"""
                SELECT lead_no
                FROM {self.scan(engine, "numbers")}
                WHERE lead_id = {engine.dialect.literal(lead_id)} AND lead = lead_id AND lead_no >= 0
                """
            ).fetchall()
        ]

    def _with_colleagues(self, engine: DuckDBEngine, numbers: Sequence[int]) -> list[int]:
        """These leads and all of the same accounts, which belong to the same part."""
        if "account_id" not in self.manifest.tables["leads"].columns or not numbers:
            return list(numbers)
        stored, own = self.scan(engine, "leads"), ", ".join(map(str, numbers))
        accounts = [
            row[0]
            for row in engine.connection.execute(
                f"SELECT DISTINCT account_id FROM {stored} WHERE _lead_no IN ({own}) AND account_id IS NOT NULL"
            ).fetchall()
        ]
        if not accounts:
            return list(numbers)
        away = dict(self.manifest.events.strays)
        found = set(numbers)
        for part in {away.get(number, number // STRIDE) for number in numbers}:
            chosen, _ = self._of_part(part)
            ids = ", ".join(map(engine.dialect.literal, accounts))
            found |= {
                row[0]
                for row in engine.connection.execute(
                    f"SELECT _lead_no FROM {stored} WHERE {chosen} AND account_id IN ({ids})"
                ).fetchall()
            }
        return sorted(found)

    def scan(self, engine: DuckDBEngine, table: str) -> str:
        """SQL of the stored rows of a table, to select from."""
        files = self.manifest.tables[table].files
        return scan(engine, [self.folder.file(file) for file in files])

    def rows(self, engine: DuckDBEngine, table: str, where: str = "TRUE") -> str:
        """SQL of rows of a stored table other than the events, without their numbers."""
        kept, quote = self.manifest.tables[table], engine.dialect.quote
        kinds = {name: kind for name, kind in kept.columns.items() if name != "_lead_no"}
        if kept.files:
            return f"SELECT {', '.join(map(quote, kinds))} FROM {self.scan(engine, table)} WHERE {where}"
        nulls = (f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in kinds.items())
        return f"SELECT {', '.join(nulls)} WHERE FALSE"

    def _define(
        self,
        engine: DuckDBEngine,
        chosen: str,
        files: Sequence[StoredFile],
        stored: Mapping[str, str] | None = None,
    ) -> None:
        """Make views of all tables, of the ``chosen`` leads; with ``stored`` tables: leads, events, and the others named there by what
        belongs to the leads.
        """
        tables = {} if stored is None else {"leads": chosen, **stored}
        for table in TABLES:
            if table not in self.manifest.tables:  # of a version from before there was such a table
                make_empty(engine, table)
                continue
            whose = chosen if table == "leads" else tables.get(table, "TRUE")
            make = engine.run if table in tables else engine.define
            make([Step(table, self.rows(engine, table, whose))])
        self._define_events(engine, chosen, files, stored=bool(tables))

    def _define_events(
        self, engine: DuckDBEngine, chosen: str, files: Sequence[StoredFile], stored: bool = False
    ) -> None:
        if not files:
            self._empty_events(engine)
            return
        quote, events = engine.dialect.quote, self.manifest.events
        bots = self.file.project.hygiene.bots.mode
        properties = [f"{sql} AS {quote(name)}" for name, sql in events.types.items()]
        known, retracted, joined = "coalesce(e.known_at, e.occurred_at)", "e.retracted_at", ""
        marks = self.manifest.tables.get("machine_clicks")
        if marks is not None and marks.files:
            clicks = f"(SELECT * FROM {self.scan(engine, 'machine_clicks')} WHERE {chosen})"
            joined = f"""
                LEFT JOIN {clicks} AS b
                ON b._lead_no = e._lead_no AND b._event_key = e._event_key AND b.occurred_at = e.occurred_at
            """
            if bots == "filter":
                retracted = "least(e.retracted_at, b.since)"
            elif bots == "feature":
                properties.append("CASE WHEN b._lead_no IS NOT NULL THEN b.since IS NOT NULL END AS machine")
        elif bots == "feature" and "machine" in self.properties:
            properties.append("CAST(NULL AS BOOLEAN) AS machine")
        conditions = [] if chosen == "TRUE" else [chosen.replace("_lead_no", "e._lead_no")]
        if self._future:
            conditions.append(f"{known} <= {now_literal(engine)}")
        # inner columns under names of their own, so that a user's column may have any
        inner = ", ".join(
            [
                "e.lead_id",
                "e.occurred_at",
                f"{known} AS known_at",
                "e.event_type",
                f"{retracted} AS retracted_at",
            ]
        )
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        own = "".join(f", {item}" for item in properties)
        rows = scan(engine, [self.folder.file(file) for file in files])
        make = engine.run if stored else engine.define
        make([Step("events", f"SELECT {inner}{own} FROM {rows} AS e {joined} {where}")])

    def _empty_events(self, engine: DuckDBEngine) -> None:
        make_empty(engine, "events")
        casts: dict[Kind, str] = {"number": "DOUBLE", "boolean": "BOOLEAN", "time": "TIMESTAMP"}
        columns = ["lead_id", "occurred_at", "known_at", "event_type", "retracted_at"]
        columns += [
            f"CAST(NULL AS {casts.get(kind, 'VARCHAR')}) AS {engine.dialect.quote(name)}"
            for name, kind in self.properties.items()
        ]
        engine.run([Step("events", f"SELECT {', '.join(columns)} FROM events")])

    # what is known without reading

    @cached_property
    def properties(self) -> dict[str, Kind]:
        """Kinds of the events' properties."""
        kinds = dict(self.manifest.events.properties)
        marks = self.manifest.tables.get("machine_clicks")
        if self.file.project.hygiene.bots.mode == "feature" and marks is not None and marks.files:
            kinds["machine"] = "boolean"
        return kinds

    @cached_property
    def _now(self) -> int:
        return (datetime.now(UTC).replace(tzinfo=None) - _EPOCH) // timedelta(microseconds=1)

    @property
    def _future(self) -> bool:
        """Whether any event becomes known only in the future."""
        return any(run.latest_known > self._now for run in self.manifest.events.runs)

    @property
    def event_days(self) -> Mapping[date, int] | None:
        """How many events there are on each day, if that is known without reading them."""
        if self._future:
            return None
        days = Counter[int]()
        for run in self.manifest.events.runs:
            days.update(run.days)
        return {_EPOCH.date() + timedelta(days=day): count for day, count in days.items()}

    def _history(self, engine: DuckDBEngine) -> History:
        findings, latest = self._facts(engine)
        project = self.file.project
        return History(
            engine,
            data_end=data_end(project, findings, self.manifest.records.first, latest),
            lead_attributes=self.manifest.records.kinds["leads"],
            account_attributes=self.manifest.records.kinds["accounts"],
            event_properties=self.properties,
            clock=clock_of(project),
            hidden=project.known_after,
            findings=tuple(findings),
            version=self.version,
        )

    def _facts(self, engine: DuckDBEngine) -> tuple[list[Finding], datetime]:
        """The findings, in the order in which a history is read, and the latest timestamp."""
        records, events = self.manifest.records, self.manifest.events
        findings: list[Finding] = []
        for table in CONTRACT:
            if table == "events":
                findings += event_findings(events)
            else:
                findings += [note.finding() for note in records.read.get(table, ())]
        findings += [note.finding() for note in records.before]
        cleaner = Cleaner(engine, findings)
        counts, latest = self._counts(engine)
        cleaner.report_events(counts)
        findings += [of_events(note.finding(), counts.rows) for note in events.bots]
        findings += [note.finding() for note in records.after]
        return findings, max(records.latest, latest or records.latest)

    def _counts(self, engine: DuckDBEngine) -> tuple[EventCounts, datetime | None]:
        events, tallies = self.manifest.events, Counter[str]()
        for source in events.sources:
            tallies.update(source.tallies)
        pairs = Counter[str]()
        for _, _, why, count in events.pairs:
            pairs[why] += count
        counts = EventCounts(
            rows=sum(source.rows for source in events.sources) - tallies["excluded"],
            incomplete={column: tallies[f"without {column}"] for column in EVENT_NEEDS},
            unknown=events.strangers,
            stranger=events.stranger or "",
            known_early=tallies["known early"],
            retracted=tallies["retracted"],
            in_vain=tallies["in vain"],
            alike=pairs["alike"],
            repeated=pairs["repeated"],
            shared=pairs["shared"],
            ancient=sum(run.ancient for run in events.runs),
            early=sum(run.early for run in events.runs),
        )
        latest = max((run.latest for run in events.runs), default=None)
        if self._future:
            latest = self._future_counts(engine, counts)
        return counts, None if latest is None else _EPOCH + timedelta(microseconds=latest)

    def _future_counts(self, engine: DuckDBEngine, counts: EventCounts) -> int | None:
        """Rows of the future are hidden, so what was counted over all rows is counted again."""
        now = now_literal(engine)
        files = [self.folder.file(file) for file in self._event_files]
        row: Any = engine.connection.execute(
            f"""
            SELECT
              count(*) FILTER (WHERE known > {now}),
              max(known),
              count(*) FILTER (WHERE known <= {now} AND occurred_at < TIMESTAMP '1970-01-02'),
              count(*) FILTER (WHERE known <= {now} AND occurred_at < created_at),
              epoch_us(max(occurred_at) FILTER (WHERE known <= {now}))
            FROM (
              SELECT e.occurred_at, coalesce(e.known_at, e.occurred_at) AS known, l.created_at
              FROM {scan(engine, files)} AS e
              JOIN {self.scan(engine, "leads")} AS l ON l._lead_no = e._lead_no
            )
            """
        ).fetchall()[0]
        counts.future, latest, counts.ancient, counts.early, last = row
        counts.latest = str(latest)[:10]
        return None if last is None else int(last)
