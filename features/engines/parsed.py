"""SQL that is run again and again, parsed once."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import duckdb

_LONGEST = 200_000  # characters; what names thousands of leads does not come again


class ParsedSql:
    """The ``most`` statements that were asked for last, for any number of connections and threads.

    To parse a SELECT of some hundred columns takes a third of the time that it takes over a single row.
    """

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._parsed: OrderedDict[str, duckdb.Statement] = OrderedDict()

    def statement(self, connection: duckdb.DuckDBPyConnection, sql: str) -> str | duckdb.Statement:
        """What to execute: a single statement that is parsed already, or else the text. Raises DuckDB's error for what is no SQL."""
        if len(sql) > _LONGEST:
            return sql
        with self._lock:
            known = self._parsed.pop(sql, None)
            if known is not None:
                self._parsed[sql] = known
                return known
        statements = connection.extract_statements(sql)
        if len(statements) != 1:
            return sql
        (parsed,) = statements
        with self._lock:
            self._parsed[sql] = parsed
            if len(self._parsed) > self._most:
                self._parsed.popitem(last=False)
        return parsed
