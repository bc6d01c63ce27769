"""Columns that give no feature, and why: the one place that says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from leadlens.features.behaviour.planning import MOST_AMOUNTS, names_one_of_many
from leadlens.features.conditions.condition import Condition
from leadlens.features.engines import Step
from leadlens.features.errors import counted, listed
from leadlens.features.history import History, Kind
from leadlens.features.plan import FeaturePlan
from leadlens.features.settings import FeatureSettings

_TAKEN = 100  # columns read from a wide table in one go
_AT_ONCE = 20  # columns counted in one statement: distinct values of more cost by the square
_PREFIXES = {"leads": "", "accounts": "accounts.", "events": "events."}


@dataclass(frozen=True)
class UnusedColumn:
    """A column that a plan makes no feature of; ``code`` is stable, for machines, and ``reason`` for people."""

    column: str
    code: str
    reason: str

    @property
    def message(self) -> str:
        """Column and reason in one line."""
        return f"{self.column}: {self.reason}"


@dataclass(frozen=True)
class ColumnProfile:
    """A column in numbers: rows of its table, rows with a value, distinct values, and those that are numbers.

    ``least`` is one of its values as text; ``numbers`` is counted in texts alone.
    """

    table: str
    name: str
    kind: Kind
    rows: int
    known: int
    distinct: int
    numbers: int
    least: str | None

    @property
    def shown(self) -> str:
        """As people know it: bare for leads, with the table for others."""
        return _PREFIXES[self.table] + self.name


def column_profiles(history: History) -> list[ColumnProfile]:
    """Every column outside the contract, counted in few scans."""
    profiles: list[ColumnProfile] = []
    for table, columns in _attributes(history).items():
        names = list(columns)
        for start in range(0, len(names), _TAKEN):
            some = {name: columns[name] for name in names[start : start + _TAKEN]}
            if len(names) <= _TAKEN:
                profiles += _profiles(history, table, table, some)
                continue
            # Of a wide file each reading costs by all its columns: few readings.
            quoted = ", ".join(map(history.engine.dialect.quote, some))
            history.engine.run([Step("some_columns", f"SELECT {quoted} FROM {table}")])
            profiles += _profiles(history, table, "some_columns", some)
            history.engine.drop("some_columns")
    return profiles


def _profiles(
    history: History, table: str, source: str, columns: Mapping[str, Kind]
) -> Iterator[ColumnProfile]:
    names = list(columns)
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        counts = ", ".join(_counts(history, name, columns[name], place) for place, name in enumerate(some))
        row = history.engine.frame(f"SELECT count(*) AS n, {counts} FROM {source}").iloc[0]
        for place, name in enumerate(some):
            known, distinct, numbers = (int(row[f"{what}{place}"]) for what in "kdi")
            least = row[f"l{place}"] if known else None
            yield ColumnProfile(table, name, columns[name], int(row["n"]), known, distinct, numbers, least)


def _counts(history: History, name: str, kind: Kind, place: int) -> str:
    dialect = history.engine.dialect
    quoted = dialect.quote(name)
    numbers = f"count({dialect.try_cast(quoted, 'number')})" if kind == "text" else "0"
    return (
        f"count({quoted}) AS k{place}, count(DISTINCT {quoted}) AS d{place}, {numbers} AS i{place}, "
        f"{dialect.text(f'min({quoted})')} AS l{place}"
    )


def unused_columns(
    history: History,
    plan: FeaturePlan,
    settings: FeatureSettings,
    profiles: Sequence[ColumnProfile] | None = None,
) -> list[UnusedColumn]:
    """The columns of leads, accounts and events that ``plan`` makes no feature of, each with the reason.

    Among them are names of people, free text and ids, of which at most whether they are filled in is a feature.

    ``profiles`` are those of :func:`column_profiles`, where they are there already. Tables without rows have no
    columns worth naming.
    """
    used = _used(history, plan)
    withheld = {(item.table, item.column): item for item in plan.withheld}
    unused = []
    for profile in column_profiles(history) if profiles is None else profiles:
        column = (profile.table, profile.name)
        if profile.rows and (left_out := withheld.get(column)):
            filled = "; whether it is filled in is a feature" if column in used else ""
            unused.append(UnusedColumn(profile.shown, left_out.why, left_out.reason + filled))
        elif profile.rows and column not in used:
            unused.append(UnusedColumn(profile.shown, *_reason(history, settings, profile)))
    hidden = (
        UnusedColumn(name, "known-after", "known only after the outcome (`known_after`)")
        for name in history.hidden
    )
    return [*unused, *hidden]


def _attributes(history: History) -> dict[str, Mapping[str, Kind]]:
    return {
        "leads": history.lead_attributes,
        "accounts": history.account_attributes,
        "events": history.event_properties,
    }


def _used(history: History, plan: FeaturePlan) -> set[tuple[str, str]]:
    """(table, column) of every column that some feature reads."""
    used = {
        (f"{feature.source}s", column)
        for feature in plan.attributes
        for column in (feature.column, feature.beside)
    }
    return used | {("events", name) for name in _properties(history, plan)}


def _properties(history: History, plan: FeaturePlan) -> Iterator[str]:
    columns: dict[str, Kind] = {"event_type": "category", **history.event_properties}
    for key in plan.keys:
        yield from key.amounts
        if key.prop is not None:
            yield key.prop
        if key.when is not None:
            yield from Condition.parse(key.when, columns).columns_used
    for touch in plan.touches:
        yield touch.column


def _reason(history: History, settings: FeatureSettings, profile: ColumnProfile) -> tuple[str, str]:
    """Code and wording, the plainest reason first."""
    if profile.name in settings.protected and profile.table != "events":
        return (
            "protected",
            "kept out of features (`protected`); the report and the model card have its groups",
        )
    if profile.name in settings.drop:
        return "dropped", "left out by features.drop"
    if not profile.known:
        return "empty", "empty in every row"
    if profile.distinct == 1 and profile.known == profile.rows:
        return "constant", f"always {listed([str(profile.least)])}"
    if profile.kind == "text":
        return _of_text(history, profile)
    if profile.table == "events":
        return _of_property(profile)
    if profile.kind == "time" and history.clock != "time":
        return "no-dates", "a date, and the data have no dates to hold it against (`order`)"
    if profile.kind == "category" and profile.distinct == profile.known:
        return "id", f"every one of its {counted(profile.known, 'value')} is different, as in an id"
    if profile.kind == "category":
        return "rare", "no value of 5 leads or more tells them apart as of the rows to learn from"
    return "no-difference", "the same for all leads as of the rows to learn from"


def _of_text(history: History, profile: ColumnProfile) -> tuple[str, str]:
    """Text with too many values to count each: mostly numbers, ids, or free text."""
    name = history.engine.dialect.quote(profile.name)
    number, numbers = history.engine.dialect.try_cast(name, "number"), profile.numbers
    if 2 * numbers >= profile.known > numbers:
        others = f"SELECT DISTINCT {name} AS v FROM {profile.table} WHERE {name} IS NOT NULL AND {number} IS NULL ORDER BY v LIMIT 3"
        examples = listed(map(repr, history.engine.frame(others)["v"]))
        return (
            "number-in-part",
            f"text, though {numbers:,} of its {counted(profile.known, 'value')} are numbers: others are {examples}. "
            "If they mean “not known”, list them under `missing`",
        )
    if profile.distinct == profile.known:
        return "id", f"every one of its {counted(profile.known, 'value')} is different, as in an id"
    ask = (
        ""
        if profile.table == "events"
        else f". To use its frequent ones: features.read: {{{profile.name}: [category]}}"
    )
    return "many-values", f"text with {profile.distinct:,} different values, too many to learn from each{ask}"


def _of_property(profile: ColumnProfile) -> tuple[str, str]:
    if profile.kind == "time":
        return "event-time", "a date beside each event's own is not read"
    if profile.kind == "number" and names_one_of_many(profile.name):
        return "id", "a number whose name says that it stands for something"
    if profile.kind == "number":
        return (
            "rare",
            f"too rare to learn from (features.min_support), or not among the first {MOST_AMOUNTS} numbers of events",
        )
    return (
        "rare",
        "no value is frequent enough to learn from, or tells events of a type apart (features.min_support)",
    )
