"""From units to points: decay, the cap of a rule, the cap of a group, sums, grades.

The steps after those of ``units`` (``p`` is the prefix of a pass):

- ``sheet_rules``   one row per rule: its number, points, decay, cap, group
- ``p_lines``       units with points: raw, what decay leaves of them, and what the rule's cap leaves of that
- ``p_grouped``     what the group's cap leaves
- ``p_barred``      the first disqualifier that holds
- ``p_base``        one row per spine row: dimensions, total, score, grades, disqualifier
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from features.engines import Step
from models.scorecard.language.grades import cut_sql
from models.scorecard.scoring.occurrences import UnitSteps

EXACT = 9  # decimals kept, so that 0.1 + 0.2 reaches a threshold of 0.3
WEEK = timedelta(days=7)
_MICROSECOND = timedelta(microseconds=1)


class PointSteps(UnitSteps):
    """All of one pass, up to ``p_base``."""

    @property
    def lines(self) -> str:
        """The lines, to read FROM: ``row_id, rule, occurred_at, detail, raw_points, faded, points``."""
        if not self._in_groups:
            return self.name("lines")
        rules = ", ".join(map(str, self._in_groups))
        return (
            f"({_LINE} FROM {self.name('lines')} WHERE rule NOT IN ({rules}) "
            f"UNION ALL {_LINE} FROM {self.name('grouped')})"
        )

    def steps(self, movement: bool = False) -> list[Step]:
        steps = super().steps()
        if self.first:
            steps.append(Step("sheet_rules", self._rules()))
        steps.append(Step(self.name("lines"), self._lines()))
        if self._in_groups:
            steps.append(Step(self.name("grouped"), self._grouped_points()))
        return [
            *steps,
            Step(self.name("barred"), self._barred()),
            Step(self.name("base"), self._base(movement)),
        ]

    @property
    def _in_groups(self) -> list[int]:
        return [n for n, rule in self.numbers.rules.items() if rule.group]

    def _capped_rules(self) -> list[int]:
        return [n for n, rule in self.numbers.actions.items() if rule.cap is not None]

    def _rules(self) -> str:
        groups = {group.name: (place, group.cap) for place, group in enumerate(self.sheet.groups)}
        rows = []
        for number, rule in self.numbers.rules.items():
            decay = getattr(rule, "decay", None)
            half = decay.half_life // _MICROSECOND if decay and decay.half_life else None
            zero = decay.to_zero // _MICROSECOND if decay and decay.to_zero else None
            place, group_cap = groups.get(rule.group or "", (None, None))
            values = [rule.points, half, zero, getattr(rule, "cap", None), place, group_cap]
            rows.append(f"({number}, {', '.join(map(self.dialect.as_double, values))})")
        rows = rows or [f"(-1, {', '.join([self.dialect.as_double(None)] * 6)})"]
        return (
            f"SELECT * FROM (VALUES {', '.join(rows)}) "
            "AS r(rule, points, half_life, to_zero, cap, group_no, group_cap)"
        )

    def _lines(self) -> str:
        """Units with points: raw, what decay leaves of them, and what the rule's cap leaves of that."""
        capped = self._capped_rules()
        free = [n for n in self.numbers.rules if n not in capped]
        # only lines that fade need their row's moment
        fading = [n for n in free if getattr(self.numbers.rules[n], "decay", None)]
        parts = [self._faded(chosen) for chosen in ([n for n in free if n not in fading], fading) if chosen]
        if capped:
            # ties in time need no order: lines of one rule and moment are equal but for what the cap leaves them
            before = (
                "sum(abs(n.points)) OVER (PARTITION BY n.row_id, n.rule ORDER BY n.occurred_at "
                "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - abs(n.points)"
            )
            parts.append(
                f"SELECT row_id, rule, occurred_at, detail, raw_points, faded, {self._left('cap')} AS points FROM ("
                f"SELECT n.*, r.cap, {before} AS before FROM ({self._faded(capped)}) AS n "
                "JOIN sheet_rules AS r ON r.rule = n.rule) AS c"
            )
        return " UNION ALL ".join(parts or [self._faded([])])

    def _faded(self, chosen: Sequence[int]) -> str:
        """Units of these rules with points, and what decay leaves of them."""
        faded, join = "r.points", ""
        if any(getattr(self.numbers.rules[n], "decay", None) for n in chosen):
            micros = self.dialect.microseconds
            age = self.dialect.as_double(f"{micros('s.as_of')} - {micros('u.occurred_at')}")
            halves = f"r.points * {self.dialect.power('0.5', f'{age} / r.half_life')}"
            faded = (
                f"CASE WHEN r.half_life IS NOT NULL THEN {self._round(halves)} WHEN r.to_zero IS NOT NULL THEN "
                f"{self._round(f'r.points * (1 - {age} / r.to_zero)')} ELSE r.points END"
            )
            join = f" JOIN {self.spine} AS s ON s.row_id = u.row_id"
        of = (
            ""
            if len(chosen) == len(self.numbers.rules)
            else f"u.rule IN ({', '.join(map(str, chosen)) or -1}) AND "
        )
        return (
            f"SELECT u.row_id, u.rule, u.occurred_at, u.detail, r.points AS raw_points, {faded} AS faded, "
            f"{faded} AS points FROM {self.name('units')} AS u JOIN sheet_rules AS r ON r.rule = u.rule{join} "
            f"WHERE {of}r.points <> 0"
        )

    def _grouped_points(self) -> str:
        """What the cap of each group leaves."""
        rules, source = ", ".join(map(str, self._in_groups)), self.name("lines")
        before = (
            "sum(abs(n.points)) OVER (PARTITION BY n.row_id, r.group_no, n.points < 0 "
            "ORDER BY n.occurred_at NULLS FIRST, n.rule, abs(n.points) DESC "
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - abs(n.points)"
        )
        return (
            f"SELECT row_id, rule, occurred_at, detail, raw_points, faded, {self._left('group_cap')} AS points FROM ("
            f"SELECT n.*, r.group_cap, {before} AS before FROM {source} AS n JOIN sheet_rules AS r "
            f"ON r.rule = n.rule WHERE n.rule IN ({rules})) AS c"
        )

    def _barred(self) -> str:
        found = [
            f"SELECT row_id, {self.numbers.bar(marker)} AS bar FROM {self.name('traits')} "
            f"WHERE trait_{marker} IS NOT NULL"
            for marker in self.traits
            if marker in self.numbers.bars
        ]
        if acted := [str(marker) for marker in self.hits if marker in self.numbers.bars]:
            source, marker = self.marked("folded", "f")
            found.append(
                f"SELECT f.row_id, {marker} - {2 * self.numbers.size} AS bar FROM {source} "
                f"WHERE {marker} IN ({', '.join(acted)})"
            )
        found = found or [f"SELECT s.row_id, 0 AS bar FROM {self.spine} AS s WHERE FALSE"]
        return f"SELECT row_id, min(bar) AS bar FROM ({' UNION ALL '.join(found)}) AS b GROUP BY row_id"

    def _base(self, movement: bool) -> str:
        sheet, quote, double = self.sheet, self.dialect.quote, self.dialect.as_double
        moved = {
            name: [n for n, rule in self.numbers.rules.items() if name in rule.moves]
            for name in sheet.all_dimensions
        }
        sums = [f"{self._sum('', rules)} AS {quote(name)}" for name, rules in moved.items()]
        join = ""
        if movement:
            join = f" JOIN {self.spine} AS t ON t.row_id = n.row_id"
            week, month = (self.dialect.minus("t.as_of", weeks * WEEK) for weeks in (1, 4))
            recent = self._sum(f"n.occurred_at >= {week} AND n.occurred_at < t.as_of", moved["engagement"])
            earlier = f"n.occurred_at >= {month} AND n.occurred_at < {week}"
            before = self._sum(earlier, moved["engagement"])
            sums.append(f"{recent} - {before} / 3 AS surge")
        dimensions = {
            name: self._round(
                f"{self.dialect.as_double(sheet.base.get(name, 0))} + coalesce(p.{quote(name)}, 0)"
            )
            for name in sheet.all_dimensions
        }
        total = self._round(" + ".join(dimensions[name] for name in sheet.total))
        named = ", ".join(f"{value} AS {quote(name)}" for name, value in dimensions.items())
        surge = f", {self._round('coalesce(p.surge, 0)')} AS surge" if movement else ""
        low, high = map(double, (sheet.scale.zero, sheet.scale.hundred))
        score = self._round(f"least(100, greatest(0, 100 * (total - {low}) / ({high} - {low})))")
        return (
            f"SELECT g.*, concat(g.fit_grade, g.engagement_grade) AS grade FROM (SELECT t.*, {score} AS score, "
            f"{cut_sql('fit', sheet.grades.fit)} AS fit_grade, "
            f"{cut_sql('engagement', sheet.grades.engagement)} AS engagement_grade, {self._product()} AS product "
            f"FROM (SELECT s.row_id, s.lead_id, s.as_of, {named}, {total} AS total{surge}, b.bar "
            f"FROM {self.spine} AS s LEFT JOIN (SELECT n.row_id, {', '.join(sums)} FROM {self.lines} AS n{join} "
            "GROUP BY n.row_id) AS p ON p.row_id = s.row_id "
            f"LEFT JOIN {self.name('barred')} AS b ON b.row_id = s.row_id) AS t) AS g"
        )

    def _round(self, number: str) -> str:
        return self.dialect.rounded(number, EXACT)

    def _sum(self, condition: str, rules: Iterable[int]) -> str:
        listed = ", ".join(map(str, rules))
        if not listed:
            return self.dialect.as_double(0)
        held = f"{condition} AND n.rule" if condition else "n.rule"
        return f"sum(CASE WHEN {held} IN ({listed}) THEN n.points ELSE 0 END)"

    def _left(self, cap: str) -> str:
        """What a cap leaves of a line after those before it."""
        kept = self._round(f"greatest(0, least(abs(points), {cap} - before))")
        return f"CASE WHEN points < 0 THEN -{kept} ELSE {kept} END"

    def _product(self) -> str:
        """The product line with the most points, the first of equals; NULL where none is above 0."""
        quote, names = self.dialect.quote, self.sheet.products
        if not names:
            return f"CAST(NULL AS {self.dialect.text_type})"
        whens = []
        for place, name in enumerate(names):
            mine = quote(name)
            beats = [f"{mine} > {quote(other)}" for other in names[:place]]
            beats += [f"{mine} >= {quote(other)}" for other in names[place + 1 :]]
            whens.append(f"WHEN {' AND '.join([f'{mine} > 0', *beats])} THEN {self.dialect.literal(name)}")
        return f"CASE {' '.join(whens)} END"


_LINE = "SELECT row_id, rule, occurred_at, detail, raw_points, faded, points"
