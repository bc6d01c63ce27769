"""Behavioural features: what a lead did before the moment, per behaviour and window, as named SQL steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from features.columns import FeatureColumn
from features.conditions import Condition
from features.durations import compact, spoken
from features.engine import Step
from features.history import History, Kind
from features.phrases import words
from features.plan import EventKey, FeaturePlan
from features.visibility import visible


@dataclass(frozen=True)
class Measure:
    """One aggregate of a behaviour: the column it makes, and its SQL over ``facts``.

    ``empty`` is its value for a lead that never did it ("0" or "NULL").
    """

    column: FeatureColumn
    fact: str
    empty: str


def measures(plan: FeaturePlan, key: EventKey) -> Iterator[Measure]:
    """Every measure of one behaviour, in column order."""
    yield _measure(
        key, "count", "n", "0", key.phrase, "times",
        f"{key.phrase}: {{times}}" if key.rhythm else f"{key.phrase} {{times}}",
        "No activity yet" if key.rhythm else f"Never: {_lower(key.phrase)}",
        "events before the moment",
    )  # fmt: skip
    for window in plan.windows:
        label = f"{key.phrase} in {spoken(window)}"
        yield _measure(
            key, f"count_{compact(window)}", f"n_{compact(window)}", "0", label, "times",
            f"{key.phrase} {{times}} in {spoken(window)}" if not key.rhythm
            else f"{key.phrase}: {{times}} in {spoken(window)}",
            f"Not in {spoken(window)}: {_lower(key.phrase)}", f"events in the {spoken(window)} before the moment",
        )  # fmt: skip
    yield _measure(
        key, "active_days", "active_days", "0", f"{key.phrase}: days on which", "active days",
        f"{key.phrase} on {{value}} different days", f"Never: {_lower(key.phrase)}", "distinct UTC days with such an event",
    )  # fmt: skip
    yield _measure(
        key, "recency", "recency", "NULL", f"{key.phrase}: days since the last time", "days",
        f"{key.phrase}: last time {{value}} days ago", f"Never: {_lower(key.phrase)}",
        "days from the last such event to the moment",
    )  # fmt: skip
    plainly = f"count_{compact(plan.windows[-1])}" if plan.windows else "count"
    yield _measure(
        key, "decayed", "decayed", "0", f"{key.phrase}, lately", "events", f"{key.phrase} lately: {{value}}", "",
        f"sum of 2^(-age / {spoken(plan.half_life)}) over such events", f"{key.name}__{plainly}",
    )  # fmt: skip
    if key.rhythm:
        yield _measure(
            key, "first", "first_touch", "NULL", "Days since the first activity", "days",
            "First activity {value} days ago", "No activity yet", "days from the first event to the moment",
        )  # fmt: skip
        yield _measure(
            key, "gap", "first_touch - recency) / nullif(n - 1, 0", "NULL", "Usual time between activities", "days",
            "Usually {value} days between activities", "Fewer than two activities", "mean days between events",
        )  # fmt: skip
        yield _measure(
            key, "overdue", "recency * (n - 1) / nullif(first_touch - recency, 0)", "NULL",
            "Time since the last activity, against the usual time between", "ratio",
            "Silent {value} times as long as usual", "Fewer than two activities",
            "days since the last event divided by the mean days between events",
        )  # fmt: skip
    for number, amount in enumerate(key.amounts):
        name = words(amount).lower()
        yield _measure(
            key, f"sum_{amount}", f"sum_{number}", "0", f"Total {name}", name, f"{{value}} {name} in all", "",
            f"sum of {amount} over such events",
        )  # fmt: skip
        yield _measure(
            key, f"mean_{amount}", f"sum_{number} / nullif(with_{number}, 0)", "NULL", f"Average {name}", name,
            f"{{value}} {name} on average", "", f"mean of {amount} over such events",
        )  # fmt: skip


def _measure(
    key: EventKey,
    name: str,
    fact: str,
    empty: str,
    label: str,
    unit: str,
    phrase: str,
    absent: str,
    sentence: str,
    told_by: str = "",
) -> Measure:
    column = FeatureColumn(
        f"{key.name}__{name}", label, "behavioural", "number", unit,
        f"{sentence[:1].upper()}{sentence[1:]}, where {key.condition}.", key.condition, phrase, absent,
        told_by=told_by,
    )  # fmt: skip
    return Measure(column, f"({fact})" if "(" in fact or " " in fact else fact, empty)


def _lower(phrase: str) -> str:
    return phrase[:1].lower() + phrase[1:]


LAST_ACTION = FeatureColumn(
    "last_action", "Last action", "behavioural", "category",
    sentence="Type of the last event before the moment.", absent="No action yet",
)  # fmt: skip
LEAD_AGE = FeatureColumn(
    "lead_age", "Days since the lead was created", "behavioural", "number", "days",
    "Days from created_at to the moment.", phrase="Created {value} days ago",
)  # fmt: skip


def behaviour_columns(plan: FeaturePlan) -> Iterator[FeatureColumn]:
    """The columns that ``behaviour_steps`` makes, in order."""
    for key in plan.keys:
        yield from (measure.column for measure in measures(plan, key))
    if plan.last_actions:
        yield LAST_ACTION
    if plan.lead_age:
        yield LEAD_AGE


def behaviour_steps(history: History, plan: FeaturePlan, spine: str) -> list[Step]:
    """Steps ending in ``behaviour(row_id, …)``: one row per spine row, whatever the history."""
    quote = history.engine.dialect.quote
    columns = ["s.row_id"]
    for number, key in enumerate(plan.keys):
        for measure in measures(plan, key):
            fact = f"max(CASE WHEN f.key = {number} THEN {measure.fact} END)"
            value = f"coalesce({fact}, 0)" if measure.empty == "0" else fact
            columns.append(f"CAST({value} AS DOUBLE) AS {quote(measure.column.name)}")
    if plan.last_actions:
        columns.append(f"max(last.event_type) AS {quote(LAST_ACTION.name)}")
    if plan.lead_age:
        columns.append(f"max({_days(history, 's.as_of', 's.created_at')}) AS {quote(LEAD_AGE.name)}")
    joins = (["LEFT JOIN key_facts AS f ON f.row_id = s.row_id"] if plan.keys else []) + (
        ["LEFT JOIN last_actions AS last ON last.row_id = s.row_id"] if plan.last_actions else []
    )
    steps = [_keyed_events(history, plan), _key_facts(history, plan, spine)] if plan.keys else []
    if plan.last_actions:
        steps.append(_last_actions(history, plan, spine))
    select = f"SELECT {', '.join(columns)} FROM {spine} AS s {' '.join(joins)} GROUP BY s.row_id"
    return [*steps, Step("behaviour", select)]


def _keyed_events(history: History, plan: FeaturePlan) -> Step:
    """Each event once per behaviour that it belongs to."""
    dialect, kinds = history.engine.dialect, {"event_type": "category", **history.event_properties}
    most = max((len(key.amounts) for key in plan.keys), default=0)

    def selection(number: int, key: EventKey) -> str:
        amounts = [
            f", CAST({dialect.quote(key.amounts[i]) if i < len(key.amounts) else 'NULL'} AS DOUBLE) AS amount_{i}"
            for i in range(most)
        ]
        return (
            f"SELECT lead_id, occurred_at, known_at, {number} AS key{''.join(amounts)} FROM events "
            f"WHERE {_condition(history, key, kinds)}"
        )

    return Step("keyed_events", " UNION ALL ".join(selection(*item) for item in enumerate(plan.keys)))


def _condition(history: History, key: EventKey, kinds: dict[str, Kind]) -> str:
    dialect = history.engine.dialect
    if key.when:
        return Condition.parse(key.when, kinds, where=f"features.counts ({key.phrase!r})").sql(
            dialect, {"": "events"}
        )
    parts = [f"event_type = {dialect.literal(key.event_type)}"] if key.event_type is not None else []
    if key.prop is not None:
        parts.append(f"CAST({dialect.quote(key.prop)} AS VARCHAR) = {dialect.literal(key.value)}")
    return " AND ".join(parts) or "TRUE"


def _key_facts(history: History, plan: FeaturePlan, spine: str) -> Step:
    """One row per (spine row, behaviour): all windows as conditional sums over one join."""
    dialect = history.engine.dialect
    age = _days(history, "s.as_of", "e.occurred_at")
    facts = ["count(*) AS n"]
    facts += [
        f"sum(CASE WHEN e.occurred_at >= {dialect.minus('s.as_of', window)} THEN 1 ELSE 0 END) AS n_{compact(window)}"
        for window in plan.windows
    ]
    facts += [
        f"count(DISTINCT {dialect.day_number('e.occurred_at')}) AS active_days",
        f"min({age}) AS recency",
        f"max({age}) AS first_touch",
        f"sum(power(2.0, -{age} / {plan.half_life / timedelta(days=1)!r})) AS decayed",
    ]
    for number in range(max((len(key.amounts) for key in plan.keys), default=0)):
        facts += [f"sum(e.amount_{number}) AS sum_{number}", f"count(e.amount_{number}) AS with_{number}"]
    return Step(
        "key_facts",
        f"SELECT s.row_id, e.key, {', '.join(facts)} FROM {spine} AS s JOIN keyed_events AS e ON {visible()} "
        "GROUP BY s.row_id, e.key",
    )


def _last_actions(history: History, plan: FeaturePlan, spine: str) -> Step:
    known = ", ".join(map(history.engine.dialect.literal, plan.last_actions))
    # Events of the same moment: the type that sorts last, so that row order never matters.
    last = "max_by(e.event_type, struct_pack(t := e.occurred_at, k := e.event_type))"
    return Step(
        "last_actions",
        f"SELECT row_id, CASE WHEN event_type IN ({known}) THEN event_type ELSE '(other)' END AS event_type FROM "
        f"(SELECT s.row_id, {last} AS event_type FROM {spine} AS s JOIN events AS e ON {visible()} "
        "GROUP BY s.row_id) AS latest",
    )


def _days(history: History, later: str, earlier: str) -> str:
    return f"({history.engine.dialect.seconds_between(later, earlier)} / 86400.0)"
