"""From occurrences to points: decay, the cap of a rule, the cap of a group, sums, grades.

The steps after those of ``occurrences`` (``p`` is the prefix of a pass):

- ``sheet_rules``    one row per rule: its number, points, decay, cap, group
- ``p_lines``        occurrences with points: raw, after decay, and after the rule's cap
- ``p_grouped``      points after the group's cap
- ``p_disqualified`` the first disqualifier that matches
- ``p_base``         one row per spine row: dimensions, total, score, grades, disqualifier
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from leadlens.features.attributes.as_of import attribute_steps
from leadlens.features.engines import Step
from leadlens.models.scorecard.language.grades import cut_sql
from leadlens.models.scorecard.scoring.matches import marked, match_steps
from leadlens.models.scorecard.scoring.occurrences import UNION, attribute_matches, occurrences, single_events
from leadlens.models.scorecard.scoring.sheet_pass import SheetPass, listed

EXACT = 9  # decimals kept, so that 0.1 + 0.2 reaches a threshold of 0.3
WEEK = timedelta(days=7)
_MICROSECOND = timedelta(microseconds=1)
_Select = Callable[[SheetPass], str]
BEFORE_IN_RULE = """
    sum(abs(n.points)) OVER (
      PARTITION BY n.row_id, n.rule ORDER BY n.occurred_at
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) - abs(n.points)
""".strip()
BEFORE_IN_GROUP = """
    sum(abs(n.points)) OVER (
      PARTITION BY n.row_id, r.group_no, n.points < 0
      ORDER BY n.occurred_at NULLS FIRST, n.rule, abs(n.points) DESC
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) - abs(n.points)
""".strip()


def lines_source(p: SheetPass) -> str:
    """The lines, to read FROM: ``row_id, rule, occurred_at, detail, raw_points, decayed, points``."""
    if not p.grouped_rules:
        return p.name("lines")
    line = "SELECT row_id, rule, occurred_at, detail, raw_points, decayed, points"
    return f"""(
        {line} FROM {p.name("lines")} WHERE rule NOT IN ({listed(p.grouped_rules)})
        UNION ALL
        {line} FROM {p.name("grouped")}
    )"""


def capped_lines(p: SheetPass) -> str:
    """Occurrences with points: raw, after decay, and after the rule's cap."""
    free = [n for n in p.numbers.rules if n not in p.capped_rules]
    # only lines that decay need the as-of of their row
    decaying = [n for n in free if getattr(p.numbers.rules[n], "decay", None)]
    steady = [n for n in free if n not in decaying]
    parts = [decayed_lines(p, chosen) for chosen in (steady, decaying) if chosen]
    if p.capped_rules:
        # ties in time need no order: lines of one rule and moment are equal but for what the cap leaves them
        parts.append(f"""
            SELECT row_id, rule, occurred_at, detail, raw_points, decayed, {after_cap(p, "cap")} AS points
            FROM (
              SELECT n.*, r.cap, {BEFORE_IN_RULE} AS before
              FROM ({decayed_lines(p, p.capped_rules)}) AS n
              JOIN sheet_rules AS r ON r.rule = n.rule
            ) AS c
        """)
    return UNION.join(parts or [decayed_lines(p, [])])


def decayed_lines(p: SheetPass, chosen: Sequence[int]) -> str:
    """Occurrences of these rules with their points, raw and after decay."""
    decayed, join = "r.points", ""
    if any(getattr(p.numbers.rules[n], "decay", None) for n in chosen):
        micros = p.dialect.microseconds
        age = p.dialect.as_double(f"{micros('s.as_of')} - {micros('u.occurred_at')}")
        halves = f"r.points * {p.dialect.power('0.5', f'{age} / r.half_life')}"
        decayed = f"""
            CASE
              WHEN r.half_life IS NOT NULL THEN {_round(p, halves)}
              WHEN r.to_zero IS NOT NULL THEN {_round(p, f"r.points * (1 - {age} / r.to_zero)")}
              ELSE r.points
            END
        """.strip()
        join = f"JOIN {p.spine} AS s ON s.row_id = u.row_id"
    every = len(chosen) == len(p.numbers.rules)
    return f"""
        SELECT
          u.row_id, u.rule, u.occurred_at, u.detail,
          r.points AS raw_points, {decayed} AS decayed, {decayed} AS points
        FROM {p.name("occurrences")} AS u
        JOIN sheet_rules AS r ON r.rule = u.rule
        {join}
        WHERE {"" if every else f"u.rule IN ({listed(chosen) or -1}) AND "}r.points <> 0
    """


def grouped_lines(p: SheetPass) -> str:
    """The lines of rules in groups, with the points that the cap of their group leaves."""
    return f"""
        SELECT row_id, rule, occurred_at, detail, raw_points, decayed, {after_cap(p, "group_cap")} AS points
        FROM (
          SELECT n.*, r.group_cap, {BEFORE_IN_GROUP} AS before
          FROM {p.name("lines")} AS n
          JOIN sheet_rules AS r ON r.rule = n.rule
          WHERE n.rule IN ({listed(p.grouped_rules)})
        ) AS c
    """


def after_cap(p: SheetPass, cap: str) -> str:
    """The points that a cap leaves of a line after those before it."""
    kept = _round(p, f"greatest(0, least(abs(points), {cap} - before))")
    return f"CASE WHEN points < 0 THEN -{kept} ELSE {kept} END"


@dataclass(frozen=True, kw_only=True)
class PointForm:
    """How the steps are written that have two forms: for an engine, which keeps each table, and for one query."""

    events: _Select = single_events
    occurrences: _Select = occurrences
    lines: _Select = capped_lines
    grouped: _Select = grouped_lines
    source: _Select = lines_source


def point_steps(p: SheetPass, form: PointForm, movement: bool = False) -> list[Step]:
    """All of one pass, up to ``p_base``; ``movement`` adds the column ``surge``."""
    steps: list[Step] = []
    if p.attribute_conditions or p.parsed.outcomes:
        steps += attribute_steps(p.history, p.spine)
    if p.attribute_conditions:
        steps.append(Step(p.name("attribute_matches"), attribute_matches(p)))
    steps += match_steps(p)
    if p.one_by_one:
        steps.append(Step(p.name("events"), form.events(p)))
    steps.append(Step(p.name("occurrences"), form.occurrences(p)))
    if p.first:
        steps.append(Step("sheet_rules", _rules(p)))
    steps.append(Step(p.name("lines"), form.lines(p)))
    if p.grouped_rules:
        steps.append(Step(p.name("grouped"), form.grouped(p)))
    steps.append(Step(p.name("disqualified"), _disqualified(p)))
    return [*steps, Step(p.name("base"), _base(p, form.source(p), movement))]


def _rules(p: SheetPass) -> str:
    groups = {group.name: (place, group.cap) for place, group in enumerate(p.sheet.groups)}
    rows = []
    for number, rule in p.numbers.rules.items():
        decay = getattr(rule, "decay", None)
        half = decay.half_life // _MICROSECOND if decay and decay.half_life else None
        zero = decay.to_zero // _MICROSECOND if decay and decay.to_zero else None
        place, group_cap = groups.get(rule.group or "", (None, None))
        values = [rule.points, half, zero, getattr(rule, "cap", None), place, group_cap]
        rows.append(f"({number}, {', '.join(map(p.dialect.as_double, values))})")
    rows = rows or [f"(-1, {', '.join([p.dialect.as_double(None)] * 6)})"]
    return f"""
        SELECT *
        FROM (VALUES {", ".join(rows)}) AS r(rule, points, half_life, to_zero, cap, group_no, group_cap)
    """


def _disqualified(p: SheetPass) -> str:
    """``row_id, disqualified_by``: the place of the first disqualifier in the sheet that matches."""
    numbers = p.numbers
    parts = [
        f"""
        SELECT row_id, {numbers.disqualifier(marker)} AS disqualified_by
        FROM {p.name("attribute_matches")}
        WHERE match_{marker} IS NOT NULL
        """
        for marker in p.attribute_conditions
        if marker in numbers.disqualifiers
    ]
    if acted := [marker for marker in p.event_conditions if marker in numbers.disqualifiers]:
        source, marker = marked(p, "first_last", "f")
        parts.append(f"""
            SELECT f.row_id, {marker} - {2 * numbers.size} AS disqualified_by
            FROM {source}
            WHERE {marker} IN ({listed(acted)})
        """)
    nobody = f"SELECT s.row_id, 0 AS disqualified_by FROM {p.spine} AS s WHERE FALSE"
    return f"""
        SELECT row_id, min(disqualified_by) AS disqualified_by
        FROM ({UNION.join(parts or [nobody])}) AS b
        GROUP BY row_id
    """


def _base(p: SheetPass, lines: str, movement: bool) -> str:
    sheet, quote, double = p.sheet, p.dialect.quote, p.dialect.as_double
    moved = {
        name: [n for n, rule in p.numbers.rules.items() if name in rule.moves]
        for name in sheet.all_dimensions
    }
    sums = [f"{_sum(p, '', rules)} AS {quote(name)}" for name, rules in moved.items()]
    if movement:
        week, month = (p.dialect.minus("t.as_of", weeks * WEEK) for weeks in (1, 4))
        recent = _sum(p, f"n.occurred_at >= {week} AND n.occurred_at < t.as_of", moved["engagement"])
        before = _sum(p, f"n.occurred_at >= {month} AND n.occurred_at < {week}", moved["engagement"])
        sums.append(f"{recent} - {before} / 3 AS surge")
    dimensions = {
        name: _round(p, f"{double(sheet.base.get(name, 0))} + coalesce(p.{quote(name)}, 0)")
        for name in sheet.all_dimensions
    }
    total = _round(p, " + ".join(dimensions[name] for name in sheet.total))
    columns = ", ".join(f"{value} AS {quote(name)}" for name, value in dimensions.items())
    surge = f", {_round(p, 'coalesce(p.surge, 0)')} AS surge" if movement else ""
    low, high = map(double, (sheet.scale.zero, sheet.scale.hundred))
    score = _round(p, f"least(100, greatest(0, 100 * (total - {low}) / ({high} - {low})))")
    return f"""
        SELECT g.*, concat(g.fit_grade, g.engagement_grade) AS grade
        FROM (
          SELECT
            t.*, {score} AS score,
            {cut_sql("fit", sheet.grades.fit)} AS fit_grade,
            {cut_sql("engagement", sheet.grades.engagement)} AS engagement_grade,
            {_product(p)} AS product
          FROM (
            SELECT s.row_id, s.lead_id, s.as_of, {columns}, {total} AS total{surge}, b.disqualified_by
            FROM {p.spine} AS s
            LEFT JOIN (
              SELECT n.row_id, {", ".join(sums)}
              FROM {lines} AS n
              {f"JOIN {p.spine} AS t ON t.row_id = n.row_id" if movement else ""}
              GROUP BY n.row_id
            ) AS p ON p.row_id = s.row_id
            LEFT JOIN {p.name("disqualified")} AS b ON b.row_id = s.row_id
          ) AS t
        ) AS g
    """


def _round(p: SheetPass, number: str) -> str:
    return p.dialect.rounded(number, EXACT)


def _sum(p: SheetPass, condition: str, rules: Iterable[int]) -> str:
    numbers = listed(rules)
    if not numbers:
        return p.dialect.as_double(0)
    rule = f"{condition} AND n.rule" if condition else "n.rule"
    return f"sum(CASE WHEN {rule} IN ({numbers}) THEN n.points ELSE 0 END)"


def _product(p: SheetPass) -> str:
    """The product line with the most points, the first of equals; NULL where none is above 0."""
    quote, names = p.dialect.quote, p.sheet.products
    if not names:
        return p.no_text
    whens = []
    for place, name in enumerate(names):
        mine = quote(name)
        beats = [f"{mine} > {quote(other)}" for other in names[:place]]
        beats += [f"{mine} >= {quote(other)}" for other in names[place + 1 :]]
        whens.append(f"WHEN {' AND '.join([f'{mine} > 0', *beats])} THEN {p.dialect.literal(name)}")
    return f"CASE {' '.join(whens)} END"
