"""Rewrite files of events: without some sources or rows, several runs as one, strangers that became leads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from leadlens.features import DuckDBEngine, Step
from leadlens.pipeline.prepared.event_layout import WORTH_COMPILING, Array, Layout, content_sql, key_sql
from leadlens.pipeline.prepared.event_scan import SEVERAL
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.manifest import EventRun, StoredFile
from leadlens.pipeline.prepared.numbering import EXCLUDED
from leadlens.pipeline.prepared.sorted_files import scan, write_sorted

_BATCH = 1 << 17
_EPOCH = date(1970, 1, 1)
_MOST_RUNS = 12
_RUNS_LEFT = 6
_SMALL_RUN = 500_000  # rows; runs this small are merged at once
COMPLETE = "occurred_at IS NOT NULL AND event_type IS NOT NULL"  # a stranger's row that would count
# Incomplete rows of a lead stay: if it is left out one day, they are not incomplete but left out.
_STILL_ASIDE = f"""
    lead_id NOT IN (SELECT lead_id FROM numbers)
    OR NOT ({COMPLETE}) AND lead_id NOT IN (SELECT lead_id FROM numbers WHERE lead_no = {EXCLUDED})
"""


Merge = Callable[[Sequence[StoredFile], int], list[StoredFile]]


class EventFiles:
    """The files of events, aside rows and strangers of a version in the making.

    ``merge`` sorts the events of some files into the files of a new run; by default here.
    """

    def __init__(
        self,
        engine: DuckDBEngine,
        folder: PreparedFolder,
        layout: Layout,
        reading: dict[str, str],
        files: Iterable[StoredFile] = (),
        aside: Iterable[StoredFile] = (),
        strangers: Iterable[StoredFile] = (),
        merge: Merge | None = None,
    ) -> None:
        self._merge = merge or self._merged
        self.engine, self.folder, self.layout, self.reading = engine, folder, layout, reading
        self.files, self.aside, self.strangers = list(files), list(aside), list(strangers)
        self.quote, self.literal = engine.dialect.quote, engine.dialect.literal
        self.columns = ", ".join(map(self.quote, layout.columns))

    def scan(self, files: Iterable[StoredFile], options: str = "") -> str:
        """``read_parquet(…)`` of some files."""
        return scan(self.engine, [self.folder.file(file) for file in files], options)

    # sources that are gone

    def remove_sources(self, gone: Collection[int]) -> None:
        """Take out all rows of some sources."""
        if not gone:
            return
        without = f"_source NOT IN ({', '.join(map(str, gone))})"
        runs = {run: [f for f in self.files if f.run == run] for run in {f.run for f in self.files}}
        kept: list[StoredFile] = []
        for files in runs.values():
            present = {
                row[0]
                for row in self.engine.connection.execute(
                    f"SELECT DISTINCT _source FROM {self.scan(files)}"
                ).fetchall()
            }
            if present & set(gone):
                if present <= set(gone):
                    continue
                for file in files:
                    kept += self._rewritten("events", file, without)
            else:
                kept += files
        self.files = kept
        self.aside = [new for file in self.aside for new in self._rewritten("aside", file, without)]
        strangers: list[StoredFile] = []
        for file in self.strangers:
            if file.run == SEVERAL:
                strangers += self._rewritten("strangers", file, without)
            elif file.run not in gone:
                strangers.append(file)
        self.strangers = strangers

    def _rewritten(self, table: str, file: StoredFile, where: str) -> list[StoredFile]:
        rows = f"SELECT * EXCLUDE (file_row_number) FROM {self.scan([file], ', file_row_number = true')} WHERE {where}"
        reader = self.engine.connection.sql(f"{rows} ORDER BY file_row_number").to_arrow_reader(_BATCH)
        stored = self.folder.write(table, reader, reader.schema, file.run, file.part)
        return [stored] if stored else []

    # strangers that became leads

    def admit(self, run: int) -> tuple[list[StoredFile], dict[int, Counter[str]]]:
        """Move rows of strangers that are leads now into a new run; returns its files, and what to count by source.

        Those of leads that came only to be left out by the settings go.
        """
        tallies: dict[int, Counter[str]] = {}
        if not self.strangers:
            return [], tallies
        strangers = self.scan(self.strangers)
        excluded = self.engine.connection.execute(
            f"""
            SELECT s._source, count(*), count(*) FILTER (WHERE s.occurred_at IS NULL),
              count(*) FILTER (WHERE s.occurred_at IS NOT NULL AND s.event_type IS NULL)
            FROM {strangers} AS s
            JOIN numbers AS n ON n.lead_id = s.lead_id AND n.lead_no = {EXCLUDED}
            GROUP BY 1
            """
        ).fetchall()
        known = (
            f"{strangers} AS s JOIN numbers AS n ON n.lead_id = s.lead_id AND n.lead_no >= 0 AND {COMPLETE}"
        )
        late = "coalesce(s.known_at, s.occurred_at)"
        counted = self.engine.connection.execute(
            f"""
            SELECT _source, count(*) FILTER (WHERE s._early), count(s.retracted_at),
              count(*) FILTER (WHERE s.retracted_at <= {late})
            FROM {known}
            GROUP BY 1
            """
        ).fetchall()
        for source, early, retracted, vain in counted:
            tallies[source] = Counter(
                {"known early": early, "retracted": retracted, "in vain": vain},
            )
        for source, count, timeless, typeless in excluded:  # what is left out is not incomplete besides
            tallies.setdefault(source, Counter()).update(
                {"excluded": count, "without occurred_at": -timeless, "without event_type": -typeless}
            )
        if not tallies:
            return [], tallies
        content = content_sql(self.layout, self.quote, "s", "s._with_id")
        values = ", ".join(f"s.{self.quote(name)}" for name in self.layout.values if name != "event_type")
        own = f"""
            SELECT
              n.lead_no AS _lead_no, n.lead AS lead_id, s.occurred_at, s.event_type, {values},
              {key_sql("s", "n.lead_no", content)} AS _event_key, s._with_id, s._source
            FROM {known}
        """
        files = self.write_sorted(f"SELECT {self.columns} FROM ({own})", run)
        left: list[StoredFile] = []
        for file in self.strangers:
            left += self._rewritten("strangers", file, _STILL_ASIDE)
        self.strangers = left
        self.files += files
        return files, tallies

    def write_sorted(self, select: str, run: int) -> list[StoredFile]:
        """Rows of events, sorted, as the files of a run."""
        return write_sorted(self.engine, self.folder, self.layout, select, run)

    # one row per event

    def settle(
        self, new: Sequence[StoredFile], suspects: Sequence[Array] | None, admitted: Sequence[StoredFile]
    ) -> Counter[tuple[int, int, str]]:
        """Keep one row per event id: new rows that repeat another go, of different rows the first known one counts.

        ``suspects`` hold every key that stands twice among the ``new`` files, and few others, if known; ``admitted`` are further
        new files. Returns how many rows of which source gave way to which source, and why.
        """
        pairs: Counter[tuple[int, int, str]] = Counter()
        fresh = {file.path for file in (*new, *admitted)}
        if not fresh:
            return pairs
        old = [file for file in self.files if file.path not in fresh]
        self.engine.run([Step("shared_keys", "SELECT CAST(0 AS BIGINT) AS _event_key WHERE FALSE")])
        self._share_among(new, suspects)
        self._share_among(admitted, None)
        self._share_with(admitted, new)
        self._share_with([*new, *admitted], [*old, *self.aside])
        if self.engine.count("shared_keys"):
            self._compare(old, [*new, *admitted])
            for winner, loser, why, count in self.engine.connection.execute(
                """
                SELECT _leadlens_winner, _source, _leadlens_why, count(*)
                FROM judged
                WHERE _leadlens_why IS NOT NULL AND NOT _leadlens_was_aside AND (_leadlens_why <> 'alike' OR _leadlens_is_new)
                GROUP BY ALL
                """
            ).fetchall():
                pairs[winner, loser, why] += count
            self._apply()
        self.engine.drop("shared_keys", "judged")
        return pairs

    def _share_among(self, files: Sequence[StoredFile], suspects: Sequence[Array] | None) -> None:
        """Add to ``shared_keys`` those that stand twice in some files."""
        if not files or (suspects is not None and not suspects):
            return
        where = ""
        if suspects is not None:
            self.engine.run([Step("suspects", "SELECT CAST(0 AS BIGINT) AS _event_key WHERE FALSE")])
            self._insert("suspects", np.unique(np.concatenate(suspects)))
            where = "WHERE _event_key IN (SELECT _event_key FROM suspects)"
        keys = np.concatenate([*self._keys(files, where)])
        keys.sort()
        self._insert("shared_keys", np.unique(keys[1:][keys[1:] == keys[:-1]]))
        self.engine.drop("suspects")

    def _share_with(self, new: Sequence[StoredFile], old: Sequence[StoredFile]) -> None:
        """Add to ``shared_keys`` those of new files that stand in old ones, too.

        The old files are many: a bit for every new key tells at once that nearly none of theirs is among them.
        """
        if not new or not old:
            return
        rows = sum(file.rows for file in new)
        if rows < WORTH_COMPILING:
            self.engine.connection.execute(
                f"""
                INSERT INTO shared_keys
                SELECT DISTINCT _event_key
                FROM {self.scan(old)}
                WHERE _event_key IN (SELECT _event_key FROM {self.scan(new)})
                """
            )
            return
        from leadlens.pipeline.prepared.sorting import seen_before, seen_in

        bits = np.zeros(1 << min(24, max(6, rows.bit_length())), np.uint64)
        for keys in self._keys(new):
            seen_before(keys, bits)
        suspects = [seen_in(keys, bits) for keys in self._keys(old)]
        self.engine.run([Step("suspects", "SELECT CAST(0 AS BIGINT) AS _event_key WHERE FALSE")])
        self._insert("suspects", np.concatenate(suspects))
        self.engine.connection.execute(
            f"""
            INSERT INTO shared_keys
            SELECT DISTINCT s._event_key
            FROM suspects AS s
            JOIN {self.scan(new)} AS n ON n._event_key = s._event_key
            """
        )
        self.engine.drop("suspects")

    def _keys(self, files: Sequence[StoredFile], where: str = "") -> Iterator[Array]:
        """The keys of all events of some files, in batches; at least one, perhaps empty."""
        yield np.empty(0, np.int64)
        rows = self.engine.connection.sql(f"SELECT _event_key FROM {self.scan(files)} {where}")
        for batch in rows.to_arrow_reader(1 << 20):
            yield batch["_event_key"].to_numpy()

    def _insert(self, table: str, keys: Array) -> None:
        self.engine.connection.register("_keys", pa.table({"_event_key": keys}))
        try:
            self.engine.connection.execute(f"INSERT INTO {table} SELECT _event_key FROM _keys")
        finally:
            self.engine.connection.unregister("_keys")

    def _compare(self, old: Sequence[StoredFile], new: Sequence[StoredFile]) -> None:
        """Make ``judged``: all rows with a shared key; ``_leadlens_why`` a row gives way to another, and the winner's source."""
        place = ", filename = '_leadlens_file', file_row_number = true"
        sets = [(old, "FALSE", "FALSE"), (new, "TRUE", "FALSE"), (self.aside, "FALSE", "TRUE")]
        rows = " UNION ALL BY NAME ".join(
            f"SELECT *, {is_new} AS _leadlens_is_new, {aside} AS _leadlens_was_aside FROM {self.scan(files, place)}"
            for files, is_new, aside in sets
            if files
        )
        values = ["_lead_no", "occurred_at", *map(self.quote, self.layout.values), "_event_key", "_with_id"]
        first = [
            "_leadlens_known_order",
            "occurred_at",
            "lead_id",
            "event_type",
            "retracted_at",
            *self.reading.values(),
        ]
        same = f"PARTITION BY {', '.join(values)} ORDER BY _leadlens_is_new, _leadlens_was_aside, _source, _leadlens_file, file_row_number"
        self.engine.run(
            [
                Step(
                    "alike_rows",
                    f"""
                    SELECT *,
                      coalesce(known_at, occurred_at) AS _leadlens_known_order,
                      row_number() OVER ({same}) AS _leadlens_nth,
                      first_value(_source) OVER ({same}) AS _leadlens_first_source
                    FROM ({rows}) AS r
                    WHERE _event_key IN (SELECT _event_key FROM shared_keys)
                    """,
                ),
                Step(
                    "judged",
                    f"""
                    SELECT a.*,
                      CASE
                        WHEN a._leadlens_nth > 1 AND NOT a._with_id THEN 'alike'
                        WHEN a._leadlens_nth > 1 THEN 'repeated'
                        WHEN a._with_id AND w._leadlens_file IS DISTINCT FROM a._leadlens_file
                          OR a._with_id AND w.file_row_number IS DISTINCT FROM a.file_row_number THEN 'shared'
                      END AS _leadlens_why,
                      CASE WHEN a._leadlens_nth > 1 THEN a._leadlens_first_source ELSE w._source END AS _leadlens_winner
                    FROM alike_rows AS a
                    LEFT JOIN (
                      SELECT DISTINCT ON (_event_key) _event_key, _source, _leadlens_file, file_row_number
                      FROM alike_rows
                      WHERE _leadlens_nth = 1 AND _with_id
                      ORDER BY _event_key, {", ".join(first)}
                    ) AS w ON w._event_key = a._event_key AND a._with_id
                    """,
                ),
            ]
        )
        self.engine.drop("alike_rows")

    def _apply(self) -> None:
        """Rewrite the files that lose rows; those that differ from the winner are kept aside."""
        by_path = {self.folder.file(file): file for file in self.files}
        losing = "NOT _leadlens_was_aside AND _leadlens_why IN ('repeated', 'shared')"
        touched = [
            row[0]
            for row in self.engine.connection.execute(
                f"SELECT DISTINCT _leadlens_file FROM judged WHERE {losing} ORDER BY 1"
            ).fetchall()
        ]
        reader = self.engine.connection.sql(
            f"SELECT {self.columns} FROM judged WHERE NOT _leadlens_was_aside AND _leadlens_why = 'shared'"
        ).to_arrow_reader(_BATCH)
        if stored := self.folder.write("aside", reader, reader.schema):
            self.aside.append(stored)
        for name in touched:
            file = by_path[name]
            rows = (
                f"SELECT file_row_number FROM judged WHERE {losing} AND _leadlens_file = {self.literal(name)}"
            )
            place = self.files.index(file)
            self.files[place : place + 1] = self._rewritten(
                "events", file, f"file_row_number NOT IN ({rows})"
            )

    # runs

    def compact(self, next_run: int) -> int:
        """Merge runs where there are many small ones; returns the number of the next run."""
        while True:
            sizes: Counter[int] = Counter()
            for file in self.files:
                sizes[file.run] += file.rows
            rising = sorted(sizes, key=lambda run: (sizes[run], run))
            small = [run for run in rising if sizes[run] < _SMALL_RUN]
            if len(rising) > _MOST_RUNS and len(small) < len(rising) - _RUNS_LEFT:
                small = rising[: len(rising) - _RUNS_LEFT]
            if len(small) < 2:
                return next_run
            merged = [file for file in self.files if file.run in small]
            files = self._merge(merged, next_run)
            self.files = [file for file in self.files if file.run not in small] + files
            next_run += 1

    def _merged(self, files: Sequence[StoredFile], run: int) -> list[StoredFile]:
        return self.write_sorted(f"SELECT {self.columns} FROM {self.scan(files)}", run)

    def facts(self, known: Mapping[int, EventRun]) -> tuple[EventRun, ...]:
        """What is to be known of every run; it is counted where it is not ``known``."""
        runs = []
        for run in sorted({file.run for file in self.files}):
            if run in known:
                runs.append(known[run])
                continue
            mine = self.scan([file for file in self.files if file.run == run])
            rows, latest, latest_known, ancient, early, sources, days = self.engine.connection.execute(
                f"""
                SELECT
                  count(*),
                  epoch_us(max(e.occurred_at)),
                  epoch_us(max(coalesce(e.known_at, e.occurred_at))),
                  count(*) FILTER (WHERE e.occurred_at < TIMESTAMP '1970-01-02'),
                  count(*) FILTER (WHERE e.occurred_at < n.created_at),
                  list(DISTINCT e._source),
                  histogram(CAST(e.occurred_at AS DATE))
                FROM {mine} AS e
                JOIN created AS n ON n.lead_no = e._lead_no
                """
            ).fetchall()[0]
            runs.append(
                EventRun(
                    number=run,
                    sources=tuple(sorted(sources)),
                    rows=rows,
                    latest=latest,
                    latest_known=latest_known,
                    ancient=ancient,
                    early=early,
                    days={(day - _EPOCH).days: count for day, count in days.items()},
                )
            )
        return tuple(runs)
