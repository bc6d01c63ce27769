"""The dialect of PostgreSQL: for statements that people run in their own warehouse."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

from leadlens.features.engines.dialect import HASHES, CastTo, Dialect, interval_parts
from leadlens.features.errors import UsageError

# Unicode's category Zs; PostgreSQL's trim alone knows only the first of them.
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_TIMESTAMP = "^[ ]*[0-9]{4,6}-[0-9]{1,2}-[0-9]{1,2}"


class PostgresDialect(Dialect):
    """PostgreSQL 16 or later (``pg_input_is_valid``), with timestamps that carry no zone.

    No engine of ours runs it: it is for SQL that is handed out. Which letters ``lower``, ``upper`` and ILIKE know
    follows the collation of the database: with ``C`` only those of ASCII. What is greater does not: texts are ordered by
    their bytes in any database. Where numbers leave the range of a double
    PostgreSQL raises an error, and the others go on with infinity.
    """

    name = "postgres"
    text_type = "TEXT"
    double_type = "DOUBLE PRECISION"

    def quote(self, identifier: str) -> str:
        return '"' + identifier.replace('"', '""') + '"'

    def _text_literal(self, value: str) -> str:
        if "\0" in value:
            raise UsageError(
                "PostgreSQL accepts no text with a NUL character", value=value, fix="remove the character"
            )
        plain = value.replace("'", "''")
        # E'…' means the same whatever standard_conforming_strings is set to
        return f"E'{plain}'".replace("\\", "\\\\") if "\\" in value else f"'{plain}'"

    def try_cast(self, text: str, kind: CastTo) -> str:
        kind_type = self.type_of(kind)
        if kind_type == self.text_type:
            return f"CAST({text} AS {kind_type})"
        cast = f"CAST({text} AS {kind_type})"
        valid = f"pg_input_is_valid({text}, '{kind_type.lower()}')"
        if kind == "time":
            # 'now', 'today' and 'infinity' are timestamps here
            valid = f"{text} ~ '{_TIMESTAMP}' AND {valid}"
        return f"CASE WHEN {valid} THEN {cast} END"

    def microseconds(self, timestamp: str) -> str:
        return f"CAST(extract(epoch FROM {timestamp}) * 1000000 AS BIGINT)"

    def from_microseconds(self, number: str) -> str:
        # in two parts, because an interval is multiplied as a double
        whole = f"({number}) / 86400000000 * INTERVAL '1 day'"
        return f"(TIMESTAMP '1970-01-01' + {whole} + ({number}) % 86400000000 * INTERVAL '1 microsecond')"

    def minus(self, timestamp: str, length: timedelta) -> str:
        sign, number, unit = interval_parts(length)
        return f"({timestamp} {sign} INTERVAL '{number} {unit}')"

    def day_number(self, timestamp: str) -> str:
        return f"CAST(CAST({timestamp} AS DATE) - DATE '1970-01-01' AS BIGINT)"

    def weekday_of(self, timestamp: str) -> str:
        return f"CAST(extract(isodow FROM {timestamp}) AS BIGINT)"

    def hour_of(self, timestamp: str) -> str:
        return f"CAST(extract(hour FROM {timestamp}) AS BIGINT)"

    def timestamp_series(self, first: str, last: str, step: timedelta) -> str:
        _, number, unit = interval_parts(step)
        return f"SELECT generate_series({first}, {last}, INTERVAL '{number} {unit}') AS as_of"

    def rounded(self, number: str, decimals: int) -> str:
        # doubles are rounded to whole numbers only; NUMERIC keeps the first 15 digits of a double
        return f"CAST(round(CAST({number} AS NUMERIC), {decimals}) AS {self.double_type})"

    def power(self, base: str, exponent: str) -> str:
        """``base`` (above 0) to the ``exponent``; what is too small for a double is 0."""
        small = f"({exponent}) * ln({self.as_double(base)}) < -690"
        return f"CASE WHEN {small} THEN 0 ELSE {super().power(base, exponent)} END"

    def hash_number(self, text: str) -> str:
        return f"(CAST(CAST('x' || substr(md5({text}), 1, 8) AS BIT(32)) AS BIGINT) % {HASHES})"

    def matches(self, text: str, pattern: str) -> str:
        return f"({text} ~ {self.literal(_with_word_ends(pattern))})"

    def extract(self, text: str, pattern: str) -> str:
        match = f"regexp_match({text}, {self.literal(_with_word_ends(pattern))})"
        return f"CASE WHEN {text} IS NOT NULL THEN coalesce(({match})[1], '') END"

    def like(self, text: str, pattern: str) -> str:
        return f"({text} LIKE {self.literal(pattern)} ESCAPE '')"

    def ilike(self, text: str, pattern: str) -> str:
        return f"({text} ILIKE {self.literal(pattern)} ESCAPE '')"

    def lower(self, text: str) -> str:
        # as in Spark: some collations read the neighbours of a sigma, and some make two letters of one
        return f"lower(translate({text}, 'İΣ', 'iσ'))"

    def upper(self, text: str) -> str:
        return f"upper(translate({text}, 'ß', 'ẞ'))"

    def ordered(self, text: str) -> str:
        return f'{text} COLLATE "C"'

    def trim(self, text: str) -> str:
        return f"trim(BOTH '{_SPACES}' FROM {text})"

    def row_for_each(self, values: Sequence[str]) -> str:
        return f"unnest(array_remove(ARRAY[{', '.join(values)}], NULL))"

    def latest(self, value: str, at: str, where: str | None = None) -> str:
        """Of equal ``at``, the value whose text sorts last, by its bytes."""
        order = f"{at} DESC, {self.ordered(self.text(value))} DESC NULLS LAST"
        kept = f" FILTER (WHERE {where})" if where else ""
        return f"(array_agg({value} ORDER BY {order}){kept})[1]"

    def bit_count(self, number: str) -> str:
        return f"bit_count(CAST({number} AS BIT(64)))"


def _with_word_ends(pattern: str) -> str:
    r"""``\b`` is a backspace here, and ``\y`` the end of a word."""
    return re.sub(r"\\(.)", lambda match: r"\y" if match[1] == "b" else match[0], pattern)
