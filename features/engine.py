"""Where SQL runs: small named steps, one base class as the contract, DuckDB as the reference."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import duckdb
import pandas as pd

from features.dialect import Dialect, DuckDBDialect
from features.errors import DataError


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
    - timestamps carry no zone and mean UTC, to the microsecond;
    - running the same steps over the same tables gives the same rows (their order is not promised).
    """

    dialect: Dialect

    @abstractmethod
    def run(self, steps: Iterable[Step], watch: Callable[[StepReport], None] | None = None) -> None:
        """Run steps in order, replacing tables of the same name.

        ``watch`` is told rows and seconds of each (it costs a count per step).
        Raises ``DataError`` naming the step that failed.
        """

    @abstractmethod
    def frame(self, sql: str) -> pd.DataFrame:
        """The result of a SELECT as a pandas frame."""

    @abstractmethod
    def register(self, name: str, frame: pd.DataFrame) -> None:
        """Make a pandas frame readable as table ``name``; a copy is taken."""

    @abstractmethod
    def columns(self, table: str) -> dict[str, str]:
        """Column names and SQL types of a table, in order."""

    @abstractmethod
    def drop(self, *names: str) -> None:
        """Forget tables made by steps; unknown names are ignored."""

    def value(self, sql: str) -> Any:
        """The single value of a one-row, one-column SELECT (``None`` for NULL)."""
        found: Any = self.frame(sql).iloc[0, 0]
        return None if pd.isna(found) else found

    def count(self, rest: str) -> int:
        """Rows of ``SELECT count(*) FROM <rest>``."""
        return int(self.value(f"SELECT count(*) FROM {rest}"))


class DuckDBEngine(Engine):
    """DuckDB in this process: the embedded default, and the reference for every other engine.

    Parameters
    ----------
    connection : an open DuckDB connection; a fresh in-memory one by default.

    >>> engine = DuckDBEngine()
    >>> engine.run([Step("answer", "SELECT 42 AS n")])
    >>> int(engine.value("SELECT n FROM answer"))
    42
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection | None = None) -> None:
        self.connection = connection or duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        # In a notebook without ipywidgets the bar is off already, and DuckDB refuses even to be told so.
        if self.connection.execute("SELECT current_setting('enable_progress_bar')").fetchall()[0][0]:
            self.connection.execute("SET enable_progress_bar = false")
        self.dialect = DuckDBDialect()

    def run(self, steps: Iterable[Step], watch: Callable[[StepReport], None] | None = None) -> None:
        for step in steps:
            started = time.perf_counter()
            name = self.dialect.quote(step.name)
            try:
                self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {step.sql}")
            except duckdb.Error as error:
                raise DataError(
                    f"the step {step.name!r} failed",
                    value=str(error).splitlines()[0],
                    fix="see what it ran with: leadlens features CONFIG --explain",
                ) from error
            if watch is not None:
                rows = int(self.connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0])
                watch(StepReport(step.name, rows, time.perf_counter() - started))

    def frame(self, sql: str) -> pd.DataFrame:
        return self.connection.execute(sql).df()

    def value(self, sql: str) -> Any:
        rows = self.connection.execute(sql).fetchall()
        return rows[0][0] if rows else None

    def register(self, name: str, frame: pd.DataFrame) -> None:
        self.connection.register("_incoming", frame)
        try:
            quoted = self.dialect.quote(name)
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {quoted} AS SELECT * FROM _incoming")
        finally:
            self.connection.unregister("_incoming")

    def columns(self, table: str) -> dict[str, str]:
        rows = self.connection.execute(f"DESCRIBE {self.dialect.quote(table)}").fetchall()
        return {row[0]: row[1] for row in rows}

    def drop(self, *names: str) -> None:
        for name in names:
            self.connection.execute(f"DROP TABLE IF EXISTS {self.dialect.quote(name)}")
