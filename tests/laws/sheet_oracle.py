"""A score sheet in plain Python, one lead and one moment at a time: slow, obvious, and no SQL.

The reference for the SQL steps. A condition is a Python function of a row (``None`` = unknown, as SQL's NULL),
looked up by its SQL text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from leadlens.models.scorecard import ActionRule, AttributeRule, Sheet

Row = dict[str, Any]
Test = Callable[[Row], bool | None]
WEEK = timedelta(days=7)
MICROSECOND = timedelta(microseconds=1)
LONG_AGO = datetime.min


@dataclass
class Line:
    """One line of the ledger, before it is repeated for each dimension that it moves."""

    rule: AttributeRule | ActionRule
    moment: datetime | None
    detail: str | None
    raw: float
    decayed: float
    points: float


@dataclass(frozen=True)
class Points:
    """The points of one lead as of one time."""

    lines: list[Line]
    matched: set[str]  # keys of the rules that match, also those of 0 points
    told: Row  # dimensions, total, score, grades, surge, product
    disqualified_by: str | None


class SheetOracle:
    """Scores one row after the other from the tables as lists of rows."""

    def __init__(self, sheet: Sheet, tests: Mapping[str, Test], tables: Mapping[str, Sequence[Row]]) -> None:
        self.sheet, self.tests, self.tables = sheet, tests, tables
        self.leads = {lead["lead_id"]: lead for lead in tables["leads"]}
        self.accounts = {account["account_id"]: account for account in tables["accounts"]}

    # --- what is visible as of a time

    def is_true(self, condition: str, row: Row) -> bool:
        return self.tests[condition](row) is True

    def lead_then(self, lead_id: str, as_of: datetime) -> Row:
        """Columns of the lead by name, of its account by ``account.name``, as they were known then."""
        lead = dict(self.leads[lead_id])
        for name in list(lead):
            told = [
                c
                for c in self.tables["changes"]
                if (c["entity"], c["id"], c["attribute"]) == ("lead", lead_id, name)
            ]
            known = [change for change in told if change["known_at"] < as_of]
            if told:
                lead[name] = None
            if known:
                last = max(known, key=lambda c: (c["known_at"], c["value"] is not None, c["value"] or ""))
                lead[name] = None if last["value"] is None else float(last["value"])
        account = self.accounts.get(lead["account_id"], {"industry": None, "staff": None})
        return lead | {f"account.{name}": value for name, value in account.items()}

    def visible(self, lead_id: str, as_of: datetime) -> list[Row]:
        """Events of the lead that happened and were known before, and were not taken back before; by time."""
        found = []
        for event in self.tables["events"]:
            if event["lead_id"] != lead_id:
                continue
            taken_back = event["retracted_at"] is not None and event["retracted_at"] < as_of
            if event["occurred_at"] < as_of and event["known_at"] < as_of and not taken_back:
                found.append(event)
        return sorted(found, key=lambda event: event["occurred_at"])

    # --- units of a rule: when, and what was seen

    def units(
        self, rule: AttributeRule | ActionRule, lead_id: str, as_of: datetime
    ) -> list[tuple[datetime | None, str | None]]:
        if isinstance(rule, AttributeRule):
            return [(None, None)] if self.is_true(rule.when, self.lead_then(lead_id, as_of)) else []
        seen = self.visible(lead_id, as_of)
        if rule.inactive_for is not None:
            moments = [event["occurred_at"] for event in seen if self.is_true(rule.when, event)]
            until = max([self.leads[lead_id]["created_at"], *moments]) + rule.inactive_for
            return [(until, None)] if until <= as_of else []
        matches = self.matches(rule, seen, as_of)
        if rule.at_least is not None:
            return self.enough(rule, matches)
        if rule.per == "each":
            return [(event["occurred_at"], None) for event in matches]
        return self.one_each(rule, matches, rule.per)

    def matches(self, rule: ActionRule, seen: list[Row], as_of: datetime) -> list[Row]:
        found = [event for event in seen if self.is_true(rule.when, event)]
        if rule.within is not None:
            found = [event for event in found if event["occurred_at"] >= as_of - rule.within]
        if rule.decay is not None and rule.decay.to_zero is not None:
            found = [event for event in found if as_of - event["occurred_at"] < rule.decay.to_zero]
        if rule.after is not None:
            first = [event["occurred_at"] for event in seen if self.is_true(rule.after, event)][:1]
            found = [event for event in found if first and event["occurred_at"] > first[0]]
        if rule.of is not None:
            found = [event for event in found if event[rule.of] is not None]
        return found

    def one_each(
        self, rule: ActionRule, matches: list[Row], unit: str
    ) -> list[tuple[datetime | None, str | None]]:
        """Once in all, or once a day or a value: the first time, or the last where the rule fades."""
        moments: dict[Any, datetime] = {}
        for event in matches:  # by time
            value: Any = "all"
            if unit == "day":
                value = event["occurred_at"].date()
            elif rule.of is not None:
                value = written(event[rule.of])
            if value not in moments or rule.within is not None or rule.decay is not None:
                moments[value] = event["occurred_at"]
        return [(moment, value if unit == "value" else None) for value, moment in moments.items()]

    def enough(self, rule: ActionRule, matches: list[Row]) -> list[tuple[datetime | None, str | None]]:
        assert rule.at_least is not None
        if rule.at_least.events:
            needed, word, moments = rule.at_least.events, "times", [event["occurred_at"] for event in matches]
        else:
            unit, word = ("day", "days") if rule.at_least.days else ("value", "values")
            needed = rule.at_least.days or rule.at_least.values or 0
            moments = [moment for moment, _ in self.one_each(rule, matches, unit) if moment]
        fades = rule.within is not None or rule.decay is not None
        moments.sort(reverse=fades)
        return [(moments[needed - 1], f"{len(moments)} {word}")] if len(moments) >= needed else []

    # --- points

    def lines(self, lead_id: str, as_of: datetime) -> tuple[list[Line], set[str]]:
        lines, matched = [], set()
        for rule in self.sheet.rules:
            units = self.units(rule, lead_id, as_of)
            if units and rule.key:
                matched.add(rule.key)
            if rule.points == 0:
                continue
            own = [Line(rule, moment, detail, rule.points, 0, 0) for moment, detail in units]
            for line in own:
                line.points = line.decayed = decayed(rule, line.moment, as_of)
            if isinstance(rule, ActionRule) and rule.cap is not None:
                cap_in_order(sorted(own, key=lambda line: line.moment or LONG_AGO), rule.cap)
            lines += own
        for group in self.sheet.groups:
            of_group = [line for line in lines if line.rule.group == group.name]
            # sorting is stable: of equal moments the rules stay in the order of the file; of equal rules the
            # larger rest comes first
            of_group.sort(
                key=lambda line: (
                    line.moment or LONG_AGO,
                    self.sheet.rules.index(line.rule),
                    -abs(line.points),
                )
            )
            cap_in_order([line for line in of_group if line.points > 0], group.cap)
            cap_in_order([line for line in of_group if line.points < 0], group.cap)
        return lines, matched

    def points(self, lead_id: str, as_of: datetime) -> Points:
        sheet = self.sheet
        lines, matched = self.lines(lead_id, as_of)
        told: Row = {}
        for name in sheet.all_dimensions:
            moved = [line.points for line in lines if name in moves(line.rule)]
            told[name] = round(sheet.base.get(name, 0) + sum(moved), 9)
        told["total"] = round(sum(told[name] for name in sheet.total), 9)
        scaled = 100 * (told["total"] - sheet.scale.zero) / (sheet.scale.hundred - sheet.scale.zero)
        told["score"] = min(100, max(0, scaled))
        told["fit_grade"] = grade(told["fit"], sheet.grades.fit, "ABCD")
        told["engagement_grade"] = grade(told["engagement"], sheet.grades.engagement, "4321")
        told["grade"] = told["fit_grade"] + told["engagement_grade"]
        told["surge"] = round(surge(lines, as_of), 9)
        best = max((told[name] for name in sheet.products), default=0)
        told["product"] = (
            next((name for name in sheet.products if told[name] == best), None) if best > 0 else None
        )
        return Points(lines, matched, told, self.disqualified_by(lead_id, as_of))

    def disqualified_by(self, lead_id: str, as_of: datetime) -> str | None:
        for rule in self.sheet.disqualify:
            rows = self.visible(lead_id, as_of) if rule.on == "action" else [self.lead_then(lead_id, as_of)]
            if any(self.is_true(rule.when, row) for row in rows):
                return rule.label
        return None

    # --- what sales acts on

    def outcome(self, lead_id: str, as_of: datetime, found: Points) -> Row:
        """Everything that a stage may ask for."""
        before = self.points(lead_id, as_of - WEEK)
        trend = round(found.told["total"] - before.told["total"], 9)
        rules = {f"rule.{rule.key}": rule.key in found.matched for rule in self.sheet.rules if rule.key}
        return self.lead_then(lead_id, as_of) | rules | found.told | {"trend": trend}

    def score(self, lead_id: str, as_of: datetime) -> tuple[Row, list[Line]]:
        """The row of scores, and the lines behind it."""
        found = self.points(lead_id, as_of)
        outcome = self.outcome(lead_id, as_of, found)
        stage = "Lead"
        for name, each in reversed(self.sheet.thresholds.stages if self.sheet.thresholds else ()):
            if self.reached(each, outcome) or self.kept(each, lead_id, as_of):
                stage = name
        stage = "Disqualified" if found.disqualified_by else stage
        asked = outcome | {"stage": stage, "disqualified": found.disqualified_by is not None}
        row = found.told | {
            "trend": outcome["trend"],
            "stage": stage,
            "disqualified_by": found.disqualified_by,
        }
        row |= dict.fromkeys(("route", "action", "queue", "reason"))
        for route in self.sheet.routes:
            if self.is_true(route.when, asked):
                row |= {"route": route.label, "action": route.action, "queue": route.queue}
                row["reason"] = route.reason or route.label
                break
        return row, found.lines

    def reached(self, stage: Any, outcome: Row) -> bool:
        enough = stage.points is None or outcome["total"] >= stage.points
        return enough and (stage.when is None or self.is_true(stage.when, outcome))

    def kept(self, stage: Any, lead_id: str, as_of: datetime) -> bool:
        """Walk through the life of the lead: a stage is won when it is reached, lost below ``keep``."""
        if stage.keep is None:
            return False
        kept = False
        for moment in self.reviews(lead_id, as_of):
            outcome = self.outcome(lead_id, moment, self.points(lead_id, moment))
            kept = self.reached(stage, outcome) or (kept and outcome["total"] >= stage.keep)
        return kept

    def reviews(self, lead_id: str, as_of: datetime) -> list[datetime]:
        """Creation, just before and after each moment at which something began or ceased to count, and now."""
        created = self.leads[lead_id]["created_at"]
        turns = []
        for rule in self.sheet.actions:
            turns += [created + rule.inactive_for] if rule.inactive_for is not None else []
            lengths = [rule.within, rule.inactive_for, rule.decay and rule.decay.to_zero]
            turns += self.turns(rule.when, lead_id, as_of, [length for length in lengths if length])
            turns += self.turns(rule.after, lead_id, as_of) if rule.after is not None else []
        for rule in self.sheet.disqualify:
            turns += self.turns(rule.when, lead_id, as_of) if rule.on == "action" else []
        around = {turn + shift for turn in turns for shift in (-MICROSECOND, 0 * MICROSECOND, MICROSECOND)}
        return sorted({moment for moment in {created, *around} if created <= moment < as_of} | {as_of})

    def turns(
        self, condition: str, lead_id: str, as_of: datetime, lengths: Sequence[timedelta] = ()
    ) -> list[datetime]:
        """When the events of this condition, as far as they are known by ``as_of``, begin and cease to count."""
        found = []
        for event in self.tables["events"]:
            begins = max(event["occurred_at"], event["known_at"])
            if event["lead_id"] != lead_id or begins >= as_of or not self.is_true(condition, event):
                continue
            ends = [event["occurred_at"] + length for length in lengths]
            if event["retracted_at"] is not None:
                if event["retracted_at"] <= begins:  # it never counts
                    continue
                ends.append(event["retracted_at"])
            found += [begins, *(end for end in ends if end > begins)]
        return found


def written(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def moves(rule: AttributeRule | ActionRule) -> set[str]:
    main = rule.dimension or ("fit" if isinstance(rule, AttributeRule) else "engagement")
    return {main, *rule.also}


def decayed(rule: AttributeRule | ActionRule, moment: datetime | None, as_of: datetime) -> float:
    if isinstance(rule, AttributeRule) or rule.decay is None or moment is None:
        return rule.points
    if rule.decay.half_life is not None:
        halves: float = 0.5 ** ((as_of - moment) / rule.decay.half_life)
        return round(rule.points * halves, 9)
    assert rule.decay.to_zero is not None
    return round(rule.points * (1 - (as_of - moment) / rule.decay.to_zero), 9)


def cap_in_order(lines: list[Line], cap: float) -> None:
    left = cap
    for line in lines:
        size = round(min(abs(line.points), left), 9)
        left -= size
        line.points = size if line.points > 0 else -size


def grade(points: float, cuts: Sequence[float], names: str) -> str:
    for cut, name in zip(cuts, names, strict=False):
        if points >= cut:
            return name
    return names[-1]


def surge(lines: list[Line], as_of: datetime) -> float:
    recent = before = 0.0
    for line in lines:
        if line.moment is None or "engagement" not in moves(line.rule):
            continue
        if as_of - WEEK <= line.moment < as_of:
            recent += line.points
        elif as_of - 4 * WEEK <= line.moment < as_of - WEEK:
            before += line.points
    return recent - before / 3
