"""What a column of an export holds, judged by its values: times in any usual format, numbers with decimal commas, flags, addresses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import duckdb

from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.pipeline.starting.words import holds, is_value, says

ColumnKind = Literal["time", "number", "flag", "email", "text", "empty"]
_quote, _literal = DuckDBDialect().quote, DuckDBDialect().literal
_MOST_VALUES = 60
_FITTING = 0.98
_CLOCKS = (
    "",
    " %H:%M",
    " %H:%M:%S",
    "T%H:%M:%S",
    " %I:%M %p",
    " %I:%M:%S %p",
    ", %H:%M",
    ", %H:%M:%S",
    ", %I:%M %p",
    " %H:%M:%S.%f",
)
_DAYS = {
    "day first": ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%y", "%d/%m/%y", "%d-%m-%y"),
    "month first": ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m-%d-%y"),
    "year first": ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d"),
    "named": (
        "%d-%b-%Y",
        "%d %b %Y",
        "%b %d, %Y",
        "%d %B %Y",
        "%B %d, %Y",
        "%d-%b-%y",
        "%d %b %y",
        "%a, %d %b %Y",
    ),
}
_COMMA = r"'^([A-Z]{3}\s?|[^\w-]{0,2})-?([0-9]{1,3}([.  ][0-9]{3})+|[0-9]+)(,[0-9]+)?\s?(%|€|\$|£|EUR|USD|CHF|GBP)?$'"
_POINT = r"'^([A-Z]{3}\s?|[^\w-]{0,2})-?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)([.][0-9]+)?\s?(%|€|\$|£|EUR|USD|CHF|GBP)?$'"
_EMAIL = r"'^\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*$'"
_YEARS = (1995, 2100)
_LONG_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
# What may be a date, before DuckDB is asked.
_DATED = re.compile(
    r"\s*(\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}[ -][^\W\d_]{3,9}[-,. ]+\d{2,4}|[^\W\d_]{3,9}\.? \d{1,2},? \d{4}|[^\W\d_]{3}, \d)"
)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of an export.

    ``filled`` is the share of rows with a value, ``distinct`` the number of values, ``values`` the most frequent ones with their rows
    (all of them if there are no more than sixty). ``sql`` is what a ``query`` reads the value by, as a timestamp or number where the kind is one;
    ``plain`` says that no query is needed. ``days`` are times without a clock. ``doubt`` is what about the format is a guess.
    """

    name: str
    kind: ColumnKind
    sql: str
    plain: bool = True
    rows: int = 0
    filled: float = 0.0
    distinct: int = 0
    values: tuple[tuple[str, int], ...] = ()
    days: bool = False
    first: str = ""
    last: str = ""
    doubt: str = ""
    misfits: int = 0

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.rows > 0 and self.distinct >= self.rows * self.filled - 0.5 and self.filled > 0.999

    @property
    def all_values(self) -> bool:
        """Whether ``values`` are all."""
        return self.distinct <= len(self.values)


def profile(
    con: duckdb.DuckDBPyConnection, table: str, day_first: bool | None, commas: Collection[str] = ()
) -> dict[str, Column]:
    """Every column of a table. ``day_first`` decides on dates such as 1/2/2025, where nothing else does; in the columns ``commas`` of text, the
    comma is the mark of decimals, whether there is one or not.
    """
    described = con.execute(f"DESCRIBE {table}").fetchall()
    rows = con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
    return {
        name: _column(con, table, name, kind, rows, day_first, name in commas) for name, kind, *_ in described
    }


def _column(
    con: duckdb.DuckDBPyConnection,
    table: str,
    name: str,
    sql_type: str,
    rows: int,
    day_first: bool | None,
    comma: bool,
) -> Column:
    own = _quote(name)
    filled, distinct = con.execute(
        f"SELECT count(nullif(trim(CAST({own} AS VARCHAR)), '')), count(DISTINCT {own}) FROM {table}"
    ).fetchall()[0]
    column = Column(
        name=name, kind="empty", sql=own, rows=rows, filled=filled / max(rows, 1), distinct=distinct
    )
    if not filled:
        return column
    values = con.execute(
        f"SELECT CAST({own} AS VARCHAR), count(*) FROM {table} WHERE {own} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_MOST_VALUES}"
    ).fetchall()
    column = replace(column, values=tuple((str(value), int(count)) for value, count in values))
    column = next(
        (found for found in _readings(con, table, column, sql_type, filled, day_first, comma)), column
    )
    if column.kind == "time":
        column = _spanned(con, table, column)
    return column


def _readings(
    con: duckdb.DuckDBPyConnection,
    table: str,
    column: Column,
    sql_type: str,
    filled: int,
    day_first: bool | None,
    comma: bool,
) -> Iterator[Column]:
    own = _quote(column.name)
    if sql_type.startswith("TIMESTAMP") or sql_type == "DATE":
        sql = f"CAST({own} AS TIMESTAMP)"
        if "TIME ZONE" in sql_type or sql_type == "TIMESTAMPTZ":
            sql = f"CAST({own} AT TIME ZONE 'UTC' AS TIMESTAMP)"
        yield replace(column, kind="time", sql=own if sql_type == "TIMESTAMP" else sql)
    if sql_type == "BOOLEAN" or _is_flag(column):
        yield replace(column, kind="flag")
    if sql_type != "VARCHAR":
        yield from _numeric_times(con, table, column)
        yield replace(column, kind="number")
        return

    def fitting(test: str) -> float:
        return float(con.execute(f"SELECT count(*) FILTER ({test}) FROM {table}").fetchall()[0][0]) / filled

    if fitting(f"regexp_matches({own}, {_EMAIL})") >= 0.9:
        yield replace(column, kind="email")
    if sum(bool(_DATED.match(value)) for value, _ in column.values) >= 0.9 * len(column.values):
        yield from _written_times(con, table, column, filled, day_first)
    if comma or (
        column.distinct > 1
        and fitting(f"regexp_matches({own}, {_COMMA})") >= _FITTING
        and fitting(f"{own} LIKE '%,%'")
    ):
        digits = f"replace(regexp_replace({own}, '[^0-9,-]', '', 'g'), ',', '.')"
        yield replace(column, kind="number", sql=f"TRY_CAST({digits} AS DOUBLE)", plain=False)
    if (
        column.distinct > 1
        and fitting(f"regexp_matches({own}, {_POINT})") >= _FITTING
        and fitting(f"regexp_matches({own}, '[,€$£%]|^[A-Z]{{3}}')")
    ):
        digits = f"regexp_replace({own}, '[^0-9.-]', '', 'g')"
        yield replace(column, kind="number", sql=f"TRY_CAST({digits} AS DOUBLE)", plain=False)
    yield replace(column, kind="text")


def _is_flag(column: Column) -> bool:
    """Two values, one of them a yes; or a yes alone, as where only what is true is written."""
    values = [value for value, _ in column.values]
    if column.distinct > 2:
        return False
    yes = [value for value in values if is_value("affirmed", value)]
    no = [value for value in values if is_value("denied", value)]
    return len(yes) == 1 and len(yes) + len(no) == len(values) and (len(values) == 2 or not yes[0].isdigit())


def _numeric_times(con: duckdb.DuckDBPyConnection, table: str, column: Column) -> Iterator[Column]:
    """Seconds, milliseconds or microseconds since 1970, or 20250131, where the name speaks of a time."""
    named = any(
        says("activities", "time", column.name) or says("columns", role, column.name)
        for role in ("created", "converted_date", "closed_date", "modified")
    )
    if not (named or holds("activities", "time", column.name) or holds("columns", "created", column.name)):
        return
    own = _quote(column.name)
    low, high = con.execute(f"SELECT min({own}), max({own}) FROM {table}").fetchall()[0]
    for factor, lowest, highest in ((1, 8e14, 4.1e15), (1_000, 8e11, 4.1e12), (1_000_000, 8e8, 4.1e9)):
        if lowest <= low and high <= highest:
            micros = f"CAST({own} AS BIGINT)" + (f" * {factor}" if factor > 1 else "")
            yield replace(column, kind="time", sql=f"make_timestamp({micros})", plain=False)
    if low >= 19_950_101 and high <= 21_001_231 and 1 <= low // 100 % 100 <= 12:
        yield replace(column, kind="time", sql=f"strptime(CAST({own} AS VARCHAR), '%Y%m%d')", plain=False)


def _written_times(
    con: duckdb.DuckDBPyConnection, table: str, column: Column, filled: int, day_first: bool | None
) -> Iterator[Column]:
    """Times written as text: by the zone they carry, or by a format that they nearly all have."""
    own = _quote(column.name)
    text = f"trim({own})"
    zoned = f"regexp_replace({text}, '(:[0-9.]+ ?[+-][0-9]{{2}})([0-9]{{2}})$', '\\1:\\2')"
    iso = f"TRY_CAST(CASE WHEN regexp_matches({text}, '^[12][0-9]{{3}}-') THEN {zoned} END AS TIMESTAMPTZ)"
    count = con.execute(f"SELECT count({iso}) FROM {table}").fetchall()[0][0]
    if count >= _FITTING * filled:
        whole = count == filled
        yield replace(
            column,
            kind="time",
            sql=f"CAST({iso} AT TIME ZONE 'UTC' AS TIMESTAMP)",
            plain=whole,
            misfits=filled - count,
        )
    fitting: dict[str, tuple[int, list[str]]] = {}
    sample = [value.strip() for value, _ in column.values]
    short = not any(_LONG_YEAR.search(value) for value in sample)  # 24 read by %Y is the year 24
    for order, days in _DAYS.items():
        formats = [f"{day}{clock}" for day in days if ("%y" in day) == short for clock in _CLOCKS]
        if not formats:
            continue
        tests = ", ".join(f"count(try_strptime(v, {_literal(each)}))" for each in formats)
        # some values rule most formats out
        counts = con.execute(f"SELECT {tests} FROM (SELECT unnest(?) AS v)", [sample]).fetchall()[0]
        used = [each for each, times in zip(formats, counts, strict=True) if times]
        if used:
            listed = f"[{', '.join(map(_literal, used))}]"
            total = con.execute(f"SELECT count(try_strptime({text}, {listed})) FROM {table}").fetchall()[0][0]
            if total >= _FITTING * filled:
                fitting[order] = total, used
    if not fitting:
        return
    most = max(total for total, _ in fitting.values())
    orders = [order for order, (total, _) in fitting.items() if total == most]
    doubt = ""
    if "day first" in orders and "month first" in orders:
        order = "month first" if day_first is False else "day first"
        if day_first is None:
            doubt = f"read as {order}; no date says which (all could be either)"
    else:
        order = orders[0]
    total, used = fitting[order]
    read = "strptime" if total == filled else "try_strptime"
    pattern = _literal(used[0]) if len(used) == 1 else f"[{', '.join(map(_literal, used))}]"
    yield replace(
        column,
        kind="time",
        sql=f"{read}({text}, {pattern})",
        plain=False,
        doubt=doubt,
        misfits=filled - total,
    )


def day_comes_first(columns: Iterable[Column]) -> bool | None:
    """Whether days come before months in the dates of an export that leave no doubt; ``None`` if there are none, or of both sorts."""
    orders = {
        "%d" if column.sql.find("%d") < column.sql.find("%m") else "%m"
        for column in columns
        if column.kind == "time"
        and not column.doubt
        and "%d" in column.sql
        and "%m" in column.sql
        and "%Y-" not in column.sql
    }
    return orders == {"%d"} if len(orders) == 1 else None


def _spanned(con: duckdb.DuckDBPyConnection, table: str, column: Column) -> Column:
    """With the first and last time; text again where most of it would be no time of our age."""
    first, last, days, within = con.execute(
        f"SELECT min(t), max(t), bool_and(t = date_trunc('day', t)), avg(CAST(year(t) BETWEEN {_YEARS[0]} AND {_YEARS[1]} AS INTEGER)) "
        f"FROM (SELECT {column.sql} AS t FROM {table}) AS times WHERE t IS NOT NULL"
    ).fetchall()[0]
    if (within or 0) < 0.5 and not says("columns", "birth_date", column.name):
        return replace(column, kind="text", sql=_quote(column.name), plain=True)
    return replace(column, first=str(first), last=str(last), days=bool(days))
