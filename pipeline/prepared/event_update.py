"""Bring the prepared events up to date: which sources are new or gone, and what becomes of the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from leadlens.features import DuckDBEngine, Finding
from leadlens.pipeline.cluster import Workers
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.memory import reused_memory
from leadlens.pipeline.prepared.event_casting import VALUES, EventCaster, count_values
from leadlens.pipeline.prepared.event_files import COMPLETE, EventFiles
from leadlens.pipeline.prepared.event_layout import Layout
from leadlens.pipeline.prepared.event_pass import EventPass
from leadlens.pipeline.prepared.event_planning import Change, Plan, SourcePlan
from leadlens.pipeline.prepared.event_scan import EventScan, scans_of
from leadlens.pipeline.prepared.event_spread import SpreadEvents
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.manifest import (
    Events,
    EventSource,
    FileMark,
    Manifest,
    Noted,
    StoredFile,
    StoredTable,
)
from leadlens.pipeline.prepared.part_reading import PartReading
from leadlens.pipeline.prepared.sorted_files import scan
from leadlens.pipeline.prepared.sources import EventReader, NewSource, Numbers
from leadlens.pipeline.prepared.spread_reading import SpreadReading
from leadlens.pipeline.sources.forgotten import Forgotten, find_forgotten, forgotten_finding
from leadlens.pipeline.sources.ids import id_text, trimmed
from leadlens.pipeline.sources.opening import contract_columns
from leadlens.pipeline.sources.origins import SOURCE_NO, Origin
from leadlens.pipeline.sources.reading import Readable
from leadlens.pipeline.sources.several import words_by_new_name
from leadlens.pipeline.sources.shaping import Shape, mapped_names, shape_of, where_finding
from leadlens.pipeline.sources.spark_tables import is_spark_table
from leadlens.pipeline.sources.styles import style_findings
from leadlens.pipeline.sources.to_duckdb import refuse_equal_names
from leadlens.pipeline.sources.together import Together, together
from leadlens.pipeline.sources.unknown_words import Words, add_words, word_findings

_EVENTS_A_PART = 2_500_000
_LEADS_A_PART = 50_000
_MOST_PARTS = 256
_MOST_VALUE_FILES = 16
_STORED = {"number": "DOUBLE", "boolean": "BOOLEAN", "time": "TIMESTAMP"}


class EventUpdate:
    """One update of the events of a prepared history.

    With ``workers`` what is new is read by them. Make it, ask whether there is anything to do, then `begin` (after which the engine has a view ``events`` of all
    lead ids that occur) and, when the leads are numbered, `finish`.
    """

    def __init__(
        self,
        file: ProjectFile,
        engine: DuckDBEngine,
        folder: PreparedFolder,
        old: Manifest | None,
        looks: Mapping[str, tuple[FileMark, ...] | None],
        workers: Workers | None = None,
    ) -> None:
        self._workers = workers
        self.file, self.engine, self.folder = file, engine, folder
        self.old = old.events if old else Events()
        self.tables = dict(old.tables) if old else {}
        self.where = f"{file.path.name}: data.events"
        self.plan = Plan()
        self.change: Change | None = None  # after `finish`: unless all was read anew
        self._reading = None if workers is None else SpreadReading(workers, engine, file)
        self._numbers, spool = Numbers(self.old.next_source), folder.path / "spool"
        self.forgotten, self.left_out = Forgotten.of(file.project.name), Counter[int]()
        self.sources: list[SourcePlan] = []
        for place, (name, source) in enumerate(file.project.data.places("events")):
            if any(map(is_spark_table, source.reads)):
                source = source.model_copy(update={"cursor": None})  # Spark minds it: its copy grows by files
            given = Readable(file, "events", name, source)
            reader = EventReader(
                given,
                place,
                engine.connection,
                spool / str(place),
                self._numbers,
                None if self._reading is None else self._reading.files,
                PartReading(None if workers is None else workers.run).read,
            )
            before = old.looks.get(name, ()) if old else ()
            self.sources.append(SourcePlan(reader, looks.get(name), before))
        if self.sources:
            self.plan = self._planned(list(self.old.sources))

    @property
    def idle(self) -> bool:
        """Whether there is nothing new and nothing gone."""
        return not self.plan.new and not self.plan.gone

    # what is new

    def _planned(self, old: list[EventSource]) -> Plan:
        plan = Plan()
        for source in self.sources:
            plan.add(source.of(old))
        if plan.kept and self._columns(plan) != self._columns(Plan(kept=old)):
            return self._planned_anew()
        return self._with_losers(plan)

    def _planned_anew(self) -> Plan:
        plan = self._planned([])
        plan.gone = [source.number for source in self.old.sources]
        return plan

    def _with_losers(self, plan: Plan) -> Plan:
        """Files that gave way to one that is gone are read again: what they lost may count now."""
        by_file = {place for place, source in enumerate(self.sources) if source.file_by_file}
        while True:
            again = {
                loser
                for winner, loser, why, _ in self.old.pairs
                if winner in plan.gone and loser not in plan.gone
            }
            if not again:
                return plan
            losers = [source for source in plan.kept if source.number in again]
            if any(source.place not in by_file for source in losers):
                return self._planned_anew()
            plan.kept = [source for source in plan.kept if source.number not in again]
            for source in self.sources:
                plan.new += source.again(losers)
            plan.gone += sorted(again)

    def _columns(self, plan: Plan) -> Together:
        """The columns of all sources; those of a source are of all of its files."""
        readers = [source.reader for source in self.sources]
        files: list[EventSource | NewSource] = [*plan.kept, *plan.new]
        present: list[dict[str, None]] = [{} for _ in readers]
        for file in files:
            present[file.place] |= dict.fromkeys(file.columns)
        for reader, own in zip(readers, present, strict=True):
            refuse_equal_names(own, reader.where, "give it the same name in all files")
        names = [
            mapped_names("events", list(own), reader.source, reader.where) if own else {}
            for reader, own in zip(readers, present, strict=True)
        ]
        places = [reader.where for reader in readers]
        return together(self.engine.connection, names, [(file.place, file) for file in files], places)

    # steps

    def begin(self) -> None:
        """Cast what is new as far as that decides over columns. Raises ``DataError`` or ``UsageError`` for bad data."""
        plan, engine = self.plan, self.engine
        self.columns = self._columns(plan)
        new = [[each for each in plan.new if each.place == place] for place in range(len(self.sources))]
        shapes = [self._shape(place, some) for place, some in enumerate(new)]
        self.hidden = set().union(*(shape.hidden for shape in shapes))
        by_source = [
            self._known(scans_of(some, self.columns, shape), count=True)
            for some, shape in zip(new, shapes, strict=True)
        ]
        self.scans = [scan for some in by_source for scan in some]
        places = [place for place, some in enumerate(by_source) for _ in some]
        types = self.columns.types.items()
        nothing = f"SELECT {', '.join(f'CAST(NULL AS {kind}) AS {engine.dialect.quote(name)}' for name, kind in types)} WHERE FALSE"
        kept = shapes[0].kept
        all_new = (
            " UNION ALL ".join(f"SELECT {kept} FROM ({scan.rows})" for scan in self.scans)
            or f"SELECT {kept} FROM (SELECT {shapes[0].values} FROM ({nothing})) AS renamed"
        )
        engine.connection.execute(f"CREATE OR REPLACE TEMP VIEW raw_events AS {all_new}")
        self._read_values(plan.kept)
        origins = [Origin.of(place, source) for place, source in self.file.project.data.places("events")]
        spread = self._reading
        counts = None if spread is None else spread.counts
        self.caster = EventCaster(engine, self.where, origins, self.scans, places, plan.kept, counts)
        contract_columns(self.caster, self.file.project)  # asks for what it will count
        if spread is None:
            self._padded = {
                name for each in self.scans for name in count_values(engine, each, self.caster.texts)
            }
        else:
            spread.values(self.scans, self.caster.texts)
            self._padded = set(self.caster.texts)  # which workers do not say
        self.caster.ask()
        self.expressions, self.kinds = contract_columns(self.caster, self.file.project)

    def _as_written(self) -> dict[str, str]:
        """The expressions over the new sources. A column in which no text needs cleaning, as in most, is taken as it is, which spares
        a look at every row.
        """
        columns = self.columns.names
        tidy = {"lead_id", "event_id"} & set(self.expressions)
        for new in self.plan.new:
            tidy = {name for name in tidy if columns[new.place].get(name) in new.tidy}
        plain, found = tidy | (set(self.caster.texts) - self._padded), dict(self.expressions)
        for name in plain & set(found):
            column = self.engine.dialect.quote(name)
            if found[name] in (id_text(column, "VARCHAR"), trimmed(column)):
                found[name] = column
        return found

    def ids(self) -> str:
        """A SELECT of the lead id of every row of every source, as the table ``events`` would have it."""
        scans: list[EventScan] = []
        for place, source in enumerate(self.sources):
            every = source.every_row(self.plan)
            scans += self._known(scans_of(every, self.columns, self._shape(place, every)))
        each = (
            f"SELECT {self.expressions['lead_id']} AS lead_id FROM ({scan.rows}) AS raw_events"
            for scan in scans
        )
        return " UNION ALL ".join(each)

    def _known(self, scans: Sequence[EventScan], count: bool = False) -> list[EventScan]:
        """The scans without the rows of people who are forgotten, which are counted by file if wanted."""
        if not self.forgotten:
            return list(scans)
        known, connection = [], self.engine.connection
        for each in scans:
            rows = f"({each.rows}) AS every_row"
            theirs = find_forgotten(connection, self.forgotten, "events", rows, self.columns.types)
            if theirs is None:  # which is refused a moment later
                return list(scans)
            if count:
                counts = f"SELECT {SOURCE_NO}, count(*) FROM {rows} WHERE {theirs} GROUP BY 1"
                self.left_out.update(dict(connection.execute(counts).fetchall()))
            known.append(each._replace(rows=f"SELECT * FROM {rows} WHERE NOT {theirs}"))
        return known

    def _shape(self, place: int, files: Sequence[NewSource]) -> Shape:
        """The shape of the rows of some files of one source."""
        wordless = frozenset.intersection(*(new.wordless for new in files)) if files else frozenset()
        reader, names = self.sources[place].reader, self.columns.names[place]
        types, project = self.columns.types, self.file.project
        return shape_of(self.engine, "events", names, types, reader.source, project, reader.where, wordless)

    def _read_values(self, kept: Sequence[EventSource]) -> None:
        files = self.tables.get(VALUES, StoredTable()).files
        numbers = ", ".join(str(source.number) for source in kept)
        rows = (
            f"SELECT * FROM {scan(self.engine, [self.folder.file(f) for f in files])} WHERE source IN ({numbers})"
            if files and kept
            else "SELECT 0 AS source, '' AS column_name, '' AS value, CAST(0 AS BIGINT) AS rows WHERE FALSE"
        )
        self.engine.connection.execute(f"CREATE OR REPLACE TEMP TABLE {VALUES} AS {rows}")

    def rebuild(self) -> None:
        """Read all sources anew, since what was kept no longer fits the leads."""
        if self.plan.kept:
            self.plan = self._planned_anew()
            self.begin()

    @property
    def parts(self) -> int:
        """Of how many parts the history is; they are cut anew when everything is read anew."""
        if self.plan.kept:
            return self.old.parts
        rows = sum(new.rows for new in self.plan.new)
        leads = self.engine.count("leads")
        return min(_MOST_PARTS, max(1, -(-rows // _EVENTS_A_PART), -(-leads // _LEADS_A_PART)))

    def finish(self, parts: int, recount: bool) -> tuple[Events, dict[str, StoredTable]]:
        """Read the new sources and settle what belongs together; the engine has ``numbers`` and ``created``."""
        if not self.sources:
            return Events(parts=parts), {}
        layout = self._layout()
        fresh = not self.plan.kept
        stored = {
            name: () if fresh else self.tables[name].files
            for name in ("events", "aside", "strangers")
            if name in self.tables
        }
        spread = (
            None if self._workers is None else SpreadEvents(self._workers, self.engine, self.folder, layout)
        )
        files = EventFiles(
            self.engine,
            self.folder,
            layout,
            self.caster.reading,
            stored.get("events", ()),
            stored.get("aside", ()),
            stored.get("strangers", ()),
            None if spread is None else spread.merge,
        )
        before, old_files = self._run_paths(files.files), tuple(files.files)
        if not fresh:
            files.remove_sources(self.plan.gone)
        rows = sum(new.rows for new in self.plan.new)
        first = self.old.next_run
        if spread is None:
            with reused_memory():
                made = EventPass(self.engine, self.folder, layout, parts, first, rows).run(
                    self.scans, self._as_written()
                )
        else:
            made = spread.read(self.scans, self._as_written(), parts, first, rows)
        written = self._run_paths(made.files)
        next_run = self.old.next_run + len(made.runs)
        admitted, tallies = files.admit(next_run)
        next_run += bool(admitted)
        files.files += made.files
        files.strangers += made.strangers
        pairs = self._pairs(fresh)
        pairs += made.pairs
        pairs += files.settle(made.files, made.suspects, admitted)
        self.change = None if fresh else Change.between(old_files, files.files)
        next_run = files.compact(next_run)
        now = self._run_paths(files.files)
        unchanged = {
            run.number: run for run in self.old.runs if before.get(run.number) == now.get(run.number)
        }
        unchanged = {} if recount else unchanged
        as_made = {run: made.facts[run] for run, paths in written.items() if now.get(run) == paths}
        runs = files.facts(unchanged | as_made)
        sources = [
            source.model_copy(update={"tallies": dict(Counter(source.tallies) + more)})
            if (more := tallies.get(source.number))
            else source
            for source in self.plan.kept
        ]
        for new in self.plan.new:
            number = new.number
            sources.append(
                EventSource(
                    number=number,
                    place=new.place,
                    mark=new.mark,
                    cursor=new.cursor,
                    columns=new.columns,
                    fits=new.fits,
                    empty=new.empty,
                    text=new.text,
                    words=new.words,
                    unclear=new.unclear,
                    rows=made.rows[number],
                    checks={check: count for check, count in self.caster.checks[number].items() if count},
                    tallies=dict(made.tallies.get(number, Counter()) + tallies.get(number, Counter()))
                    | {"source rows": new.rows, "forgotten": self.left_out[number]},
                )
            )
        strangers, stranger = self._strangers(files)
        events = Events(
            sources=tuple(sources),
            runs=runs,
            parts=parts,
            properties=self.kinds,
            types=self.caster.reading,
            hidden=tuple(sorted(self.hidden)),
            where=self._where_notes(sources),
            read=tuple(
                map(
                    Noted.of,
                    (
                        *self._left_out(sources),
                        *self._words(sources),
                        *self._styles(sources),
                        *self.caster.findings,
                    ),
                )
            ),
            pairs=tuple(
                (winner, loser, why, count) for (winner, loser, why), count in sorted(pairs.items()) if count
            ),
            next_source=self._numbers.next,
            next_run=next_run,
            strangers=strangers,
            stranger=stranger,
        )
        return events, {
            "events": StoredTable(files=tuple(files.files), columns=layout.columns),
            "aside": StoredTable(files=tuple(files.aside), columns=layout.columns),
            "strangers": StoredTable(
                files=tuple(files.strangers), columns={**layout.columns, "_early": "BOOLEAN"}
            ),
            VALUES: self._stored_values(fresh),
        }

    def _layout(self) -> Layout:
        properties = {name: _STORED.get(kind, "VARCHAR") for name, kind in self.kinds.items()}
        for name in self.caster.texts:  # whatever their texts are read as
            if name in properties:
                properties[name] = "VARCHAR"
        present = self.caster.types
        return Layout(properties, frozenset({"known_at", "retracted_at"} & set(present)))

    def _run_paths(self, files: Sequence[StoredFile]) -> dict[int, frozenset[str]]:
        paths: dict[int, set[str]] = {}
        for file in files:
            paths.setdefault(file.run, set()).add(file.path)
        return {run: frozenset(names) for run, names in paths.items()}

    def _pairs(self, fresh: bool) -> Counter[tuple[int, int, str]]:
        gone = set(self.plan.gone)
        return Counter(
            {
                (winner, loser, why): count
                for winner, loser, why, count in (() if fresh else self.old.pairs)
                if winner not in gone and loser not in gone
            }
        )

    def _strangers(self, files: EventFiles) -> tuple[int, str | None]:
        if not files.strangers:
            return 0, None
        rows = files.scan(files.strangers)
        count, first = self.engine.connection.execute(
            f"SELECT count(*), min(lead_id) FROM {rows} WHERE {COMPLETE}"
        ).fetchall()[0]
        return count, first

    def _words(self, sources: Sequence[EventSource]) -> list[Finding]:
        words = Words()
        for source in sources:
            given = self.sources[source.place].reader.given
            add_words(words, [words_by_new_name("events", source.words, given, source)])
        return word_findings("events", words, {}, self.columns.types, self.kinds)

    def _left_out(self, sources: Sequence[EventSource]) -> list[Finding]:
        rows = sum(source.tallies.get("forgotten", 0) for source in sources)
        return [forgotten_finding("events", rows)] if rows else []

    def _styles(self, sources: Sequence[EventSource]) -> list[Finding]:
        columns = self.columns
        for source in sources:
            columns = columns.with_unclear(columns.names[source.place], source.unclear)
        return style_findings("events", columns.styles, columns.unclear, self.kinds)

    def _where_notes(self, sources: Sequence[EventSource]) -> tuple[Noted, ...]:
        notes = []
        for place, source in enumerate(self.sources):
            if source.reader.source.where is not None:
                own = [each for each in sources if each.place == place]
                total = sum(each.tallies["source rows"] for each in own)
                left = total - sum(each.rows + each.tallies.get("forgotten", 0) for each in own)
                notes.append(Noted.of(where_finding(source.reader.given.place, left, total)))
        return tuple(notes)

    def _stored_values(self, fresh: bool) -> StoredTable:
        columns = {"source": "INTEGER", "column_name": "VARCHAR", "value": "VARCHAR", "rows": "BIGINT"}
        old = () if fresh else self.tables.get(VALUES, StoredTable()).files
        chosen = ", ".join(str(new.number) for new in self.plan.new) or "-1"
        whole = len(old) >= _MOST_VALUE_FILES or self.plan.gone
        where = "TRUE" if whole else f"source IN ({chosen})"
        reader = self.engine.connection.sql(
            f"SELECT CAST(source AS INTEGER) AS source, column_name, value, rows FROM {VALUES} WHERE {where}"
        ).to_arrow_reader(1 << 17)
        stored = self.folder.write(VALUES, reader, reader.schema)
        files = (*(() if whole else old), *((stored,) if stored else ()))
        return StoredTable(files=files, columns=columns)


def event_findings(events: Events) -> list[Finding]:
    """What was found while the events were read, without what depends on the leads."""
    rows = sum(source.rows for source in events.sources)
    found = [note.finding() for note in (*events.where, *events.read)]
    return [
        replace(each, share=each.count / rows) if each.level == "warning" and each.count and rows else each
        for each in found
    ]
