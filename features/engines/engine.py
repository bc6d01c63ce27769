"""Where SQL runs: small named steps, one base class as the contract, DuckDB as the reference."""

from __future__ import annotations

import itertools
import re
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import duckdb

from leadlens.features.engines.dialect import Dialect, DuckDBDialect
from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.features.engines.parsed import ParsedSql
from leadlens.features.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Step(NamedTuple):
    """One named statement: ``sql`` is a SELECT whose result later steps read as table ``name``."""

    name: str
    sql: str


class StepReport(NamedTuple):
    """What one step cost: rows produced and seconds taken."""

    name: str
    rows: int
    seconds: float


class Engine(ABC):
    """Runs steps over the five contract tables.

    Guarantees that every engine gives:

    - a table made by a step is visible to the steps after it and to no other connection;
    - a table is made once, when its step runs, and is not computed again where it is read;
    - timestamps carry no zone and mean UTC, to the microsecond;
    - running the same steps over the same tables gives the same rows (their order is not promised): whole
      numbers, texts and timestamps are equal on every engine, floating-point numbers to 1e-9.

    ``leadlens.features.conformance`` checks whether an engine does.
    """

    dialect: Dialect

    @abstractmethod
    def run(self, steps: Iterable[Step], watch: Callable[[StepReport], None] | None = None) -> None:
        """Run steps in order, replacing tables of the same name.

        ``watch`` gets rows and seconds of each (it costs a count per step).
        Raises ``DataError`` naming the step that failed.
        """

    @abstractmethod
    def frame(self, sql: str) -> pd.DataFrame:
        """The result of a SELECT as a pandas frame."""

    @abstractmethod
    def register(self, name: str, frame: pd.DataFrame) -> None:
        """Make a pandas frame readable as table ``name``; a copy is taken."""

    @abstractmethod
    def read(self, name: str, path: str | Path) -> None:
        """Make Parquet (a file, or a folder of part files) readable as table ``name``, without copying it."""

    @abstractmethod
    def write(self, sql: str, path: str | Path) -> None:
        """The result of a SELECT as zstd Parquet at ``path``, replacing what is there.

        A file or a folder of part files, as the engine sees fit: ``read`` takes both. Rows do not pass through
        pandas. Raises ``DataError`` when the SELECT or the writing fails.
        """

    @abstractmethod
    def columns(self, table: str) -> dict[str, str]:
        """Column names and SQL types (as DuckDB calls them) of a table, in order."""

    @abstractmethod
    def drop(self, *names: str) -> None:
        """Forget tables made by steps; unknown names are ignored."""

    def claim(self, name: str) -> str:
        """A table name that no living handle has: ``name``, else with a number behind it (see ``Table``)."""
        taken: set[str] = self.__dict__.setdefault("_claimed", set())
        free = (
            name
            if name not in taken
            else next(n for i in itertools.count(2) if (n := f"{name}_{i}") not in taken)
        )
        taken.add(free)
        return free

    def release(self, name: str) -> None:
        """Give a claimed name back; unknown names are ignored."""
        self.__dict__.setdefault("_claimed", set()).discard(name)

    def value(self, sql: str) -> Any:
        """The single value of a one-row, one-column SELECT (``None`` for NULL)."""
        value: Any = self.frame(sql).iloc[0, 0]
        import pandas as pd

        return None if pd.isna(value) else value

    def count(self, rest: str) -> int:
        """Rows of ``SELECT count(*) FROM <rest>``."""
        return int(self.value(f"SELECT count(*) FROM {rest}"))

    def unordered(self) -> AbstractContextManager[None]:
        """While inside, tables may be made in any order of rows, which lets some engines use all their threads."""
        return nullcontext()

    def wide(self) -> AbstractContextManager[None]:
        """While inside, tables of hundreds of columns are cheap, on engines that need to be told."""
        return nullcontext()

    def of_few_rows(self) -> AbstractContextManager[None]:
        """While inside, all tables that are read have few rows, and some engines need not plan how to read them best."""
        return nullcontext()

    @abstractmethod
    def close(self) -> None:
        """Release everything; the engine cannot be used afterwards. Closing twice is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class DuckDBEngine(Engine):
    """DuckDB in this process: the embedded default, and the reference for every other engine.

    Parameters
    ----------
    connection : an open DuckDB connection; a fresh in-memory one by default.
    memory : what DuckDB may use, such as ``"4GB"``; by default most of the machine's. What does not fit is
        written to ``spill``.
    spill : folder for what does not fit in memory; by default ``.tmp`` where the process runs.
    threads : by default one per core.
    parsed : keeps statements that other engines will run too, so that they are parsed once.

    Raises ``UsageError`` for a limit that DuckDB does not understand.

    >>> engine = DuckDBEngine()
    >>> engine.run([Step("answer", "SELECT 42 AS n")])
    >>> int(engine.value("SELECT n FROM answer"))
    42
    """

    dialect: DuckDBDialect

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection | None = None,
        *,
        memory: str | None = None,
        spill: str | Path | None = None,
        threads: int | None = None,
        parsed: ParsedSql | None = None,
    ) -> None:
        self.dialect = DuckDBDialect()
        self._parsed = parsed
        self._views: set[str] = set()  # tables that ``read`` made, by lower-case name
        self._releases: list[Callable[[], None]] = []
        self.connection = connection or connect_in_memory()
        self.connection.execute("SET TimeZone = 'UTC'")
        # In a notebook without ipywidgets the bar is off already, and DuckDB refuses to switch it off again.
        if self.connection.execute("SELECT current_setting('enable_progress_bar')").fetchall()[0][0]:
            self.connection.execute("SET enable_progress_bar = false")
        if memory is not None:
            self._set("memory_limit", memory, "write a number and a unit: 4GB, 500MB")
            self.connection.execute("SET preserve_insertion_order = false")  # else results wait in memory
        if spill is not None:
            self._set("temp_directory", str(spill), "name a folder on a disk with room")
        if threads is not None:
            self._set("threads", threads, "a whole number from 1")

    def _set(self, setting: str, value: str | int, fix: str) -> None:
        try:
            self.connection.execute(f"SET {setting} = {self.dialect.literal(value)}")
        except duckdb.Error as error:
            raise UsageError(
                f"DuckDB refuses this {setting}", value=value, why=_message(error), fix=fix
            ) from error

    def run(self, steps: Iterable[Step], watch: Callable[[StepReport], None] | None = None) -> None:
        for step in steps:
            started = time.perf_counter()
            name = self.dialect.quote(step.name)
            try:
                self._make(step.name, step.sql)
            except duckdb.Error as error:
                raise DataError(
                    f"the step {step.name!r} failed",
                    value=_message(error),
                    fix="see the SQL of each step: leadlens features CONFIG --explain",
                ) from error
            if watch is not None:
                rows = int(self.connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0])
                watch(StepReport(step.name, rows, time.perf_counter() - started))

    def _execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        return self.connection.execute(
            sql if self._parsed is None else self._parsed.statement(self.connection, sql)
        )

    def _make(self, name: str, sql: str) -> None:
        quoted = self.dialect.quote(name)
        if name.lower() not in self._views:
            self._execute(f"CREATE OR REPLACE TEMP TABLE {quoted} AS {sql}")
            return
        # A table does not replace a view, and the SELECT may read the view it is to replace.
        self._execute(f"CREATE OR REPLACE TEMP TABLE _made AS {sql}")
        self.drop(name)
        self.connection.execute(f"ALTER TABLE _made RENAME TO {quoted}")

    def define(self, steps: Iterable[Step]) -> None:
        """Like ``run``, but each is computed where it is read: for steps that are read once."""
        for step in steps:
            self.drop(step.name)
            self._execute(f"CREATE TEMP VIEW {self.dialect.quote(step.name)} AS {step.sql}")
            self._views.add(step.name.lower())

    def frame(self, sql: str) -> pd.DataFrame:
        return self._execute(sql).df()

    def value(self, sql: str) -> Any:
        rows = self._execute(sql).fetchall()
        return rows[0][0] if rows else None

    def register(self, name: str, frame: pd.DataFrame | pa.Table) -> None:
        self.connection.register("_incoming", frame)
        try:
            self._make(name, "SELECT * FROM _incoming")
        finally:
            self.connection.unregister("_incoming")

    def read(self, name: str, path: str | Path) -> None:
        source = re.sub(r"([\[*?])", r"[\1]", str(path))  # a star in a folder's name is no wildcard
        files = f"{source}/*.parquet" if Path(path).is_dir() else source
        try:
            self.drop(name)
            rows = f"SELECT * FROM read_parquet({self.dialect.literal(files)}, hive_partitioning = false)"
            self.connection.execute(f"CREATE TEMP VIEW {self.dialect.quote(name)} AS {rows}")
            self._views.add(name.lower())
        except duckdb.Error as error:
            raise DataError(f"the table {name!r} cannot be read", value=files, why=_message(error)) from error

    def write(self, sql: str, path: str | Path) -> None:
        target = Path(path)
        if target.is_dir():
            shutil.rmtree(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.connection.execute(
                f"COPY ({sql}) TO {self.dialect.literal(str(target))} (FORMAT parquet, COMPRESSION zstd)"
            )
        except (duckdb.Error, OSError) as error:
            raise DataError(
                "a result could not be written", value=str(target), why=_message(error)
            ) from error

    @contextmanager
    def unordered(self) -> Iterator[None]:
        kept = self.value("SELECT current_setting('preserve_insertion_order')")
        self.connection.execute("SET preserve_insertion_order = false")
        try:
            yield
        finally:
            self.connection.execute(f"SET preserve_insertion_order = {self.dialect.literal(bool(kept))}")

    @contextmanager
    def wide(self) -> Iterator[None]:
        """While inside, tables of hundreds of columns are cheap.

        DuckDB 2.0 replaces constants that it knows by statistics one column at a time, each by two projections of all
        columns: a quadratic plan, 20 seconds instead of 0.3 for 40,000 rows of 256 columns.
        """
        self.connection.execute("SET disabled_optimizers = 'statistics_propagation'")
        try:
            yield
        finally:
            self.connection.execute("SET disabled_optimizers = ''")

    @contextmanager
    def of_few_rows(self) -> Iterator[None]:
        self.connection.execute("PRAGMA disable_optimizer")
        try:
            yield
        finally:
            self.connection.execute("PRAGMA enable_optimizer")

    def columns(self, table: str) -> dict[str, str]:
        rows = self.connection.execute(f"DESCRIBE {self.dialect.quote(table)}").fetchall()
        return {row[0]: row[1] for row in rows}

    def drop(self, *names: str) -> None:
        for (
            name
        ) in names:  # of temporary ones only: whoever lends a connection may have a table of the same name
            kind = "VIEW" if name.lower() in self._views else "TABLE"
            self.connection.execute(f"DROP {kind} IF EXISTS temp.main.{self.dialect.quote(name)}")
            self._views.discard(name.lower())

    def on_close(self, release: Callable[[], None]) -> None:
        """Call ``release`` when the engine is closed."""
        self._releases.append(release)

    def close(self) -> None:
        self.connection.close()
        while self._releases:
            self._releases.pop()()


def _message(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
