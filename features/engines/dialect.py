"""The SQL that engines spell differently, one method each; everything else is written in the common dialect."""

from __future__ import annotations

import glob
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

CastTo = Literal["number", "category", "boolean", "time", "text"]
HASHES = 1_000_000
_MICROSECOND = timedelta(microseconds=1)


class Dialect(ABC):
    """Each method takes SQL expressions (where it does not say "a value") and returns a SQL expression.

    Common to all engines, and so written plainly: ``CAST(x AS DOUBLE | BIGINT | BOOLEAN | TIMESTAMP)``, CASE,
    ``coalesce``, ``nullif``, ``greatest`` and ``least`` (NULLs are ignored), ``round``, ``abs``, ``floor``,
    ``power``, ``sqrt``, ``ln``, ``exp``, ``min``, ``max``, ``count(DISTINCT x)``, ``avg``,
    ``… FILTER (WHERE …)``, ``row_number() OVER``, ``VALUES``, ``EXISTS``, ``UNION ALL``.
    To write with care: ``sum`` of integers is widened by DuckDB, so ``CAST(sum(x) AS BIGINT)``; ``x / y`` needs
    ``nullif(y, 0)``; an untyped NULL needs a cast; ``ORDER BY`` says NULLS FIRST or LAST where NULLs occur;
    ``CAST(x AS BIGINT)`` of a double rounds here and cuts there, so ``round(x)`` first; ``concat`` with NULL
    differs, as does everything about time: use the methods.
    """

    name: str
    text_type: str
    double_type: str = "DOUBLE"

    @abstractmethod
    def quote(self, identifier: str) -> str:
        """An identifier (a value), quoted so that any column name of a user is safe."""

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
        return self._text_literal(value)

    def _text_literal(self, value: str) -> str:
        return "'" + value.replace("'", "''") + "'"

    # --- types

    def as_double(self, number: str | float | None) -> str:
        """A number as a double: an expression, or a value (NULL for None). Statements that are handed out for
        other databases use this, the others may write ``CAST(x AS DOUBLE)``."""
        written = number if isinstance(number, str) else self.literal(number)
        return f"CAST({written} AS {self.double_type})"

    def text(self, value: str) -> str:
        """A category, boolean, whole number or timestamp as text."""
        return f"CAST({value} AS {self.text_type})"

    def type_of(self, kind: CastTo) -> str:
        """The SQL type of a kind of column (a value)."""
        types = {"number": self.double_type, "boolean": "BOOLEAN", "time": "TIMESTAMP"}
        return types.get(kind, self.text_type)

    def double_text(self, number: str) -> str:
        """A double as text, without an exponent from 0.0001 to 1e15."""
        return self.text(number)

    def try_cast(self, text: str, kind: CastTo) -> str:
        """Text as a kind of column (a value), NULL where it does not fit."""
        return f"TRY_CAST({text} AS {self.type_of(kind)})"

    # --- time

    @abstractmethod
    def microseconds(self, timestamp: str) -> str:
        """Microseconds since 1970-01-01 as BIGINT."""

    @abstractmethod
    def from_microseconds(self, number: str) -> str:
        """The inverse of ``microseconds``."""

    @abstractmethod
    def minus(self, timestamp: str, length: timedelta) -> str:
        """``timestamp`` moved back by a fixed length, a value (days are 24 hours: all time is UTC)."""

    @abstractmethod
    def day_number(self, timestamp: str) -> str:
        """Whole UTC days since 1970-01-01 as BIGINT."""

    @abstractmethod
    def weekday_of(self, timestamp: str) -> str:
        """1 = Monday … 7 = Sunday as BIGINT."""

    @abstractmethod
    def timestamp_series(self, first: str, last: str, step: timedelta) -> str:
        """A SELECT of one column ``as_of``: ``first``, ``first + step`` (a value), … not beyond ``last``."""

    def seconds_between(self, later: str, earlier: str) -> str:
        """Seconds from ``earlier`` to ``later`` as a double, exact to the microsecond."""
        between = f"{self.microseconds(later)} - {self.microseconds(earlier)}"
        return f"(({between}) / {self.as_double(1_000_000)})"

    def plus(self, timestamp: str, length: timedelta) -> str:
        """``timestamp`` moved on by a fixed length, a value."""
        return self.minus(timestamp, -length)

    def hour_of(self, timestamp: str) -> str:
        """The UTC hour, 0 … 23, as BIGINT."""
        return f"CAST(hour({timestamp}) AS BIGINT)"

    def start_of_day(self, timestamp: str) -> str:
        """Midnight (UTC) of the timestamp's day."""
        return f"CAST(CAST({timestamp} AS DATE) AS TIMESTAMP)"

    # --- numbers and text

    def rounded(self, number: str, decimals: int) -> str:
        """A double cut to so many decimals (a value), halves away from zero."""
        return f"round({number}, {decimals})"

    def power(self, base: str, exponent: str) -> str:
        """``base`` to the ``exponent`` as a double."""
        return f"power({self.as_double(base)}, {self.as_double(exponent)})"

    @abstractmethod
    def hash_number(self, text: str) -> str:
        """A number 0 … 999,999 (BIGINT) that looks random, and is the same wherever it is computed."""

    @abstractmethod
    def matches(self, text: str, pattern: str) -> str:
        """Whether a regular expression (a value; ASCII classes, no look-around) is found in the text."""

    def extract(self, text: str, pattern: str) -> str:
        """The first group of a regular expression (a value) in the text, ``''`` where it is not found."""
        return f"regexp_extract({text}, {self.literal(pattern)}, 1)"

    @abstractmethod
    def like(self, text: str, pattern: str) -> str:
        """LIKE with a pattern of ``%`` and ``_`` (a value); a backslash is a backslash."""

    @abstractmethod
    def ilike(self, text: str, pattern: str) -> str:
        """The same, regardless of case."""

    def lower(self, text: str) -> str:
        """Small letters, each character by itself."""
        return f"lower({text})"

    def upper(self, text: str) -> str:
        """Capital letters, each character by itself."""
        return f"upper({text})"

    def ordered(self, text: str) -> str:
        """A text that is about to be compared by order, which is that of its bytes."""
        return text

    def trim(self, text: str) -> str:
        """Without the spaces (Unicode's space separators) at both ends."""
        return f"trim({text})"

    @abstractmethod
    def row_for_each(self, values: Sequence[str]) -> str:
        """In a SELECT: one row for each of the values that is not NULL, and none where all are NULL."""

    # --- aggregates

    @abstractmethod
    def latest(self, value: str, at: str, where: str | None = None) -> str:
        """The value with the greatest ``at``, a NULL value too; of equal ``at``, the value that sorts last
        (NULL first). ``where`` leaves rows out; NULL when none is left."""

    def sum_of(self, number: str) -> str:
        """The sum of doubles: to the last bit the same in whatever order the rows come.

        Doubles do not add up alike in every order, so equal histories would differ by how they were read.
        """
        return f"sum({number} ORDER BY {number})"

    def bool_or(self, condition: str) -> str:
        """Whether it holds for any row; NULL without rows."""
        return f"bool_or({condition})"

    def bit_or(self, number: str) -> str:
        """All bits that are set in any row (BIGINT)."""
        return f"bit_or({number})"

    def bit_count(self, number: str) -> str:
        """How many bits are set, as BIGINT."""
        return f"CAST(bit_count({number}) AS BIGINT)"


class DuckDBDialect(Dialect):
    """DuckDB 2."""

    name = "duckdb"
    text_type = "VARCHAR"

    def quote(self, identifier: str) -> str:
        return '"' + identifier.replace('"', '""') + '"'

    def parquet(self, *paths: str, options: str = "") -> str:
        """A FROM of the rows of Parquet files; names are taken literally: a star is a star, and no folder ``country=DE`` makes a column."""
        names = ", ".join(self.literal(glob.escape(path)) for path in paths)
        return f"read_parquet([{names}], hive_partitioning = false{options})"

    def microseconds(self, timestamp: str) -> str:
        return f"epoch_us({timestamp})"

    def from_microseconds(self, number: str) -> str:
        return f"make_timestamp(CAST({number} AS BIGINT))"

    def minus(self, timestamp: str, length: timedelta) -> str:
        sign, number, unit = interval_parts(length)
        return f"({timestamp} {sign} INTERVAL '{number} {unit}')"

    def day_number(self, timestamp: str) -> str:
        return f"CAST(floor(epoch_us({timestamp}) / CAST(86400000000 AS DOUBLE)) AS BIGINT)"

    def weekday_of(self, timestamp: str) -> str:
        return f"CAST(isodow({timestamp}) AS BIGINT)"

    def timestamp_series(self, first: str, last: str, step: timedelta) -> str:
        return f"SELECT unnest(generate_series({first}, {last}, to_microseconds({step // _MICROSECOND}))) AS as_of"

    def matches(self, text: str, pattern: str) -> str:
        return f"regexp_matches({text}, {self.literal(pattern)})"

    def like(self, text: str, pattern: str) -> str:
        return f"({text} LIKE {self.literal(pattern)})"

    def ilike(self, text: str, pattern: str) -> str:
        return f"({text} ILIKE {self.literal(pattern)})"

    def hash_number(self, text: str) -> str:
        return f"(CAST('0x' || substr(md5({text}), 1, 8) AS BIGINT) % {HASHES})"

    def row_for_each(self, values: Sequence[str]) -> str:
        return f"unnest(list_filter([{', '.join(values)}], lambda x: x IS NOT NULL))"

    def latest(self, value: str, at: str, where: str | None = None) -> str:
        # Both in a struct: a bare NULL would be passed over.
        order = f"struct_pack(at := {at}, known := {value} IS NOT NULL, value := {value})"
        kept = f" FILTER (WHERE {where})" if where else ""
        return f"((max_by(struct_pack(value := {value}), {order}){kept}).value)"


def interval_parts(length: timedelta) -> tuple[str, int, str]:
    """How a length is taken off: the sign, and a number of the largest unit that holds it exactly.

    >>> interval_parts(timedelta(days=30))
    ('-', 30, 'days')
    >>> interval_parts(timedelta(hours=-36))
    ('+', 36, 'hours')
    """
    sign, size = ("+", -length) if length < timedelta(0) else ("-", length)
    units = (("days", timedelta(days=1)), ("hours", timedelta(hours=1)), ("seconds", timedelta(seconds=1)))
    for unit, one in units:
        if not size % one:
            return sign, size // one, unit
    return sign, size // _MICROSECOND, "microseconds"
