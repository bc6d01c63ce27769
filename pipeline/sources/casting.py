"""From the user's column types to the contract's: ids as text, moments as UTC, numbers that are numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from features import DataError, Engine, Finding, UsageError
from features.history import Kind

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
            "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")  # fmt: skip
_MOSTLY = 0.95


@dataclass
class Caster:
    """Casts the columns of one raw table, and collects what the user should know about them."""

    engine: Engine
    table: str
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.raw = f"raw_{self.table}"
        self.types = self.engine.columns(self.raw)

    def quote(self, column: str) -> str:
        return self.engine.dialect.quote(column)

    def identifier(self, column: str) -> str:
        """SQL of an id as text: whole numbers written without a decimal point, spaces trimmed, '' is NULL."""
        name = self.quote(column)
        if self.types[column] in ("DOUBLE", "FLOAT"):
            # An integer column with gaps arrives as floating point; 12.0 and "12" must stay the same lead.
            return f"CASE WHEN {name} = floor({name}) THEN CAST(CAST({name} AS HUGEINT) AS VARCHAR) ELSE CAST({name} AS VARCHAR) END"
        return f"nullif(trim(CAST({name} AS VARCHAR)), '')"

    def moment(self, column: str) -> str:
        """SQL of a moment in UTC without a zone; text is parsed, and what cannot be parsed is an error."""
        name, kind = self.quote(column), self.types[column]
        if kind == "TIMESTAMP WITH TIME ZONE":
            return f"CAST({name} AT TIME ZONE 'UTC' AS TIMESTAMP)"
        if kind.startswith("TIMESTAMP") or kind == "DATE":
            return f"CAST({name} AS TIMESTAMP)"
        if kind == "VARCHAR":
            parsed = (
                f"CAST(TRY_CAST(nullif(trim({name}), '') AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP)"
            )
            self._refuse_unparsed(column, parsed)
            self._warn_mixed_zones(column)
            return parsed
        if self._all_null(column):
            return "CAST(NULL AS TIMESTAMP)"
        raise UsageError(
            f"{self.table}.{column} is not a moment but {kind}",
            value=self.engine.value(f"SELECT min({name}) FROM {self.raw}"),
            where=f"data.{self.table}",
            fix="turn it into one in `query`, e.g. SELECT *, to_timestamp(ts / 1000.0) AS occurred_at FROM source",
        )

    def number(self, column: str) -> str:
        """SQL of a finite number; infinity and NaN become NULL and are told."""
        name, kind = self.quote(column), self.types[column]
        if kind == "BOOLEAN":
            return f"CAST({name} AS DOUBLE)"
        cast = f"TRY_CAST({name} AS DOUBLE)"
        odd = self._count(f"NOT isfinite({cast})")
        if odd:
            self._warn(
                "not-finite",
                f"{self.table}.{column}: {odd:,} values are NaN or infinite; read as unknown",
                odd,
            )
        return f"CASE WHEN isfinite({cast}) THEN {cast} END"

    def attribute(self, column: str) -> tuple[str, Kind]:
        """SQL and kind of a column of the user's own."""
        name, kind = self.quote(column), self.types[column]
        if kind == "BOOLEAN":
            return name, "boolean"
        if kind.startswith(_NUMBERS):
            return self.number(column), "number"
        if kind.startswith("TIMESTAMP") or kind == "DATE":
            return self.moment(column), "time"
        if kind == "VARCHAR":
            return self._text(column)
        return f"CAST({name} AS VARCHAR)", "category"

    def _text(self, column: str) -> tuple[str, Kind]:
        name = self.quote(column)
        filled = f"nullif(trim({name}), '')"
        total = self._count(f"{filled} IS NOT NULL")
        numeric = self._count(f"TRY_CAST({filled} AS DOUBLE) IS NOT NULL")
        distinct = int(self._value(f"count(DISTINCT {filled})"))
        # A code such as a postcode stays text: leading zeros would be lost.
        coded = self._count(f"regexp_matches({filled}, '^0[0-9]')") > 0
        if total and numeric == total and not coded:
            return self.number(column), "number"
        if total and not coded and numeric >= _MOSTLY * total and distinct > 10:
            bad = self.engine.frame(
                f"SELECT DISTINCT {filled} AS v FROM {self.raw} WHERE {filled} IS NOT NULL "
                f"AND TRY_CAST({filled} AS DOUBLE) IS NULL ORDER BY v LIMIT 3"
            )["v"]
            self._warn(
                "text-in-number",
                f"{self.table}.{column} holds numbers, but {total - numeric:,} values are text "
                f"({', '.join(map(repr, bad))}); read as unknown. Name them under `missing` to say so",
                total - numeric,
            )
            return self.number(column), "number"
        return filled, "category" if distinct <= max(50, total // 10) else "text"

    def _refuse_unparsed(self, column: str, parsed: str) -> None:
        name = self.quote(column)
        condition = f"nullif(trim({name}), '') IS NOT NULL AND {parsed} IS NULL"
        bad = self._count(condition)
        if bad:
            example = self.engine.value(f"SELECT min({name}) FROM {self.raw} WHERE {condition}")
            raise DataError(
                f"{bad:,} of {self._value('count(*)'):,} values of {self.table}.{column} are not moments",
                value=example,
                where=f"data.{self.table}",
                why="a row without its moment cannot be placed in time, and guessing would leak",
                fix="write 2026-01-31 or 2026-01-31T09:30:00+01:00, or convert it in `query` with strptime(…)",
            )

    def _warn_mixed_zones(self, column: str) -> None:
        name = self.quote(column)
        zoned = self._count(
            f"regexp_matches(trim({name}), '([+-][0-9]{{2}}(:?[0-9]{{2}})?|Z)$') AND length(trim({name})) > 10"
        )
        bare = self._count(f"nullif(trim({name}), '') IS NOT NULL") - zoned
        if zoned and bare:
            self._warn(
                "mixed-zones",
                f"{self.table}.{column}: {zoned:,} moments carry a time zone and {bare:,} do not; those are read as UTC",
                bare,
            )

    def _all_null(self, column: str) -> bool:
        return self._count(f"{self.quote(column)} IS NOT NULL") == 0

    def _count(self, condition: str) -> int:
        return int(self._value(f"count(*) FILTER (WHERE {condition})"))

    def _value(self, expression: str) -> int:
        return int(self.engine.value(f"SELECT {expression} FROM {self.raw}") or 0)

    def _warn(self, code: str, message: str, count: int) -> None:
        self.findings.append(Finding(code, message, "warning", count))
