"""A sheet compiled to engine steps: which rules hold for each spine row, when, and what they give.

The steps, in order (tables are dropped once the scores are read):

- ``sheet_traits``   one row per spine row: which attribute conditions hold as of then
- ``sheet_hits``     one row per event that any action condition matches, with a flag for each
- ``sheet_seen``     spine x hits, behind the fence: known and not taken back strictly before ``as_of``
- ``sheet_lines``    one row per line of the ledger, by rule number
- ``sheet_moves``    which dimensions each rule moves
- ``sheet_ledger``   lines x moves
- ``sheet_barred``   the first disqualifier that holds
- ``sheet_scores``   one row per spine row: dimensions, total, grade, stage
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from features.as_of import attribute_steps
from features.conditions import Condition
from features.dialect import Dialect
from features.engine import Step
from features.history import History, Kind
from features.visibility import known_by
from models.scorecard.grades import grade_sql, stage_sql

if TYPE_CHECKING:
    from models.scorecard.sheet import ActionRule, Sheet

STARTING = "Starting points"
_FIRST = 2  # rules 0 and 1 are the starting points of fit and of engagement
TABLES = ("traits", "hits", "seen", "lines", "moves", "ledger", "barred", "scores")
_UNDATED = "CAST(NULL AS TIMESTAMP)"
EXACT = 9  # decimals kept, so that 0.1 + 0.2 reaches a threshold of 0.3


class Parsed(NamedTuple):
    """A sheet's conditions, checked against the columns of a history; in the order of the sheet."""

    attributes: tuple[Condition, ...]
    actions: tuple[Condition, ...]
    bars: tuple[Condition, ...]


def parse_conditions(sheet: Sheet, history: History) -> Parsed:
    """Check every condition of the sheet. Raises ``UsageError`` with file, line and rule."""
    accounts = {"account": history.account_attributes}
    event_columns: dict[str, Kind] = {
        **history.event_properties,
        "event_type": "category",
        "occurred_at": "time",
    }

    def parse(section: str, index: int, text: str, on: str) -> Condition:
        where = sheet.where(section, index)
        if on == "action":
            return Condition.parse(text, event_columns, where)
        return Condition.parse(text, history.lead_attributes, where, accounts)

    return Parsed(
        tuple(parse("attributes", i, rule.when, "attribute") for i, rule in enumerate(sheet.attributes)),
        tuple(parse("actions", i, rule.when, "action") for i, rule in enumerate(sheet.actions)),
        tuple(parse("disqualify", i, bar.when, bar.on) for i, bar in enumerate(sheet.disqualify)),
    )


def rule_labels(sheet: Sheet) -> tuple[str, ...]:
    """Labels by rule number: the starting points of fit and of engagement, attributes, actions."""
    labels = [rule.label for rule in sheet.attributes] + [rule.label for rule in sheet.actions]
    return (STARTING, STARTING, *labels)


def compile_sheet(sheet: Sheet, history: History, spine: str = "spine") -> list[Step]:
    """The steps that score every row of ``spine`` by the sheet; the last two tables are ledger and scores."""
    return _Compiler(sheet, parse_conditions(sheet, history), history.engine.dialect, spine).steps(history)


class _Compiler:
    def __init__(self, sheet: Sheet, parsed: Parsed, dialect: Dialect, spine: str) -> None:
        self.sheet, self.parsed, self.dialect = sheet, parsed, dialect
        self.spine = dialect.quote(spine)
        self.spine_name = spine
        self.attributes = dict(enumerate(sheet.attributes, _FIRST))
        self.actions = dict(enumerate(sheet.actions, _FIRST + len(sheet.attributes)))
        bars = [(f"bar_{i}", bar.on, parsed.bars[i]) for i, bar in enumerate(sheet.disqualify)]
        # flag -> condition, over the lead's attributes and over events
        self.traits = {f"rule_{i}": c for i, c in zip(self.attributes, parsed.attributes, strict=True)}
        self.traits |= {flag: condition for flag, on, condition in bars if on == "attribute"}
        self.hits = {f"rule_{i}": c for i, c in zip(self.actions, parsed.actions, strict=True)}
        self.hits |= {flag: condition for flag, on, condition in bars if on == "action"}

    def steps(self, history: History) -> list[Step]:
        steps = []
        if self.traits:
            steps += [*attribute_steps(history, self.spine_name), Step("sheet_traits", self._traits())]
        if self.hits:
            steps += [Step("sheet_hits", self._hits()), Step("sheet_seen", self._seen())]
        return [
            *steps,
            Step("sheet_lines", self._lines()),
            Step("sheet_moves", self._moves()),
            Step("sheet_ledger", self._ledger()),
            Step("sheet_barred", self._barred()),
            Step("sheet_scores", self._scores()),
        ]

    def _traits(self) -> str:
        aliases = {"": "l", "account": "a"}
        flags = [
            f"{condition.sql(self.dialect, aliases)} AS {flag}" for flag, condition in self.traits.items()
        ]
        return (
            f"SELECT s.row_id, {', '.join(flags)} FROM {self.spine} AS s "
            "LEFT JOIN lead_as_of AS l ON l.row_id = s.row_id "
            "LEFT JOIN account_as_of AS a ON a.row_id = s.row_id"
        )

    def _hits(self) -> str:
        flags = [f"{condition.sql(self.dialect, 'e')} AS {flag}" for flag, condition in self.hits.items()]
        return (
            f"SELECT * FROM (SELECT e.lead_id, e.occurred_at, e.known_at, e.retracted_at, {', '.join(flags)} "
            f"FROM events AS e) AS e WHERE {' OR '.join(self.hits)}"
        )

    def _seen(self) -> str:
        return (
            f"SELECT s.row_id, s.as_of, h.occurred_at, {', '.join(f'h.{flag}' for flag in self.hits)} "
            f"FROM {self.spine} AS s JOIN sheet_hits AS h ON h.lead_id = s.lead_id "
            f"WHERE {known_by('h')}"
        )

    def _lines(self) -> str:
        start = enumerate((self.sheet.base.fit, self.sheet.base.engagement))
        lines = [
            *(_line(i, _UNDATED, points, points, f"{self.spine} AS s") for i, points in start if points),
            *(
                _line(i, _UNDATED, rule.points, rule.points, f"sheet_traits WHERE rule_{i}")
                for i, rule in self.attributes.items()
            ),
            *(self._action_lines(i, rule) for i, rule in self.actions.items()),
        ]
        return " UNION ALL ".join(lines or [_line(0, _UNDATED, 0, 0, f"{self.spine} AS s WHERE FALSE")])

    def _action_lines(self, number: int, rule: ActionRule) -> str:
        seen = f"sheet_seen WHERE rule_{number}"
        if rule.within is not None:
            seen += f" AND occurred_at >= {self.dialect.minus('as_of', rule.within)}"
        if rule.per == "once":
            moment = "min(occurred_at)" if rule.within is None else "max(occurred_at)"
            return _line(number, moment, rule.points, rule.points, f"{seen} GROUP BY row_id")
        if rule.cap is None:
            return _line(number, "occurred_at", rule.points, rule.points, seen)
        # ties in time need no order: the lines of equal moments are equal but for what the cap leaves them
        order = "row_number() OVER (PARTITION BY row_id ORDER BY occurred_at)"
        nth = f"SELECT row_id, occurred_at, {order} AS nth FROM {seen}"
        size, cap = _double(abs(rule.points)), _double(rule.cap)
        kept = f"round(greatest(0, least({size}, {cap} - {size} * (nth - 1))), {EXACT})"
        return _line(
            number, "occurred_at", rule.points, f"-{kept}" if rule.points < 0 else kept, f"({nth}) AS n"
        )

    def _moves(self) -> str:
        moves = [(0, "fit"), (1, "engagement")]
        for main, rules in (("fit", self.attributes), ("engagement", self.actions)):
            moves += [(i, name) for i, rule in rules.items() for name in dict.fromkeys((main, *rule.also))]
        order = self.sheet.all_dimensions.index
        values = ", ".join(f"({i}, {order(name)})" for i, name in moves)
        return f"SELECT * FROM (VALUES {values}) AS m(rule, dimension)"

    def _ledger(self) -> str:
        return (
            "SELECT n.row_id, m.dimension, n.rule, n.occurred_at, n.raw_points, n.points "
            "FROM sheet_lines AS n JOIN sheet_moves AS m ON m.rule = n.rule"
        )

    def _barred(self) -> str:
        bars = [f"SELECT row_id, {flag[4:]} AS bar FROM {table} WHERE {flag}" for flag, table in self._bars()]
        bars = bars or [f"SELECT row_id, 0 AS bar FROM {self.spine} AS s WHERE FALSE"]
        return f"SELECT row_id, min(bar) AS bar FROM ({' UNION ALL '.join(bars)}) AS b GROUP BY row_id"

    def _bars(self) -> Sequence[tuple[str, str]]:
        found = [(flag, "sheet_traits") for flag in self.traits] + [
            (flag, "sheet_seen") for flag in self.hits
        ]
        return [(flag, table) for flag, table in found if flag.startswith("bar_")]

    def _scores(self) -> str:
        quote = self.dialect.quote
        names = [quote(name) for name in self.sheet.all_dimensions]
        sums = ", ".join(
            f"round(sum(CASE WHEN dimension = {i} THEN points ELSE 0 END), {EXACT}) AS {name}"
            for i, name in enumerate(names)
        )
        filled = ", ".join(f"coalesce(p.{name}, 0) AS {name}" for name in names)
        total = f"round(coalesce(p.fit, 0) + coalesce(p.engagement, 0), {EXACT}) AS total"
        grade, stage = grade_sql(self.sheet.grades), stage_sql(self.sheet.thresholds)
        return (
            f"SELECT t.*, {grade} AS grade, {stage} AS stage FROM ("
            f"SELECT s.row_id, {filled}, {total}, b.bar FROM {self.spine} AS s LEFT JOIN "
            f"(SELECT row_id, {sums} FROM sheet_ledger GROUP BY row_id) AS p ON p.row_id = s.row_id "
            "LEFT JOIN sheet_barred AS b ON b.row_id = s.row_id) AS t"
        )


def _line(number: int, moment: str, raw: float, points: float | str, source: str) -> str:
    kept = points if isinstance(points, str) else _double(points)
    return (
        f"SELECT row_id, {number} AS rule, {moment} AS occurred_at, {_double(raw)} AS raw_points, "
        f"{kept} AS points FROM {source}"
    )


def _double(value: float) -> str:
    return f"CAST({value!r} AS DOUBLE)"
