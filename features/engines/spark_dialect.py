"""The dialect of Spark SQL; needs no Spark to be read, printed or tested."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from leadlens.features.engines.dialect import HASHES, CastTo, Dialect, interval_parts

# Unicode's category Zs; Spark's trim alone knows only the first of them.
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_MICROSECONDS = 1_000_000


class SparkDialect(Dialect):
    """Spark 4 in a session whose TIMESTAMP carries no zone, in ANSI mode (see ``leadlens.features.engines.spark``).

    Letters that Spark alone spells with two when capital (ligatures such as ``ﬁ``; not ``ß``) stay different.
    """

    name = "spark"
    text_type = "STRING"

    def quote(self, identifier: str) -> str:
        return "`" + identifier.replace("`", "``") + "`"

    def _text_literal(self, value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def try_cast(self, text: str, kind: CastTo) -> str:
        if kind != "number":
            return super().try_cast(text, kind)
        # Java reads "1d" and "1f" as numbers too.
        plain = f"NOT ({text} RLIKE '[dDfF][ ]*$' AND NOT {text} RLIKE '[iI][nN][fF][ ]*$')"
        return f"CASE WHEN {plain} THEN TRY_CAST({text} AS DOUBLE) END"

    def double_text(self, number: str) -> str:
        plain = f"regexp_replace(CAST(CAST({number} AS DECIMAL(38, 15)) AS STRING), '[.]?0+$', '')"
        return f"CASE WHEN abs({number}) >= 1e-4 AND abs({number}) < 1e15 THEN {plain} ELSE {self.text(number)} END"

    def microseconds(self, timestamp: str) -> str:
        return f"unix_micros(CAST({timestamp} AS TIMESTAMP_LTZ))"

    def from_microseconds(self, number: str) -> str:
        return f"CAST(timestamp_micros(CAST({number} AS BIGINT)) AS TIMESTAMP_NTZ)"

    def minus(self, timestamp: str, length: timedelta) -> str:
        sign, number, unit = interval_parts(length)
        if unit == "microseconds":
            return f"({timestamp} - {_interval(length)})"
        return f"({timestamp} {sign} INTERVAL '{number}' {unit.upper()})"

    def day_number(self, timestamp: str) -> str:
        return f"CAST(unix_date(CAST({timestamp} AS DATE)) AS BIGINT)"

    def weekday_of(self, timestamp: str) -> str:
        return f"CAST(weekday({timestamp}) + 1 AS BIGINT)"

    def timestamp_series(self, first: str, last: str, step: timedelta) -> str:
        # sequence() refuses to end before it begins.
        series = f"sequence({first}, {last}, {_interval(step)})"
        return f"SELECT explode(CASE WHEN {first} <= {last} THEN {series} END) AS as_of"

    def matches(self, text: str, pattern: str) -> str:
        return f"({text} RLIKE {self.literal(pattern)})"

    def like(self, text: str, pattern: str) -> str:
        return f"({text} LIKE {self.literal(pattern)} ESCAPE {self.literal(_unused(pattern))})"

    def ilike(self, text: str, pattern: str) -> str:
        small = self.lower(self.literal(pattern))
        return f"({self.lower(text)} LIKE {small} ESCAPE {self.literal(_unused(pattern))})"

    def lower(self, text: str) -> str:
        # Java reads the neighbours of a sigma, and turns the Turkish İ into two characters.
        return f"lower(translate({text}, 'İΣ', 'iσ'))"

    def upper(self, text: str) -> str:
        return f"upper(translate({text}, 'ß', 'ẞ'))"

    def trim(self, text: str) -> str:
        return f"trim(BOTH '{_SPACES}' FROM {text})"

    def hash_number(self, text: str) -> str:
        return f"(CAST(conv(substr(md5({text}), 1, 8), 16, 10) AS BIGINT) % {HASHES})"

    def row_for_each(self, values: Sequence[str]) -> str:
        return f"explode(array_compact(array({', '.join(values)})))"

    def sum_of(self, number: str) -> str:
        """In Spark's own order, so to about fifteen digits: a sorted sum would gather each group on one worker."""
        return f"sum({number})"

    def latest(self, value: str, at: str, where: str | None = None) -> str:
        order = f"named_struct('at', {at}, 'known', {value} IS NOT NULL, 'value', {value})"
        kept = f" FILTER (WHERE {where})" if where else ""
        return f"((max_by(named_struct('value', {value}), {order}){kept}).value)"


def _interval(length: timedelta) -> str:
    micros = length // timedelta(microseconds=1)
    sign, whole = ("-" if micros < 0 else ""), abs(micros)
    return f"INTERVAL '{sign}{whole // _MICROSECONDS}.{whole % _MICROSECONDS:06d}' SECOND"


def _unused(pattern: str) -> str:
    """An escape character that is not in the pattern: nothing is escaped."""
    signs = (chr(code) for code in range(ord("!"), 0x3000))
    return next(sign for sign in signs if sign not in pattern and sign not in "%_" and not sign.isalnum())
