"""Events that outlive a run: sorted by lead once, kept in a folder, and brought up to date each night.

What is kept is trusted only as far as it can be checked: each part has a checksum over the rows it was made of.
Rows known since the last run are merged in, late events of old days as well; a part whose old rows differ in any
way (edited, retracted, deleted, arrived without a known_at) is read anew, and no other. So is a part with damaged
files; where the numbers of the leads cannot be read, all parts are.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import reduce
from pathlib import Path

import duckdb

from features.compiled.coding import EventCoding
from features.compiled.lead_events import LeadEvents
from features.compiled.reading import EventReader, read_parts
from features.engines import DuckDBEngine, Step
from features.errors import DataError
from features.history import History

# Lead numbers of part i begin at i * _STRIDE.
_STRIDE = 1 << 20
_EVENTS_A_PART = 4_000_000
_MOST_PARTS = 1 << 10
_MOST_PIECES = 8
_FORMAT = 1


@dataclass(frozen=True)
class _StoredPart:
    """``pieces`` are folders of ``LeadEvents``, to be merged; ``rows`` and ``check`` are of the rows they hold."""

    pieces: tuple[str, ...]
    rows: int
    check: int


@dataclass(frozen=True)
class _Manifest:
    made_for: str
    known_to: datetime
    leads: str
    parts: tuple[_StoredPart, ...]

    @property
    def files(self) -> set[str]:
        return {self.leads, *(piece for part in self.parts for piece in part.pieces)}


class EventStore:
    """A folder of sorted events. Safe to kill at any time; a second run waits for the first.

    Parameters
    ----------
    folder : made if missing; holds nothing that could not be made again from the history.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        #: The last update: parts read anew, and rows merged into the others.
        self.renewed, self.merged = 0, 0

    @contextmanager
    def updated(
        self, history: History, coding: EventCoding, memory: int, latest: datetime
    ) -> Iterator[OpenStore]:
        """The store brought up to date for an ``as_of`` up to ``latest``; it stays locked until the end.

        Raises ``DataError`` where the folder cannot be written.
        """
        update = _Update(self, history, coding, memory, latest)
        with self._locked():
            try:
                manifest = update.run()
            except OSError as error:
                raise self._unwritable(error) from error
            try:
                yield OpenStore(self.folder, manifest.parts, update.sizes(len(manifest.parts)))
            finally:
                history.engine.drop("numbered_leads")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / "lock").open("w")
        except OSError as error:
            raise self._unwritable(error) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _unwritable(self, error: OSError) -> DataError:
        return DataError(
            "the sorted events cannot be kept here",
            value=str(self.folder),
            why=error.strerror or str(error),
            fix="make room, or make it a folder that you may write: all in it can be made again",
        )

    def read(self) -> _Manifest | None:
        """The manifest; ``None`` where there is none of this format."""
        try:
            data = json.loads((self.folder / "manifest.json").read_text())
            if data["format"] != _FORMAT:
                return None
            parts = tuple(
                _StoredPart(tuple(part["pieces"]), part["rows"], part["check"]) for part in data["parts"]
            )
            known_to = datetime.fromisoformat(data["known_to"])
            manifest = _Manifest(data["made_for"], known_to, data["leads"], parts)
            inside = all((self.folder / name).parent == self.folder for name in manifest.files)
            return manifest if parts and inside and known_to.tzinfo is None else None
        except (OSError, ValueError, KeyError, TypeError):
            return None  # everything can be made again

    def write(self, manifest: _Manifest) -> None:
        """Replace the manifest atomically, then remove the files that it does not name."""
        data = {**asdict(manifest), "known_to": manifest.known_to.isoformat(), "format": _FORMAT}
        path = self.folder / "manifest.json"
        if path.is_dir():
            shutil.rmtree(path)
        path.with_suffix(".new").write_text(json.dumps(data))
        os.replace(path.with_suffix(".new"), path)
        for file in self.folder.iterdir():
            if file.name not in manifest.files | {"manifest.json", "lock"}:
                shutil.rmtree(file) if file.is_dir() else file.unlink()


@dataclass(frozen=True)
class OpenStore:
    """Parts of the store, with ``sizes`` leads each.

    The engine has ``numbered_leads(lead_id, lead_no)``; those of part ``i`` are numbered from ``i * stride`` on.
    """

    folder: Path
    parts: Sequence[_StoredPart]
    sizes: Sequence[int]
    stride: int = _STRIDE

    def load(self, number: int) -> LeadEvents:
        """The events of one part, with all of its leads: also those that came without any event."""
        return _merged(self.folder, self.parts[number]).with_leads(self.sizes[number])


def _merged(folder: Path, part: _StoredPart) -> LeadEvents:
    return reduce(LeadEvents.merge, (LeadEvents.load(folder / piece) for piece in part.pieces))


class _Update:
    """One run of bringing a store up to date."""

    def __init__(
        self, store: EventStore, history: History, coding: EventCoding, memory: int, latest: datetime
    ) -> None:
        assert isinstance(history.engine, DuckDBEngine)
        self.store, self.history, self.coding, self.memory = store, history, coding, memory
        self.engine, self.quote = history.engine, history.engine.dialect.quote
        # Rows are numbered by DuckDB's own hash, which another version may compute differently.
        made_for = [coding.columns, coding.conditions_text, coding.amounts, duckdb.__version__]
        self.made_for = hashlib.sha256(json.dumps(made_for).encode()).hexdigest()
        self.known_to = max(history.data_end, latest)

    def run(self) -> _Manifest:
        old = self.store.read()
        if old is not None and (old.made_for != self.made_for or old.known_to > self.known_to):
            old = None
        if old is not None and not self._numbered(old):
            old = None
        count = len(old.parts) if old else self._parts()
        checks = self._checks(count, old.known_to if old else None)
        leads = self._leads(count, old)
        parts = list(old.parts) if old else []
        sizes = self.sizes(count)
        stale = [
            n
            for n in range(count)
            if old is None
            or (parts[n].rows, parts[n].check) != checks[n][:2]
            or not self._whole(parts[n], sizes[n])
        ]
        fresh = [n for n in range(count) if n not in stale and checks[n][2]]
        made: dict[int, str] = {}
        if stale:
            made |= self._read_and_save(sizes, stale, "TRUE")
        if fresh and old:
            made |= self._read_and_save(sizes, fresh, f"e.known_at >= {self._literal(old.known_to)}")
        self.store.renewed, self.store.merged = len(stale), sum(checks[n][2] for n in fresh)
        for number in range(count):
            rows, check, more, more_check = checks[number]
            pieces = (made[number],) if number in made else ()
            kept = parts[number].pieces if old and number not in stale else ()
            part = _StoredPart((*kept, *pieces), rows + more, check + more_check)
            if number < len(parts):
                parts[number] = self._compact(part)
            else:
                parts.append(part)
        manifest = _Manifest(self.made_for, self.known_to, leads, tuple(parts))
        self.store.write(manifest)
        return manifest

    def _numbered(self, old: _Manifest) -> bool:
        """Read ``stored_leads``, the numbers of the leads; false where they are not one valid number per lead."""
        path = self.engine.dialect.literal(str(self.store.folder / old.leads))
        try:
            self.engine.run([Step("stored_leads", f"SELECT lead_id, lead_no FROM read_parquet({path})")])
            *counts, typed = self.engine.connection.execute(
                f"""
                SELECT
                  count(*), count(DISTINCT lead_id), count(DISTINCT lead_no),
                  count(*) FILTER (lead_no BETWEEN 0 AND {len(old.parts) * _STRIDE - 1}),
                  bool_and(typeof(lead_no) = 'INTEGER' AND typeof(lead_id) = 'VARCHAR')
                FROM stored_leads
                """
            ).fetchall()[0]
        except (DataError, duckdb.Error):
            return False
        return len(set(counts)) == 1 and typed is not False

    def _whole(self, part: _StoredPart, leads: int) -> bool:
        """Whether every piece of a part can be read, and fits the leads and amounts of today."""
        try:
            pieces = [LeadEvents.load(self.store.folder / piece) for piece in part.pieces]
        except (OSError, ValueError):
            return False
        return bool(pieces) == bool(leads) and all(
            len(piece.offsets) <= leads + 1 and piece.amounts.shape[1] == len(self.coding.amounts)
            for piece in pieces
        )

    def _literal(self, time: datetime) -> str:
        return self.engine.dialect.literal(time)

    def _parts(self) -> int:
        return min(_MOST_PARTS, max(1, -(-self.engine.count("events") // _EVENTS_A_PART)))

    def _checks(self, count: int, known_to: datetime | None) -> list[tuple[int, int, int, int]]:
        """(rows, checksum) known before ``known_to``, then since, of every part."""
        properties = self.history.event_properties if self.coding.conditions else self.coding.reads
        read = ["lead_id", "occurred_at", "known_at", "retracted_at", "event_type", *properties]
        old = f"known_at < {self._literal(known_to)}" if known_to else "FALSE"
        # Hashed twice, and summed: DuckDB combines columns by XOR, so that edits of pairs of rows would cancel out.
        row = f"hash(hash({', '.join(self.quote(name) for name in dict.fromkeys(read))}))"
        checks = self.engine.connection.execute(
            f"""
            SELECT
              CAST(hash(lead_id) % {count} AS INTEGER),
              count(*) FILTER (old), coalesce(sum(row) FILTER (old), 0),
              count(*) FILTER (NOT old), coalesce(sum(row) FILTER (NOT old), 0)
            FROM (
              SELECT lead_id, {old} AS old, {row} AS row
              FROM events
              WHERE known_at < {self._literal(self.known_to)}
            ) AS e
            GROUP BY 1
            """
        ).fetchall()
        by_part = {number: tuple(rest) for number, *rest in checks}
        return [by_part.get(number, (0, 0, 0, 0)) for number in range(count)]

    def _leads(self, count: int, old: _Manifest | None) -> str:
        """Make ``numbered_leads`` of the leads stored before and the new ones; returns its file's name."""
        if old is None:
            self.engine.run([Step("stored_leads", "SELECT '' AS lead_id, 0 AS lead_no WHERE FALSE")])
        sql = f"""
            SELECT lead_id, lead_no
            FROM stored_leads
            UNION ALL
            SELECT
              n.lead_id,
              CAST(
                n.part * {_STRIDE} + coalesce(u.used, 0)
                + row_number() OVER (PARTITION BY n.part ORDER BY n.lead_id) - 1 AS INTEGER
              ) AS lead_no
            FROM (
              SELECT l.lead_id, CAST(hash(l.lead_id) % {count} AS INTEGER) AS part
              FROM leads AS l
              WHERE NOT EXISTS (SELECT 1 FROM stored_leads AS b WHERE b.lead_id = l.lead_id)
            ) AS n
            LEFT JOIN (
              SELECT lead_no // {_STRIDE} AS part, count(*) AS used
              FROM stored_leads
              GROUP BY 1
            ) AS u ON u.part = n.part
        """
        self.engine.run([Step("numbered_leads", sql)])
        added = self.engine.count("numbered_leads") > self.engine.count("stored_leads")
        self.engine.drop("stored_leads")
        if old is not None and not added:
            return old.leads
        name = f"leads-{uuid.uuid4().hex[:12]}.parquet"
        self.engine.write("SELECT lead_id, lead_no FROM numbered_leads", self.store.folder / name)
        return name

    def _read_and_save(self, sizes: Sequence[int], numbers: Sequence[int], where: str) -> dict[int, str]:
        """Read, sort and save the events of some parts; the folder's name by part."""
        chosen = ", ".join(map(str, numbers))
        among = "TRUE" if len(numbers) == len(sizes) else f"l.lead_no // {_STRIDE} IN ({chosen})"
        until = f"e.known_at < {self._literal(self.known_to)}"
        reader = EventReader(self.history, self.coding, "numbered_leads", f"{where} AND {among} AND {until}")
        made = {}
        for number, events in read_parts(reader, _STRIDE, sizes, self.memory, self.store.folder):
            if number in numbers:
                made[number] = f"part-{number}-{uuid.uuid4().hex[:12]}"
                events.save(self.store.folder / made[number])
        return made

    def sizes(self, count: int) -> list[int]:
        """How many leads each part has."""
        rows = self.engine.connection.execute(
            f"""
            SELECT CAST(lead_no // {_STRIDE} AS INTEGER), max(lead_no % {_STRIDE}) + 1
            FROM numbered_leads
            GROUP BY 1
            """
        ).fetchall()
        sizes = dict(rows)
        return [sizes.get(number, 0) for number in range(count)]

    def _compact(self, part: _StoredPart) -> _StoredPart:
        """One piece again, before reading many small ones costs more than it saved."""
        if len(part.pieces) <= _MOST_PIECES:
            return part
        name = f"part-{uuid.uuid4().hex[:12]}"
        _merged(self.store.folder, part).save(self.store.folder / name)
        return _StoredPart((name,), part.rows, part.check)
