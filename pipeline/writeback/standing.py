"""The scores that stood in a target on a past day, as whoever called leads saw them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from features import UsageError
from pipeline.writeback.columns import CLOSED
from pipeline.writeback.names import TableNames
from pipeline.writeback.target import Target

_COLUMNS = ("lead_id", "as_of", "probability", "score", "rule_stage", "model_version")


class Standing:
    """Reads ``lead_scores_history`` of one project; nothing is written, and nothing made that is not there."""

    def __init__(self, target: Target, table: str, project: str) -> None:
        if target.kind not in ("duckdb", "postgresql"):
            raise UsageError(
                "past scores are not kept here",
                value=target.shown,
                why="a file holds the latest run alone, so nothing can be said of what became of earlier scores",
                fix="write to duckdb:///scores.duckdb or to PostgreSQL (scores.to, or --to)",
            )
        self._target, self._names, self._project = target, TableNames.parse(table), project

    def on(self, date: datetime) -> pd.DataFrame:
        """Of every lead that was open on a date, its score then: ``lead_id, as_of, probability, score, rule_stage,
        model_version``. Empty where nothing was written by then.

        Raises ``DataError`` or ``UnavailableError`` where the target cannot be read.
        """
        mark = "?" if self._target.kind == "duckdb" else "%s"
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

        rows = self._duckdb(statement, date) if mark == "?" else self._postgres(statement, date)
        frame = pd.DataFrame(rows, columns=list(_COLUMNS))
        as_of = pd.to_datetime(frame["as_of"], utc=True).dt.tz_localize(None)
        return frame.assign(as_of=as_of).astype({"probability": "float64", "score": "float64"})

    def _duckdb(self, statement: Any, date: datetime) -> list[tuple[Any, ...]]:
        import duckdb

        from features.engines.duckdb_connections import connect_closed
        from pipeline.writeback.duckdb import explained

        if not self._target.path.exists():
            return []
        try:
            with closing(connect_closed(self._target.path, read_only=True)) as connection:
                ((catalog,),) = connection.execute("SELECT current_database()").fetchall()
                names = replace(self._names, catalog=catalog)
                return connection.execute(statement(names), [date, self._project]).fetchall()
        except duckdb.CatalogException:
            return []  # nothing was written yet
        except (duckdb.Error, OSError) as error:
            raise explained(error, self._target.shown) from None

    def _postgres(self, statement: Any, date: datetime) -> list[tuple[Any, ...]]:
        import psycopg

        from pipeline.writeback.postgres import open_session
        from pipeline.writeback.postgres_errors import explained

        assert self._target.url is not None
        try:
            with open_session(self._target.url) as connection:
                return connection.execute(statement(self._names), [date, self._project]).fetchall()
        except psycopg.errors.UndefinedTable:
            return []
        except psycopg.Error as error:
            raise explained(error, self._target.url, self._target.shown, self._names) from None
