"""The table ``aggregates``: one row per spine row, with counts, ages and sums per behaviour; measures read it.

This is the definition, in SQL that every engine runs. ``leadlens.features.compiled`` makes the same table faster.

- ``keyed_events``    each event once per behaviour that it belongs to
- ``key_aggregates``  one row per (spine row, behaviour): all windows as conditional sums over one join
- ``sessions``        one row per spine row with any event: runs of events, by window
- ``touches``         one row per spine row with any event: rank of the first or last value
- ``aggregates``      the same, one row per spine row
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from leadlens.features.behaviour.measures import FOUR_WEEKS, SESSION_GAP, WEEK, cadence_number
from leadlens.features.conditions.condition import Condition
from leadlens.features.durations import format_duration
from leadlens.features.engines import Step
from leadlens.features.engines.dialect import Dialect
from leadlens.features.history import History, Kind
from leadlens.features.plan import EventKey, FeaturePlan, Touch
from leadlens.features.spine import Spine
from leadlens.features.visibility import visible


def aggregate_windows(plan: FeaturePlan) -> tuple[timedelta, ...]:
    """All windows that events are counted in: the plan's own, and what the trend needs."""
    needed = {*plan.windows, *((WEEK, FOUR_WEEKS) if cadence_number(plan) is not None else ())}
    return tuple(sorted(needed))


def aggregate_names(plan: FeaturePlan, number: int) -> Iterator[tuple[str, bool]]:
    """The aggregates of one behaviour, and whether each is 0 (else unknown) for a lead that never did it."""
    key, windows = plan.keys[number], [format_duration(window) for window in aggregate_windows(plan)]
    yield from (("n", True), *((f"n_{window}", True) for window in windows))
    yield from (("days", True), ("recency", False), ("decayed", True))
    if key.cadence:
        yield from (("first", False), *((f"days_{window}", True) for window in windows))
        if plan.hours:
            yield from (("office", True), ("weekend", True))
            yield from (("sessions", True), *((f"sessions_{window}", True) for window in windows))
    for place in range(len(key.amounts)):
        yield from ((f"sum_{place}", True), (f"with_{place}", True))
        yield from ((f"sum_{place}_{window}", True) for window in windows if key.cadence)


def aggregate_steps(history: History, plan: FeaturePlan, spine: Spine) -> list[Step]:
    """Steps ending in ``aggregates(row_id, k<number>_<aggregate> …, t<number> …)``."""
    steps, joins, columns = [], [], ["s.row_id"]
    cadence = cadence_number(plan)
    if plan.keys:
        steps += [_keyed_events(history, plan), _key_aggregates(history, plan, spine)]
        joins.append("LEFT JOIN key_aggregates AS f ON f.row_id = s.row_id")
    if cadence is not None and plan.hours:
        steps.append(_sessions(history, plan, spine, cadence))
        joins.append("LEFT JOIN sessions AS r ON r.row_id = s.row_id")
    if plan.touches:
        steps.append(_touches(history, plan, spine))
        joins.append("LEFT JOIN touches AS t ON t.row_id = s.row_id")
    for number in range(len(plan.keys)):
        for name, counted in aggregate_names(plan, number):
            if name.startswith("sessions"):
                value = f"max(r.{name})"
            else:
                value = f"max(CASE WHEN f.key = {number} THEN f.{name} END)"
            columns.append(f"{f'coalesce({value}, 0)' if counted else value} AS k{number}_{name}")
    columns += [f"max(t.t{number}) AS t{number}" for number in range(len(plan.touches))]
    sql = f"""
        SELECT {", ".join(columns)}
        FROM {spine} AS s
        {" ".join(joins)}
        GROUP BY s.row_id
    """
    return [*steps, Step("aggregates", sql)]


def _keyed_events(history: History, plan: FeaturePlan) -> Step:
    dialect, most = history.engine.dialect, max(len(key.amounts) for key in plan.keys)

    def selection(number: int, key: EventKey) -> str:
        amounts = [*map(dialect.quote, key.amounts), *["NULL"] * (most - len(key.amounts))]
        columns = "".join(f", CAST({amount} AS DOUBLE) AS amount_{i}" for i, amount in enumerate(amounts))
        return f"""
            SELECT lead_id, occurred_at, known_at, retracted_at, {number} AS key{columns}
            FROM events
            WHERE {key_condition(history, key)}
        """

    return Step("keyed_events", " UNION ALL ".join(selection(*item) for item in enumerate(plan.keys)))


def key_condition(history: History, key: EventKey, table: str = "events") -> str:
    """SQL over a table of events that is true for the events of a behaviour."""
    dialect = history.engine.dialect
    if key.when:
        kinds: dict[str, Kind] = {"event_type": "category", **history.event_properties}
        where = f"features.counts ({key.phrase!r})"
        return Condition.parse(key.when, kinds, where=where).sql(dialect, {"": table})
    parts = [f"event_type = {dialect.literal(key.event_type)}"] if key.event_type is not None else []
    if key.prop is not None:
        parts.append(f"{dialect.text(dialect.quote(key.prop))} = {dialect.literal(key.value)}")
    return " AND ".join(parts) or "TRUE"


def _key_aggregates(history: History, plan: FeaturePlan, spine: Spine) -> Step:
    dialect, cadence = history.engine.dialect, cadence_number(plan)
    age, day = age_between(dialect, "s.as_of", "e.occurred_at"), dialect.day_number("e.occurred_at")
    half_life = plan.half_life / timedelta(microseconds=1)
    within = {
        format_duration(window): f"e.occurred_at >= {dialect.minus('s.as_of', window)}"
        for window in aggregate_windows(plan)
    }
    columns = ["count(*) AS n"]
    columns += [_count(inside, f"n_{window}") for window, inside in within.items()]
    columns += [
        f"count(DISTINCT {day}) AS days",
        f"min({age}) AS recency",
        f"{dialect.sum_of(dialect.power('2.0', f'-{age} / {half_life:e}'))} AS decayed",
    ]
    if cadence is not None:
        mine = f"e.key = {cadence}"
        columns.append(f"max({age}) AS first")
        columns += [
            f"count(DISTINCT CASE WHEN {mine} AND {inside} THEN {day} END) AS days_{window}"
            for window, inside in within.items()
        ]
        if plan.hours:
            weekday, hour = dialect.weekday_of("e.occurred_at"), dialect.hour_of("e.occurred_at")
            columns.append(_count(f"{mine} AND {weekday} <= 5 AND {hour} >= 8 AND {hour} < 18", "office"))
            columns.append(_count(f"{mine} AND {weekday} >= 6", "weekend"))
    for place in range(max(len(key.amounts) for key in plan.keys)):
        amount = f"e.amount_{place}"
        columns += [f"{dialect.sum_of(amount)} AS sum_{place}", f"count({amount}) AS with_{place}"]
        if cadence is not None:
            columns += [
                f"{dialect.sum_of(f'CASE WHEN {inside} THEN {amount} END')} AS sum_{place}_{window}"
                for window, inside in within.items()
            ]
    return Step(
        "key_aggregates",
        f"""
        SELECT s.row_id, e.key, {", ".join(columns)}
        FROM {spine} AS s
        JOIN keyed_events AS e ON {visible()}
        GROUP BY s.row_id, e.key
        """,
    )


def _count(condition: str, name: str) -> str:
    return f"sum(CASE WHEN {condition} THEN 1 ELSE 0 END) AS {name}"


def _sessions(history: History, plan: FeaturePlan, spine: Spine, cadence: int) -> Step:
    """Sessions by what was known as of each row: an event that was not known yet joins no two runs."""
    dialect = history.engine.dialect
    gap = dialect.seconds_between("occurred_at", "before")
    begun = f"(before IS NULL OR {gap} >= {SESSION_GAP.total_seconds()!r})"
    counts = [_count(begun, "sessions")] + [
        _count(
            f"{begun} AND occurred_at >= {dialect.minus('as_of', window)}",
            f"sessions_{format_duration(window)}",
        )
        for window in aggregate_windows(plan)
    ]
    return Step(
        "sessions",
        f"""
        SELECT row_id, {", ".join(counts)}
        FROM (
          SELECT
            s.row_id, s.as_of, e.occurred_at,
            lag(e.occurred_at) OVER (PARTITION BY s.row_id ORDER BY e.occurred_at) AS before
          FROM {spine} AS s
          JOIN keyed_events AS e ON {visible()}
          WHERE e.key = {cadence}
        ) AS seen
        GROUP BY row_id
        """,
    )


def _touches(history: History, plan: FeaturePlan, spine: Spine) -> Step:
    dialect = history.engine.dialect
    at = dialect.microseconds("e.occurred_at")
    columns = []
    for number, touch in enumerate(plan.touches):
        column = f"e.{'event_type' if touch.column == 'event_type' else dialect.quote(touch.column)}"
        order = at if touch.which == "last" else f"-{at}"
        rank = dialect.latest(touch_rank(dialect, touch, column), order, f"{column} IS NOT NULL")
        columns.append(f"{rank} AS t{number}")
    return Step(
        "touches",
        f"""
        SELECT s.row_id, {", ".join(columns)}
        FROM {spine} AS s
        JOIN events AS e ON {visible()}
        GROUP BY s.row_id
        """,
    )


def touch_rank(dialect: Dialect, touch: Touch, column: str) -> str:
    """A number for each value of a touch: 0 for others, the most frequent highest, so that ties have one answer."""
    ranks = " ".join(
        f"WHEN {dialect.literal(value)} THEN {len(touch.categories) - place}"
        for place, value in enumerate(touch.categories)
    )
    return f"CASE {dialect.text(column)} {ranks} ELSE 0 END"


def touch_value(dialect: Dialect, touch: Touch, rank: str) -> str:
    """The inverse of ``touch_rank``."""
    values = " ".join(
        f"WHEN {len(touch.categories) - place} THEN {dialect.literal(value)}"
        for place, value in enumerate(touch.categories)
    )
    return f"CASE {rank} {values} WHEN 0 THEN '(other)' END"


def age_between(dialect: Dialect, later: str, earlier: str) -> str:
    """Whole microseconds (BIGINT)."""
    return f"({dialect.microseconds(later)} - {dialect.microseconds(earlier)})"


def days_between(dialect: Dialect, later: str, earlier: str) -> str:
    """Days as a double."""
    return f"({dialect.seconds_between(later, earlier)} / 86400.0)"
