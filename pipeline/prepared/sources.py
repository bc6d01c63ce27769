"""The sources of the events as Parquet: files as they are, CSV and databases spooled, a growing table from a cursor on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from features import UsageError
from features.engines.dialect import DuckDBDialect
from features.errors import listed
from features.secrets import without_secrets
from pipeline.config import ProjectFile, Source, expand
from pipeline.prepared.identity import by_path, digest_of, look_at
from pipeline.prepared.manifest import EventSource, FileMark
from pipeline.sources.contract import texts_of
from pipeline.sources.csv_files import open_csv
from pipeline.sources.csv_types import CSV_TYPES, fitting_types, typed_csv
from pipeline.sources.plain_types import plain, plain_type, type_together
from pipeline.sources.reading import existing_paths, kind_of, reading_errors, refuse_mixed, source_batches
from pipeline.sources.unknown_words import WordKind, Words, count_words, text_columns

_dialect = DuckDBDialect()
_quote, _literal = _dialect.quote, _dialect.literal


@dataclass(frozen=True)
class NewSource:
    """Events that are to be read: a Parquet file (perhaps spooled) and what is known of its columns.

    ``cursor`` is the largest value of the cursor column, as text, where the source has one, ``raw`` are
    the types of columns that are not plain yet, ``words`` the words for “not known”.
    """

    parquet: str
    mark: FileMark | None
    columns: dict[str, str]
    fits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    empty: tuple[str, ...] = ()
    cursor: str | None = None
    raw: dict[str, str] = field(default_factory=dict)
    words: Words = field(default_factory=dict)


def is_database(source: Source, where: str) -> bool:
    """Whether a source is read through a network, so that only reading tells whether it changed."""
    return "://" in expand(source.read, where)


def look(file: ProjectFile, table: str, known: Iterable[FileMark]) -> tuple[FileMark, ...] | None:
    """The marks of a table's files; ``None`` for a database. Raises ``UsageError`` where there is no file."""
    source: Source = getattr(file.project.data, table)
    where = f"{file.path.name}: data.{table}"
    if is_database(source, where):
        return None
    before = by_path(known)
    return tuple(look_at(path, before) for path in existing_paths(source, file, where))


class EventReader:
    """Makes Parquet of what is new among the sources of the events.

    Files of a glob are read one by one. What only makes sense as a whole (a `query`, a database) is one source.
    """

    def __init__(self, file: ProjectFile, connection: duckdb.DuckDBPyConnection, spool: Path) -> None:
        source = file.project.data.events
        assert source is not None
        self.file, self.source, self.connection, self.spool = file, source, connection, spool
        self.where = f"{file.path.name}: data.events"
        self._paths: list[str] | None = None

    @property
    def one_by_one(self) -> bool:
        """Whether each file is a source of its own."""
        if self.source.query is not None or is_database(self.source, self.where):
            return False
        if self._paths is None:
            self._paths = existing_paths(self.source, self.file, self.where)
            if self.source.table is None:
                refuse_mixed(self._paths, self.where)
        return self.source.table is None

    def read(self, mark: FileMark) -> NewSource:
        """One file of a glob."""
        with reading_errors(self.source, self.where):
            kind = kind_of(mark.path)
            if kind in (".parquet", ".pq"):
                raw = self._described(mark.path)
                columns = {name: plain_type(kind) for name, kind in raw.items()}
                return NewSource(mark.path, mark, columns, raw=raw, words=self._words(mark.path, raw))
            if kind in (".csv", ".tsv", ".txt"):
                return self._read_csv(mark)
        raise AssertionError(kind)

    def whole(self, after: str | None = None) -> NewSource:
        """All rows of a database or query; with ``after`` those beyond that value of the cursor."""
        words = Words()
        path = self._spooled(source_batches(self.file, "events", self.source, words, after))
        mark = FileMark(
            path=f"{without_secrets(self.source.read)}#{self.source.table or 'query'}"
            if after is None
            else f"after {after}",
            size=Path(path).stat().st_size,
            modified_ns=0,
            changed_ns=0,
            digest=digest_of(path),
        )
        columns = self._described(path)
        words = words or self._words(path, columns)
        new = self.with_cursor(NewSource(path, mark, columns, words=words))
        return replace(new, cursor=new.cursor or after)

    def beyond(self, new: NewSource, after: str) -> NewSource:
        """The rows of a growing file beyond a value of its cursor."""
        value, kind = self._cursor_value(new)
        sql = f"SELECT * FROM read_parquet({_literal(new.parquet)}) WHERE {value} > CAST({_literal(after)} AS {kind})"
        path = self._spooled(_with_schema(self.connection.sql(sql).to_arrow_reader(1 << 17)))
        more = replace(new, parquet=path, words=self._words(path, new.columns))
        return replace(more, cursor=self._largest(more) or after)

    def with_cursor(self, new: NewSource) -> NewSource:
        """The same source with the largest value of its cursor column, as text, where it has one."""
        return replace(new, cursor=self._largest(new)) if self.source.cursor is not None else new

    def _largest(self, new: NewSource) -> str | None:
        value, _ = self._cursor_value(new)
        largest = self.connection.execute(
            f"SELECT CAST(max({value}) AS VARCHAR) FROM read_parquet({_literal(new.parquet)})"
        ).fetchall()[0][0]
        return None if largest is None else str(largest)

    def _cursor_value(self, new: NewSource) -> tuple[str, str]:
        """SQL of the cursor's values and their type."""
        column = self._cursor_column(new.columns)
        if not (new.fits or new.empty):
            return _quote(column), new.columns[column]
        kind = next((kind for kind in CSV_TYPES if kind in new.fits.get(column, ())), "VARCHAR")
        return typed_csv(column, kind), kind

    def _cursor_column(self, columns: Mapping[str, str]) -> str:
        column = self.source.cursor
        assert column is not None
        if column not in columns:
            raise UsageError(
                "cursor names a column that is not in the events",
                value=column,
                known=columns,
                where=f"{self.where}.cursor",
                fix=f"columns found: {listed(columns)}",
            )
        return column

    def _read_csv(self, mark: FileMark) -> NewSource:
        where = f"{self.where} ({Path(mark.path).name})"
        path = self._spooled(open_csv(Path(mark.path), self.source.encoding, where, self.source.missing))
        names = list(self._described(path))
        ids, codes = texts_of("events", self.source.columns, names)
        codes -= {self.source.cursor}  # which has an order: 9 is before 10
        ids -= codes
        columns, rows = dict.fromkeys(names, "VARCHAR"), f"read_parquet({_literal(path)})"
        fitting = fitting_types(self.connection, names, rows, ids, codes)
        texts = {name: "VARCHAR" for name, kinds in fitting.types.items() if not kinds}
        wordy: dict[str, WordKind] = {name: "id" if name in ids else "number" for name in fitting.wordy}
        return NewSource(
            path, mark, columns, fitting.types, fitting.empty, words=self._words(path, texts, wordy)
        )

    def _words(
        self, parquet: str, types: Mapping[str, str], wordy: Mapping[str, WordKind] | None = None
    ) -> Words:
        kinds = text_columns("events", self.source.columns, types) | dict(wordy or {})
        return count_words(self.connection, f"read_parquet({_literal(parquet)})", kinds)

    def _spooled(self, batches: Iterator[pa.RecordBatch]) -> str:
        self.spool.mkdir(parents=True, exist_ok=True)
        path = self.spool / f"{len(list(self.spool.iterdir()))}.parquet"
        writer: pq.ParquetWriter | None = None
        for batch in batches:
            if writer is None:
                writer = pq.ParquetWriter(path, batch.schema, compression="lz4")
            writer.write_batch(batch)
        assert writer is not None, "a reader of batches gives at least one"
        writer.close()
        return str(path)

    def _described(self, parquet: str) -> dict[str, str]:
        rows = self.connection.execute(f"DESCRIBE SELECT * FROM read_parquet({_literal(parquet)})").fetchall()
        return {row[0]: row[1] for row in rows}


def _with_schema(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    yield pa.RecordBatch.from_pylist([], schema=reader.schema)
    yield from reader


def resolved_columns(
    connection: duckdb.DuckDBPyConnection, sources: Sequence[EventSource | NewSource]
) -> dict[str, str]:
    """Names and SQL types of the columns of all sources together, in order; a type that every value fits."""
    if any(source.fits or source.empty for source in sources):
        return _csv_columns(sources)
    together: dict[str, list[str]] = {}
    for source in sources:
        for name, kind in source.columns.items():
            together.setdefault(name, []).append(kind)
    return {name: type_together(connection, kinds) for name, kinds in together.items()}


def _csv_columns(sources: Sequence[EventSource | NewSource]) -> dict[str, str]:
    resolved = {}
    for name in dict.fromkeys(name for source in sources for name in source.columns):
        filled = [
            set(source.fits.get(name, ()))
            for source in sources
            if name in source.columns and name not in source.empty
        ]
        fits = set.intersection(*filled) if filled else set()
        resolved[name] = next((kind for kind in CSV_TYPES if kind in fits), "VARCHAR")
    return resolved


def relation(new: NewSource, resolved: Mapping[str, str]) -> str:
    """A SELECT of a source's rows with the columns of all sources."""
    columns = []
    for name, kind in resolved.items():
        quoted = _quote(name)
        if name not in new.columns:
            value = f"CAST(NULL AS {kind})"
        elif new.fits or new.empty:
            value = typed_csv(name, kind) if kind != "VARCHAR" else quoted
        else:
            value = plain(quoted, new.raw.get(name, new.columns[name]))
            value = value if new.columns[name] == kind else f"CAST({value} AS {kind})"
        columns.append(f"{value} AS {quoted}")
    return f"SELECT {', '.join(columns)} FROM read_parquet({_literal(new.parquet)})"
