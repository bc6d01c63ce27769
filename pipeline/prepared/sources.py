"""The sources of the events as Parquet: files as they are, CSV and databases spooled, a growing table from a cursor on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from leadlens.features import UsageError
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.secrets import without_secrets
from leadlens.pipeline.prepared.cursor import Cursor
from leadlens.pipeline.prepared.identity import by_path, digest_of, look_at
from leadlens.pipeline.prepared.manifest import FileMark
from leadlens.pipeline.prepared.small_files import SMALL, Together, csv_together, parquet_alike
from leadlens.pipeline.sources.contract import texts_of
from leadlens.pipeline.sources.csv_files import between_semicolons, open_rows
from leadlens.pipeline.sources.csv_types import Fitting, fitting_by_source, fitting_types
from leadlens.pipeline.sources.kinds import kind_of
from leadlens.pipeline.sources.origins import SOURCE_NO
from leadlens.pipeline.sources.parquet_bounds import without_values
from leadlens.pipeline.sources.partitions import lacking, rows_with
from leadlens.pipeline.sources.plain_types import plain, plain_type
from leadlens.pipeline.sources.reading import (
    Readable,
    existing_paths,
    has_tables,
    is_database,
    partitions_by_path,
    reading_errors,
    refuse_mixed,
    runs_there,
    source_batches,
    sources_named,
)
from leadlens.pipeline.sources.styles import styles_of
from leadlens.pipeline.sources.together import Together as AllColumns
from leadlens.pipeline.sources.unknown_words import (
    WordKind,
    Words,
    count_words,
    is_word,
    text_columns,
    words_by_source,
)
from leadlens.pipeline.sources.words_in_parquet import look_at_texts

_dialect = DuckDBDialect()
_quote, _literal, _parquet = _dialect.quote, _dialect.literal, _dialect.parquet


@dataclass(frozen=True)
class NewSource:
    """Events that are to be read: a Parquet file (perhaps spooled), how many rows, and what is known of its columns.

    In a file of several sources, which are ``together``, those whose ``SOURCE_NO`` is ``number``. ``cursor`` is the largest value of the cursor column, as text, where the source has one, ``raw`` are
    the types of columns that are not plain yet, ``words`` the words for “not known”;
    in the columns ``wordless`` they were sought, and there are none; ids in the columns ``tidy`` are as they are written. ``unclear`` is a value of each column of a query's files of which it is
    not clear what its points mean. ``place`` is the number of the project's source that it belongs to.
    """

    number: int
    parquet: str
    mark: FileMark | None
    rows: int
    columns: dict[str, str]
    together: bool = False
    fits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    empty: tuple[str, ...] = ()
    text: bool = False
    cursor: str | None = None
    raw: dict[str, str] = field(default_factory=dict)
    words: Words = field(default_factory=dict)
    wordless: frozenset[str] = frozenset()
    tidy: frozenset[str] = frozenset()
    unclear: dict[str, str] = field(default_factory=dict)
    place: int = 0


def look(given: Readable, known: Iterable[FileMark]) -> tuple[FileMark, ...] | None:
    """The marks of a source's files, and of those that its query names besides; ``None`` where a database is among them.

    Raises ``UsageError`` where there is no file.
    """
    before = by_path(known)
    marks: list[FileMark] = []
    for each in (given, *_behind(given, ())):
        if is_database(each.source, each.where):
            return None
        paths = existing_paths(each.source, each.file, each.where)
        folders = partitions_by_path(each.source, each.file, each.where, paths)
        marks += (look_at(path, before, folders[path]) for path in paths)
    return tuple(marks)


def _behind(given: Readable, asking: tuple[str, ...]) -> Iterator[Readable]:
    """The sources that a query names, and those that their queries name."""
    for other in sources_named(given):
        if other.name not in (given.name, *asking):  # a circle is named when it is read
            yield other
            yield from _behind(other, (*asking, given.name))


@dataclass
class Numbers:
    """Numbers of files of events; those of all sources are told apart."""

    next: int

    def take(self) -> int:
        self.next += 1
        return self.next - 1


ReadFiles = Callable[["EventReader", Mapping[int, FileMark], bool], list[NewSource]]
ReadParts = Callable[["EventReader", str | None], list[NewSource]]


class EventReader:
    """Makes Parquet of what is new in one source of the events, the one with the number ``place``.

    ``read`` does it elsewhere, ``read_parts`` of a database that is read in parts. Each file of a glob is apart. What only
    makes sense as a whole (a `query`, a database) is one.
    """

    def __init__(
        self,
        given: Readable,
        place: int,
        connection: duckdb.DuckDBPyConnection,
        spool: Path,
        numbers: Numbers,
        read: ReadFiles | None = None,
        read_parts: ReadParts | None = None,
    ) -> None:
        self._read_elsewhere, self._read_parts = read, read_parts
        self.given, self.source, self.where = given, given.source, given.where
        self.place, self.connection, self.spool, self._numbers = place, connection, spool, numbers
        self._paths: list[str] | None = None
        self._spools, self._rows_only = 0, False
        self._styles = styles_of(self.source.dates, self.source.decimals)
        self._cursor = None if self.source.cursor is None else Cursor(self.source.cursor, self.where)

    @property
    def one_by_one(self) -> bool:
        """Whether each file is a source of its own."""
        if self.source.partitions is not None and not runs_there(self.source, self.where):
            raise UsageError(
                "only what a database returns is read in parts",
                value=", ".join(map(without_secrets, self.source.reads)),
                where=f"{self.where}.partitions",
                why="each file is a part already, and a query that runs here needs all rows",
                fix="leave partitions out",
            )
        if self.source.query is not None or is_database(self.source, self.where):
            return False
        if self._paths is None:
            self._paths = existing_paths(self.source, self.given.file, self.where)
        # A table is one of a DuckDB file, or a sheet of each workbook, a file of each archive.
        each = self.source.table is None or has_tables(self._paths[0])
        if each:
            refuse_mixed(self._paths, self.where)
        return each

    def read(self, marks: Iterable[FileMark], rows_only: bool = False) -> list[NewSource]:
        """Files of a glob, each a source; small ones of the same columns are read together.

        With ``rows_only`` nothing is found out about their values: of files that were read before it is known.
        """
        files = {self._numbers.take(): mark for mark in marks}
        if self._read_elsewhere is not None and files:
            return self._read_elsewhere(self, files, rows_only)
        return self.read_numbered(files, rows_only)

    def read_numbered(self, files: Mapping[int, FileMark], rows_only: bool = False) -> list[NewSource]:
        """The same of files that have their numbers."""
        self._rows_only = rows_only
        if not files:
            return []
        parquet = kind_of(next(iter(files.values())).path) in (".parquet", ".pq")
        small = {number: mark for number, mark in files.items() if mark.size <= SMALL}
        read: dict[int, NewSource] = {}
        with reading_errors(self.source, self.where):
            if len(small) > 1:
                read = self._parquet_together(small) if parquet else self._csv_together(small)
            one = self._read_parquet if parquet else self._read_csv
            found = [read.get(number) or one(number, mark) for number, mark in files.items()]
        return [replace(new, place=self.place) for new in found]

    def _read_parquet(self, number: int, mark: FileMark) -> NewSource:
        raw, rows = self._described(mark.path), self._rows(mark.path)
        columns = {name: plain_type(kind) for name, kind in raw.items()}
        texts = text_columns("events", self.source.columns, raw)
        words, wordless, tidy = self._sought(mark.path, texts)
        empty = without_values(self.connection, [mark.path], raw)[mark.path]
        folders = lacking(mark.partitions, raw)
        columns |= dict.fromkeys(folders, "VARCHAR")
        empty += tuple(name for name, value in folders.items() if value is None)
        for name, kind in self._texts_of(folders).items():
            if not self._rows_only and (value := folders[name]) is not None and is_word(value, kind):
                words = {**words, name: {value: rows}}
        return NewSource(
            number,
            mark.path,
            mark,
            rows,
            columns,
            empty=empty,
            raw=raw,
            words=words,
            wordless=wordless,
            tidy=tidy,
        )

    def _sought(
        self, parquet: str, texts: Mapping[str, WordKind]
    ) -> tuple[Words, frozenset[str], frozenset[str]]:
        """The words for “not known” in some text columns of a Parquet file, the columns that hold none, and those of tidy ids."""
        seen = look_at_texts(self.connection, parquet, texts, look=not self._rows_only)
        words = self._words_of(parquet, seen.wordy)
        wordless = set(texts) - set(seen.wordy if self._rows_only else words)
        return words, frozenset(wordless), frozenset(seen.tidy)

    def _parquet_together(self, marks: Mapping[int, FileMark]) -> dict[int, NewSource]:
        read: dict[int, NewSource] = {}
        named = {
            number: (mark.path, tuple(name for name, _ in mark.partitions)) for number, mark in marks.items()
        }
        for rows in parquet_alike(named):
            paths = [marks[number].path for number in rows]
            raw = self._described(paths[0])
            columns, path = {name: plain_type(kind) for name, kind in raw.items()}, self._new_path()
            values = [f"{plain(_quote(name), kind)} AS {_quote(name)}" for name, kind in raw.items()]
            own = {number: lacking(marks[number].partitions, raw) for number in rows}
            for name in next(iter(own.values())):
                columns[name] = "VARCHAR"
                values.append(
                    f"{_by_file([_text(each[name]) for each in own.values()], 'VARCHAR')} AS {_quote(name)}"
                )
            values.append(f"{_by_file(list(map(str, rows)), 'INTEGER')} AS {SOURCE_NO}")
            self.connection.execute(
                f"""
                COPY (SELECT {", ".join(values)} FROM {_parquet(*paths)})
                TO {_literal(path)} (FORMAT parquet, COMPRESSION lz4)
                """
            )
            if self._described(path) != {**columns, SOURCE_NO: "INTEGER"}:
                continue  # Parquet does not keep every type of DuckDB
            kinds = text_columns("events", self.source.columns, columns)
            words = self._words_by_source(path, dict.fromkeys(rows, kinds))
            empty = without_values(self.connection, paths, raw)
            for number, folders in own.items():
                empty[marks[number].path] += tuple(name for name, value in folders.items() if value is None)
            for number, count in rows.items():
                read[number] = NewSource(
                    number,
                    path,
                    marks[number],
                    count,
                    columns,
                    together=True,
                    empty=empty[marks[number].path],
                    words=words[number],
                )
        return read

    def whole(self, after: str | None = None) -> list[NewSource]:
        """All rows of a database or query, perhaps in parts; with ``after`` those beyond that value of the cursor."""
        if self.source.partitions is not None and self._read_parts is not None:
            return self._read_parts(self, after)
        words, unclear = Words(), dict[str, str]()
        path = self._spooled(source_batches(self.given, words, unclear, after))
        mark = self.mark(Path(path).stat().st_size, digest_of(path), after)
        columns = self._described(path)
        words = words or self._words(path, columns)
        empty = without_values(self.connection, [path], columns)[path]
        whole = NewSource(0, path, mark, self._rows(path), columns, empty=empty, words=words, unclear=unclear)
        return self.numbered([whole], after)

    def mark(self, size: int, digest: str, after: str | None) -> FileMark:
        """The mark of rows that are no file."""
        path = f"{', '.join(map(without_secrets, self.source.reads))}#{self.source.table or 'query'}"
        if after is not None:
            path = f"after {after}"
        return FileMark(path=path, size=size, modified_ns=0, changed_ns=0, digest=digest)

    def numbered(self, parts: Iterable[NewSource], after: str | None) -> list[NewSource]:
        """The parts of a whole with their numbers, and the value of the cursor that all of them together reach."""
        parts = list(parts)
        reached = self._largest(parts)
        return [
            replace(new, number=self._numbers.take(), place=self.place, cursor=reached or after)
            for new in parts
        ]

    def beyond(self, new: NewSource, after: str) -> NewSource:
        """The rows of a growing file beyond a value of its cursor."""
        assert self._cursor is not None
        rows = self._cursor.beyond(_rows_of(new), new, after)
        path = self._spooled(_with_schema(self.connection.sql(rows).to_arrow_reader(1 << 17)))
        words = self._words(path, new.columns)
        more = replace(new, parquet=path, rows=self._rows(path), together=False, words=words)
        return replace(more, cursor=self._largest([more]) or after)

    def with_cursor(self, new: NewSource) -> NewSource:
        """The same source with the largest value of its cursor column, as text, where it has one."""
        return replace(new, cursor=self._largest([new]))

    def _largest(self, alike: Sequence[NewSource]) -> str | None:
        """The largest value of the cursor in sources with the same columns; ``None`` where there is no cursor."""
        if self._cursor is None:
            return None
        rows = _parquet(*(new.parquet for new in alike)) if len(alike) > 1 else _rows_of(alike[0])
        return self._cursor.largest(self.connection, rows, alike[0])

    def _read_csv(self, number: int, mark: FileMark) -> NewSource:
        path = self._spooled(self._open_csv(Path(mark.path)))
        names, rows = list(self._described(path)), _parquet(path)
        ids, codes = self._texts(names)
        fitting = _UNTRIED
        if not self._rows_only:
            fitting = fitting_types(self.connection, names, rows, ids, codes, self._styles)
            fitting = fitting.between_semicolons(lambda: self._between_semicolons(mark))
        texts = self._texts_of(names if self._rows_only else fitting.texts)
        words, wordless, tidy = self._sought(path, texts)
        words |= self._words_of(path, _mostly_numbers(fitting, ids))
        columns = dict.fromkeys(names, "VARCHAR")
        return NewSource(
            number,
            path,
            mark,
            self._rows(path),
            columns,
            fits=fitting.types,
            empty=fitting.empty,
            text=True,
            words=words,
            wordless=wordless,
            tidy=tidy,
        )

    def _csv_together(self, marks: Mapping[int, FileMark]) -> dict[int, NewSource]:
        files = {number: Path(mark.path) for number, mark in marks.items()}
        read: dict[int, NewSource] = {}
        for spool in csv_together(files, lambda path: self._open_csv(path, threads=False), self._new_path):
            read |= self._of_csv(spool, marks)
        return read

    def _of_csv(self, spool: Together, marks: Mapping[int, FileMark]) -> dict[int, NewSource]:
        names = [name for name in self._described(spool.path) if name != SOURCE_NO]
        rows, columns = _parquet(spool.path), dict.fromkeys(names, "VARCHAR")
        ids, codes = self._texts(names)
        fitting = dict.fromkeys(spool.rows, _UNTRIED)
        if not self._rows_only:
            fitting = fitting_by_source(
                self.connection, names, rows, SOURCE_NO, spool.rows, ids, codes, self._styles
            )
            fitting = {
                of: own.between_semicolons(partial(self._between_semicolons, marks[of]))
                for of, own in fitting.items()
            }
        kinds = {of: self._texts_of(own.texts) | _mostly_numbers(own, ids) for of, own in fitting.items()}
        words = self._words_by_source(spool.path, kinds)
        return {
            number: NewSource(
                number,
                spool.path,
                marks[number],
                count,
                columns,
                together=True,
                fits=fitting[number].types,
                empty=fitting[number].empty,
                text=True,
                words=words[number],
            )
            for number, count in spool.rows.items()
        }

    def _open_csv(self, path: Path, threads: bool = True) -> Iterator[pa.RecordBatch]:
        where = f"{self.where} ({path.name})"
        return open_rows(path, self.source.encoding, where, self.source.missing, threads, self.source.table)

    def _between_semicolons(self, mark: FileMark) -> bool:
        return between_semicolons(Path(mark.path), self.source.encoding, self.where, self.source.table)

    def _texts(self, names: list[str]) -> tuple[set[str], set[str]]:
        """Ids and codes among the columns of a CSV file."""
        ids, codes = texts_of("events", self.source.columns, names)
        codes -= {self.source.cursor}  # which has an order: 9 is before 10
        return ids - codes, codes

    def _texts_of(self, names: Iterable[str]) -> dict[str, WordKind]:
        """Those columns of text in which words for “not known” are sought."""
        return text_columns("events", self.source.columns, dict.fromkeys(names, "VARCHAR"))

    def _words(self, parquet: str, types: Mapping[str, str]) -> Words:
        return self._words_of(parquet, text_columns("events", self.source.columns, types))

    def _words_of(self, parquet: str, kinds: Mapping[str, WordKind]) -> Words:
        return {} if self._rows_only else count_words(self.connection, _parquet(parquet), kinds)

    def _words_by_source(self, parquet: str, kinds: Mapping[int, Mapping[str, WordKind]]) -> dict[int, Words]:
        if self._rows_only:
            return {number: {} for number in kinds}
        return words_by_source(self.connection, _parquet(parquet), SOURCE_NO, kinds)

    def _rows(self, parquet: str) -> int:
        rows = f"SELECT count(*) FROM {_parquet(parquet)}"
        return int(self.connection.execute(rows).fetchall()[0][0])

    def _new_path(self) -> str:
        self.spool.mkdir(parents=True, exist_ok=True)
        self._spools += 1
        return str(self.spool / f"{self._spools}.parquet")

    def _spooled(self, batches: Iterator[pa.RecordBatch]) -> str:
        path = self._new_path()
        writer: pq.ParquetWriter | None = None
        for batch in batches:
            if writer is None:
                writer = pq.ParquetWriter(path, batch.schema, compression="lz4")
            writer.write_batch(batch)
        assert writer is not None, "a reader of batches gives at least one"
        writer.close()
        return path

    def _described(self, parquet: str) -> dict[str, str]:
        rows = self.connection.execute(f"DESCRIBE SELECT * FROM {_parquet(parquet)}").fetchall()
        return {row[0]: row[1] for row in rows}


def _mostly_numbers(fitting: Fitting, ids: set[str]) -> dict[str, WordKind]:
    """The columns of a CSV file that hold nothing but numbers, dates or flags, and words for “not known”."""
    return {name: "id" if name in ids else "number" for name in fitting.wordy}


# What is known of a CSV file whose values were not tried; its rows are taken as those of other files.
_UNTRIED = Fitting({}, (), ())


def _by_file(values: Sequence[str], kind: str) -> str:
    """SQL of a value for each of the files of one scan, in their order."""
    return f"CAST(([{', '.join(values)}])[CAST(file_index AS BIGINT) + 1] AS {kind})"


def _text(value: str | None) -> str:
    return "NULL" if value is None else _literal(value)


def _with_schema(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    yield pa.RecordBatch.from_pylist([], schema=reader.schema)
    yield from reader


def relation(new: NewSource, columns: AllColumns) -> str:
    """A SELECT of a source's rows, and of those together with it: the columns of all sources, and ``SOURCE_NO``."""
    number = SOURCE_NO if new.together else f"CAST({new.number} AS INTEGER) AS {SOURCE_NO}"
    return f"SELECT {columns.values(new.place, new, new.raw)}, {number} FROM {_rows_of(new)}"


def _rows_of(new: NewSource) -> str:
    """A FROM of the rows that are together with a source."""
    partitions = () if new.mark is None or new.mark.path != new.parquet else new.mark.partitions
    return rows_with(new.parquet, partitions, new.raw)
