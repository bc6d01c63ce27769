"""Which columns of a table say what was done and when, and which say what was edited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.roles import LATE, Table
from leadlens.pipeline.starting.words import holds, says

_MOST_TYPES, _MOST_PROPERTIES = 200, 500


@dataclass(frozen=True)
class ActivityColumns:
    """The columns of a table of activities; ``known`` is when a row was entered, where it says so beside the time."""

    time: Column
    type: Column | None
    known: Column | None
    properties: tuple[tuple[str, Column], ...]


def activity_columns(table: Table) -> ActivityColumns | None:
    """Which columns say what was done, when, and with what; ``None`` without a time."""
    times = [column for column in table.export.of_kind("time") if column.filled > 0.05]
    if not times:
        return None
    own = table.having("activity_time")
    named = [
        column
        for column in times
        if says("activities", "time", column.name)
        and table.roles[column.name] not in ("modified", "created", "known_at")
    ]
    entered = [column for column in (*table.having("known_at", "created"),) if column.kind == "time"]
    time = next(
        iter([*own, *sorted(named, key=lambda column: (column.days, -column.filled)), *entered, *times])
    )
    if time.days and entered and not entered[0].days and entered[0] is not time and not own:
        time = entered[0]  # a day alone would be known from its morning on
    known = next((column for column in entered if column is not time), None)
    kind = _type_of(table)
    return ActivityColumns(
        time, kind, known, tuple(_properties(table, {time.name, *([kind.name] if kind else [])}))
    )


def _type_of(table: Table) -> Column | None:
    """The column that says what was done; the subject where that says more and is no free text."""
    columns = table.export.columns.values()
    able = [
        column
        for column in columns
        if column.kind in ("text", "number") and 1 <= column.distinct <= _MOST_TYPES and column.filled > 0.5
    ]
    given = [column for column in table.having("activity_type") if column in able]
    typed = given or [
        column for column in able if column.kind == "text" and says("activities", "type", column.name)
    ]
    subjects = [
        column
        for column in able
        if (column.kind == "text" and table.roles[column.name] == "subject")
        or (says("activities", "subject", column.name) and column in able)
    ]
    best = next(iter(typed), None)
    if best is None or (best.distinct == 1 and table.roles[best.name] != "activity_type"):
        best = next((column for column in subjects if column.distinct <= 60), best)
    return best or _type_by_values(table, able)


def _type_by_values(table: Table, able: list[Column]) -> Column | None:
    """Where no word is known: the text of few values that is no page, no state and no person."""
    few = [
        column
        for column in able
        if column.kind == "text"
        and 2 <= column.distinct <= 40
        and column.filled > 0.9
        and not is_path(column)
        and table.roles[column.name] not in (*LATE, "first_name", "last_name", "company", "country", "city")
    ]
    return min(few, key=lambda column: column.distinct, default=None)


def is_path(column: Column) -> bool:
    """Whether most values of a text are addresses of pages, or paths."""
    pages = sum(value.startswith(("/", "http://", "https://", "www.")) for value, _ in column.values)
    return pages >= 0.8 * max(len(column.values), 1)


def _properties(table: Table, taken: set[str]) -> Iterator[tuple[str, Column]]:
    """Few further columns that say what it was about; nothing that is kept up to date, names a person or is a text of its own."""
    for column in table.export.columns.values():
        role = table.roles[column.name]
        if (
            column.name in taken
            or column.kind not in ("text", "flag")
            or not 2 <= column.distinct <= _MOST_PROPERTIES
        ):
            continue
        if (
            role in LATE
            or role in ("email", "phone", "company", "first_name", "last_name", "ref", "id")
            or says("ids", "", column.name)
        ):
            continue
        name = (
            "page"
            if is_path(column) and "page" not in taken
            else next(
                (
                    part
                    for part in ("page", "campaign", "subject", "channel")
                    if role == part or says("activities", part, column.name)
                ),
                None,
            )
        )
        if name is None and (
            column.distinct > 60 or column.kind == "flag" or holds("columns", "stage", column.name)
        ):
            continue
        if name not in taken and name is not None:
            taken.add(name)
            yield name, column
        else:
            yield column.name, column


def history_columns(table: Table) -> tuple[Column, Column, Column | None, Column] | None:
    """(field, new value, old value, time) of a field history."""

    def one(part: str) -> Column | None:
        return next(
            (column for column in table.export.columns.values() if says("history", part, column.name)), None
        )

    field, new, old = one("field"), one("new"), one("old")
    times = [*table.having("created", "known_at", "activity_time", "modified"), *table.export.of_kind("time")]
    times = [column for column in times if column.kind == "time"]
    return (field, new, old, times[0]) if field and new and times else None
