"""What is told of a behaviour: each measure is one column and one expression over the table ``facts``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from features.columns import FeatureColumn
from features.durations import format_duration, humanize
from features.phrases import words
from features.plan import EventKey, FeaturePlan, Rate, Touch

SESSION_GAP = timedelta(minutes=30)
# With an exponent it is a double on every engine; 86400000000.0 would be a decimal.
MICROSECONDS_A_DAY = "8.64e10"
WEEK, FOUR_WEEKS = timedelta(days=7), timedelta(days=28)


@dataclass(frozen=True)
class Measure:
    """A column, and its SQL over ``facts AS f``: one row per spine row, ``k<number>_<fact>`` per behaviour.

    Ages are whole microseconds there, so that differences of ages lose nothing.
    """

    column: FeatureColumn
    sql: str


def cadence_number(plan: FeaturePlan) -> int | None:
    """Which behaviour sessions, trend and habits are told of; a plan has at most one."""
    return next((number for number, key in enumerate(plan.keys) if key.rhythm), None)


def key_measures(plan: FeaturePlan, number: int) -> Iterator[Measure]:
    """Every measure of one behaviour, in column order."""
    key, tell = plan.keys[number], _Teller(plan.keys[number], number)
    yield tell(
        "count", "{n}", key.phrase, "times",
        f"{key.phrase}: {{times}}" if key.rhythm else f"{key.phrase} {{times}}",
        tell.never, "events before the moment",
    )  # fmt: skip
    for window in plan.windows:
        length, short = humanize(window), format_duration(window)
        yield tell(
            f"count_{short}", f"{{n_{short}}}", f"{key.phrase} in {length}", "times",
            f"{key.phrase}: {{times}} in {length}" if key.rhythm else f"{key.phrase} {{times}} in {length}",
            f"Not in {length}: {tell.lower}", f"events in the {length} before the moment",
        )  # fmt: skip
    yield tell(
        "active_days", "{days}", f"{key.phrase}: days on which", "active days",
        f"{key.phrase} on {{value}} different days", tell.never, "distinct UTC days with such an event",
    )  # fmt: skip
    yield tell(
        "recency", f"{{recency}} / {MICROSECONDS_A_DAY}", f"{key.phrase}: days since the last time", "days",
        f"{key.phrase}: last time {{value}} days ago", tell.never, "days from the last such event to the moment",
    )  # fmt: skip
    plainly = f"count_{format_duration(plan.windows[-1])}" if plan.windows else "count"
    yield tell(
        "decayed", "{decayed}", f"{key.phrase}, lately", "events", f"{key.phrase} lately: {{value}}", "",
        f"sum of 2^(-age / {humanize(plan.half_life)}) over such events", f"{key.name}__{plainly}",
    )  # fmt: skip
    if key.share and (among := cadence_number(plan)) is not None:
        yield tell(
            "share", f"{{n}} / nullif(f.k{among}_n, 0)", f"{key.phrase}: share of all activity", "share",
            f"{key.phrase}: {{value}} of all activity", "No activity yet", "such events divided by all events",
        )  # fmt: skip
    if key.rhythm:
        yield from _rhythm(plan, tell)
    for place, amount in enumerate(key.amounts):
        yield from _amounts(plan, tell, place, amount)


def _rhythm(plan: FeaturePlan, tell: _Teller) -> Iterator[Measure]:
    yield tell(
        "first", f"{{first}} / {MICROSECONDS_A_DAY}", "Days since the first activity", "days", "First activity {value} days ago",
        "No activity yet", "days from the first event to the moment",
    )  # fmt: skip
    yield tell(
        "gap", f"({{first}} - {{recency}}) / {MICROSECONDS_A_DAY} / nullif({{n}} - 1, 0)", "Usual time between activities", "days",
        "Usually {value} days between activities", "Fewer than two activities", "mean days between events",
    )  # fmt: skip
    yield tell(
        "overdue", "CAST({recency} AS DOUBLE) * ({n} - 1) / nullif({first} - {recency}, 0)",
        "Time since the last activity, against the usual time between", "ratio",
        "Silent {value} times as long as usual", "Fewer than two activities",
        "days since the last event divided by the mean days between events",
    )  # fmt: skip
    yield tell(
        "trend", "{n_7d} - ({n_28d} - {n_7d}) / 3e0", "Activity this week against the three weeks before", "events",
        "This week's activity against the weekly average of the three weeks before: {value}", "",
        "events in 7 days minus a third of those in the 21 days before them",
    )  # fmt: skip
    yield tell(
        "surge", "CASE WHEN {n_7d} >= 3 AND {n_7d} >= {n_28d} - {n_7d} THEN 1 ELSE 0 END",
        "Surge of activity this week", "yes/no", "Surge of activity this week", "No surge of activity",
        "1 if 7 days hold at least 3 events, and as many as the 21 days before them",
    )  # fmt: skip
    for window in plan.windows:
        length, short = humanize(window), format_duration(window)
        yield tell(
            f"active_days_{short}", f"{{days_{short}}}", f"Active days in {length}", "active days",
            f"Active on {{value}} different days in {length}", f"Not active in {length}",
            f"distinct UTC days with an event in the {length} before the moment",
        )  # fmt: skip
    if not plan.hours:
        return
    yield tell(
        "sessions", "{sessions}", "Sessions", "times", "Sessions: {times}", "No activity yet",
        "runs of events less than 30 minutes apart",
    )  # fmt: skip
    for window in plan.windows:
        length, short = humanize(window), format_duration(window)
        yield tell(
            f"sessions_{short}", f"{{sessions_{short}}}", f"Sessions in {length}", "times",
            f"Sessions: {{times}} in {length}", f"No session in {length}",
            f"sessions begun in the {length} before the moment",
        )  # fmt: skip
    yield tell(
        "per_session", "{n} / nullif({sessions}, 0)", "Activities per session", "events",
        "{value} activities per session", "No activity yet", "events divided by sessions",
    )  # fmt: skip
    yield tell(
        "office_hours", "{office} / nullif({n}, 0)", "Share of activity in office hours", "share",
        "{value} of activity in office hours", "No activity yet", "share of events on Monday to Friday, 8 to 18 h UTC",
    )  # fmt: skip
    yield tell(
        "weekend", "{weekend} / nullif({n}, 0)", "Share of activity at weekends", "share",
        "{value} of activity at weekends", "No activity yet", "share of events on Saturday and Sunday, UTC",
    )  # fmt: skip


def _amounts(plan: FeaturePlan, tell: _Teller, place: int, amount: str) -> Iterator[Measure]:
    name = words(amount).lower()
    of = "" if tell.key.rhythm else f" ({tell.lower})"
    yield tell(
        f"sum_{amount}", f"{{sum_{place}}}", f"Total {name}{of}", name, f"{{value}} {name} in all{of}", "",
        f"sum of {amount} over such events",
    )  # fmt: skip
    for window in plan.windows if tell.key.rhythm else ():
        length, short = humanize(window), format_duration(window)
        yield tell(
            f"sum_{amount}_{short}", f"{{sum_{place}_{short}}}", f"Total {name} in {length}", name,
            f"{{value}} {name} in {length}", "", f"sum of {amount} over events in the {length} before the moment",
        )  # fmt: skip
    yield tell(
        f"mean_{amount}", f"{{sum_{place}}} / nullif({{with_{place}}}, 0)", f"Average {name}{of}", name,
        f"{{value}} {name} on average{of}", "", f"mean of {amount} over such events",
    )  # fmt: skip


@dataclass(frozen=True)
class _Teller:
    """Makes the measures of one behaviour; ``{fact}`` in their SQL stands for its own fact."""

    key: EventKey
    number: int

    @property
    def lower(self) -> str:
        return self.key.phrase[:1].lower() + self.key.phrase[1:]

    @property
    def never(self) -> str:
        return "No activity yet" if self.key.rhythm else f"Never: {self.lower}"

    def __call__(
        self,
        name: str,
        sql: str,
        label: str,
        unit: str,
        phrase: str,
        absent: str,
        sentence: str,
        told_by: str = "",
    ) -> Measure:
        column = FeatureColumn(
            f"{self.key.name}__{name}", label, "behavioural", "number", unit,
            f"{sentence[:1].upper()}{sentence[1:]}, where {self.key.condition}.", self.key.condition, phrase, absent,
            told_by=told_by,
        )  # fmt: skip
        return Measure(column, sql.replace("{", f"f.k{self.number}_").replace("}", ""))


def rate_measure(plan: FeaturePlan, rate: Rate) -> Measure:
    """Hits per try, such as mails opened per mail sent."""
    numbers = {key.name: number for number, key in enumerate(plan.keys)}
    conditions = {key.name: key.condition for key in plan.keys}
    column = FeatureColumn(
        rate.name, rate.label, "behavioural", "number", "share",
        f"Events where {conditions[rate.hits]}, divided by those where {conditions[rate.tries]}.",
        conditions[rate.hits], f"{rate.label}: {{value}}", f"{rate.label}: nothing to count yet",
    )  # fmt: skip
    return Measure(column, f"f.k{numbers[rate.hits]}_n / nullif(f.k{numbers[rate.tries]}_n, 0)")


def touch_column(touch: Touch) -> FeatureColumn:
    """The first or last value of an event column."""
    what = "Type" if touch.column == "event_type" else f"{words(touch.column)}"
    return FeatureColumn(
        touch.name, touch.label, "behavioural", "category",
        sentence=f"{what} of the {touch.which} event before the moment that has one.",
        condition=touch.column, absent="No action yet" if touch.column == "event_type" else f"{touch.label}: none yet",
    )  # fmt: skip


LEAD_AGE = FeatureColumn(
    "lead_age", "Days since the lead was created", "behavioural", "number", "days",
    "Days from created_at to the moment.", phrase="Created {value} days ago",
)  # fmt: skip

_BOUGHT = "a conversion of the lead, before the moment"
PURCHASES: tuple[Measure, ...] = tuple(
    Measure(FeatureColumn(f"bought__{name}", label, "behavioural", "number", unit, sentence, _BOUGHT, phrase, absent), sql)
    for name, sql, label, unit, sentence, phrase, absent in (
        ("count", "coalesce(p.n, 0)", "Bought before", "times", "Conversions before the moment.", "Bought {times} before", "Never bought before"),
        ("recency", f"p.recency / {MICROSECONDS_A_DAY}", "Days since the last purchase", "days", "Days from the last conversion to the moment.",
         "Last bought {value} days ago", "Never bought before"),
        ("gap", f"(p.first - p.recency) / {MICROSECONDS_A_DAY} / nullif(p.n - 1, 0)", "Usual time between purchases", "days", "Mean days between conversions.",
         "Usually buys every {value} days", "Bought less than twice"),
        ("sum_value", "coalesce(p.total, 0)", "Bought for, in all", "value", "Sum of the conversions' value before the moment.",
         "Bought for {value} in all", ""),
        ("mean_value", "p.total / nullif(p.valued, 0)", "Bought for, on average", "value", "Mean of the conversions' value before the moment.",
         "Bought for {value} on average", "Never bought before"),
    )
)  # fmt: skip
