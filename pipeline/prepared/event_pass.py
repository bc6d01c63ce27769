"""One pass over new events: out of DuckDB as numbers, gathered, sorted by lead and time, and written part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from features import DuckDBEngine
from pipeline.prepared.event_arrays import EventArrays
from pipeline.prepared.event_codes import EventCodes
from pipeline.prepared.event_layout import NULL_TIME, Array, Layout
from pipeline.prepared.folder import PreparedFolder
from pipeline.prepared.gathered import Gathered
from pipeline.prepared.manifest import EventRun, StoredFile
from pipeline.prepared.numbered_leads import creation_times, lead_ids
from pipeline.prepared.numbering import EXCLUDED, NAMELESS, STRANGER, STRIDE
from pipeline.prepared.sorting import alike, seen_before, sorted_order

_BATCH = 1 << 17
_MOST_ROWS = 12_000_000  # gathered before they are sorted and written
_ENOUGH_ROWS = 8_000_000  # for a source to become a run of its own
_MOST_WORDS = 25  # 256 MB of bits
_FIRST_DAY = 86_400_000_000


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
    suspects: list[Array] = field(default_factory=list)  # every key that stands twice, and few others


class EventPass:
    """Reads new sources into sorted runs.

    Parameters
    ----------
    layout : the columns to keep.
    parts : of how many parts the numbers of the leads are.
    first_run : number of the first run that is made.
    rows : about how many there will be.
    """

    def __init__(
        self,
        engine: DuckDBEngine,
        folder: PreparedFolder,
        layout: Layout,
        parts: int,
        first_run: int,
        rows: int,
    ) -> None:
        self.engine, self.folder, self.layout, self.parts = engine, folder, layout, parts
        self.next_run, self.result = first_run, PassResult()
        self._ids = lead_ids(engine, parts)
        self._created = creation_times(engine, [len(ids) for ids in self._ids])
        words = 1 << min(_MOST_WORDS, max(10, (rows // 2).bit_length()))  # some 40 bits a key
        self._bits = np.zeros(words, np.uint64)

    def run(self, sources: Mapping[int, str], expressions: Mapping[str, str]) -> PassResult:
        """Read SELECTs of raw rows by source number; ``expressions`` are SQL of the columns over them."""
        if not sources:
            return self.result
        codes = EventCodes(self.engine, self.layout)
        self._arrays = EventArrays(self.layout, codes.dictionaries)
        gathered = Gathered(self.layout.numbers, self.parts, _MOST_ROWS, _BATCH)
        for number, rows in sources.items():
            tally = self.result.tallies.setdefault(number, Counter())
            reader = self.engine.connection.sql(codes.select(rows, expressions)).to_arrow_reader(_BATCH)
            strangers: list[pa.RecordBatch] = []
            for batch in reader:
                self.result.rows[number] += batch.num_rows
                stranger = self._take(batch, number, gathered, tally)
                if stranger is not None:
                    strangers.append(stranger)
                    if sum(map(len, strangers)) > _MOST_ROWS // 4:
                        self._write_strangers(strangers, number)
            self._write_strangers(strangers, number)
            if gathered.rows >= _ENOUGH_ROWS:
                self._flush(gathered)
        self._flush(gathered)
        codes.drop()
        return self.result

    def _take(
        self, batch: pa.RecordBatch, number: int, gathered: Gathered, tally: Counter[str]
    ) -> pa.RecordBatch | None:
        """Add the usable rows of a batch, count the others; returns those of leads that are in no table."""
        columns = {
            name: batch[name].to_numpy(zero_copy_only=False)
            for name in batch.schema.names
            if name != "stranger"
        }
        columns["source"] = np.full(batch.num_rows, number, np.int32)
        lead, occurred, kind = columns["lead"], columns["occurred"], columns["event_type"]
        if not batch.num_rows:
            return None
        keep = stranger = None
        if lead.min() < 0 or occurred.min() == NULL_TIME or kind.min() == 0:
            usable = lead != EXCLUDED
            tally["excluded"] += len(lead) - int(np.count_nonzero(usable))
            for name, bad in (
                ("lead_id", lead == NAMELESS),
                ("occurred_at", occurred == NULL_TIME),
                ("event_type", kind == 0),
            ):
                tally[f"without {name}"] += int(np.count_nonzero(usable & bad))
                usable &= ~bad
            unknown = np.flatnonzero(usable & (lead == STRANGER))
            keep = np.flatnonzero(usable & (lead >= 0))
            if len(unknown):
                stranger = self._arrays.strangers(columns, batch["stranger"].take(pa.array(unknown)), unknown)
        chosen = slice(None) if keep is None else keep
        if "known_at" in self.layout.optional:
            tally["known early"] += int(np.count_nonzero(columns["early"][chosen]))
        if "retracted_at" in self.layout.optional:
            retracted = columns["retracted_at"][chosen]
            known = (
                np.maximum(columns["known_at"], occurred)[chosen]
                if "known_at" in columns
                else occurred[chosen]
            )
            tally["retracted"] += int(np.count_nonzero(retracted != NULL_TIME))
            tally["in vain"] += int(np.count_nonzero((retracted != NULL_TIME) & (retracted <= known)))
        if not gathered.fits(lead if keep is None else lead[keep]):
            self._flush(gathered)
        gathered.add(columns, keep, number)
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
        order = sorted_order(
            columns["lead"], columns["occurred"], columns["content"], int(columns["lead"].max()) + 1
        )
        first = alike(order, columns["lead"], columns["occurred"], columns["content"])
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
        suspects = seen_before(columns["key"], self._bits)
        if len(suspects):
            self.result.suspects.append(suspects)
        occurred, before = columns["occurred"], self.result.facts.get(run)
        known = np.maximum(columns["known_at"], occurred) if "known_at" in columns else occurred
        latest, latest_known = int(occurred.max()), int(known.max())
        self.result.facts[run] = EventRun(
            number=run,
            sources=(),
            rows=len(occurred) + (before.rows if before else 0),
            latest=max(latest, before.latest) if before else latest,
            latest_known=max(latest_known, before.latest_known) if before else latest_known,
            ancient=int(np.count_nonzero(occurred < _FIRST_DAY)) + (before.ancient if before else 0),
            early=int(np.count_nonzero(occurred < self._created[part][columns["lead"]]))
            + (before.early if before else 0),
        )

    def _write_strangers(self, batches: list[pa.RecordBatch], source: int) -> None:
        if batches:
            stored = self.folder.write("strangers", batches, batches[0].schema, run=source)
            assert stored is not None
            self.result.strangers.append(stored)
            batches.clear()
