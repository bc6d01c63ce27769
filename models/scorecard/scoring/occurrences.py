"""From events to units: what a rule counts for each row of a spine, and when it happened.

The steps besides those of ``hits`` (``p`` is the prefix of a pass):

- ``p_traits``     one row per spine row: which attribute conditions hold as of then, with what they saw
- ``p_raw``        events one by one for the rules that need them: each, day, value, at_least, after
- ``p_units``      one row per unit: once, each event, each day, each value
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from features.attributes.as_of import attribute_steps
from features.conditions.condition import Condition
from features.engines import Step
from models.scorecard.language.rules import ActionRule
from models.scorecard.scoring.matches import HitSteps, listed, shown

UNDATED = "CAST(NULL AS TIMESTAMP)"
_LEAD = {"": "l", "account": "a", "feature": "f"}
_WORDS = {"each": " times", "day": " days", "value": " values"}


class UnitSteps(HitSteps):
    """``HitSteps``, and what rules count of them."""

    def steps(self) -> list[Step]:
        """Up to ``p_units``."""
        steps: list[Step] = []
        if self.traits or self.parsed.outcomes:
            steps += attribute_steps(self.history, self.spine)
        if self.traits:
            steps.append(Step(self.name("traits"), self._traits()))
        steps += self.hit_steps()
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
            f" AND ({marker} NOT IN ({listed(of)}) OR {moment} {op} {self.dialect.minus('s.as_of', length)})"
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
            kept += f" AND ({marker} NOT IN ({listed(of)}) OR {value} IS NOT NULL)"
        select = f"SELECT n.row_id, {marker}, n.occurred_at, {value} AS value"
        source += f" JOIN {self.spine} AS s ON s.row_id = n.row_id"
        parts = []
        if plain := [n for n in self.raw if n not in self.later]:
            parts.append(
                f"{select} FROM {source} WHERE {marker} IN ({listed(plain)}){kept}{self._lately(plain)}"
            )
        if self.later:
            first = self._moments(map(self.numbers.after, self.later))
            parts.append(
                f"{select} FROM {source} JOIN ({first}) AS y ON y.row_id = n.row_id "
                f"AND y.marker = {marker} + {self.numbers.size} "
                f"WHERE {marker} IN ({listed(self.later)}) AND n.occurred_at > y.earliest{kept}"
            )
        return " UNION ALL ".join(parts)

    def _units(self) -> str:
        parts = [
            f"SELECT row_id, {number} AS rule, {UNDATED} AS occurred_at, trait_{number} AS detail "
            f"FROM {self.name('traits')} WHERE trait_{number} IS NOT NULL"
            for number in self.numbers.attributes
        ]
        actions = self.numbers.actions
        if once := [n for n in actions if n not in self.raw and actions[n].inactive_for is None]:
            parts.append(self._once(once))
        plain = {n: actions[n] for n in self.raw if actions[n].at_least is None}
        for unit in ("once", "each", "day", "value"):
            chosen = {n: rule for n, rule in plain.items() if rule.per == unit}
            parts += [self._grouped(unit, chosen)] if chosen else []
            for fades in (False, True):
                counted = {n: r for n, r in actions.items() if r.at_least and r.at_least.unit == unit}
                chosen = {n: rule for n, rule in counted.items() if rule.fades == fades}
                parts += [self._at_least(unit, chosen, fades)] if chosen else []
        parts += [
            self._silence(n, rule.inactive_for)
            for n, rule in actions.items()
            if rule.inactive_for is not None
        ]
        nothing = f"SELECT s.row_id, 0 AS rule, {UNDATED} AS occurred_at, {self._no_text()} AS detail FROM {self.spine} AS s"
        return " UNION ALL ".join(parts or [f"{nothing} WHERE FALSE"])

    def _once(self, numbers: list[int]) -> str:
        """Rules that count once: from the first time on, or the latest where it fades."""
        fading = [n for n in numbers if self.numbers.actions[n].fades]
        moment = "m.earliest" if not fading else "m.latest"
        if fading and len(fading) < len(numbers):
            moment = f"CASE WHEN m.marker IN ({listed(fading)}) THEN m.latest ELSE m.earliest END"
        window = self._window(numbers, "m.marker", "m.latest")
        join = f" JOIN {self.spine} AS s ON s.row_id = m.row_id WHERE TRUE{window}" if window else ""
        return (
            f"SELECT m.row_id, m.marker AS rule, {moment} AS occurred_at, {self._no_text()} AS detail "
            f"FROM ({self._moments(numbers)}) AS m{join}"
        )

    def _grouped(self, per: str, rules: dict[int, ActionRule]) -> str:
        """Units of rules that count ``per`` once, each, day or value: the first time, the latest where it fades."""
        source = f"FROM {self.name('raw')} WHERE marker IN ({listed(rules)})"
        if per == "each":
            return f"SELECT row_id, marker AS rule, occurred_at, {self._no_text()} AS detail {source}"
        fading = [n for n, rule in rules.items() if rule.fades]
        moment = "min(occurred_at)" if not fading else "max(occurred_at)"
        if fading and len(fading) < len(rules):
            moment = f"CASE WHEN marker IN ({listed(fading)}) THEN max(occurred_at) ELSE min(occurred_at) END"
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
