"""One pass over new events: out of DuckDB as numbers, gathered, sorted by lead and time, and written part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import DuckDBEngine
from pipeline.prepared.folder import ROW_GROUP, PreparedFolder
from pipeline.prepared.manifest import EventRun, StoredFile
from pipeline.prepared.numbering import EXCLUDED, NAMELESS, STRANGER, STRIDE
from pipeline.prepared.sorting import alike, places_by_part, seen_before, sorted_order

Array = npt.NDArray[Any]
NULL_TIME = -(2**63)
_BATCH = 1 << 17
_MOST_ROWS = 12_000_000  # gathered before they are sorted and written
_ENOUGH_ROWS = 8_000_000  # for a source to become a run of its own
_LARGE_DICTIONARY = 4096
_MOST_WORDS = 25  # 256 MB of bits
_FIRST_DAY = 86_400_000_000


@dataclass(frozen=True)
class Layout:
    """The columns of events as they are kept: contract columns first, then properties by SQL type.

    ``properties`` are names and SQL types: VARCHAR, DOUBLE, BOOLEAN or TIMESTAMP.
    """

    properties: Mapping[str, str]
    optional: frozenset[str]  # of known_at and retracted_at, those that the sources have

    @property
    def columns(self) -> dict[str, str]:
        """Names and SQL types in the order of the files."""
        return {
            "_lead_no": "INTEGER",
            "lead_id": "VARCHAR",
            "occurred_at": "TIMESTAMP",
            "known_at": "TIMESTAMP",
            "event_type": "VARCHAR",
            "retracted_at": "TIMESTAMP",
            **self.properties,
            "_event_key": "BIGINT",
            "_with_id": "BOOLEAN",
            "_source": "INTEGER",
        }

    @property
    def values(self) -> list[str]:
        """Columns that make two events of a lead different, besides ``occurred_at`` and the event id."""
        return ["event_type", "known_at", "retracted_at", *self.properties]


def content_sql(layout: Layout, quote: Any, alias: str, with_id: str) -> str:
    """A hash of all that makes two events of a lead at the same time different."""
    values = ", ".join(f"{alias}.{quote(name)}" for name in layout.values)
    return f"hash(CASE WHEN {with_id} THEN {alias}._event_key ELSE 0 END, {values})"


def key_sql(alias: str, lead_no: str, content: str) -> str:
    """What is equal for rows that may be the same event: by its id, or, without one, by all of its columns."""
    return (
        f"CASE WHEN {alias}._with_id THEN {alias}._event_key "
        f"ELSE CAST(hash({lead_no}, {alias}.occurred_at, {content}) >> 1 AS BIGINT) END"
    )


class Gathered:
    """Rows waiting to be sorted, apart by part: of each column one array, in which every part has its own stretch.

    Parameters
    ----------
    kinds : names and types of the columns.
    parts : of how many parts the numbers of the leads are.
    most : rows that may wait, of all parts together.
    """

    def __init__(self, kinds: Mapping[str, str], parts: int, most: int) -> None:
        # Parts are much of one size; what no part needs of its stretch is never touched, and takes no memory.
        self.most, self._stretch = most, max(_BATCH, most // parts * 5 // 4)
        self._arrays = {name: np.empty(self._stretch * parts, kind) for name, kind in kinds.items()}
        self._rows = np.zeros(parts, np.int64)
        self.sources: set[int] = set()

    @property
    def rows(self) -> int:
        return int(self._rows.sum())

    def fits(self, lead: Array) -> bool:
        """Whether there is room for rows of these leads."""
        more = np.bincount(lead // STRIDE, minlength=len(self._rows))
        return bool(self.rows + len(lead) <= self.most and (self._rows + more <= self._stretch).all())

    def add(self, batch: Mapping[str, Array], keep: Array | None, source: int) -> None:
        """Take a batch of columns, or the rows ``keep`` of it, for which there must be room."""
        lead = batch["lead"] if keep is None else batch["lead"][keep]
        assert len(lead) <= self._stretch, "DuckDB gave more rows than were asked for"
        places = places_by_part(lead, STRIDE, self._rows, self._stretch)
        for name, array in self._arrays.items():
            array[places] = batch[name] if keep is None else batch[name][keep]
        self.sources.add(source)

    def take(self) -> Iterator[tuple[int, dict[str, Array]]]:
        """The columns of each part that has rows, as views; afterwards there are none."""
        for part, rows in enumerate(self._rows.tolist()):
            if rows:
                start = part * self._stretch
                yield part, {name: array[start : start + rows] for name, array in self._arrays.items()}
        self._rows[:] = 0
        self.sources = set()


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
        self.quote = engine.dialect.quote
        self.next_run, self.result = first_run, PassResult()
        self.dictionaries: dict[str, pa.Array] = {}
        kinds = {"lead": "i4", "occurred": "i8", "content": "u8", "key": "i8", "with_id": "?", "source": "i4"}
        kinds |= {name: "i8" for name in ("known_at", "retracted_at") if name in layout.optional}
        kinds["event_type"] = "i4"
        self._property_names = {name: f"p{place}" for place, name in enumerate(layout.properties)}
        for name, kind in layout.properties.items():
            kinds[self._property_names[name]] = {
                "VARCHAR": "i4",
                "DOUBLE": "f8",
                "BOOLEAN": "i1",
                "TIMESTAMP": "i8",
            }[kind]
        self._kinds = kinds
        self._ids = self._lead_ids()
        self._created = self._creation_times()
        words = 1 << min(_MOST_WORDS, max(10, (rows // 2).bit_length()))  # some 40 bits a key
        self._bits = np.zeros(words, np.uint64)

    def _creation_times(self) -> list[Array]:
        """When the leads of each part were created, in microseconds, in order of their numbers."""
        times = []
        for part in range(self.parts):
            columns = self.engine.connection.execute(
                f"""
                SELECT lead_no - {part * STRIDE} AS place, epoch_us(created_at) AS created
                FROM created
                WHERE lead_no BETWEEN {part * STRIDE} AND {(part + 1) * STRIDE - 1}
                """
            ).fetchnumpy()
            created = np.full(len(self._ids[part]), NULL_TIME)
            created[columns["place"]] = columns["created"]
            times.append(created)
        return times

    def _lead_ids(self) -> list[pa.Array]:
        """The ids of the leads of each part, in order of their numbers."""
        ids = []
        for part in range(self.parts):
            table = (
                self.engine.connection.sql(
                    f"""
                SELECT CAST(lead_no - {part * STRIDE} AS BIGINT) AS place, lead_id
                FROM numbers
                WHERE lead = lead_id AND lead_no BETWEEN {part * STRIDE} AND {(part + 1) * STRIDE - 1}
                ORDER BY lead_no
                """
                )
                .to_arrow_table()
                .combine_chunks()
            )
            place = table["place"].to_numpy()
            if len(place) and len(place) != place[-1] + 1:  # numbers of leads that are gone
                indices = np.full(int(place[-1]) + 1, -1)
                indices[place] = np.arange(len(place))
                ids.append(table["lead_id"].combine_chunks().take(pa.array(indices, mask=indices < 0)))
            else:
                ids.append(table["lead_id"].combine_chunks() if len(place) else pa.array([], pa.string()))
        return [chunk.chunk(0) if isinstance(chunk, pa.ChunkedArray) else chunk for chunk in ids]

    def run(self, sources: Mapping[int, str], expressions: Mapping[str, str]) -> PassResult:
        """Read SELECTs of raw rows by source number; ``expressions`` are SQL of the columns over them."""
        if not sources:
            return self.result
        self._make_codes()
        gathered = Gathered(self._kinds, self.parts, _MOST_ROWS)
        for number, rows in sources.items():
            tally = self.result.tallies.setdefault(number, Counter())
            reader = self.engine.connection.sql(self._select(rows, expressions)).to_arrow_reader(_BATCH)
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
        self.engine.drop(*self._code_tables())
        return self.result

    # out of DuckDB

    def _texts(self) -> list[str]:
        return ["event_type", *(name for name, kind in self.layout.properties.items() if kind == "VARCHAR")]

    def _code_tables(self) -> list[str]:
        return [f"codes_{place}" for place in range(len(self._texts()))]

    def _make_codes(self) -> None:
        """A number for every text of the new sources, in order of the texts."""
        for name, table in zip(self._texts(), self._code_tables(), strict=True):
            self.engine.connection.execute(
                f"""
                CREATE OR REPLACE TEMP TABLE {table} AS
                SELECT value, CAST(row_number() OVER (ORDER BY value) AS INTEGER) AS code
                FROM (
                  SELECT DISTINCT value
                  FROM event_values
                  WHERE column_name = {self.engine.dialect.literal(name)} AND value IS NOT NULL
                )
                """
            )
            values = self.engine.connection.sql(f"SELECT value FROM {table} ORDER BY code").to_arrow_table()
            self.dictionaries[name] = values["value"].combine_chunks()
            if isinstance(self.dictionaries[name], pa.ChunkedArray):
                self.dictionaries[name] = pa.concat_arrays(
                    values["value"].chunks or [pa.array([], pa.string())]
                )

    def _select(self, rows: str, expressions: Mapping[str, str]) -> str:
        layout, quote, null = self.layout, self.quote, f"({NULL_TIME + 1} - 1)"
        prompt = "known_at" not in layout.optional
        known = (
            "CAST(NULL AS TIMESTAMP)"
            if prompt
            else "CASE WHEN r.known_at > r.occurred_at THEN r.known_at END"
        )
        named = ", ".join(
            f"{sql} AS {quote(name)}" for name, sql in expressions.items() if name != "event_id"
        )
        event_id = expressions["event_id"]
        inner = f"SELECT {named}, {event_id} AS _event_id FROM ({rows}) AS raw_events"
        values = ", ".join(quote(name) for name in layout.properties)
        typed = f"""
            SELECT
              lead_id, occurred_at, {known} AS known_at, event_type, retracted_at,
              {"FALSE" if prompt else "known_at < occurred_at"} AS _early,
              CAST(hash(_event_id) >> 1 AS BIGINT) AS _event_key,
              _event_id IS NOT NULL AS _with_id{", " if values else ""}{values}
            FROM ({inner}) AS r
        """
        content = content_sql(layout, quote, "e", "e._with_id")
        columns = [
            f"coalesce(n.lead_no, CASE WHEN e.lead_id IS NULL THEN {NAMELESS} ELSE {STRANGER} END) AS lead",
            "CASE WHEN n.lead_no IS NULL THEN e.lead_id END AS stranger",
            f"coalesce(epoch_us(e.occurred_at), {null}) AS occurred",
            f"{content} AS content",
            f"{key_sql('e', 'coalesce(n.lead_no, -1)', content)} AS key",
            "e._with_id AS with_id",
            "coalesce(e._early, FALSE) AS early",
        ]
        columns += [
            f"coalesce(epoch_us(e.{name}), {null}) AS {name}"
            for name in ("known_at", "retracted_at")
            if name in layout.optional
        ]
        joins = ""
        for name, table in zip(self._texts(), self._code_tables(), strict=True):
            joins += f"\nLEFT JOIN {table} ON {table}.value = e.{quote(name)}"
            columns.append(f"coalesce({table}.code, 0) AS {self._property_names.get(name, name)}")
        for name, kind in layout.properties.items():
            value, own = f"e.{quote(name)}", self._property_names[name]
            if kind == "DOUBLE":
                columns.append(f"coalesce({value}, 'NaN'::DOUBLE) AS {own}")
            elif kind == "BOOLEAN":
                columns.append(f"coalesce(CAST({value} AS TINYINT), -1) AS {own}")
            elif kind == "TIMESTAMP":
                columns.append(f"coalesce(epoch_us({value}), {null}) AS {own}")
        return f"""
            SELECT {", ".join(columns)}
            FROM ({typed}) AS e
            LEFT JOIN numbers AS n ON n.lead_id = e.lead_id
            {joins}
        """

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
                stranger = self._stranger_batch(columns, batch["stranger"].take(pa.array(unknown)), unknown)
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
        schema, batches = self._batches(columns, part)
        stored = self.folder.write("events", batches, schema, run, part)
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

    def _batches(self, columns: Mapping[str, Array], part: int) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        rows = len(columns["lead"])
        dictionaries, codes = self._compact(columns)

        def batches() -> Iterator[pa.RecordBatch]:
            for start in range(0, rows, ROW_GROUP):
                piece = slice(start, min(rows, start + ROW_GROUP))
                lead = columns["lead"][piece]
                low = int(lead[0])
                ids = self._ids[part].slice(low, int(lead[-1]) - low + 1)
                yield pa.RecordBatch.from_arrays(
                    [
                        pa.array(lead + np.int32(part * STRIDE)),
                        pa.DictionaryArray.from_arrays(pa.array(lead - np.int32(low)), ids),
                        *self._value_arrays(columns, codes, dictionaries, piece),
                    ],
                    schema=schema,
                )

        schema = self._schema()
        return schema, batches()

    def _schema(self) -> pa.Schema:
        text = pa.dictionary(pa.int32(), pa.string())
        kinds = {
            "INTEGER": pa.int32(),
            "VARCHAR": text,
            "TIMESTAMP": pa.timestamp("us"),
            "DOUBLE": pa.float64(),
            "BOOLEAN": pa.bool_(),
            "BIGINT": pa.int64(),
        }
        return pa.schema([(name, kinds[kind]) for name, kind in self.layout.columns.items()])

    def _compact(self, columns: Mapping[str, Array]) -> tuple[dict[str, pa.Array], dict[str, Array]]:
        """Dictionaries of the texts that occur, and codes from 1 on into them; 0 is NULL."""
        dictionaries, codes = {}, {}
        for name in self._texts():
            own = columns[self._property_names.get(name, name)]
            dictionary = self.dictionaries[name]
            if len(dictionary) > _LARGE_DICTIONARY:
                present, inverse = np.unique(own, return_inverse=True)
                offset = 0 if len(present) and present[0] == 0 else 1
                dictionary = dictionary.take(pa.array(present[present > 0] - 1))
                own = (inverse + offset).astype(np.int32)
            dictionaries[name], codes[name] = dictionary, own
        return dictionaries, codes

    def _value_arrays(
        self,
        columns: Mapping[str, Array],
        codes: Mapping[str, Array],
        dictionaries: Mapping[str, pa.Array],
        piece: slice,
    ) -> list[pa.Array]:
        """The columns from ``occurred_at`` on."""

        def text(name: str) -> pa.Array:
            own = codes[name][piece]
            return pa.DictionaryArray.from_arrays(pa.array(own - 1, mask=own == 0), dictionaries[name])

        def time(array: Array) -> pa.Array:
            own = array[piece]
            return pa.array(own, mask=own == NULL_TIME).cast(pa.timestamp("us"))

        def optional(name: str) -> pa.Array:
            count = piece.stop - piece.start
            return time(columns[name]) if name in columns else pa.nulls(count, pa.timestamp("us"))

        arrays = [
            time(columns["occurred"]),
            optional("known_at"),
            text("event_type"),
            optional("retracted_at"),
        ]
        for name, kind in self.layout.properties.items():
            if kind == "VARCHAR":
                arrays.append(text(name))
                continue
            own = columns[self._property_names[name]]
            if kind == "TIMESTAMP":
                arrays.append(time(own))
            elif kind == "DOUBLE":
                arrays.append(pa.array(own[piece], mask=np.isnan(own[piece])))
            else:
                arrays.append(pa.array(own[piece] == 1, mask=own[piece] < 0))
        return [
            *arrays,
            pa.array(columns["key"][piece]),
            pa.array(columns["with_id"][piece]),
            pa.array(columns["source"][piece]),
        ]

    def _stranger_batch(self, columns: Mapping[str, Array], ids: pa.Array, rows: Array) -> pa.RecordBatch:
        chosen = {name: array[rows] for name, array in columns.items()}
        codes = {name: chosen[self._property_names.get(name, name)] for name in self._texts()}
        arrays = self._value_arrays(chosen, codes, self.dictionaries, slice(0, len(rows)))
        values = [
            array.dictionary_decode() if isinstance(array, pa.DictionaryArray) else array for array in arrays
        ]
        return pa.RecordBatch.from_arrays(
            [
                pa.array(np.full(len(rows), STRANGER, np.int32)),
                pc.cast(ids, pa.string()),
                *values,
                pa.array(chosen["early"]),
            ],
            names=[*self.layout.columns, "_early"],
        )

    def _write_strangers(self, batches: list[pa.RecordBatch], source: int) -> None:
        if batches:
            stored = self.folder.write("strangers", batches, batches[0].schema, run=source)
            assert stored is not None
            self.result.strangers.append(stored)
            batches.clear()
