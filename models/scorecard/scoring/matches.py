"""Which events a sheet looks at, and what each bears: the first half of a pass.

A marker is the number of a rule's condition, of its ``after`` or of a disqualifier. Events that bear the same markers
are of one class, and what happened once is told by the first and the latest event of each class. The steps (``p``
is the prefix of a pass):

- ``sheet_values`` one row per combination of values that conditions look at
- ``sheet_kinds``  the same with its class, where it bears any marker
- ``sheet_marks``  the markers of each class
- ``sheet_hits``   the events that bear any marker
- ``p_seen``       spine x hits behind the fence
- ``p_folded``     first and latest event of each row and class

A query for a warehouse does without classes, so that a person can read it (``plain``): there an event stands once
for each of its markers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from features.conditions.condition import Condition
from features.engines import Step
from features.engines.dialect import Dialect
from features.history import History
from features.spine import Spine
from features.visibility import known_by
from models.scorecard.language.parsing import Parsed
from models.scorecard.language.sheet import Sheet

_BITS = 30


class Numbers:
    """The numbers that stand for rules and conditions in the steps.

    Starting points are numbered by dimension, then come attributes and actions in the order of the sheet. ``after``
    conditions and disqualifiers are marked by numbers beyond them.
    """

    def __init__(self, sheet: Sheet) -> None:
        first = len(sheet.all_dimensions)
        self.attributes = dict(enumerate(sheet.attributes, first))
        self.actions = dict(enumerate(sheet.actions, first + len(sheet.attributes)))
        self.rules = {**self.attributes, **self.actions}
        self.first_action = first + len(sheet.attributes)
        self.size = self.first_action + len(sheet.actions)
        self.bars = {2 * self.size + number: bar for number, bar in enumerate(sheet.disqualify)}

    def after(self, number: int) -> int:
        """The marker of the ``after`` condition of an action."""
        return self.size + number

    def bar(self, marker: int) -> int:
        """The place of a disqualifier in the sheet."""
        return marker - 2 * self.size


def shown(dialect: Dialect, value: str, number: bool) -> str:
    """A value as a person writes it: whole numbers without a point."""
    if not number:
        return dialect.text(value)
    whole = dialect.text(f"CAST({value} AS BIGINT)")
    return (
        f"CASE WHEN abs({value}) < 1e15 AND {value} = floor({value}) THEN {whole} "
        f"ELSE {dialect.double_text(value)} END"
    )


class HitSteps:
    """The steps of one pass: ``spine(row_id, lead_id, as_of)`` by a sheet, with tables named ``prefix_…``.

    ``alone`` is the pass of a sheet that needs no other: its hits are read where they are found, and not kept.
    """

    def __init__(
        self,
        sheet: Sheet,
        parsed: Parsed,
        history: History,
        spine: Spine,
        prefix: str,
        first: bool,
        plain: bool = False,
        alone: bool = False,
    ) -> None:
        self.sheet, self.parsed, self.history = sheet, parsed, history
        self.dialect, self.prefix, self.first = history.engine.dialect, prefix, first
        self.spine = spine
        self.numbers = Numbers(sheet)
        self.traits = dict(zip(self.numbers.attributes, parsed.attributes, strict=True))
        self.hits: dict[int, Condition] = dict(zip(self.numbers.actions, parsed.actions, strict=True))
        for index, condition in parsed.after.items():
            self.hits[self.numbers.after(self.numbers.first_action + index)] = condition
        for (marker, bar), condition in zip(self.numbers.bars.items(), parsed.bars, strict=True):
            (self.hits if bar.on == "action" else self.traits)[marker] = condition
        self.plain, self.alone = plain, alone
        actions = self.numbers.actions.items()
        self.later = [n for n, rule in actions if rule.after is not None]
        self.raw = [n for n, rule in actions if rule.after or rule.at_least or rule.per != "once"]

    def name(self, table: str) -> str:
        """A table of this pass."""
        return f"{self.prefix}_{table}"

    def hit_steps(self) -> list[Step]:
        """Up to ``p_folded``; none for a sheet that looks at no event."""
        if not self.hits:
            return []
        steps: list[Step] = []
        if self.first and not self.plain:
            # a step of its own, or else engines ask every condition of every event
            steps.append(Step("sheet_values", self._values()))
            steps += [Step("sheet_kinds", self._kinds()), Step("sheet_marks", self._marks())]
        if self.first and not self.alone:
            steps.append(Step("sheet_hits", self._hits()))
        return [*steps, Step(self.name("seen"), self._seen()), Step(self.name("folded"), self._folded())]

    @property
    def _class(self) -> str:
        """The column of hits by which they are folded."""
        return "marker" if self.plain else "class_no"

    @property
    def _coded(self) -> list[str]:
        """Columns with few values, by which events are sorted into kinds."""
        names = {name for condition in self.hits.values() for name in condition.columns_used}
        return sorted(name for name in names if self._kind_of(name) not in ("number", "time"))

    @property
    def _flagged(self) -> list[int]:
        """Markers whose conditions look at numbers or moments: asked of every event."""
        return [
            marker
            for marker, condition in self.hits.items()
            if any(self._kind_of(name) in ("number", "time") for name in condition.columns_used)
        ]

    def _kind_of(self, name: str) -> str:
        return {"event_type": "category", "occurred_at": "time"}.get(name) or self.history.event_properties[
            name
        ]

    def _flags(self) -> list[str]:
        """Which flagged conditions hold, each a bit of a whole number; several numbers where there are many."""
        told = [
            f"CASE WHEN {self.hits[marker].sql(self.dialect, 'e')} THEN {1 << place % _BITS} ELSE 0 END"
            for place, marker in enumerate(self._flagged)
        ]
        return [" + ".join(told[start : start + _BITS]) for start in range(0, len(told), _BITS)]

    def _is_flagged(self, marker: int) -> str:
        place = self._flagged.index(marker)
        return f"(e.flags_{place // _BITS} & {1 << place % _BITS}) <> 0"

    def _values(self) -> str:
        # columns of the data get names of our own, which no column of the data can have beside them
        columns = [f"e.{self.dialect.quote(name)} AS kind_{place}" for place, name in enumerate(self._coded)]
        columns += [f"{told} AS flags_{place}" for place, told in enumerate(self._flags())]
        return f"SELECT DISTINCT {', '.join(columns) or '1 AS one'} FROM events AS e"

    def _kinds(self) -> str:
        kinds = {name: f"kind_{place}" for place, name in enumerate(self._coded)}

        def holds(marker: int, condition: Condition) -> str:
            if marker in self._flagged:
                return self._is_flagged(marker)
            return condition.moved(lambda at: replace(at, name=kinds[at.name])).sql(self.dialect, "e")

        key = ", ".join(f"CASE WHEN {holds(*item)} THEN '1' ELSE '0' END" for item in self.hits.items())
        return (
            "SELECT k.*, dense_rank() OVER (ORDER BY k.marks) AS class_no FROM "
            f"(SELECT e.*, concat({key}) AS marks FROM sheet_values AS e) AS k WHERE k.marks LIKE '%1%'"
        )

    def _marks(self) -> str:
        markers = [
            f"CASE WHEN substr(c.marks, {place}, 1) = '1' THEN {marker} END"
            for place, marker in enumerate(self.hits, 1)
        ]
        return (
            f"SELECT c.class_no, {self.dialect.row_for_each(markers)} AS marker "
            "FROM (SELECT DISTINCT class_no, marks FROM sheet_kinds) AS c"
        )

    def _hits(self) -> str:
        sql = self.dialect
        values = "".join(
            f", {shown(sql, f'e.{sql.quote(name)}', self._kind_of(name) == 'number')} AS value_{place}"
            for place, name in enumerate(self._valued)
        )
        event = f"e.lead_id, e.occurred_at, e.known_at, e.retracted_at{values}"
        if self.plain:
            flags = [f"CASE WHEN {c.sql(sql, 'e')} THEN {marker} END" for marker, c in self.hits.items()]
            return f"SELECT {event}, {sql.row_for_each(flags)} AS marker FROM events AS e"
        same = [
            f"k.kind_{place} IS NOT DISTINCT FROM e.{sql.quote(name)}"
            for place, name in enumerate(self._coded)
        ]
        same += [f"k.flags_{place} = {told}" for place, told in enumerate(self._flags())]
        return f"SELECT {event}, k.class_no FROM events AS e JOIN sheet_kinds AS k ON {' AND '.join(same) or 'TRUE'}"

    @property
    def _valued(self) -> list[str]:
        """Columns whose values are counted."""
        return sorted(set(self.parsed.of.values()))

    def _seen(self) -> str:
        values = "".join(f", h.value_{place}" for place in range(len(self._valued)))
        return (
            f"SELECT s.row_id, h.{self._class}, h.occurred_at{values} FROM {self.spine} AS s "
            f"JOIN {f'({self._hits()})' if self.alone else 'sheet_hits'} AS h ON h.lead_id = s.lead_id "
            f"WHERE {known_by('h')}"
        )

    def _folded(self) -> str:
        return (
            f"SELECT row_id, {self._class}, min(occurred_at) AS earliest, max(occurred_at) AS latest "
            f"FROM {self.name('seen')} GROUP BY row_id, {self._class}"
        )

    def marked(self, table: str, alias: str) -> tuple[str, str]:
        """A table of hits or of what was folded of them, once for each marker: its FROM, and the marker's column."""
        if self.plain:
            return f"{self.name(table)} AS {alias}", f"{alias}.marker"
        return (
            f"{self.name(table)} AS {alias} JOIN sheet_marks AS m ON m.class_no = {alias}.class_no",
            "m.marker",
        )

    def marked_hits(self, alias: str) -> tuple[str, str]:
        """The same of the hits of all passes."""
        if self.plain:
            return f"sheet_hits AS {alias}", f"{alias}.marker"
        return f"(sheet_hits AS {alias} JOIN sheet_marks AS m ON m.class_no = {alias}.class_no)", "m.marker"

    def _moments(self, markers: Iterable[int]) -> str:
        """The earliest and the latest event of markers: ``row_id, marker, earliest, latest``."""
        source, marker = self.marked("folded", "f")
        return (
            f"SELECT f.row_id, {marker}, min(f.earliest) AS earliest, max(f.latest) AS latest "
            f"FROM {source} WHERE {marker} IN ({listed(markers)}) GROUP BY f.row_id, {marker}"
        )

    def _no_text(self) -> str:
        return f"CAST(NULL AS {self.dialect.text_type})"


def listed(numbers: Iterable[int]) -> str:
    """Numbers for an IN list."""
    return ", ".join(map(str, numbers))
