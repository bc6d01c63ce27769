"""From events to units: what a rule counts for each row of a spine, and when it happened.

A marker is the number of a rule's condition, of its ``after`` or of a disqualifier. Events that bear the same markers
are of one class, and what happened once is told by the first and the latest event of each class. The steps (``p``
is the prefix of a pass):

- ``sheet_values`` one row per combination of values that conditions look at
- ``sheet_kinds``  the same with its class, where it bears any marker
- ``sheet_marks``  the markers of each class
- ``sheet_hits``   the events that bear any marker
- ``p_traits``     one row per spine row: which attribute conditions hold as of then, with what they saw
- ``p_seen``       spine x hits behind the fence
- ``p_folded``     first and latest event of each row and class
- ``p_raw``        events one by one for the rules that need them: each, day, value, at_least, after
- ``p_units``      one row per unit: once, each event, each day, each value

A query for a warehouse does without classes, so that a person can read it (``plain``): there an event stands once
for each of its markers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from features.as_of import attribute_steps
from features.conditions import Condition
from features.dialect import Dialect
from features.engine import Step
from features.history import History
from features.visibility import known_by
from models.scorecard.parsing import Parsed
from models.scorecard.rules import ActionRule
from models.scorecard.sheet import Sheet

_BITS = 30
UNDATED = "CAST(NULL AS TIMESTAMP)"
_LEAD = {"": "l", "account": "a", "feature": "f"}
_WORDS = {"each": " times", "day": " days", "value": " values"}


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


class UnitSteps:
    """The steps of one pass: ``spine(row_id, lead_id, as_of)`` by a sheet, with tables named ``prefix_…``.

    ``alone`` is the pass of a sheet that needs no other: its hits are read where they are found, and not kept.
    """

    def __init__(
        self,
        sheet: Sheet,
        parsed: Parsed,
        history: History,
        spine: str,
        prefix: str,
        first: bool,
        plain: bool = False,
        alone: bool = False,
    ) -> None:
        self.sheet, self.parsed, self.history = sheet, parsed, history
        self.dialect, self.prefix, self.first = history.engine.dialect, prefix, first
        self.spine = self.dialect.quote(spine)
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

    def steps(self) -> list[Step]:
        """Up to ``p_units``."""
        steps: list[Step] = []
        if self.traits or self.parsed.outcomes:
            steps += attribute_steps(self.history, self.spine)
        if self.traits:
            steps.append(Step(self.name("traits"), self._traits()))
        if self.hits:
            if self.first and not self.plain:
                # a step of its own, or else engines ask every condition of every event
                steps.append(Step("sheet_values", self._values()))
                steps += [Step("sheet_kinds", self._kinds()), Step("sheet_marks", self._marks())]
            steps += [Step("sheet_hits", self._hits())] if self.first and not self.alone else []
            steps += [Step(self.name("seen"), self._seen()), Step(self.name("folded"), self._folded())]
        if self.raw:
            steps.append(Step(self.name("raw"), self._raw()))
        return [*steps, Step(self.name("units"), self._units())]

    def _traits(self) -> str:
        told = ", ".join(
            f"CASE WHEN {condition.sql(self.dialect, _LEAD)} THEN {self._detail(condition)} END AS trait_{number}"
            for number, condition in self.traits.items()
        )
        features = any(name.startswith("feature.") for c in self.traits.values() for name in c.columns_used)
        return (
            f"SELECT s.row_id, {told} FROM {self.spine} AS s "
            "LEFT JOIN lead_as_of AS l ON l.row_id = s.row_id "
            "LEFT JOIN account_as_of AS a ON a.row_id = s.row_id"
            + (" LEFT JOIN sheet_features AS f ON f.row_id = s.row_id" if features else "")
        )

    def _detail(self, condition: Condition) -> str:
        """What the lead had in the columns that the condition looks at: ``age 41, place Bern``."""
        literal, quote, parts = self.dialect.literal, self.dialect.quote, []
        for name in sorted(condition.columns_used):
            prefix, _, bare = (
                name.rpartition(".") if name.startswith(("account.", "feature.")) else ("", "", name)
            )
            kind = self.history.account_attributes if prefix == "account" else self.history.lead_attributes
            number = kind.get(bare) == "number" if prefix != "feature" else self._is_number(bare)
            column = f"{_LEAD[prefix]}.{quote(bare)}"
            # a reader wants 13 and not 13.000000000011575
            value = shown(self.dialect, self.dialect.rounded(column, 6) if number else column, number)
            parts.append(f"{literal(bare + ' ')} || coalesce({value}, {literal('not known')})")
        return f" || {literal(', ')} || ".join(parts) or literal("")

    def _is_number(self, feature: str) -> bool:
        from features.matrix import plan_columns

        assert self.parsed.plan is not None
        return next(c.kind == "number" for c in plan_columns(self.parsed.plan) if c.name == feature)

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
            f"FROM {source} WHERE {marker} IN ({_listed(markers)}) GROUP BY f.row_id, {marker}"
        )

    def _window(self, numbers: Iterable[int], marker: str, moment: str) -> str:
        """SQL that is true for these markers within their windows; an event older than the time to zero is out."""
        chosen = set(numbers)
        lengths: dict[tuple[str, timedelta], list[int]] = {}
        for number, rule in self.numbers.actions.items():
            if number in chosen and rule.within is not None:
                lengths.setdefault((">=", rule.within), []).append(number)
            if number in chosen and rule.decay is not None and rule.decay.to_zero is not None:
                lengths.setdefault((">", rule.decay.to_zero), []).append(number)
        return "".join(
            f" AND ({marker} NOT IN ({_listed(of)}) OR {moment} {op} {self.dialect.minus('s.as_of', length)})"
            for (op, length), of in lengths.items()
        )

    def _lately(self, numbers: Iterable[int]) -> str:
        """The longest window of these rules, if all have one: asked first, it spares engines most of the events."""
        windows = [self.numbers.actions[number].within for number in numbers]
        given = [window for window in windows if window is not None]
        if len(given) < len(windows):
            return ""
        return f" AND n.occurred_at >= {self.dialect.minus('s.as_of', max(given))}"

    def _raw(self) -> str:
        """Events of the rules that need them one by one, within windows, after what they follow: with ``value``."""
        source, marker = self.marked("seen", "n")
        whens = "".join(
            f"WHEN {marker} = {self.numbers.first_action + index} THEN n.value_{self._valued.index(name)} "
            for index, name in self.parsed.of.items()
        )
        value = f"CASE {whens}END" if whens else self._no_text()
        kept = self._window(self.raw, marker, "n.occurred_at")
        if of := [self.numbers.first_action + index for index in self.parsed.of]:
            kept += f" AND ({marker} NOT IN ({_listed(of)}) OR {value} IS NOT NULL)"
        select = f"SELECT n.row_id, {marker}, n.occurred_at, {value} AS value"
        source += f" JOIN {self.spine} AS s ON s.row_id = n.row_id"
        parts = []
        if plain := [n for n in self.raw if n not in self.later]:
            parts.append(
                f"{select} FROM {source} WHERE {marker} IN ({_listed(plain)}){kept}{self._lately(plain)}"
            )
        if self.later:
            first = self._moments(map(self.numbers.after, self.later))
            parts.append(
                f"{select} FROM {source} JOIN ({first}) AS y ON y.row_id = n.row_id "
                f"AND y.marker = {marker} + {self.numbers.size} "
                f"WHERE {marker} IN ({_listed(self.later)}) AND n.occurred_at > y.earliest{kept}"
            )
        return " UNION ALL ".join(parts)

    def _units(self) -> str:
        parts = [
            f"SELECT row_id, {number} AS rule, {UNDATED} AS occurred_at, trait_{number} AS detail "
            f"FROM {self.name('traits')} WHERE trait_{number} IS NOT NULL"
            for number in self.numbers.attributes
        ]
        actions = self.numbers.actions
        if once := [n for n in actions if n not in self.raw and actions[n].silent is None]:
            parts.append(self._once(once))
        plain = {n: actions[n] for n in self.raw if actions[n].at_least is None}
        for unit in ("once", "each", "day", "value"):
            chosen = {n: rule for n, rule in plain.items() if rule.per == unit}
            parts += [self._grouped(unit, chosen)] if chosen else []
            for fades in (False, True):
                counted = {n: r for n, r in actions.items() if r.at_least and r.at_least.unit == unit}
                chosen = {n: rule for n, rule in counted.items() if rule.fades == fades}
                parts += [self._at_least(unit, chosen, fades)] if chosen else []
        parts += [self._silence(n, rule.silent) for n, rule in actions.items() if rule.silent is not None]
        nothing = f"SELECT s.row_id, 0 AS rule, {UNDATED} AS occurred_at, {self._no_text()} AS detail FROM {self.spine} AS s"
        return " UNION ALL ".join(parts or [f"{nothing} WHERE FALSE"])

    def _no_text(self) -> str:
        return f"CAST(NULL AS {self.dialect.text_type})"

    def _once(self, numbers: list[int]) -> str:
        """Rules that count once: from the first time on, or the latest where it fades."""
        fading = [n for n in numbers if self.numbers.actions[n].fades]
        moment = "m.earliest" if not fading else "m.latest"
        if fading and len(fading) < len(numbers):
            moment = f"CASE WHEN m.marker IN ({_listed(fading)}) THEN m.latest ELSE m.earliest END"
        window = self._window(numbers, "m.marker", "m.latest")
        join = f" JOIN {self.spine} AS s ON s.row_id = m.row_id WHERE TRUE{window}" if window else ""
        return (
            f"SELECT m.row_id, m.marker AS rule, {moment} AS occurred_at, {self._no_text()} AS detail "
            f"FROM ({self._moments(numbers)}) AS m{join}"
        )

    def _grouped(self, per: str, rules: dict[int, ActionRule]) -> str:
        """Units of rules that count ``per`` once, each, day or value: the first time, the latest where it fades."""
        source = f"FROM {self.name('raw')} WHERE marker IN ({_listed(rules)})"
        if per == "each":
            return f"SELECT row_id, marker AS rule, occurred_at, {self._no_text()} AS detail {source}"
        fading = [n for n, rule in rules.items() if rule.fades]
        moment = "min(occurred_at)" if not fading else "max(occurred_at)"
        if fading and len(fading) < len(rules):
            moment = (
                f"CASE WHEN marker IN ({_listed(fading)}) THEN max(occurred_at) ELSE min(occurred_at) END"
            )
        by = {"once": "", "day": f", {self.dialect.day_number('occurred_at')}", "value": ", value"}[per]
        detail = "value" if per == "value" else self._no_text()
        return (
            f"SELECT row_id, marker AS rule, {moment} AS occurred_at, {detail} AS detail {source} "
            f"GROUP BY row_id, marker{by}"
        )

    def _at_least(self, unit: str, rules: dict[int, ActionRule], fades: bool) -> str:
        needed = " ".join(
            f"WHEN {n} THEN {rule.at_least.number}" for n, rule in rules.items() if rule.at_least
        )
        order = "DESC" if fades else "ASC"
        return (
            f"SELECT row_id, rule, occurred_at, {self.dialect.text('n')} || {self.dialect.literal(_WORDS[unit])} "
            "AS detail FROM (SELECT row_id, rule, occurred_at, "
            f"row_number() OVER (PARTITION BY row_id, rule ORDER BY occurred_at {order}) AS nth, "
            f"count(*) OVER (PARTITION BY row_id, rule) AS n FROM ({self._grouped(unit, rules)}) AS u) AS c "
            f"WHERE nth = CASE rule {needed} END"
        )

    def _silence(self, number: int, length: timedelta) -> str:
        since = "CASE WHEN m.latest > l.created_at THEN m.latest ELSE l.created_at END"
        return (
            f"SELECT row_id, {number} AS rule, {self.dialect.plus('since', length)} AS occurred_at, "
            f"{self._no_text()} AS detail FROM (SELECT s.row_id, s.as_of, {since} AS since FROM {self.spine} AS s "
            f"JOIN leads AS l ON l.lead_id = s.lead_id LEFT JOIN ({self._moments([number])}) AS m "
            "ON m.row_id = s.row_id) AS q "
            f"WHERE {self.dialect.plus('since', length)} <= as_of"
        )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
