"""One pass over new events: out of DuckDB as numbers, gathered, sorted by lead and time, and written part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from leadlens.features import DuckDBEngine
from leadlens.pipeline.prepared import few_rows
from leadlens.pipeline.prepared.event_arrays import EventArrays
from leadlens.pipeline.prepared.event_codes import EventCodes
from leadlens.pipeline.prepared.event_layout import NULL_TIME, WORTH_COMPILING, Array, Layout
from leadlens.pipeline.prepared.event_scan import SEVERAL, EventScan
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.gathered import Gathered
from leadlens.pipeline.prepared.manifest import EventRun, StoredFile
from leadlens.pipeline.prepared.numbered_leads import creation_times, lead_ids
from leadlens.pipeline.prepared.numbering import EXCLUDED, NAMELESS, STRANGER, STRIDE

_BATCH, _SMALL_BATCH = 1 << 17, 1 << 14
_MOST_ROWS = 12_000_000  # gathered before they are sorted and written
_ENOUGH_ROWS = 8_000_000  # for a source to become a run of its own
_MOST_WORDS = 25  # 256 MB of bits
_DAY = 86_400_000_000  # microseconds; before the end of the first one a clock was not set


@dataclass
class PassResult:
    """What one pass made: files of events by run, files of strangers, and what was counted by source."""

    files: list[StoredFile] = field(default_factory=list)
    strangers: list[StoredFile] = field(default_factory=list)
    runs: dict[int, set[int]] = field(default_factory=dict)
    rows: Counter[int] = field(default_factory=Counter)
    tallies: dict[int, Counter[str]] = field(default_factory=dict)
    pairs: Counter[tuple[int, int, str]] = field(default_factory=Counter)
    facts: dict[int, EventRun] = field(default_factory=dict)
    # every key that stands twice, and few others; None where that is not known
    suspects: list[Array] | None = None


class EventPass:
    """Reads new sources into sorted runs.

    Parameters
    ----------
    layout : the columns to keep.
    parts : of how many parts the numbers of the leads are.
    first_run : number of the first run that is made.
    rows : about how many there will be.
    finds_repeated : whether to look for keys that stand twice; otherwise who asks must.
    """

    def __init__(
        self,
        engine: DuckDBEngine,
        folder: PreparedFolder,
        layout: Layout,
        parts: int,
        first_run: int,
        rows: int,
        *,
        finds_repeated: bool = True,
    ) -> None:
        self.engine, self.folder, self.layout, self.parts = engine, folder, layout, parts
        self.next_run, self.result = first_run, PassResult()
        self._ids = lead_ids(engine, parts)
        self._created = creation_times(engine, [len(ids) for ids in self._ids])
        # Room for no more than may come: every stretch of it that is touched costs a page of memory, however few its rows.
        self._batch = _BATCH if rows >= WORTH_COMPILING else _SMALL_BATCH
        self._most = min(_MOST_ROWS, max(2 * rows, self._batch))
        self._loops: Any = few_rows
        self._bits: Array | None = None
        if rows >= WORTH_COMPILING:
            from leadlens.pipeline.prepared import sorting

            self._loops = sorting
        if rows >= WORTH_COMPILING and finds_repeated:
            words = 1 << min(_MOST_WORDS, max(10, (rows // 2).bit_length()))  # some 40 bits a key
            self._bits, self.result.suspects = np.zeros(words, np.uint64), []

    def run(self, scans: Sequence[EventScan], expressions: Mapping[str, str]) -> PassResult:
        """Read scans of raw rows; ``expressions`` are SQL of the columns over them."""
        if not scans:
            return self.result
        codes = EventCodes(self.engine, self.layout)
        self._arrays = EventArrays(self.layout, codes.dictionaries)
        gathered = Gathered(self.layout.numbers, self.parts, self._most, self._batch, self._loops)
        for scan in scans:
            reader = self.engine.connection.sql(codes.select(scan.rows, expressions)).to_arrow_reader(
                self._batch
            )
            strangers: list[pa.RecordBatch] = []
            for batch in reader:
                stranger = self._take(batch, scan, gathered) if batch.num_rows else None
                if stranger is not None:
                    strangers.append(stranger)
                    if sum(map(len, strangers)) > _MOST_ROWS // 4:
                        self._write_strangers(strangers, scan)
            self._write_strangers(strangers, scan)
            if gathered.rows >= _ENOUGH_ROWS:
                self._flush(gathered)
        self._flush(gathered)
        codes.drop()
        return self.result

    def _take(self, batch: pa.RecordBatch, scan: EventScan, gathered: Gathered) -> pa.RecordBatch | None:
        """Add the usable rows of a batch, count the others; returns those of leads that are in no table."""
        columns = {
            name: batch[name].to_numpy(zero_copy_only=False)
            for name in batch.schema.names
            if name != "stranger"
        }
        lead, occurred, kind = columns["lead"], columns["occurred"], columns["event_type"]
        tallies = _Tallies(scan, columns["source"], self.result)
        keep = stranger = None
        if lead.min() < 0 or occurred.min() == NULL_TIME or kind.min() == 0:
            usable = lead != EXCLUDED
            tallies.add("excluded", ~usable)
            for name, bad in (
                ("lead_id", lead == NAMELESS),
                ("occurred_at", occurred == NULL_TIME),
                ("event_type", kind == 0),
            ):
                tallies.add(f"without {name}", usable & bad)
                usable &= ~bad
            # Incomplete ones, too: their lead may come only to be left out.
            unknown = np.flatnonzero(lead == STRANGER)
            keep = np.flatnonzero(usable & (lead >= 0))
            if len(unknown):
                stranger = self._arrays.strangers(columns, batch["stranger"].take(pa.array(unknown)), unknown)
        chosen = np.True_ if keep is None else usable & (lead >= 0)
        if "known_at" in self.layout.optional:
            tallies.add("known early", columns["early"] & chosen)
        if "retracted_at" in self.layout.optional:
            retracted = columns["retracted_at"]
            known = np.maximum(columns["known_at"], occurred) if "known_at" in columns else occurred
            given = (retracted != NULL_TIME) & chosen
            tallies.add("retracted", given)
            tallies.add("in vain", given & (retracted <= known))
        if not gathered.fits(lead if keep is None else lead[keep]):
            self._flush(gathered)
        gathered.add(columns, keep, tallies.rows)
        return stranger

    # sorted and written

    def _flush(self, gathered: Gathered) -> None:
        if not gathered.rows:
            return
        run, self.next_run = self.next_run, self.next_run + 1
        self.result.runs[run] = set(gathered.sources)
        for part, columns in gathered.take():
            columns["lead"] -= np.int32(part * STRIDE)
            self._write_part(columns, run, part)
        facts, sources = self.result.facts[run], tuple(sorted(self.result.runs[run]))
        self.result.facts[run] = facts.model_copy(update={"sources": sources})

    def _write_part(self, columns: dict[str, Array], run: int, part: int) -> None:
        order = self._loops.sorted_order(
            columns["lead"], columns["occurred"], columns["content"], int(columns["lead"].max()) + 1
        )
        first = self._loops.alike(order, columns["lead"], columns["occurred"], columns["content"])
        same = np.flatnonzero(first != np.arange(len(first)))
        if len(same):
            same = same[columns["with_id"][order[same]]]  # without an id each counts
            sources = np.stack(
                [columns["source"][order[first[same]]], columns["source"][order[same]]], axis=1
            )
            pairs, counts = np.unique(sources, axis=0, return_counts=True)
            for (winner, loser), count in zip(pairs.tolist(), counts.tolist(), strict=True):
                self.result.pairs[winner, loser, "repeated"] += count
            order = np.delete(order, same)
        columns = {name: np.take(array, order) for name, array in columns.items() if name != "content"}
        self._note(columns, run, part)
        batches = self._arrays.batches(columns, part, self._ids[part])
        stored = self.folder.write("events", batches, self.layout.schema, run, part)
        if stored is not None:
            self.result.files.append(stored)

    def _note(self, columns: Mapping[str, Array], run: int, part: int) -> None:
        """What is to be known of a run, and keys that may stand twice."""
        if self._bits is not None and self.result.suspects is not None:
            self.result.suspects.append(self._loops.seen_before(columns["key"], self._bits))
        occurred, before = columns["occurred"], self.result.facts.get(run)
        known = np.maximum(columns["known_at"], occurred) if "known_at" in columns else occurred
        latest, latest_known = int(occurred.max()), int(known.max())
        day = occurred // _DAY
        counts = np.bincount(day - day.min())
        days = dict(
            zip((np.flatnonzero(counts) + day.min()).tolist(), counts[counts > 0].tolist(), strict=True)
        )
        self.result.facts[run] = EventRun(
            number=run,
            sources=(),
            rows=len(occurred) + (before.rows if before else 0),
            latest=max(latest, before.latest) if before else latest,
            latest_known=max(latest_known, before.latest_known) if before else latest_known,
            ancient=int(np.count_nonzero(occurred < _DAY)) + (before.ancient if before else 0),
            early=int(np.count_nonzero(occurred < self._created[part][columns["lead"]]))
            + (before.early if before else 0),
            days=dict(Counter(days) + Counter(before.days if before else {})),
        )

    def _write_strangers(self, batches: list[pa.RecordBatch], scan: EventScan) -> None:
        if batches:
            run = scan.numbers[0] if len(scan.numbers) == 1 else SEVERAL
            stored = self.folder.write("strangers", batches, batches[0].schema, run)
            assert stored is not None
            self.result.strangers.append(stored)
            batches.clear()


class _Tallies:
    """Adds what is counted in one batch to the counts of its sources; ``rows`` are those of each that is in it."""

    def __init__(self, scan: EventScan, source: Array, result: PassResult) -> None:
        self._single = scan.numbers[0] if len(scan.numbers) == 1 else None
        self._source, self._result = source, result
        self.rows = self._counts(np.ones(len(source), bool))
        result.rows.update(self.rows)

    def add(self, name: str, chosen: Array) -> None:
        """Count the rows that are ``chosen`` under a name."""
        for number, count in self._counts(chosen).items():
            self._result.tallies.setdefault(number, Counter())[name] += count

    def _counts(self, chosen: Array) -> dict[int, int]:
        if self._single is not None:
            return {self._single: int(np.count_nonzero(chosen))}
        if not chosen.any():
            return {}
        numbers, counts = np.unique(self._source[chosen], return_counts=True)
        return dict(zip(numbers.tolist(), counts.tolist(), strict=True))
