"""The scores that stood in a target on a past day, as whoever called leads saw them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from leadlens.features import UsageError
from leadlens.pipeline.writeback.columns import CLOSED
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.target import Target

_COLUMNS = ("lead_id", "as_of", "probability", "score", "rule_stage", "model_version")
_Statement = Callable[[TableNames], str]


class Standing:
    """Reads ``lead_scores_history`` of one project; nothing is written, and nothing made that is not there."""

    def __init__(self, target: Target, table: str, project: str, *, known: Iterable[str] = ()) -> None:
        """``known``: targets that the project's scores were written to, for whoever mistypes one."""
        if target.kind not in ("duckdb", "postgresql"):
            raise UsageError(
                "past scores are not kept here",
                value=target.shown,
                why="a file holds the latest run alone, so nothing can be said of what became of earlier scores",
                fix="write to duckdb:///scores.duckdb or to PostgreSQL (scores.to, or --to)",
            )
        self._target, self._names, self._project = target, TableNames.parse(table), project
        self._known = sorted(set(known) - {target.shown})

    def dates(self, until: datetime) -> tuple[datetime | None, datetime]:
        """The latest as-of date that was written, of those by ``until`` (``None``: all are later) and of all.

        Raises ``UsageError`` where no score of the project was ever written to the target, or there is no such target:
        of nothing, no alarm would ever come.
        """
        mark = self._mark
        ((latest, newest),) = self._read(
            lambda names: (
                f"""
                SELECT max(as_of) FILTER (WHERE as_of <= {mark}), max(as_of)
                FROM {names.history}
                WHERE split_part(model_version, '/', 1) = {mark}
            """
            ),
            until,
        )
        if newest is None:
            raise self._nothing(f"no score of {self._project} was ever written here")
        return None if latest is None else _utc(latest), _utc(newest)

    def on(self, date: datetime) -> pd.DataFrame:
        """Of every lead that was open on a date, its score then: ``lead_id, as_of, probability, score, rule_stage,
        model_version``. Empty where nothing was written by then.

        Raises ``UsageError`` where there is no history of scores, ``DataError`` or ``UnavailableError`` where the target
        cannot be read.
        """
        mark = self._mark
        wanted = ", ".join(_COLUMNS)

        def statement(names: TableNames) -> str:
            return f"""
                SELECT {wanted}
                FROM (
                  SELECT {wanted}, status,
                    row_number() OVER (PARTITION BY lead_id ORDER BY as_of DESC, run_id DESC) AS place
                  FROM {names.history}
                  WHERE as_of <= {mark} AND split_part(model_version, '/', 1) = {mark}
                ) AS latest
                WHERE place = 1 AND coalesce(status, '') <> '{CLOSED}'
                ORDER BY lead_id
            """

        frame = pd.DataFrame(self._read(statement, date), columns=list(_COLUMNS))
        as_of = pd.to_datetime(frame["as_of"], utc=True).dt.tz_localize(None)
        return frame.assign(as_of=as_of).astype({"probability": "float64", "score": "float64"})

    @property
    def _mark(self) -> str:
        return "?" if self._target.kind == "duckdb" else "%s"

    def _nothing(self, what: str) -> UsageError:
        return UsageError(
            what,
            value=self._target.shown,
            why="without scores that were written there is nothing to watch, and no alarm would ever be raised",
            known=self._known,
            fix="name the target that `leadlens score` writes to (scores.to, or --to), or score first",
            where="target",
        )

    def _no_history(self) -> UsageError:
        return self._nothing(f"there is no table {self._names.plain}_history in this database")

    def _read(self, statement: _Statement, date: datetime) -> list[tuple[Any, ...]]:
        return (self._duckdb if self._target.kind == "duckdb" else self._postgres)(statement, date)

    def _duckdb(self, statement: _Statement, date: datetime) -> list[tuple[Any, ...]]:
        import duckdb

        from leadlens.features.engines.duckdb_connections import connect_closed
        from leadlens.pipeline.writeback.duckdb import explained

        if not self._target.path.exists():
            raise self._nothing("there is no such file")
        try:
            with closing(connect_closed(self._target.path, read_only=True)) as connection:
                ((catalog,),) = connection.execute("SELECT current_database()").fetchall()
                names = replace(self._names, catalog=catalog)
                return connection.execute(statement(names), [date, self._project]).fetchall()
        except duckdb.CatalogException:
            raise self._no_history() from None
        except (duckdb.Error, OSError) as error:
            raise explained(error, self._target.shown) from None

    def _postgres(self, statement: _Statement, date: datetime) -> list[tuple[Any, ...]]:
        import psycopg

        from leadlens.pipeline.writeback.postgres import open_session
        from leadlens.pipeline.writeback.postgres_errors import explained

        assert self._target.url is not None
        try:
            with open_session(self._target.url) as connection:
                return connection.execute(statement(self._names), [date, self._project]).fetchall()
        except psycopg.errors.UndefinedTable:
            raise self._no_history() from None
        except psycopg.Error as error:
            raise explained(error, self._target.url, self._target.shown, self._names) from None


def _utc(stamp: Any) -> datetime:
    """Naive, as times are everywhere else, whatever the time zone of the session."""
    return pd.to_datetime(stamp, utc=True).tz_localize(None).to_pydatetime()  # type: ignore[no-any-return]
