"""The measures of a behaviour: each is one column, and one expression over the table ``aggregates``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from leadlens.features.columns import FeatureColumn
from leadlens.features.durations import format_duration, humanize
from leadlens.features.phrases import words
from leadlens.features.plan import EventKey, FeaturePlan, Rate, Touch

SESSION_GAP = timedelta(minutes=30)
# With an exponent it is a double on every engine; 86400000000.0 would be a decimal.
MICROSECONDS_A_DAY = "8.64e10"
WEEK, FOUR_WEEKS = timedelta(days=7), timedelta(days=28)


@dataclass(frozen=True)
class Measure:
    """A column, and its SQL over ``aggregates AS f``: one row per spine row, ``k<number>_<aggregate>`` per behaviour.

    Ages are whole microseconds there, so that differences of ages lose nothing.
    """

    column: FeatureColumn
    sql: str


def cadence_number(plan: FeaturePlan) -> int | None:
    """The number of the behaviour that has sessions, trend and habits; a plan has at most one."""
    return next((number for number, key in enumerate(plan.keys) if key.cadence), None)


def key_measures(plan: FeaturePlan, number: int) -> Iterator[Measure]:
    """Every measure of one behaviour, in column order."""
    key, measure = plan.keys[number], _MeasureBuilder(plan.keys[number], number)
    times = f"{key.phrase}: {{times}}" if key.cadence else f"{key.phrase} {{times}}"
    yield measure(
        "count", sql="{n}", label=key.phrase, unit="times", phrase=times, absent=measure.never,
        sentence="events before the as-of time",
    )  # fmt: skip
    for window in plan.windows:
        length, short = humanize(window), format_duration(window)
        yield measure(
            f"count_{short}", sql=f"{{n_{short}}}", label=f"{key.phrase} in {length}", unit="times",
            phrase=f"{times} in {length}", absent=f"Not in {length}: {measure.lower}",
            sentence=f"events in the {length} before the as-of time",
        )  # fmt: skip
    yield measure(
        "active_days", sql="{days}", label=f"{key.phrase}: days on which", unit="active days",
        phrase=f"{key.phrase} on {{value}} different days", absent=measure.never,
        sentence="distinct UTC days with such an event",
    )  # fmt: skip
    yield measure(
        "recency", sql=f"{{recency}} / {MICROSECONDS_A_DAY}", label=f"{key.phrase}: days since the last time", unit="days",
        phrase=f"{key.phrase}, last on {{date}}", absent=measure.never,
        sentence="days from the last such event to the as-of time",
    )  # fmt: skip
    plainer = f"count_{format_duration(plan.windows[-1])}" if plan.windows else "count"
    yield measure(
        "decayed", sql="{decayed}", label=f"{key.phrase}, lately", unit="events", phrase=f"{key.phrase} lately: {{value}}",
        sentence=f"sum of 2^(-age / {humanize(plan.half_life)}) over such events", shown_as=f"{key.name}__{plainer}",
    )  # fmt: skip
    if key.share and (among := cadence_number(plan)) is not None:
        yield measure(
            "share", sql=f"{{n}} / nullif(f.k{among}_n, 0)", label=f"{key.phrase}: share of all activity", unit="share",
            phrase=f"{key.phrase}: {{value}} of all activity", absent="No activity yet",
            sentence="such events divided by all events",
        )  # fmt: skip
    if key.cadence:
        yield from _cadence_measures(plan, measure)
    for place, amount in enumerate(key.amounts):
        yield from _amount_measures(plan, measure, place, amount)


def _cadence_measures(plan: FeaturePlan, measure: _MeasureBuilder) -> Iterator[Measure]:
    yield measure(
        "first", sql=f"{{first}} / {MICROSECONDS_A_DAY}", label="Days since the first activity", unit="days",
        phrase="First activity on {date}", absent="No activity yet",
        sentence="days from the first event to the as-of time",
    )  # fmt: skip
    yield measure(
        "gap", sql=f"({{first}} - {{recency}}) / {MICROSECONDS_A_DAY} / nullif({{n}} - 1, 0)",
        label="Usual time between activities", unit="days", phrase="Usually {value} days between activities",
        absent="Fewer than two activities", sentence="mean days between events",
    )  # fmt: skip
    yield measure(
        "overdue", sql="CAST({recency} AS DOUBLE) * ({n} - 1) / nullif({first} - {recency}, 0)",
        label="Time since the last activity, against the usual time between", unit="ratio",
        phrase="Silent {value} times as long as usual", absent="Fewer than two activities",
        sentence="days since the last event divided by the mean days between events", shown_as=f"{measure.key.name}__recency",
    )  # fmt: skip
    yield measure(
        "trend", sql="{n_7d} - ({n_28d} - {n_7d}) / 3e0", label="Activity this week against the three weeks before",
        unit="events", phrase="This week's activity against the weekly average of the three weeks before: {value}",
        sentence="events in 7 days minus a third of those in the 21 days before them",
    )  # fmt: skip
    yield measure(
        "surge", sql="CASE WHEN {n_7d} >= 3 AND {n_7d} >= {n_28d} - {n_7d} THEN 1 ELSE 0 END",
        label="Surge of activity this week", unit="yes/no", phrase="Surge of activity this week",
        absent="No surge of activity",
        sentence="1 if 7 days hold at least 3 events, and as many as the 21 days before them",
    )  # fmt: skip
    for window in plan.windows:
        length, short = humanize(window), format_duration(window)
        yield measure(
            f"active_days_{short}", sql=f"{{days_{short}}}", label=f"Active days in {length}", unit="active days",
            phrase=f"Active on {{value}} different days in {length}", absent=f"Not active in {length}",
            sentence=f"distinct UTC days with an event in the {length} before the as-of time",
        )  # fmt: skip
    if not plan.hours:
        return
    yield measure(
        "sessions", sql="{sessions}", label="Sessions", unit="times", phrase="Sessions: {times}",
        absent="No activity yet", sentence="runs of events less than 30 minutes apart",
    )  # fmt: skip
    for window in plan.windows:
        length, short = humanize(window), format_duration(window)
        yield measure(
            f"sessions_{short}", sql=f"{{sessions_{short}}}", label=f"Sessions in {length}", unit="times",
            phrase=f"Sessions: {{times}} in {length}", absent=f"No session in {length}",
            sentence=f"sessions begun in the {length} before the as-of time",
        )  # fmt: skip
    yield measure(
        "per_session", sql="{n} / nullif({sessions}, 0)", label="Activities per session", unit="events",
        phrase="{value} activities per session", absent="No activity yet", sentence="events divided by sessions",
    )  # fmt: skip
    yield measure(
        "office_hours", sql="{office} / nullif({n}, 0)", label="Share of activity in office hours", unit="share",
        phrase="{value} of activity in office hours", absent="No activity yet",
        sentence="share of events on Monday to Friday, 8 to 18 h UTC",
    )  # fmt: skip
    yield measure(
        "weekend", sql="{weekend} / nullif({n}, 0)", label="Share of activity at weekends", unit="share",
        phrase="{value} of activity at weekends", absent="No activity yet",
        sentence="share of events on Saturday and Sunday, UTC",
    )  # fmt: skip


def _amount_measures(
    plan: FeaturePlan, measure: _MeasureBuilder, place: int, amount: str
) -> Iterator[Measure]:
    name = words(amount).lower()
    of = "" if measure.key.cadence else f" ({measure.lower})"
    yield measure(
        f"sum_{amount}", sql=f"{{sum_{place}}}", label=f"Total {name}{of}", unit=name,
        phrase=f"{{value}} {name} in all{of}", sentence=f"sum of {amount} over such events",
    )  # fmt: skip
    for window in plan.windows if measure.key.cadence else ():
        length, short = humanize(window), format_duration(window)
        yield measure(
            f"sum_{amount}_{short}", sql=f"{{sum_{place}_{short}}}", label=f"Total {name} in {length}", unit=name,
            phrase=f"{{value}} {name} in {length}",
            sentence=f"sum of {amount} over events in the {length} before the as-of time",
        )  # fmt: skip
    yield measure(
        f"mean_{amount}", sql=f"{{sum_{place}}} / nullif({{with_{place}}}, 0)", label=f"Average {name}{of}", unit=name,
        phrase=f"{{value}} {name} on average{of}", sentence=f"mean of {amount} over such events",
    )  # fmt: skip


@dataclass(frozen=True)
class _MeasureBuilder:
    """Makes the measures of one behaviour; ``{name}`` in their SQL stands for its aggregate of that name."""

    key: EventKey
    number: int

    @property
    def lower(self) -> str:
        return self.key.phrase[:1].lower() + self.key.phrase[1:]

    @property
    def never(self) -> str:
        return "No activity yet" if self.key.cadence else f"Never: {self.lower}"

    def __call__(
        self, name: str, *, sql: str, label: str, unit: str, phrase: str, sentence: str, absent: str = "", shown_as: str = ""
    ) -> Measure:  # fmt: skip
        column = FeatureColumn(
            name=f"{self.key.name}__{name}",
            label=label,
            family="behavioural",
            unit=unit,
            sentence=f"{sentence[:1].upper()}{sentence[1:]}, where {self.key.condition}.",
            condition=self.key.condition,
            phrase=phrase,
            absent=absent,
            shown_as=shown_as,
        )
        return Measure(column, sql.replace("{", f"f.k{self.number}_").replace("}", ""))


def rate_measure(plan: FeaturePlan, rate: Rate) -> Measure:
    """One behaviour divided by another, such as e-mails opened per e-mail sent."""
    by_name = {key.name: (number, key) for number, key in enumerate(plan.keys)}
    (above, numerator), (below, denominator) = by_name[rate.numerator], by_name[rate.denominator]
    column = FeatureColumn(
        name=rate.name,
        label=rate.label,
        family="behavioural",
        unit="share",
        sentence=f"Events where {numerator.condition}, divided by those where {denominator.condition}.",
        condition=numerator.condition,
        phrase=f"{rate.label}: {{value}}",
        absent=f"{rate.label}: nothing to count yet",
    )
    return Measure(column, f"f.k{above}_n / nullif(f.k{below}_n, 0)")


def touch_column(touch: Touch) -> FeatureColumn:
    """The first or last value of an event column."""
    what = "Type" if touch.column == "event_type" else f"{words(touch.column)}"
    return FeatureColumn(
        name=touch.name,
        label=touch.label,
        family="behavioural",
        kind="category",
        sentence=f"{what} of the {touch.which} event before the as-of time that has one.",
        condition=touch.column,
        absent="No action yet" if touch.column == "event_type" else f"{touch.label}: none yet",
    )


LEAD_AGE = FeatureColumn(
    name="lead_age",
    label="Days since the lead was created",
    family="behavioural",
    unit="days",
    sentence="Days from created_at to the as-of time.",
    phrase="Created on {date}",
)


def _purchase(
    name: str, *, sql: str, label: str, unit: str, sentence: str, phrase: str, absent: str = ""
) -> Measure:
    column = FeatureColumn(
        name=f"bought__{name}",
        label=label,
        family="behavioural",
        unit=unit,
        sentence=sentence,
        condition="a conversion of the lead, before the as-of time",
        phrase=phrase,
        absent=absent,
    )
    return Measure(column, sql)


PURCHASES = (
    _purchase(
        "count", sql="coalesce(p.n, 0)", label="Bought before", unit="times",
        sentence="Conversions before the as-of time.", phrase="Bought {times} before", absent="Never bought before",
    ),
    _purchase(
        "recency", sql=f"p.recency / {MICROSECONDS_A_DAY}", label="Days since the last purchase", unit="days",
        sentence="Days from the last conversion to the as-of time.", phrase="Last bought on {date}",
        absent="Never bought before",
    ),
    _purchase(
        "gap", sql=f"(p.first - p.recency) / {MICROSECONDS_A_DAY} / nullif(p.n - 1, 0)",
        label="Usual time between purchases", unit="days", sentence="Mean days between conversions.",
        phrase="Usually buys every {value} days", absent="Bought less than twice",
    ),
    _purchase(
        "sum_value", sql="coalesce(p.total, 0)", label="Bought for, in all", unit="value",
        sentence="Sum of the conversions' value before the as-of time.", phrase="Bought for {value} in all",
    ),
    _purchase(
        "mean_value", sql="p.total / nullif(p.valued, 0)", label="Bought for, on average", unit="value",
        sentence="Mean of the conversions' value before the as-of time.", phrase="Bought for {value} on average",
        absent="Never bought before",
    ),
)  # fmt: skip
