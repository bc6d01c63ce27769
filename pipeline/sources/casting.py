"""Cast the user's column types to the contract's: ids to text, timestamps to UTC, numbers to finite numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from leadlens.features import DataError, DuckDBEngine, Finding, LeadlensError, UsageError
from leadlens.features.errors import counted, listed
from leadlens.features.history import Kind
from leadlens.pipeline.sources.contract import is_link
from leadlens.pipeline.sources.ids import id_text, trimmed
from leadlens.pipeline.sources.origins import SOURCE_NO, Origin
from leadlens.pipeline.sources.unknown_words import is_unknown, word_finding

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
            "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL")  # fmt: skip
_MOSTLY = 0.95
_ASKED_AT_ONCE = 200
_FIRST_ROWS = 10_000
LARGEST = "1e100"  # squares and sums of larger numbers overflow
EARLIEST, LATEST = "TIMESTAMP '1000-01-01'", "TIMESTAMP '9000-01-01'"
# Thousands in groups of three, one decimal mark, or a sign of what it is: "1.234,50 €" is a number, "+1 555 1000314" a phone.
_WRITTEN_NUMBER = (
    r"'^[^\w+]{0,2}[A-Z]{0,3}\s?-?([0-9]{1,3}([., \x{a0}\x{202f}''’][0-9]{3})+([.,][0-9]+)?|[0-9]+[.,][0-9]+([eE][+-]?[0-9]+)?)\s?[%A-Za-z€$£]{0,3}$"
    r"|^([$€£]\s?-?[0-9]+|-?[0-9]+\s?[%€$£])$'"
)

_WRITTEN_DATE = r"'^[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{2,4}( |,|$)'"
_DATED = re.compile(
    r"(?P<first>\d{1,2})(?P<mark>[./-])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})( (?P<clock>\d{1,2}(:\d{2})+))?$"
)
_WRITTEN_DAYS = (19_000_101, 21_001_231)
_SERIAL_DATES = (25_569, 73_051)  # 1970 to 2100, in days since the end of 1899


@dataclass
class Caster:
    """Casts the columns of one raw table, and collects findings about them.

    ``origins`` are the sources of the table; of several the raw table says in ``SOURCE_NO`` which a row is of, and what is wrong
    in rows of some is said of those.
    """

    engine: DuckDBEngine
    table: str
    where: str
    origins: Sequence[Origin] = ()
    findings: list[Finding] = field(default_factory=list)
    _asked: dict[str, str] | None = field(default=None, init=False)  # condition → column
    _answers: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.raw = f"raw_{self.table}"
        self.types = self.engine.columns(self.raw)
        self.types.pop(SOURCE_NO, None)

    def quote(self, column: str) -> str:
        return self.engine.dialect.quote(column)

    def own_name(self, column: str, condition: str = "TRUE") -> str:
        """The quoted name of a column before the mapping, as a query sees it; of several sources, of the first for which a
        condition holds.
        """
        own = self._sources_with(column, condition)
        return self.quote(own[0].columns.get(column, column) if own else column)

    def place(self, column: str, condition: str) -> str:
        """Where in the project file the source of the rows stands for which a condition on a column holds."""
        if len(self.origins) < 2:
            return self.where
        head, _, _ = self.where.partition(": ")
        return f"{head}: {listed(map(str, self._sources_with(column, condition)))}"

    def _of_which(self, column: str, condition: str) -> str:
        """“ in data.events.1 (Event.csv)”, where the table has several sources."""
        if len(self.origins) < 2 or self._asked is not None:
            return ""
        return f", in {listed(map(str, self._sources_with(column, condition)))}"

    def _sources_with(self, column: str, condition: str) -> Sequence[Origin]:
        if len(self.origins) < 2:
            return self.origins
        return [self.origins[number] for number in self._numbers_with(column, condition)]

    def _numbers_with(self, column: str, condition: str) -> list[int]:
        """The numbers of the sources that have rows for which a condition on ``column`` alone holds."""
        rows = self.engine.connection.execute(
            f"SELECT DISTINCT {SOURCE_NO} FROM {self.raw} WHERE {condition} ORDER BY 1"
        ).fetchall()
        return [row[0] for row in rows]

    def ask_ahead(self, cast: Callable[[], object]) -> None:
        """Count at once, in few scans, what ``cast`` will ask for one by one; what it finds is forgotten."""
        self._asked = {}
        with suppress(LeadlensError):  # it will be raised again, by then with true counts
            cast()
        asked, self._asked = self._asked, None
        self.findings.clear()
        by_value: dict[str, list[str]] = {name: [] for name in self._repetitive(set(asked.values()))}
        by_row = list[str]()
        for condition, column in asked.items():
            by_value.get(column, by_row).append(condition)
        for start in range(0, len(by_row), _ASKED_AT_ONCE):
            self._answer(by_row[start : start + _ASKED_AT_ONCE], "count(*)", self.raw)
        for column, conditions in by_value.items():
            name, rows = self.quote(column), self.quote(beside("rows", column))
            values = f"(SELECT {name}, count(*) AS {rows} FROM {self.raw} GROUP BY 1)"
            self._answer(conditions, f"sum({rows})", values)

    def _answer(self, conditions: Sequence[str], count: str, rows: str) -> None:
        """Count, in one scan of ``rows``, those for which each condition holds."""
        counts = ", ".join(
            f"coalesce({count} FILTER (WHERE {condition}), 0) AS c{place}"
            for place, condition in enumerate(conditions)
        )
        answers = self.engine.connection.execute(f"SELECT {counts} FROM {rows}").fetchall()[0]
        self._answers |= zip(conditions, map(int, answers), strict=True)

    def _repetitive(self, columns: set[str]) -> list[str]:
        """Text columns that repeat the same values in the first rows: of each value once is much quicker asked than of each row."""
        texts = [name for name in self.types if name in columns and self.types[name] == "VARCHAR"]
        if not texts or self.engine.count(self.raw) < _FIRST_ROWS:
            return []
        counts = ", ".join(f"count(DISTINCT {self.quote(name)})" for name in texts)
        first = f"(SELECT {', '.join(map(self.quote, texts))} FROM {self.raw} LIMIT {_FIRST_ROWS})"
        distinct = self.engine.connection.execute(f"SELECT {counts} FROM {first}").fetchall()[0]
        return [name for name, count in zip(texts, distinct, strict=True) if count <= _FIRST_ROWS // 10]

    def identifier(self, column: str) -> str:
        """SQL of an id as text: whole numbers without a decimal point, spaces trimmed, '' as NULL."""
        name, kind = self.quote(column), self.types[column]
        link = is_link(self.table, column)
        if kind in ("DOUBLE", "FLOAT") and link:
            self._refuse_rounded(column)
        # What only names something, such as a type of events, is text digit for digit.
        return id_text(name, kind) if link or kind != "VARCHAR" else trimmed(name)

    def timestamp(self, column: str) -> str:
        """SQL of a timestamp in UTC without a zone. Raises ``DataError`` for text that cannot be parsed."""
        name, kind = self.quote(column), self.types[column]
        if kind in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"):
            moment = f"CAST({name} AS TIMESTAMP WITH TIME ZONE)"  # nanoseconds are cut
            return self._plausible(column, f"CAST({moment} AT TIME ZONE 'UTC' AS TIMESTAMP)")
        if kind.startswith("TIMESTAMP") or kind == "DATE":
            return self._plausible(column, f"CAST({name} AS TIMESTAMP)")
        if kind == "VARCHAR":
            # DuckDB also parses words such as “now” and “infinity”, which are never data, and 28/01/24 as of the year 28.
            dated = f"CASE WHEN regexp_matches({name}, '^\\s*[0-9]{{4}}') THEN trim({name}) END"
            # It takes offsets neither after a space nor without a colon.
            dated = f"regexp_replace({dated}, '(:[0-9.]+) (Z|[+-][0-9:]{{2,6}})$', '\\1\\2')"
            dated = f"regexp_replace({dated}, '(:[0-9.]+[+-][0-9]{{2}})([0-9]{{2}})$', '\\1:\\2')"
            parsed = f"CAST(TRY_CAST({dated} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP)"
            self._refuse_abbreviations(column)
            self._refuse_unparsed(column, parsed)
            self._warn_mixed_zones(column)
            return self._plausible(column, parsed)
        if not self._count(column, f"{name} IS NOT NULL"):
            return "CAST(NULL AS TIMESTAMP)"
        raise UsageError(
            f"{self.table}.{column} holds {_humanize(kind)}, not timestamps",
            value=self.engine.value(f"SELECT min({name}) FROM {self.raw}"),
            where=self.where,
            fix=f"give it another name: columns: {{is_{column}: {column}}}"
            if kind == "BOOLEAN"
            else self._how_to_convert(name),
        )

    def _how_to_convert(self, name: str) -> str:
        """What makes timestamps of numbers, told by their size."""
        low, high = self.engine.frame(f"SELECT min({name}) AS low, max({name}) AS high FROM {self.raw}").iloc[
            0
        ]
        whole = f"CAST({name} AS BIGINT)"
        if _SERIAL_DATES[0] <= low and high <= _SERIAL_DATES[1]:
            what, read = "the days of a spreadsheet", f"to_timestamp(({name} - 25569) * 86400)"
        elif _WRITTEN_DAYS[0] <= low and high <= _WRITTEN_DAYS[1]:
            what, read = "days such as 20260131", f"strptime(CAST({whole} AS VARCHAR), '%Y%m%d')"
        elif high < 1e11:
            what, read = "seconds since 1970", f"to_timestamp({name})"
        elif high < 1e14:
            what, read = "milliseconds since 1970", f"epoch_ms({whole})"
        elif high < 1e17:
            what, read = "microseconds since 1970", f"make_timestamp({whole})"
        else:
            what, read = "nanoseconds since 1970", f"make_timestamp({whole} // 1000)"
        return f"these look like {what}; convert them in `query`: SELECT * REPLACE ({read} AS {name}) FROM source"

    def number(self, column: str) -> str:
        """SQL of a finite number; infinity and NaN become NULL, with a warning."""
        name, kind = self.quote(column), self.types[column]
        if kind == "BOOLEAN":
            return f"CAST({name} AS DOUBLE)"
        cast = f"TRY_CAST({name} AS DOUBLE)"
        usable = f"(isfinite({cast}) AND abs({cast}) <= {LARGEST})"
        odd = self._count(column, f"NOT {usable}")
        if odd:
            values = f"{counted(odd, 'value')} NaN, infinite or beyond {LARGEST}"
            of = self._of_which(column, f"NOT {usable}")
            self._warn("not-finite", f"{self.table}.{column}: {values}, read as missing{of}", odd)
        if kind == "VARCHAR":
            self._warn_text(column, cast)
        return f"CASE WHEN {usable} THEN {cast} END"

    def attribute(self, column: str) -> tuple[str, Kind]:
        """SQL and kind of a column outside the contract."""
        name, kind = self.quote(column), self.types[column]
        if kind == "BOOLEAN":
            return name, "boolean"
        if kind.startswith(_NUMBERS):
            return self.number(column), "number"
        if kind.startswith("TIMESTAMP") or kind == "DATE":
            return self.timestamp(column), "time"
        if kind == "VARCHAR":
            return self._text(column)
        return f"CAST({name} AS VARCHAR)", "category"

    def _text(self, column: str) -> tuple[str, Kind]:
        name = self.quote(column)
        filled = trimmed(name)
        total = self._count(column, f"{filled} IS NOT NULL AND NOT {is_unknown(filled, 'number')}")
        numeric = self._count(column, f"TRY_CAST({filled} AS DOUBLE) IS NOT NULL")
        distinct = self._distinct(column, filled)
        # Codes such as postcodes stay text, or they would lose their leading zeros.
        coded = self._count(column, f"regexp_matches({filled}, '^0[0-9]')") > 0
        few = numeric < total and distinct <= 10
        if total and not coded and not few and numeric >= _MOSTLY * total:
            return self.number(column), "number"
        written = self._count(column, f"regexp_matches({filled}, {_WRITTEN_NUMBER})")
        if not coded and distinct > 10 and written >= _MOSTLY * total:
            own = self.own_name(column, f"{filled} IS NOT NULL")
            self._warn(
                "number-as-text",
                f"{self.table}.{column} holds formatted numbers "
                f"({self._examples(column, 'TRUE')}), read as text. To read numbers, convert them in `query`: "
                f"SELECT * REPLACE ({self._as_number(column, filled)} AS {own}) FROM source",
                written,
            )
        self._warn_dates(column, filled, total)
        return filled, "category" if distinct <= max(50, total // 10) else "text"

    def _warn_dates(self, column: str, value: str, total: int) -> None:
        dated = self._count(column, f"regexp_matches({value}, {_WRITTEN_DATE})")
        if total and dated >= _MOSTLY * total:
            self._warn(
                "dates-as-text",
                f"{self.table}.{column} holds dates ({self._examples(column, 'TRUE')}), read as text: it is not clear which number is the "
                "day. Beside `read`: dates: day first, or month first",
                dated,
            )
        date = f"({value} LIKE '____-__-__%' AND TRY_CAST({value} AS TIMESTAMP) IS NOT NULL)"
        dates = self._count(column, date)
        if total and dates >= _MOSTLY * total:
            own, other = self.own_name(column, f"{value} IS NOT NULL"), f"{value} IS NOT NULL AND NOT {date}"
            beside = (
                f" and {counted(total - dates, 'value')} of other text ({self._examples(column, other)})"
                if dates < total
                else ""
            )
            self._warn(
                "dates-as-text",
                f"{self.table}.{column} holds dates ({self._examples(column, date)}){beside}, read as text. To read dates, convert them in "
                f"`query`: SELECT * REPLACE (TRY_CAST({own} AS TIMESTAMPTZ) AS {own}) FROM source",
                dates,
            )

    def _as_number(self, column: str, value: str) -> str:
        """SQL, for a `query`, of a number in the way in which most of these are written."""
        own = self.own_name(column, f"{value} IS NOT NULL")
        # the last mark is a comma, and what follows it are no thousands
        commas = self._count(
            column, f"regexp_matches({value}, '^[^,]*,([0-9]{{1,2}}|[0-9]{{4,}})[^0-9.,]*$')"
        )
        points = self._count(
            column, f"regexp_matches({value}, '^[^.]*[.]([0-9]{{1,2}}|[0-9]{{4,}})[^0-9.,]*$')"
        )
        powers = self._count(column, f"regexp_matches({value}, '[0-9][eE][+-]?[0-9]+$')")
        if powers:
            return f"CAST(replace({own}, ',', '.') AS DOUBLE)"
        if commas > points:
            return f"CAST(replace(regexp_replace({own}, '[^0-9,-]', '', 'g'), ',', '.') AS DOUBLE)"
        return f"CAST(regexp_replace({own}, '[^0-9.-]', '', 'g') AS DOUBLE)"

    def _warn_text(self, column: str, cast: str) -> None:
        value = f"trim({self.quote(column)})"
        words = is_unknown(value, "number")
        if self._count(column, words):
            self.findings.append(word_finding(f"{self.table}.{column}", self._each(column, words)))
        text = f"nullif({value}, '') IS NOT NULL AND {cast} IS NULL AND NOT {words}"
        if bad := self._count(column, text):
            self._warn(
                "text-in-number",
                f"{self.table}.{column} holds numbers and {counted(bad, 'value')} of text "
                f"({self._examples(column, text)}), read as missing{self._of_which(column, text)}. List such texts under `missing`",
                bad,
            )

    def _each(self, column: str, condition: str) -> dict[str, int]:
        """Rows of each value of a text column for which a condition on it holds."""
        value = f"trim({self.quote(column)})"
        sql = f"SELECT {value} AS v, count(*) AS n FROM {self.raw} WHERE {condition} GROUP BY 1"
        return dict(self.engine.frame(sql).itertuples(index=False, name=None))

    def _examples(self, column: str, condition: str) -> str:
        name = self.quote(column)
        values = self.engine.frame(f"""
            SELECT DISTINCT trim({name}) AS v
            FROM {self.raw}
            WHERE {name} IS NOT NULL AND {condition}
            ORDER BY v
            LIMIT 3
        """)["v"]
        return listed(map(repr, values))

    def _plausible(self, column: str, timestamp: str) -> str:
        """The timestamp, or NULL where its year is a placeholder for “never” or “not known”."""
        within = f"(isfinite({timestamp}) AND {timestamp} BETWEEN {EARLIEST} AND {LATEST})"
        odd = self._count(column, f"NOT {within}")
        if not odd:
            return timestamp
        self._warn(
            "odd-moment",
            f"{self.table}.{column}: {counted(odd, 'timestamp')} before the year 1000 or after 9000, read as missing{self._of_which(column, f'NOT {within}')}",
            odd,
        )
        return f"CASE WHEN {within} THEN {timestamp} END"

    def _refuse_rounded(self, column: str) -> None:
        name = self.quote(column)
        exact = 2**24 if self.types[column] == "FLOAT" else 2**53
        condition = f"isfinite({name}) AND abs({name}) >= {exact}"
        if rounded := self._count(column, condition):
            raise DataError(
                f"{counted(rounded, 'id')} in {self.table}.{column} are floating-point numbers of {'8' if exact == 2**24 else '16'} digits and more",
                where=self.place(column, condition),
                why="they have lost their last digits, so different ids may have become one",
                fix="export ids as text or as whole numbers",
            )

    def _refuse_abbreviations(self, column: str) -> None:
        text = f"trim({self.quote(column)})"
        abbreviated = (
            f"regexp_matches({text}, ':[0-9.]+ ?[A-Za-z]{{2,5}}$') "
            f"AND upper(regexp_extract({text}, '([A-Za-z]+)$', 1)) NOT IN ('UTC', 'GMT', 'AM', 'PM')"
        )
        if bad := self._count(column, abbreviated):
            own = self.own_name(column, abbreviated)
            raise DataError(
                f"{bad:,} of {counted(self._count(column, 'TRUE'), 'value')} in {self.table}.{column} "
                f"{'has' if bad == 1 else 'have'} a time zone by abbreviation",
                value=self._examples(column, f"({abbreviated})"),
                where=self.place(column, abbreviated),
                why="abbreviations are ambiguous: BST is British Summer Time and Bangladesh's, IST India's and Israel's",
                fix="write the offset (2026-06-30T10:00:00+01:00) or Region/City (2026-06-30 10:00:00 Europe/London); to "
                f"convert yours in `query`: SELECT * REPLACE (replace({own}, ' BST', ' Europe/London') AS {own}) FROM source",
            )

    def _refuse_unparsed(self, column: str, parsed: str) -> None:
        name = self.quote(column)
        condition = f"nullif(trim({name}), '') IS NOT NULL AND {parsed} IS NULL"
        bad = self._count(column, condition)
        if bad:
            own = self.own_name(column, condition)
            raise DataError(
                f"{bad:,} of {counted(self._count(column, 'TRUE'), 'value')} in {self.table}.{column} "
                f"{'is not a timestamp' if bad == 1 else 'are not timestamps'}",
                value=self._examples(column, f"({condition})"),
                where=self.place(column, condition),
                why="a row without a timestamp cannot be placed in time, and a wrong guess (1/2 or 2/1?) would leak",
                fix="write 2026-01-31 or 2026-01-31T09:30:00+01:00; of CSV say `dates: day first` or `month first` beside `read`, where "
                "01/02/2026 could be either; convert others in `query`: SELECT * REPLACE "
                f"(strptime({own}, '{self._pattern(column, f'({condition})')}') AS {own}) FROM source; list words for "
                "“not known” under `missing`",
            )

    def _pattern(self, column: str, condition: str) -> str:
        """How such dates are written, for `strptime`; days before months unless one of these cannot be a month."""
        name = self.quote(column)
        values = self.engine.frame(f"SELECT {name} AS v FROM {self.raw} WHERE {condition} LIMIT 1000")["v"]
        parts = [match for value in values if (match := _DATED.match(str(value).strip()))]
        if not parts:
            return "%d.%m.%Y %H:%M"
        mark, year, clock = (
            parts[0]["mark"],
            "%Y" if len(parts[0]["year"]) == 4 else "%y",
            parts[0]["clock"] or "",
        )
        second_is_day = any(int(match["second"]) > 12 for match in parts)
        days = f"%m{mark}%d{mark}{year}" if second_is_day else f"%d{mark}%m{mark}{year}"
        return days + {0: "", 1: " %H:%M", 2: " %H:%M:%S"}[min(2, clock.count(":"))]

    def _warn_mixed_zones(self, column: str) -> None:
        name = self.quote(column)
        zoned = self._count(
            column, f"regexp_matches(trim({name}), ':[0-9.]+ ?(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)$')"
        )
        bare = self._count(column, f"nullif(trim({name}), '') IS NOT NULL") - zoned
        if zoned and bare:
            self._warn(
                "mixed-zones",
                f"{self.table}.{column}: {counted(zoned, 'timestamp')} with a time zone and {bare:,} without, "
                "which are read as UTC",
                bare,
            )

    def _count(self, column: str, condition: str) -> int:
        """Rows for which a condition on ``column`` alone holds."""
        if self._asked is not None:
            self._asked[condition] = column
            return 0
        if condition in self._answers:
            return self._answers[condition]
        return int(self.engine.value(f"SELECT count(*) FILTER (WHERE {condition}) FROM {self.raw}") or 0)

    def _distinct(self, column: str, expression: str) -> int:
        """Distinct values of an expression of ``column`` alone."""
        if self._asked is not None:
            return 0
        return int(self.engine.value(f"SELECT count(DISTINCT {expression}) FROM {self.raw}") or 0)

    def _warn(self, code: str, message: str, count: int) -> None:
        self.findings.append(Finding(code, message, "warning", count, self._share(count)))

    def _share(self, count: int) -> float | None:
        """Of how many leads or events so many rows are."""
        if self.table not in ("leads", "events"):
            return None
        return count / max(self.engine.count(self.raw), 1)


def beside(what: str, column: str) -> str:
    """A name that no column of the user's in the same SELECT has: ``column`` may be called anything, "rows" as well."""
    return f"{what} of {column}"


def _humanize(sql_type: str) -> str:
    if sql_type == "BOOLEAN":
        return "true and false"
    return "numbers" if sql_type.startswith(_NUMBERS) else sql_type
