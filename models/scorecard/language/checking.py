"""A sheet checked against the data: misspelt values, rules that never fire, thresholds nobody can reach."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from leadlens.features.conditions.condition import Condition
from leadlens.features.errors import lookalike, nearest
from leadlens.features.history import Finding, History
from leadlens.models.scorecard.language.grades import ENGAGEMENT_DIGITS, FIT_LETTERS, STAGES
from leadlens.models.scorecard.language.parsing import Parsed, parse_conditions
from leadlens.models.scorecard.language.rules import ActionRule, AttributeRule
from leadlens.models.scorecard.language.sheet import Sheet

_MOST_VALUES = 20_000
_EVENTS = "events AS e"
_LEADS = "leads AS l LEFT JOIN accounts AS a ON a.account_id = l.account_id"
_ALIASES = {"": "l", "account": "a"}


def check_sheet(sheet: Sheet, history: History) -> list[Finding]:
    """Findings of a sheet over a history; raises ``UsageError`` for a condition that cannot be used."""
    parsed = parse_conditions(sheet, history)
    values = _Values(history)
    findings: list[Finding] = []
    for where, _, condition, on in _placed(sheet, parsed):
        misspelt = list(values.misspelt(condition, on, where))
        findings += misspelt
        # features are values as of a time: whether one ever reaches a value is not checked here
        checked = not any(name.startswith("feature.") for name in condition.columns_used)
        if checked and not misspelt and not _fires(condition, on, history):
            things = "events" if on == "action" else "leads"
            findings.append(Finding("sheet-rule-never-fires", f"{where}: none of the {things} match", "note"))
    return [*findings, *_unknown_results(sheet, parsed), *_out_of_reach(sheet), *_old_names(sheet)]


def rules_that_show(sheet: Sheet, history: History, columns: Collection[str]) -> list[str]:
    """Labels of the rules in whose ledger lines values of these columns of leads, accounts or events stand, as they are in the data."""
    wanted = {name.casefold() for name in columns}
    placed = _placed(sheet, parse_conditions(sheet, history))
    read = [
        each.label
        for each in placed
        if each.on == "attribute"
        and any(name.casefold().removeprefix("account.") in wanted for name in each.condition.columns_used)
    ]
    counted = [rule.label for rule in sheet.actions if (rule.of or "").casefold() in wanted]
    return [*read, *counted]


def rules_that_read(sheet: Sheet, history: History, columns: Sequence[str]) -> list[str]:
    """Labels of the rules, stages and routes that read one of these columns of leads or accounts; ``for`` is that of the segment."""
    wanted = {name.casefold() for name in columns}

    def reads(condition: Condition) -> bool:
        return any(_own_column(name.casefold(), wanted) for name in condition.columns_used)

    parsed = parse_conditions(sheet, history)
    asked = [each for each in _placed(sheet, parsed) if each.on == "attribute"] + list(
        _outcomes(sheet, parsed)
    )
    return [each.label for each in asked if reads(each.condition)]


def _own_column(name: str, columns: Collection[str]) -> bool:
    """Whether a name in a condition is one of the columns, or a feature that is made of one: ``feature.account.size.number``."""
    bare = name.removeprefix("feature.").removeprefix("account.")
    return any(bare == column or bare.startswith(f"{column}.") for column in columns)


class _Placed(NamedTuple):
    """A condition, where it stands, and whether it is asked of actions, of attributes or of outcomes."""

    where: str
    label: str
    condition: Condition
    on: str


def _placed(sheet: Sheet, parsed: Parsed) -> Iterator[_Placed]:
    """All conditions but those of stages and routes."""
    for section, conditions in (("attributes", parsed.attributes), ("actions", parsed.actions)):
        for i, condition in enumerate(conditions):
            label = getattr(sheet, section)[i].label
            yield _Placed(sheet.where(section, i), label, condition, section.removesuffix("s"))
    for i, condition in enumerate(parsed.disqualifiers):
        rule = sheet.disqualify[i]
        yield _Placed(sheet.where("disqualify", i), rule.label, condition, rule.on)
    for i, condition in parsed.after.items():
        yield _Placed(sheet.where("actions", i, "after"), sheet.actions[i].label, condition, "action")
    if parsed.segment is not None:
        yield _Placed(sheet.place(("for",), "for"), "for", parsed.segment, "attribute")


def _outcomes(sheet: Sheet, parsed: Parsed) -> Iterator[_Placed]:
    """Conditions of stages and routes."""
    for name, condition in parsed.stages.items():
        yield _Placed(sheet.place(("thresholds", name.lower(), "when"), name), name, condition, "outcome")
    for i, condition in enumerate(parsed.routes):
        yield _Placed(sheet.where("routes", i), sheet.routes[i].label, condition, "outcome")


def _unknown_results(sheet: Sheet, parsed: Parsed) -> Iterator[Finding]:
    """Stages, grades and product lines that no lead can ever have, in the conditions of stages and routes."""
    possible: dict[str, Sequence[str]] = {
        "stage": STAGES,
        "grade": [letter + digit for letter in FIT_LETTERS for digit in ENGAGEMENT_DIGITS],
        "fit_grade": list(FIT_LETTERS),
        "engagement_grade": list(ENGAGEMENT_DIGITS),
        "product": sheet.products,
    }
    for where, _, condition, _ in _outcomes(sheet, parsed):
        for column, text in sorted(condition.texts_sought()):
            if column in possible and text not in possible[column]:
                near = nearest(text, possible[column])
                hint = (
                    f"did you mean {near[0]!r}?"
                    if near
                    else f"there are {', '.join(possible[column]) or 'none'}"
                )
                yield Finding("sheet-unknown-value", f"{where}: no lead has {column} = {text!r}; {hint}")


def _old_names(sheet: Sheet) -> Iterator[Finding]:
    for index in range(len(sheet.actions)):
        if sheet.is_written(("actions", index, "silent")):
            where = sheet.where("actions", index, "silent")
            yield Finding("sheet-old-name", f"{where}: silent is now called inactive_for", "note")


class _Values:
    """The distinct texts of each column, looked up once."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.known: dict[tuple[str, str], list[str] | None] = {}

    def misspelt(self, condition: Condition, on: str, where: str) -> Iterator[Finding]:
        for column, text in sorted(condition.texts_sought()):
            known = None if column.startswith("feature.") else self._of(column, on)
            if known is None or text in known:
                continue
            near = nearest(text, known)
            hint = f"; did you mean {near[0]!r}?{lookalike(text, near[0])}" if near else ""
            thing = "event" if on == "action" else "lead"
            yield Finding("sheet-unknown-value", f"{where}: no {thing} has {column} = {text!r}{hint}")

    def _of(self, column: str, on: str) -> list[str] | None:
        """``None`` when there are too many to recognise a misspelt one."""
        if (column, on) not in self.known:
            quote = self.history.engine.dialect.quote
            prefix, _, name = column.rpartition(".") if column.startswith("account.") else ("", "", column)
            table, alias = (_EVENTS, "e") if on == "action" else (_LEADS, _ALIASES[prefix])
            picked = f"{alias}.{quote(name)}"
            frame = self.history.engine.frame(
                f"SELECT DISTINCT {picked} AS v FROM {table} "
                f"WHERE {picked} IS NOT NULL LIMIT {_MOST_VALUES + 1}"
            )
            self.known[column, on] = None if len(frame) > _MOST_VALUES else sorted(map(str, frame["v"]))
        return self.known[column, on]


def _fires(condition: Condition, on: str, history: History) -> bool:
    table, aliases = (_EVENTS, {"": "e"}) if on == "action" else (_LEADS, _ALIASES)
    matches = condition.sql(history.engine.dialect, aliases)
    return bool(history.engine.value(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {matches})"))


def _out_of_reach(sheet: Sheet) -> Iterator[Finding]:
    most = {name: sheet.base.get(name, 0) + _most(sheet, name) for name in sheet.all_dimensions}
    total = sum(most[name] for name in sheet.total)
    limits: list[tuple[str, float, float]] = []
    if "grades" in sheet.model_fields_set:  # nobody is to be blamed for cuts that he did not write
        limits += [
            ("grades.fit (A)", most["fit"], sheet.grades.fit[0]),
            ("grades.engagement (4)", most["engagement"], sheet.grades.engagement[0]),
        ]
    for name, stage in sheet.thresholds.stages if sheet.thresholds else ():
        if stage.points is not None:
            limits.append((f"thresholds.{name.lower()}", total, stage.points))
    for name, reach, limit in limits:
        unused = (
            name.startswith("grades") and reach == 0
        )  # a sheet without actions has no engagement to grade
        if reach < limit and not unused:
            message = f"sheet {sheet.name}: {name} is {limit:g}, but the rules give at most {reach:g} points"
            yield Finding("sheet-out-of-reach", message, "note" if name.startswith("grades") else "warning")


def _most(sheet: Sheet, dimension: str) -> float:
    """The most points that the rules can give to a dimension."""
    alone, grouped = 0.0, dict.fromkeys((group.name for group in sheet.groups), 0.0)
    for rule in sheet.rules:
        if dimension not in rule.moves:
            continue
        if rule.group is None:
            alone += _most_of(rule)
        else:
            grouped[rule.group] += _most_of(rule)
    return alone + sum(min(grouped[group.name], group.cap) for group in sheet.groups)


def _most_of(rule: AttributeRule | ActionRule) -> float:
    if rule.points <= 0:
        return 0
    if getattr(rule, "per", "once") == "once":
        return rule.points
    cap = getattr(rule, "cap", None)
    return math.inf if cap is None else cap
