"""The few SQL functions that engines spell differently; everything else is written in the common dialect."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime, timedelta


class Dialect(ABC):
    """Each awkward function is one method that returns a SQL expression."""

    name: str

    @abstractmethod
    def quote(self, identifier: str) -> str:
        """An identifier, quoted so that any column name of a user is safe."""

    @abstractmethod
    def seconds_between(self, later: str, earlier: str) -> str:
        """Seconds from ``earlier`` to ``later`` as a double, exact to the microsecond."""

    @abstractmethod
    def minus(self, timestamp: str, length: timedelta) -> str:
        """``timestamp`` moved back by a fixed length (days are 24 hours: all time is UTC)."""

    @abstractmethod
    def day_number(self, timestamp: str) -> str:
        """Whole UTC days since 1970-01-01 as an integer."""

    def literal(self, value: str | float | int | bool | datetime | None) -> str:
        """A value as a SQL literal; the only way a value enters a statement.

        >>> DuckDBDialect().literal("O'Neil")
        "'O''Neil'"
        """
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, int | float):
            return repr(value)
        if isinstance(value, datetime):
            return f"TIMESTAMP '{value:%Y-%m-%d %H:%M:%S.%f}'"
        return "'" + value.replace("'", "''") + "'"


class DuckDBDialect(Dialect):
    """DuckDB 1 and 2."""

    name = "duckdb"

    def quote(self, identifier: str) -> str:
        return '"' + identifier.replace('"', '""') + '"'

    def seconds_between(self, later: str, earlier: str) -> str:
        return f"((epoch_us({later}) - epoch_us({earlier})) / 1000000.0::DOUBLE)"

    def minus(self, timestamp: str, length: timedelta) -> str:
        return f"({timestamp} - to_microseconds({length // timedelta(microseconds=1)}))"

    def day_number(self, timestamp: str) -> str:
        return f"CAST(floor(epoch_us({timestamp}) / 86400000000.0::DOUBLE) AS BIGINT)"
