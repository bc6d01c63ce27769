"""From events to units: what a rule counts for each row of a spine, and when it happened.

The steps (``p`` is the prefix of a pass):

- ``sheet_hits``   one row per event and marker: a rule's condition, its ``after``, or a disqualifier's
- ``p_traits``     one row per spine row: which attribute conditions hold as of then, with what they saw
- ``p_seen``       spine x hits behind the fence, and within the window of the rule
- ``p_matched``    the same, without what came before the first event of ``after``
- ``p_units``      one row per unit: once, each event, each day, each value
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta

from features.as_of import attribute_steps
from features.conditions import Condition
from features.engine import Step
from features.history import History
from features.visibility import known_by
from models.scorecard.parsing import Parsed
from models.scorecard.rules import ActionRule
from models.scorecard.sheet import Sheet

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


def shown(dialect_text: Callable[[str], str], value: str, number: bool) -> str:
    """A value as a person writes it: whole numbers without a point."""
    if not number:
        return dialect_text(value)
    whole = dialect_text(f"CAST({value} AS BIGINT)")
    return (
        f"CASE WHEN abs({value}) < 1e15 AND {value} = floor({value}) THEN {whole} "
        f"ELSE {dialect_text(value)} END"
    )


class UnitSteps:
    """The steps of one pass: ``spine(row_id, lead_id, as_of)`` by a sheet, with tables named ``prefix_…``."""

    def __init__(
        self, sheet: Sheet, parsed: Parsed, history: History, spine: str, prefix: str, first: bool
    ) -> None:
        self.sheet, self.parsed, self.history = sheet, parsed, history
        self.dialect, self.prefix, self.first = history.engine.dialect, prefix, first
        self.spine_name, self.spine = spine, self.dialect.quote(spine)
        self.numbers = Numbers(sheet)
        self.traits = dict(zip(self.numbers.attributes, parsed.attributes, strict=True))
        self.hits: dict[int, Condition] = dict(zip(self.numbers.actions, parsed.actions, strict=True))
        for index, condition in parsed.after.items():
            self.hits[self.numbers.after(self.numbers.first_action + index)] = condition
        for (marker, bar), condition in zip(self.numbers.bars.items(), parsed.bars, strict=True):
            (self.hits if bar.on == "action" else self.traits)[marker] = condition
        self.later = [n for n, rule in self.numbers.actions.items() if rule.after is not None]
        self.matched = f"{prefix}_matched" if self.later else f"{prefix}_seen"

    def name(self, table: str) -> str:
        """A table of this pass."""
        return f"{self.prefix}_{table}"

    def steps(self) -> list[Step]:
        """Up to ``p_units``."""
        steps: list[Step] = []
        if self.traits or self.parsed.outcomes:
            steps += attribute_steps(self.history, self.spine_name)
        if self.traits:
            steps.append(Step(self.name("traits"), self._traits()))
        if self.hits:
            steps += [Step("sheet_hits", self._hits())] if self.first else []
            steps.append(Step(self.name("seen"), self._seen()))
        if self.later:
            steps.append(Step(self.name("matched"), self._matched()))
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
            value = shown(self.dialect.text, f"{_LEAD[prefix]}.{quote(bare)}", number)
            parts.append(f"{literal(bare + ' ')} || coalesce({value}, {literal('not known')})")
        return f" || {literal(', ')} || ".join(parts) or literal("")

    def _is_number(self, feature: str) -> bool:
        from features.matrix import plan_columns

        assert self.parsed.plan is not None
        return next(c.kind == "number" for c in plan_columns(self.parsed.plan) if c.name == feature)

    def _hits(self) -> str:
        sql = self.dialect
        flags = [f"CASE WHEN {c.sql(sql, 'e')} THEN {marker} END" for marker, c in self.hits.items()]
        columns = {name: f"v{place}" for place, name in enumerate(sorted(set(self.parsed.of.values())))}
        kept = "".join(f", e.{sql.quote(name)} AS {alias}" for name, alias in columns.items())
        hits = (
            f"SELECT e.lead_id, e.occurred_at, e.known_at, e.retracted_at{kept}, "
            f"{sql.row_for_each(flags)} AS marker FROM events AS e"
        )
        value = "".join(
            f"WHEN h.marker IN ({_listed(self.numbers.first_action + i for i, of in self.parsed.of.items() if of == name)}) "
            f"THEN {shown(sql.text, f'h.{alias}', self.history.event_properties[name] == 'number')} "
            for name, alias in columns.items()
        )
        told = f"CASE {value}END" if value else f"CAST(NULL AS {sql.text_type})"
        return (
            f"SELECT h.lead_id, h.occurred_at, h.known_at, h.retracted_at, h.marker, {told} AS value "
            f"FROM ({hits}) AS h"
        )

    def _seen(self) -> str:
        return (
            f"SELECT s.row_id, h.marker, h.occurred_at, h.value FROM {self.spine} AS s "
            f"JOIN sheet_hits AS h ON h.lead_id = s.lead_id WHERE {known_by('h')}{self._recent()}{self._valued()}"
        )

    def _recent(self) -> str:
        """Only the rule's window; an event older than the time to zero gives nothing."""
        lengths: dict[tuple[str, timedelta], list[int]] = {}
        for number, rule in self.numbers.actions.items():
            if rule.within is not None:
                lengths.setdefault((">=", rule.within), []).append(number)
            if rule.decay is not None and rule.decay.to_zero is not None:
                lengths.setdefault((">", rule.decay.to_zero), []).append(number)
        return "".join(
            f" AND (h.marker NOT IN ({_listed(of)}) OR h.occurred_at {op} {self.dialect.minus('s.as_of', length)})"
            for (op, length), of in lengths.items()
        )

    def _valued(self) -> str:
        of = [self.numbers.first_action + index for index in self.parsed.of]
        return f" AND (h.marker NOT IN ({_listed(of)}) OR h.value IS NOT NULL)" if of else ""

    def _matched(self) -> str:
        seen = self.name("seen")
        markers = [self.numbers.after(number) for number in self.later]
        return (
            f"SELECT n.* FROM {seen} AS n WHERE n.marker NOT IN ({_listed((*self.later, *markers))}) "
            f"UNION ALL SELECT n.* FROM {seen} AS n JOIN (SELECT row_id, marker, min(occurred_at) AS first "
            f"FROM {seen} WHERE marker IN ({_listed(markers)}) GROUP BY row_id, marker) AS y "
            f"ON y.row_id = n.row_id AND y.marker = n.marker + {self.numbers.size} "
            f"WHERE n.marker IN ({_listed(self.later)}) AND n.occurred_at > y.first"
        )

    def _units(self) -> str:
        parts = [
            f"SELECT row_id, {number} AS rule, {UNDATED} AS occurred_at, trait_{number} AS detail "
            f"FROM {self.name('traits')} WHERE trait_{number} IS NOT NULL"
            for number in self.numbers.attributes
        ]
        actions = self.numbers.actions
        plain = {n: rule for n, rule in actions.items() if rule.silent is None and rule.at_least is None}
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

    def _grouped(self, per: str, rules: dict[int, ActionRule]) -> str:
        """Units of rules that count ``per`` once, each, day or value: the first time, the latest where it fades."""
        source = f"FROM {self.matched} WHERE marker IN ({_listed(rules)})"
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
            "JOIN leads AS l ON l.lead_id = s.lead_id LEFT JOIN (SELECT row_id, max(occurred_at) AS latest "
            f"FROM {self.matched} WHERE marker = {number} GROUP BY row_id) AS m ON m.row_id = s.row_id) AS q "
            f"WHERE {self.dialect.plus('since', length)} <= as_of"
        )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
