"""Cast events source by source: what decides over a column is counted once per source, and added up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from leadlens.features import DuckDBEngine, Finding, Step
from leadlens.features.errors import listed
from leadlens.features.history import Kind
from leadlens.pipeline.prepared.event_scan import EventScan
from leadlens.pipeline.prepared.manifest import EventSource
from leadlens.pipeline.sources.casting import Caster, beside
from leadlens.pipeline.sources.ids import is_padded, trimmed
from leadlens.pipeline.sources.origins import SOURCE_NO, Origin

VALUES = "event_values"  # (source, column_name, value, rows) of every text column


RAW = "raw_events"  # what a table of raw rows is called, as in the conditions of a caster
CountScans = Callable[[Sequence[EventScan], list[str]], dict[int, list[int]]]


class EventCaster(Caster):
    """Casts events like any table, from counts of the sources read before and of the new ones.

    ``new`` are scans of the rows of new files, ``places`` the numbers of the sources that they belong to, ``kept`` the files read before;
    ``counts`` counts elsewhere.
    The engine has the table ``event_values`` of all of them. Columns of text are stored as text, whatever they are read as.
    """

    def __init__(
        self,
        engine: DuckDBEngine,
        where: str,
        origins: Sequence[Origin],
        new: Sequence[EventScan],
        places: Sequence[int],
        kept: Sequence[EventSource],
        counts: CountScans | None = None,
    ) -> None:
        self.new, self.kept, self._counts = new, kept, counts or self._count_here
        self._place_of = {
            number: place for scan, place in zip(new, places, strict=True) for number in scan.numbers
        } | {source.number: source.place for source in kept}
        self.checks: dict[int, dict[str, int]] = {number: {} for scan in new for number in scan.numbers}
        self.reading: dict[str, str] = {}
        self._wanted: dict[str, None] | None = {}
        super().__init__(engine, "events", where, origins)

    @property
    def texts(self) -> list[str]:
        """Columns whose values are counted one by one."""
        return [name for name, kind in self.types.items() if self._is_text(name, kind)]

    def _is_text(self, name: str, kind: str) -> bool:
        timestamps = ("occurred_at", "known_at", "retracted_at")
        return kind == "VARCHAR" and name not in ("lead_id", "event_id", *timestamps)

    def ask(self) -> None:
        """Count, in one statement per new source, all that was asked for so far; from now on counts are true."""
        asked, self._wanted = self._wanted or {}, None
        self.findings.clear()
        self.reading.clear()
        if asked:
            self._check(list(asked))

    def _check(self, conditions: list[str]) -> None:
        """Count the rows of each new source for which each condition holds."""
        for checks in self.checks.values():
            checks |= dict.fromkeys(conditions, 0)
        for number, counts in self._counts(self.new, conditions).items():
            self.checks[number] |= dict(zip(conditions, counts, strict=True))

    def _count_here(self, scans: Sequence[EventScan], conditions: list[str]) -> dict[int, list[int]]:
        return {
            number: counts
            for scan in scans
            for number, counts in count_scan(self.engine, scan, conditions).items()
        }

    def attribute(self, column: str) -> tuple[str, Kind]:
        sql, kind = super().attribute(column)
        if self.types[column] != "VARCHAR":
            self.reading[column] = self.quote(column)
            return sql, kind
        self.reading[column] = sql if kind in ("number", "time", "boolean") else self.quote(column)
        return trimmed(self.quote(column)), kind

    def _count(self, column: str, condition: str) -> int:
        if column in self.texts:
            rows = self.engine.value(
                f"SELECT sum({self._beside('rows', column)}) FILTER (WHERE {condition}) FROM ({self._values(column)}) AS {self.raw}"
            )
            return int(rows or 0)
        if self._wanted is not None:
            self._wanted[condition] = None
            return 0
        if any(
            condition not in counts for counts in self.checks.values()
        ):  # only asked where something is odd
            self._check([condition])
        total = sum(source.checks.get(condition, 0) for source in self.kept)
        return total + sum(counts[condition] for counts in self.checks.values())

    def _numbers_with(self, column: str, condition: str) -> list[int]:
        if column in self.texts:
            rows = self.engine.connection.execute(
                f"SELECT DISTINCT {self._beside('source', column)} FROM ({self._values(column)}) AS {self.raw} WHERE {condition}"
            ).fetchall()
            return sorted({self._place_of[row[0]] for row in rows})
        if self._wanted is not None:
            return []
        self._count(column, condition)
        found = {number for number, counts in self.checks.items() if counts.get(condition)}
        found |= {source.number for source in self.kept if source.checks.get(condition)}
        return sorted({self._place_of[number] for number in found})

    def _share(self, count: int) -> None:
        """All events are counted when they are read: see ``event_findings``."""

    def _distinct(self, column: str, expression: str) -> int:
        return int(
            self.engine.value(f"SELECT count(DISTINCT {expression}) FROM ({self._values(column)}) AS v") or 0
        )

    def _each(self, column: str, condition: str) -> dict[str, int]:
        name = self.quote(column)
        rows = f"({self._values(column)}) AS {self.raw} WHERE {condition}"
        values = self.engine.frame(
            f"SELECT {name} AS v, CAST(sum({self._beside('rows', column)}) AS BIGINT) AS n FROM {rows} GROUP BY 1"
        )
        return dict(values.itertuples(index=False, name=None))

    def _examples(self, column: str, condition: str) -> str:
        if column not in self.texts:
            return super()._examples(column, condition)
        name = self.quote(column)
        values = self.engine.frame(f"""
            SELECT DISTINCT {name} AS v
            FROM ({self._values(column)}) AS values
            WHERE {name} IS NOT NULL AND {condition}
            ORDER BY v
            LIMIT 3
        """)["v"]
        return listed(map(repr, values))

    def _values(self, column: str) -> str:
        """The values of a column under its own name, and beside each of how many rows of which source it is."""
        rows, source = self._beside("rows", column), self._beside("source", column)
        return (
            f"SELECT value AS {self.quote(column)}, rows AS {rows}, source AS {source} "
            f"FROM {VALUES} WHERE column_name = {self.engine.dialect.literal(column)}"
        )

    def _beside(self, what: str, column: str) -> str:
        return self.quote(beside(what, column))


def count_scan(engine: DuckDBEngine, scan: EventScan, conditions: Iterable[str]) -> dict[int, list[int]]:
    """Rows of a scan for which each condition holds, by source."""
    counts = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in conditions)
    if len(scan.numbers) == 1:
        alone = engine.connection.execute(f"SELECT {counts} FROM ({scan.rows}) AS {RAW}").fetchall()
        return {scan.numbers[0]: list(alone[0])}
    by_source = engine.connection.execute(
        f"SELECT {SOURCE_NO}, {counts} FROM ({scan.rows}) AS {RAW} GROUP BY 1"
    ).fetchall()
    return {number: list(row) for number, *row in by_source}


def count_values(engine: DuckDBEngine, scan: EventScan, columns: Iterable[str]) -> set[str]:
    """Add the values of text columns of a scan to ``event_values``; returns those columns in which some may need trimming."""
    padded = set[str]()
    # DuckDB counts by one column that is a dictionary in the file three times as quickly as by two.
    number, by = (scan.numbers[0], "") if len(scan.numbers) == 1 else (SOURCE_NO, f"{SOURCE_NO}, ")
    for column in columns:
        name, rows = engine.dialect.quote(column), engine.dialect.quote(beside("rows", column))
        # Values that differ are few, and to trim each of them once costs a third of trimming them in every row.
        engine.run(
            [
                Step(
                    "counted_values",
                    f"SELECT {by}{name}, count(*) AS {rows} FROM ({scan.rows}) AS raw_events GROUP BY ALL",
                )
            ]
        )
        value = f"{name}, {rows} FROM counted_values"
        if engine.count(f"counted_values WHERE {is_padded(name)}"):
            padded.add(column)
            value = f"{trimmed(name)}, sum({rows}) FROM counted_values GROUP BY ALL"
        engine.connection.execute(
            f"INSERT INTO {VALUES} SELECT {number}, {engine.dialect.literal(column)}, {value}"
        )
        engine.drop("counted_values")
    return padded


def casting_findings(caster: EventCaster) -> list[Finding]:
    return list(caster.findings)
