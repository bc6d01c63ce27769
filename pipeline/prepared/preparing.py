"""Prepare a history: see what changed in the sources, read that, and commit a new version."""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from leadlens.features import DuckDBEngine, Step
from leadlens.features.errors import UnavailableError
from leadlens.features.secrets import without_secrets
from leadlens.pipeline.cluster import Workers
from leadlens.pipeline.config import ProjectFile, Source, expand
from leadlens.pipeline.prepared.click_marking import MachineClicks
from leadlens.pipeline.prepared.event_update import EventUpdate
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.machine_clicks import mark_machine_clicks
from leadlens.pipeline.prepared.manifest import FileMark, Manifest, Records, StoredTable
from leadlens.pipeline.prepared.numbering import number_leads, renumbered, strays
from leadlens.pipeline.prepared.records import SOURCES, read_records, write_records
from leadlens.pipeline.prepared.sorted_files import scan
from leadlens.pipeline.prepared.sources import look
from leadlens.pipeline.private import private_files
from leadlens.pipeline.sources.engines import preparing_engine
from leadlens.pipeline.sources.forgotten import Forgotten
from leadlens.pipeline.sources.opening import ReadTables, check_hidden
from leadlens.pipeline.sources.reading import NoSuchFile, Readable
from leadlens.pipeline.state import state_folder, state_is_writable

Looks = dict[str, tuple[FileMark, ...] | None]


def prepared_folder(file: ProjectFile) -> PreparedFolder:
    """Where the history of a project is kept: its sources, read with its settings."""
    return PreparedFolder(state_folder() / "prepared" / file.project.name / _settings_key(file))


def _settings_key(file: ProjectFile) -> str:
    """Changes with every setting on which the prepared tables depend, and with the places that are read."""
    project = file.project
    settings = project.canonical()
    read = {name: settings.get(name) for name in ("data", "hygiene", "known_after", "order", "outcome")}
    # A list of one is that one, so that keys of before go on to hold.
    places = [
        _places(file, place, source)
        for name in (*SOURCES, "events", "others")
        for place, source in _sources(file, name)
    ]
    forgotten = Forgotten.of(project.name)  # what holds them is never opened again
    more = [*([forgotten.mark] if forgotten else []), *sorted(project.shown_only)]
    text = json.dumps([read, places, *more], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _places(file: ProjectFile, place: str, source: Source) -> str | list[str]:
    locations = [expand(address, f"{file.path.name}: {place}") for address in source.reads]
    found = [
        without_secrets(location) if "://" in location else str(file.resolve(location))
        for location in locations
    ]
    return found[0] if len(found) == 1 else found


def _sources(file: ProjectFile, table: str) -> list[tuple[str, Source]]:
    data = file.project.data
    if table == "others":
        return [(f"data.others.{name}", source) for name, source in data.others.items()]
    return data.places(table)


@private_files()
def prepare(
    file: ProjectFile, folder: PreparedFolder | None = None, workers: Workers | None = None
) -> tuple[PreparedFolder, Manifest]:
    """The prepared history of a project, brought up to date with its sources; by default in the state folder.

    With ``workers`` new events are read by them, into the same files.

    Raises ``UsageError`` where the project file does not fit the data, ``DataError`` where the data are ambiguous or
    broken; what was prepared before stays as it was.
    """
    own, folder = folder is None, folder or prepared_folder(file)
    manifest = folder.read()
    looks = _look(file, manifest)
    if manifest is not None and _nothing_new(manifest, looks) and not folder.damaged(manifest):
        return folder, manifest
    if own and not state_is_writable():
        folder = PreparedFolder(_temporary() / folder.path.name)
    with folder.locked():
        manifest = folder.read()
        if manifest is not None and folder.damaged(manifest):
            manifest = None
        looks = _look(
            file, manifest, looks
        )  # meanwhile another may have prepared it, or a source have changed
        if manifest is not None and _nothing_new(manifest, looks):
            return folder, manifest
        with preparing_engine(file, folder.path / "spill") as engine:
            manifest = _Preparation(file, folder, engine, manifest, looks, workers).run()
    _forget_others(folder)
    return folder, manifest


@cache
def _temporary() -> Path:
    """Where a history is prepared for this process alone, if the state can only be read."""
    folder = tempfile.TemporaryDirectory(prefix="leadlens-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _forget_others(folder: PreparedFolder) -> None:
    """Remove what was prepared with other settings, or of other places, and not been brought up to date for long."""
    for other in folder.path.parent.iterdir():
        note = other / "manifest.json"
        if other != folder.path and note.exists() and time.time() - note.stat().st_mtime > _UNUSED_FOR:
            shutil.rmtree(other, ignore_errors=True)


def _look(file: ProjectFile, manifest: Manifest | None, before: Looks | None = None) -> Looks:
    known = manifest.looks if manifest else {}
    return {
        place: _looked(
            Readable(file, table, place, source), known.get(place, ()), (before or {}).get(place) or ()
        )
        for table in (*SOURCES, "events")
        for place, source in file.project.data.places(table)
    }


def _looked(
    given: Readable, known: tuple[FileMark, ...], before: tuple[FileMark, ...]
) -> tuple[FileMark, ...] | None:
    """Raises ``UsageError`` where there is no file; ``UnavailableError`` where one was read before: an export that is late is no typo."""
    try:
        return look(given, (*known, *before))
    except NoSuchFile as error:
        if not known:
            raise
        raise UnavailableError(
            "a file that was read before is not there",
            value=error.value,
            known=error.nearest,
            where=error.where,
            why="its export may be late, or the folder not mounted",
            fix="try again when it is there; if it has moved, name its new place in the project file",
        ) from None


def _nothing_new(manifest: Manifest, looks: Looks) -> bool:
    return (
        all(marks is not None for marks in looks.values())
        and manifest.looks == looks
        and not _ripened(manifest)
        and not _records_ripened(manifest)
    )


def _ripened(manifest: Manifest) -> bool:
    """Whether clicks of the future have become visible since: what bots did is recognised anew."""
    made_at = (manifest.made_at - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    now = (_now() - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    return any(run.latest_known > made_at and made_at < now for run in manifest.events.runs) and bool(
        manifest.events.bots or manifest.tables.get("machine_clicks", StoredTable()).files
    )


def _records_ripened(manifest: Manifest) -> bool:
    """Whether a row of leads, conversions or changes that was left out as one of the future counts by now."""
    return manifest.records.ripens is not None and manifest.records.ripens <= _now()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class _Preparation:
    """One version in the making."""

    def __init__(
        self,
        file: ProjectFile,
        folder: PreparedFolder,
        engine: DuckDBEngine,
        old: Manifest | None,
        looks: Looks,
        workers: Workers | None,
    ) -> None:
        self.file, self.folder, self.engine, self.old, self.looks = file, folder, engine, old, looks
        self.workers = workers

    def run(self) -> Manifest:
        old, engine = self.old, self.engine
        events = EventUpdate(self.file, engine, self.folder, old, self.looks, self.workers)
        stale = old is None or self._records_changed(old)
        if old is not None and not stale and events.idle and not _ripened(old):
            return self._renewed_looks(old, events)
        if events.sources:
            events.begin()
        tables = dict(old.tables) if old else {}
        records = old.records if old else None
        if stale or records is None or (records.counts_events and not events.idle):
            read = read_records(engine, self.file, events.ids() if events.sources else None)
            # Where only what is said of events is another, the tables stand; else a source or the time went on meanwhile.
            stale = stale or records is None or not read.same_tables(records)
            records = read
        self._check_hidden(records, events)
        if stale:
            parts = events.parts
            self._stored_numbers(tables if events.plan.kept else {})
            number_leads(engine, parts)
            away = strays(engine, parts)
            if self._moved() or len(away) > max(_FEW_STRAYS, engine.count("leads") * _MOST_STRAYING):
                events.rebuild()
                parts = events.parts
                engine.run([Step("stored_numbers", _NO_NUMBERS)])
                number_leads(engine, parts)
                away = ()
            tables |= write_records(engine, self.folder)
            tables["numbers"] = self._write_numbers()
            recount = old is not None and self._created_changed(old)
        else:
            assert old is not None
            parts, recount, away = old.events.parts, False, old.events.strays
            self._stored_numbers(tables)
            engine.run([Step("numbers", "SELECT * FROM stored_numbers")])
            leads = self.folder.file(tables["leads"].files[0])
            engine.read("leads", leads)
        created = "SELECT n.lead_no, l.created_at FROM leads AS l JOIN numbers AS n USING (lead_id)"
        engine.run([Step("created", created)])
        made, event_tables = events.finish(parts, recount)
        tables |= event_tables
        clicks = mark_machine_clicks(
            self.file,
            engine,
            self.folder,
            made,
            tables.get("events", StoredTable()),
            events.change,
            _clicks_of(old),
        )
        tables["machine_clicks"] = clicks.marked
        machines = {
            "bots": clicks.findings,
            "crowds": clicks.crowds,
            "marks": clicks.marks,
            "opens_since": clicks.opens_since,
        }
        made = made.model_copy(update={**machines, "strays": away})
        manifest = Manifest(
            version=old.version + 1 if old else 1,
            made_at=datetime.now(UTC).replace(tzinfo=None),
            looks={name: marks or () for name, marks in self.looks.items()},
            records=records,
            events=made,
            tables=tables,
        )
        return self.folder.commit(manifest)

    def _records_changed(self, old: Manifest) -> bool:
        of_events = {place for place, _ in self.file.project.data.places("events")}
        return _records_ripened(old) or any(
            marks is None or old.looks.get(place) != marks
            for place, marks in self.looks.items()
            if place not in of_events
        )

    def _renewed_looks(self, old: Manifest, events: EventUpdate) -> Manifest:
        """Files that were touched or renamed, without another content: the same version, looked at again."""
        made = old.events.model_copy(update={"sources": tuple(events.plan.kept)})
        looks = {name: marks or () for name, marks in self.looks.items()}
        return self.folder.commit(old.model_copy(update={"events": made, "looks": looks}))

    def _check_hidden(self, records: Records, events: EventUpdate) -> None:
        kinds = {**records.kinds, **({} if not events.sources else {"events": events.kinds})}
        together = {*records.hidden, *(events.hidden if events.sources else ())}
        check_hidden(self.file.project, ReadTables(kinds, together), self.file.path.name)

    # numbers of leads

    def _stored_numbers(self, tables: dict[str, StoredTable]) -> None:
        files = tables["numbers"].files if "numbers" in tables else ()
        if not files:
            self.engine.run([Step("stored_numbers", _NO_NUMBERS)])
            return
        self.engine.read("stored_numbers", self.folder.file(files[0]))

    def _moved(self) -> bool:
        """Whether events are kept under a number that now means another lead, or none."""
        numbers = renumbered(self.engine)
        if not numbers or self.old is None:
            return False
        if any(number < 0 for number in numbers):
            return True  # events of leads that were left out are not kept
        files = (
            [self.folder.file(file) for file in self.old.tables["events"].files]
            if ("events" in self.old.tables)
            else []
        )
        if not files:
            return False
        chosen = ", ".join(map(str, numbers))
        return self.engine.count(f"{scan(self.engine, files)} WHERE _lead_no IN ({chosen})") > 0

    def _write_numbers(self) -> StoredTable:
        reader = self.engine.connection.sql("SELECT * FROM numbers ORDER BY lead_id").to_arrow_reader(1 << 16)
        file = self.folder.write("numbers", reader, reader.schema)
        columns = {"lead_id": "VARCHAR", "lead": "VARCHAR", "lead_no": "INTEGER"}
        return StoredTable(files=(file,) if file else (), columns=columns)

    def _created_changed(self, old: Manifest) -> bool:
        """Whether any lead that was there before now begins at another time."""
        if not old.tables["leads"].files:
            return False
        self.engine.read("old_leads", self.folder.file(old.tables["leads"].files[0]))
        return (
            self.engine.count(
                "leads AS l JOIN old_leads AS o USING (lead_id) WHERE l.created_at <> o.created_at"
            )
            > 0
        )


def _clicks_of(old: Manifest | None) -> MachineClicks | None:
    """What bots did, as it was when a history was prepared before."""
    if old is None:
        return None
    events, marked = old.events, old.tables.get("machine_clicks", StoredTable())
    return MachineClicks((), marked, events.crowds, events.marks, events.opens_since)


# More leads than these in the wrong part make it worth to cut the parts anew.
_FEW_STRAYS, _MOST_STRAYING = 1_000, 0.02
_UNUSED_FOR = 30 * 86_400  # seconds
_NO_NUMBERS = "SELECT '' AS lead_id, '' AS lead, CAST(0 AS INTEGER) AS lead_no WHERE FALSE"
