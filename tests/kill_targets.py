"""Where a run that is killed writes to: kept as one night left it, put back, and looked at as readers do."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb
import psycopg

from tests.pipeline.postgres import DATABASE, PostgresServer

TABLES = ("lead_scores", "lead_scores_history", "scoring_runs")
_LEAD = "concat_ws('|', lead_id, score, probability, grade, reasons_text, {}, {})"
# In one statement, so of one instant: what the view, the table and the history show.
_LOOK = f"""
    SELECT
        (SELECT md5(string_agg({_LEAD.format("'open'", "confirmed_as_of")}, '/' ORDER BY lead_id)) FROM open_lead_scores),
        (SELECT md5(string_agg({_LEAD.format("status", "closed_reason")}, '/' ORDER BY lead_id)) FROM lead_scores),
        (SELECT count(*) FROM lead_scores_history)
"""
_ROWS = (
    "SELECT lead_id, status, closed_reason, score, probability, grade, reasons_text, as_of FROM lead_scores"
)
_HISTORY = "SELECT lead_id, change, status, closed_reason, score, probability, as_of FROM lead_scores_history"
_RUNS = "SELECT run_id, status FROM scoring_runs"

Look = tuple[Any, ...]


@dataclass(frozen=True)
class Contents:
    """All that is there but for times and ids of runs: rows with how often they are there."""

    rows: Counter[tuple[Any, ...]]
    history: Counter[tuple[Any, ...]]


class KillTarget(Protocol):
    """One kind of target. ``to`` is what ``--to`` is given."""

    name: str
    to: str

    def keep(self) -> None:
        """Remember what is there now."""

    def restore(self) -> None:
        """Put back what was kept."""

    def contents(self) -> Contents: ...

    def runs(self) -> dict[str, str] | None:
        """The status of each run; ``None`` where the target has no such table."""

    def look(self) -> Look:
        """As a reader does; raises ``LookError`` where it cannot be read now."""

    def left(self) -> list[str]:
        """Files beside it that should not be there."""


class LookError(Exception):
    """It cannot be read now: the server is down, or the file is open elsewhere."""


class PostgresTarget:
    """The tables in the database ``crm`` of a server."""

    name = "PostgreSQL"

    def __init__(self, server: PostgresServer) -> None:
        self.server, self.to = server, server.url(DATABASE)
        self._reader: psycopg.Connection[tuple[Any, ...]] | None = None

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.to, autocommit=True, options="-c timezone=UTC") as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def keep(self) -> None:
        self.query("CREATE SCHEMA kept;" + "".join(f"CREATE TABLE kept.{t} AS TABLE {t};" for t in TABLES))

    def restore(self) -> None:
        copies = "".join(f"INSERT INTO {t} SELECT * FROM kept.{t};" for t in TABLES)
        self.query(f"BEGIN; TRUNCATE {', '.join(TABLES)}; {copies} COMMIT")

    def contents(self) -> Contents:
        return Contents(Counter(self.query(_ROWS)), Counter(self.query(_HISTORY)))

    def runs(self) -> dict[str, str]:
        return dict(self.query(_RUNS))

    def look(self) -> Look:
        try:
            if self._reader is None:
                self._reader = psycopg.connect(self.to, autocommit=True, options="-c timezone=UTC")
            return self._reader.execute(_LOOK).fetchall()[0]
        except psycopg.OperationalError as error:
            self._reader = None
            raise LookError(str(error)) from None

    def left(self) -> list[str]:
        return []

    @contextmanager
    def full_disk(self, lead: str) -> Iterator[None]:
        """The server has no room for the change of this lead: the error that it gives, not a disk that is full."""
        self.query(f"""
            CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER full_disk BEFORE INSERT ON lead_scores_history FOR EACH ROW
                WHEN (new.lead_id = '{lead}') EXECUTE FUNCTION full_disk()
        """)
        try:
            yield
        finally:
            self.query("DROP FUNCTION full_disk CASCADE")


class FileTarget:
    """A file: put back as a copy."""

    def __init__(self, path: Path) -> None:
        self.path, self.to, self._kept = path, str(path), path.parent / "kept" / path.name
        self.name = path.suffix[1:]

    def keep(self) -> None:
        self._kept.parent.mkdir(exist_ok=True)
        shutil.copy2(self.path, self._kept)

    def restore(self) -> None:
        for path in self.path.parent.iterdir():
            if path != self._kept.parent:
                path.unlink()
        shutil.copy2(self._kept, self.path)

    def contents(self) -> Contents:
        try:
            return Contents(Counter(self._rows()), Counter())
        except duckdb.Error as error:  # half of a file
            return Contents(Counter([(str(error),)]), Counter())

    def runs(self) -> dict[str, str] | None:
        return None

    def look(self) -> Look:
        rows = self._rows()
        return len(rows), hash(tuple(rows))

    def left(self) -> list[str]:
        own = (self.path, self._kept.parent)
        return sorted(path.name for path in self.path.parent.iterdir() if path not in own)

    def _rows(self) -> list[tuple[Any, ...]]:
        read = "read_parquet" if self.path.suffix == ".parquet" else "read_csv"
        with duckdb.connect() as connection:
            found = connection.execute(
                f"SELECT lead_id, score, probability, grade, reasons_text, as_of FROM {read}(?) ORDER BY lead_id",
                [str(self.path)],
            )
            return found.fetchall()


class DuckDBTarget(FileTarget):
    """A DuckDB file: readers wait while a run has it open, and a run waits for readers."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.name, self.to = "DuckDB", f"duckdb:///{path}"

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        try:
            with duckdb.connect(str(self.path), read_only=True) as connection:
                return connection.execute(statement).fetchall()
        except duckdb.IOException as error:
            raise LookError(str(error)) from None

    def contents(self) -> Contents:
        return Contents(Counter(self.query(_ROWS)), Counter(self.query(_HISTORY)))

    def runs(self) -> dict[str, str]:
        return dict(self.query(_RUNS))

    def look(self) -> Look:
        return self.query(_LOOK)[0]
