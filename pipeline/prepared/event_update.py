"""Bring the prepared events up to date: which sources are new or gone, and what becomes of the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from features import DataError, DuckDBEngine, Finding
from pipeline.config import ProjectFile
from pipeline.prepared.event_casting import VALUES, EventCaster, count_values
from pipeline.prepared.event_files import EventFiles, scan
from pipeline.prepared.event_layout import Layout
from pipeline.prepared.event_pass import EventPass
from pipeline.prepared.event_scan import scans_of
from pipeline.prepared.folder import PreparedFolder
from pipeline.prepared.identity import same_contents
from pipeline.prepared.manifest import Events, EventSource, FileMark, Manifest, Noted, StoredFile, StoredTable
from pipeline.prepared.sources import EventReader, NewSource, resolved_columns
from pipeline.sources.opening import contract_columns
from pipeline.sources.shaping import Shape, shape_of, where_finding
from pipeline.sources.unknown_words import add_words, word_findings

_EVENTS_A_PART = 2_500_000
_LEADS_A_PART = 50_000
_MOST_PARTS = 256
_MOST_VALUE_FILES = 16
_STORED = {"number": "DOUBLE", "boolean": "BOOLEAN", "time": "TIMESTAMP"}


@dataclass(frozen=True)
class Grown:
    """Events that only came on top of others: files of those there were, and of those that came."""

    old: tuple[StoredFile, ...]
    new: tuple[StoredFile, ...]


@dataclass
class _Plan:
    """Sources that stay as they are, that are read, and numbers of those whose rows go."""

    kept: list[EventSource] = field(default_factory=list)
    new: list[NewSource] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)


class EventUpdate:
    """One update of the events of a prepared history.

    Make it, ask whether there is anything to do, then `begin` (after which the engine has a view ``events`` of all
    lead ids that occur) and, when the leads are numbered, `finish`.
    """

    def __init__(
        self,
        file: ProjectFile,
        engine: DuckDBEngine,
        folder: PreparedFolder,
        old: Manifest | None,
        marks: tuple[FileMark, ...] | None,
    ) -> None:
        self.file, self.engine, self.folder = file, engine, folder
        self.old = old.events if old else Events()
        self.tables = dict(old.tables) if old else {}
        self.marks, self.old_marks = marks, old.looks.get("events", ()) if old else ()
        self.source = file.project.data.events
        self.where = f"{file.path.name}: data.events"
        self.plan = _Plan()
        self.grown: Grown | None = None  # after `finish`: where no event was taken out
        if self.source is not None:
            spool = folder.path / "spool"
            self.reader = EventReader(file, engine.connection, spool, self.old.next_source)
            self.plan = self._planned(list(self.old.sources))

    @property
    def idle(self) -> bool:
        """Whether there is nothing new and nothing gone."""
        return not self.plan.new and not self.plan.gone

    # what is new

    def _planned(self, old: list[EventSource]) -> _Plan:
        if not self.reader.one_by_one:
            plan = self._plan_whole(old)
        elif self.source is not None and self.source.cursor is not None:
            plan = self._plan_growing(old)
        else:
            plan = self._plan_files(old)
        if plan.kept and self._resolved(plan) != self._resolved(_Plan(kept=old)):
            return self._planned_anew()
        return self._with_losers(plan)

    def _planned_anew(self) -> _Plan:
        plan = self._planned([])
        plan.gone = [source.number for source in self.old.sources]
        return plan

    def _plan_files(self, old: list[EventSource]) -> _Plan:
        plan, left = _Plan(), {source.number: source for source in old}
        assert self.marks is not None
        by_path = {source.mark.path: source for source in old if source.mark}
        waiting, unknown = [], []
        for mark in self.marks:
            source = by_path.get(mark.path)
            if source is not None and source.mark is not None and source.mark.same_content(mark):
                plan.kept.append(source.model_copy(update={"mark": mark}))
                del left[source.number]
            else:
                waiting.append(mark)
        by_content: dict[object, list[EventSource]] = {}
        for source in left.values():
            if source.mark:
                by_content.setdefault(source.mark.content, []).append(source)
        for mark in waiting:  # a file that only has another name now is known by its content
            if same := by_content.get(mark.content):
                known = same.pop(0)
                plan.kept.append(known.model_copy(update={"mark": mark}))
                del left[known.number]
            else:
                unknown.append(mark)
        plan.new = self.reader.read(unknown)
        plan.gone = list(left)
        return plan

    def _plan_growing(self, old: list[EventSource]) -> _Plan:
        assert self.marks is not None
        if len(self.marks) != 1:
            raise DataError(
                "cursor is for a single file or a database, and these are several files",
                value=len(self.marks),
                where=f"{self.where}.cursor",
                fix="leave `cursor` out: of several files only the new and changed ones are read anyway",
            )
        mark = self.marks[0]
        if old and old[-1].mark is not None and old[-1].mark.same_content(mark):
            return _Plan(kept=[source.model_copy(update={"mark": mark}) for source in old])
        new = self.reader.read([mark])[0]
        if not old or old[-1].cursor is None:
            return _Plan(new=[self.reader.with_cursor(new)], gone=[source.number for source in old])
        more = self.reader.beyond(new, old[-1].cursor)
        kept = [source.model_copy(update={"mark": mark}) for source in old]
        return _Plan(kept=kept, new=[more])

    def _plan_whole(self, old: list[EventSource]) -> _Plan:
        after = old[-1].cursor if old else None
        if old and self.marks is not None and same_contents(self.marks, self.old_marks):
            return _Plan(kept=old)
        new = self.reader.whole(after)
        if after is not None:
            return _Plan(kept=old, new=[new] if new.rows else [])
        if old and old[-1].mark is not None and new.mark is not None and old[-1].mark.same_content(new.mark):
            return _Plan(kept=old)
        return _Plan(new=[new], gone=[source.number for source in old])

    def _with_losers(self, plan: _Plan) -> _Plan:
        """Sources that gave way to one that is gone are read again: what they lost may count now."""
        while True:
            again = {
                loser
                for winner, loser, why, _ in self.old.pairs
                if winner in plan.gone and loser not in plan.gone
            }
            if not again:
                return plan
            if not self.reader.one_by_one or (self.source is not None and self.source.cursor is not None):
                return self._planned_anew()
            marks = [source.mark for source in plan.kept if source.number in again and source.mark]
            plan.kept = [source for source in plan.kept if source.number not in again]
            plan.new += self.reader.read(marks)
            plan.gone += sorted(again)

    def _resolved(self, plan: _Plan) -> dict[str, str]:
        return resolved_columns(self.engine.connection, [*plan.kept, *plan.new])

    # steps

    def begin(self) -> None:
        """Cast what is new as far as that decides over columns. Raises ``DataError`` or ``UsageError`` for bad data."""
        assert self.source is not None
        plan, engine = self.plan, self.engine
        self.resolved = self._resolved(plan)
        shape = self._shape(plan.new)
        self.hidden = shape.hidden
        self.scans = scans_of(plan.new, self.resolved, shape)
        nothing = f"SELECT {', '.join(f'CAST(NULL AS {kind}) AS {engine.dialect.quote(name)}' for name, kind in self.resolved.items())} WHERE FALSE"
        all_new = (
            " UNION ALL ".join(f"SELECT {shape.kept} FROM ({scan.rows})" for scan in self.scans)
            or f"SELECT {shape.kept} FROM (SELECT {shape.values} FROM ({nothing})) AS renamed"
        )
        engine.connection.execute(f"CREATE OR REPLACE TEMP VIEW raw_events AS {all_new}")
        self._read_values(plan.kept)
        self.caster = EventCaster(engine, self.where, self.source.columns, self.scans, plan.kept)
        contract_columns(self.caster, self.file.project)  # asks for what it will count
        count_values(engine, self.scans, self.caster.texts)
        self.caster.ask()
        self.expressions, self.kinds = contract_columns(self.caster, self.file.project)

    def ids(self) -> str:
        """A SELECT of the lead id of every row of every source, as the table ``events`` would have it."""
        assert self.source is not None
        scans = self.scans
        if self.plan.kept and self.reader.one_by_one:
            marks = {source.mark.path: source.mark for source in self.plan.kept if source.mark}
            growing = self.source.cursor is not None
            kept = self.reader.read(marks.values(), rows_only=True)
            scans = scans_of(kept, self.resolved, self._shape(kept)) + scans * (not growing)
        elif self.plan.kept:
            whole = [self.reader.whole()]
            scans = scans_of(whole, self.resolved, self._shape(whole))
        each = (
            f"SELECT {self.expressions['lead_id']} AS lead_id FROM ({scan.rows}) AS raw_events"
            for scan in scans
        )
        return " UNION ALL ".join(each)

    def _shape(self, sources: Sequence[NewSource]) -> Shape:
        """The shape of the rows of some sources."""
        assert self.source is not None
        wordless = frozenset.intersection(*(new.wordless for new in sources)) if sources else frozenset()
        project = self.file.project
        return shape_of(self.engine, "events", self.resolved, self.source, project, self.where, wordless)

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
        if self.source is not None and self.plan.kept:
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
        if self.source is None:
            return Events(parts=parts), {}
        layout = self._layout()
        fresh = not self.plan.kept
        stored = {
            name: () if fresh else self.tables[name].files
            for name in ("events", "aside", "strangers")
            if name in self.tables
        }
        files = EventFiles(
            self.engine,
            self.folder,
            layout,
            self.caster.reading,
            stored.get("events", ()),
            stored.get("aside", ()),
            stored.get("strangers", ()),
        )
        before, old_files = self._run_paths(files.files), tuple(files.files)
        if not fresh:
            files.remove_sources(self.plan.gone)
        rows = sum(new.rows for new in self.plan.new)
        made = EventPass(self.engine, self.folder, layout, parts, self.old.next_run, rows).run(
            self.scans, self.expressions
        )
        written = self._run_paths(made.files)
        next_run = self.old.next_run + len(made.runs)
        admitted, tallies = files.admit(next_run)
        next_run += bool(admitted)
        files.files += made.files
        files.strangers += made.strangers
        pairs = self._pairs(fresh)
        pairs += made.pairs
        pairs += files.settle(made.files, made.suspects, admitted)
        if not fresh and set(old_files) <= set(files.files):
            self.grown = Grown(old_files, tuple(file for file in files.files if file not in set(old_files)))
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
                    mark=new.mark,
                    cursor=new.cursor,
                    columns=new.columns,
                    fits=new.fits,
                    empty=new.empty,
                    words=new.words,
                    rows=made.rows[number],
                    checks={check: count for check, count in self.caster.checks[number].items() if count},
                    tallies=dict(made.tallies.get(number, Counter()) + tallies.get(number, Counter()))
                    | {"source rows": new.rows},
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
            read=tuple(Noted.of(finding) for finding in (*self._words(sources), *self.caster.findings)),
            pairs=tuple(
                (winner, loser, why, count) for (winner, loser, why), count in sorted(pairs.items()) if count
            ),
            next_source=self.reader.next_number,
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
            f"SELECT count(*), min(lead_id) FROM {rows}"
        ).fetchall()[0]
        return count, first

    def _words(self, sources: Sequence[EventSource]) -> list[Finding]:
        assert self.source is not None
        words = add_words({}, [source.words for source in sources])
        return word_findings("events", words, self.source.columns, self.resolved, self.kinds)

    def _where_notes(self, sources: Sequence[EventSource]) -> tuple[Noted, ...]:
        assert self.source is not None
        if self.source.where is None:
            return ()
        total = sum(source.tallies["source rows"] for source in sources)
        left = total - sum(source.rows for source in sources)
        return (Noted.of(where_finding("events", left, total)),)

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
