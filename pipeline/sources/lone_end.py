"""A few rows dated far after all others: a wrong clock that would move the end of the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from leadlens.features import DuckDBEngine, Finding
from leadlens.features.durations import format_duration
from leadlens.features.errors import counted

CODE = "lone-end"
_TIMES = {"leads": "created_at", "events": "occurred_at", "conversions": "converted_at"}
_FEW = 0.01  # of all rows
_FEW_AT_LEAST = 3  # rows, however few there are in all
_SHORTEST = timedelta(days=7)
_TIMES_LONGER = 3  # than any pause before


@dataclass(frozen=True)
class LoneEnd:
    """``rows`` of ``columns`` that begin on ``first``, long after ``last``, the last day of all others."""

    rows: int
    columns: tuple[str, ...]
    last: date
    first: date

    @property
    def ends(self) -> date:
        """Where the data end without these rows."""
        return self.last + timedelta(days=1)

    def finding(self, horizon: timedelta, changed: int, total: int, thing: str) -> Finding:
        """The warning; of ``total`` things, ``changed`` have an outcome by these rows alone."""
        days = (self.first - self.last).days
        share = f" ({changed / total:.1%})" if total else ""
        return Finding(
            CODE,
            f"{counted(self.rows, 'row')} of {' and '.join(self.columns)} from {self.first} on, {days:,} days after all "
            f"others. The data end with them, so {changed:,} of {counted(total, thing)}{share} have an outcome though their "
            f"{format_duration(horizon)} were not over on {self.last}: leads that had not converted yet count as not converted. "
            f"If a wrong clock made these rows, set data: {{ends: {self.ends}}}",
            count=self.rows,
            share=changed / total if total else None,
        )


def lone_end(engine: DuckDBEngine, events: Mapping[date, int] | None = None) -> LoneEnd | None:
    """The last rows of a history, where they are few and the pause before them is far longer than any other.

    ``events`` are the numbers of events by day, where they are known; else they are counted.

    >>> from leadlens.features import Step
    >>> days = "SELECT TIMESTAMP '2024-01-01' + to_days(CAST(i % 60 AS INTEGER)) AS {0} FROM range(600) AS r(i)"
    >>> with DuckDBEngine() as engine:
    ...     engine.run([Step(name, days.format(column)) for name, column in _TIMES.items()])
    ...     engine.connection.execute("INSERT INTO events VALUES ('2025-06-01 10:00')") and lone_end(engine)
    LoneEnd(rows=1, columns=('events.occurred_at',), last=datetime.date(2024, 2, 29), first=datetime.date(2025, 6, 1))
    """
    counts, columns_on = Counter[date](), dict[date, set[str]]()
    for table, column in _TIMES.items():
        of_table = events if table == "events" else None
        for day, count in (_by_day(engine, table, column) if of_table is None else of_table).items():
            counts[day] += count
            columns_on.setdefault(day, set()).add(f"{table}.{column}")
    few = max(_FEW_AT_LEAST, _FEW * sum(counts.values()))
    longest = timedelta(days=1)
    left = sum(counts.values())
    for (day, count), (after, _) in pairwise(sorted(counts.items())):
        left -= count
        pause = after - day
        if left <= few and pause >= _SHORTEST and pause >= _TIMES_LONGER * longest:
            columns = {name for other, names in columns_on.items() if other > day for name in names}
            return LoneEnd(left, tuple(sorted(columns)), day, after)
        longest = max(longest, pause)
    return None


def _by_day(engine: DuckDBEngine, table: str, column: str) -> dict[date, int]:
    rows = f"SELECT CAST({column} AS DATE), count(*) FROM {table} WHERE {column} IS NOT NULL GROUP BY 1"
    return dict(engine.connection.execute(rows).fetchall())


def leads_it_changes(engine: DuckDBEngine, end: LoneEnd, horizon: timedelta) -> Finding:
    """The warning in numbers of leads, for those who have no rows yet."""
    changed = engine.count(
        f"leads WHERE created_at > TIMESTAMP '{end.ends}' - to_microseconds({horizon // timedelta(microseconds=1)}) "
        f"AND created_at < TIMESTAMP '{end.first}'"
    )
    return end.finding(horizon, changed, engine.count("leads"), "lead")
