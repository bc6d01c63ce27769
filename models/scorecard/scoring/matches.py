"""Which events a sheet asks about, and which of its conditions each matches: the first half of a pass.

A marker is the number of a rule's condition, of its ``after`` or of a disqualifier. Events with the same markers are
of one class, and for what counts once the first and the latest event of each class are enough. The steps (``p`` is the
prefix of a pass):

- ``sheet_values``  one row per combination of values that conditions read
- ``sheet_classes`` the same with its class, where it has any marker
- ``sheet_markers`` the markers of each class
- ``sheet_matches`` the events that have any marker
- ``p_visible``     spine x matches: occurred and known by then
- ``p_first_last``  first and latest event of each row and class

A query for a warehouse does without classes, so that a person can read it (``plain``): there an event is repeated
for each of its markers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from leadlens.features.conditions.condition import Condition
from leadlens.features.engines import Step
from leadlens.features.engines.dialect import Dialect
from leadlens.features.visibility import known_by
from leadlens.models.scorecard.scoring.sheet_pass import SheetPass, listed

_BITS = 30


def match_steps(p: SheetPass) -> list[Step]:
    """Up to ``p_first_last``; none for a sheet that asks about no event."""
    if not p.event_conditions:
        return []
    steps: list[Step] = []
    if p.first and not p.plain:
        # a step of its own, or else engines evaluate every condition on every event
        steps.append(Step("sheet_values", _values(p)))
        steps += [Step("sheet_classes", _classes(p)), Step("sheet_markers", _markers(p))]
    if p.first and not p.alone:
        steps.append(Step("sheet_matches", _matches(p)))
    return [*steps, Step(p.name("visible"), _visible(p)), Step(p.name("first_last"), _first_last(p))]


def shown(dialect: Dialect, value: str, number: bool) -> str:
    """A value as a person writes it: whole numbers without a point."""
    if not number:
        return dialect.text(value)
    return f"""
        CASE
          WHEN abs({value}) < 1e15 AND {value} = floor({value}) THEN {dialect.text(f"CAST({value} AS BIGINT)")}
          ELSE {dialect.double_text(value)}
        END
    """.strip()


def marked(p: SheetPass, table: str, alias: str) -> tuple[str, str]:
    """A table of the pass by class, once for each marker: its FROM, and the marker's column."""
    if p.plain:
        return f"{p.name(table)} AS {alias}", f"{alias}.marker"
    return f"{p.name(table)} AS {alias} JOIN sheet_markers AS m ON m.class_no = {alias}.class_no", "m.marker"


def marked_matches(p: SheetPass, alias: str) -> tuple[str, str]:
    """The same of the matching events of all passes."""
    if p.plain:
        return f"sheet_matches AS {alias}", f"{alias}.marker"
    return (
        f"(sheet_matches AS {alias} JOIN sheet_markers AS m ON m.class_no = {alias}.class_no)",
        "m.marker",
    )


def first_and_latest(p: SheetPass, markers: Iterable[int]) -> str:
    """The first and the latest event of markers: ``row_id, marker, earliest, latest``."""
    source, marker = marked(p, "first_last", "f")
    return f"""
        SELECT f.row_id, {marker}, min(f.earliest) AS earliest, max(f.latest) AS latest
        FROM {source}
        WHERE {marker} IN ({listed(markers)})
        GROUP BY f.row_id, {marker}
    """


def counted_columns(p: SheetPass) -> list[str]:
    """Event columns whose values are counted."""
    return sorted(set(p.parsed.of.values()))


def _group_column(p: SheetPass) -> str:
    """The column of matches by which first and latest are taken."""
    return "marker" if p.plain else "class_no"


def _kind_of(p: SheetPass, name: str) -> str:
    own = {"event_type": "category", "occurred_at": "time"}
    return own.get(name) or p.history.event_properties[name]


def _coded(p: SheetPass) -> list[str]:
    """Columns with few values, by which events are sorted into classes."""
    names = {name for condition in p.event_conditions.values() for name in condition.columns_used}
    return sorted(name for name in names if _kind_of(p, name) not in ("number", "time"))


def _flagged(p: SheetPass) -> list[int]:
    """Markers whose conditions read numbers or timestamps: evaluated on every event."""
    return [
        marker
        for marker, condition in p.event_conditions.items()
        if any(_kind_of(p, name) in ("number", "time") for name in condition.columns_used)
    ]


def _flags(p: SheetPass) -> list[str]:
    """Which flagged conditions match, each a bit of a whole number; several numbers where there are many."""
    bits = [
        f"CASE WHEN {p.event_conditions[marker].sql(p.dialect, 'e')} THEN {1 << place % _BITS} ELSE 0 END"
        for place, marker in enumerate(_flagged(p))
    ]
    return [" + ".join(bits[start : start + _BITS]) for start in range(0, len(bits), _BITS)]


def _values(p: SheetPass) -> str:
    # columns of the data get names of our own, which no column of the data can have beside them
    columns = [f"e.{p.dialect.quote(name)} AS kind_{place}" for place, name in enumerate(_coded(p))]
    columns += [f"{flags} AS flags_{place}" for place, flags in enumerate(_flags(p))]
    return f"SELECT DISTINCT {', '.join(columns) or '1 AS one'} FROM events AS e"


def _classes(p: SheetPass) -> str:
    kinds = {name: f"kind_{place}" for place, name in enumerate(_coded(p))}
    flagged = _flagged(p)

    def matches(marker: int, condition: Condition) -> str:
        if marker in flagged:
            place = flagged.index(marker)
            return f"(e.flags_{place // _BITS} & {1 << place % _BITS}) <> 0"
        return condition.moved(lambda at: replace(at, name=kinds[at.name])).sql(p.dialect, "e")

    key = ", ".join(
        f"CASE WHEN {matches(*item)} THEN '1' ELSE '0' END" for item in p.event_conditions.items()
    )
    return f"""
        SELECT k.*, dense_rank() OVER (ORDER BY k.marks) AS class_no
        FROM (SELECT e.*, concat({key}) AS marks FROM sheet_values AS e) AS k
        WHERE k.marks LIKE '%1%'
    """


def _markers(p: SheetPass) -> str:
    markers = [
        f"CASE WHEN substr(c.marks, {place}, 1) = '1' THEN {marker} END"
        for place, marker in enumerate(p.event_conditions, 1)
    ]
    return f"""
        SELECT c.class_no, {p.dialect.row_for_each(markers)} AS marker
        FROM (SELECT DISTINCT class_no, marks FROM sheet_classes) AS c
    """


def _matches(p: SheetPass) -> str:
    sql = p.dialect
    values = "".join(
        f", {shown(sql, f'e.{sql.quote(name)}', _kind_of(p, name) == 'number')} AS value_{place}"
        for place, name in enumerate(counted_columns(p))
    )
    event = f"e.lead_id, e.occurred_at, e.known_at, e.retracted_at{values}"
    if p.plain:
        flags = [f"CASE WHEN {c.sql(sql, 'e')} THEN {marker} END" for marker, c in p.event_conditions.items()]
        return f"SELECT {event}, {sql.row_for_each(flags)} AS marker FROM events AS e"
    same = [
        f"k.kind_{place} IS NOT DISTINCT FROM e.{sql.quote(name)}" for place, name in enumerate(_coded(p))
    ]
    same += [f"k.flags_{place} = {flags}" for place, flags in enumerate(_flags(p))]
    return f"""
        SELECT {event}, k.class_no
        FROM events AS e
        JOIN sheet_classes AS k ON {" AND ".join(same) or "TRUE"}
    """


def _visible(p: SheetPass) -> str:
    values = "".join(f", h.value_{place}" for place in range(len(counted_columns(p))))
    return f"""
        SELECT s.row_id, h.{_group_column(p)}, h.occurred_at{values}
        FROM {p.spine} AS s
        JOIN {f"({_matches(p)})" if p.alone else "sheet_matches"} AS h ON h.lead_id = s.lead_id
        WHERE {known_by("h")}
    """


def _first_last(p: SheetPass) -> str:
    by = _group_column(p)
    return f"""
        SELECT row_id, {by}, min(occurred_at) AS earliest, max(occurred_at) AS latest
        FROM {p.name("visible")}
        GROUP BY row_id, {by}
    """
