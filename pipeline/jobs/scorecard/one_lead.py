"""`leadlens scorecard test`: one lead against every line of a sheet, with or without points."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from leadlens.features import format_duration
from leadlens.models.scorecard import ActionRule, AttributeRule, Sheet, SheetScores, score_sheet
from leadlens.models.scorecard.language.contradictions import STARTING
from leadlens.models.scorecard.scoring.probes import attribute_values, matched_rules, matching_events
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.jobs.named_lead import find_lead
from leadlens.pipeline.jobs.scorecard.leads import OneLead, named, one_lead, own_sheet, plain, records

_LINE = ["occurred_at", "detail", "raw_points", "taken_by_decay", "taken_by_cap", "points"]


@dataclass(frozen=True, kw_only=True)
class RuleTest:
    """One rule of a sheet on one lead.

    ``points`` is the sum of ``lines`` in each of the dimensions ``moves``. ``why`` says why it does not match, or the
    values read where it matches without points.
    """

    label: str
    section: str
    moves: tuple[str, ...]
    matched: bool
    points: float
    lines: tuple[dict[str, Any], ...]
    why: str | None


@dataclass(frozen=True, kw_only=True)
class LeadTest:
    """A sheet on one lead: every line of it, and what they come to.

    ``dimensions`` are sums by name; those that the sheet totals make ``total``. ``starting`` are the starting points
    by dimension; ``disqualified_by`` is the first disqualifier that matches.
    """

    lead_id: str
    as_of: datetime | None
    sheet: str
    notes: tuple[str, ...]
    starting: dict[str, float]
    rules: tuple[RuleTest, ...]
    disqualified_by: str | None
    disqualifiers: tuple[str, ...]
    dimensions: dict[str, float]
    summed: tuple[str, ...]
    total: float
    score: float
    grade: str
    stage: str
    product: str | None
    trend: float
    surge: float
    route: str | None
    action: str | None
    queue: str | None
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        rules = []
        for rule in self.rules:
            values = asdict(rule)
            rules.append({**values, "held": values.pop("matched")})
        return {
            **asdict(self),
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "rules": tuple(rules),
        }


def lead_test(
    file: ProjectFile, sheet: Sheet | None, lead_id: str, as_of: datetime | None = None
) -> LeadTest:
    """Check a lead against every line of a sheet (``None``: the lead's own) as of then (default: the data's end).

    Raises ``UsageError`` for an unknown lead or a condition that does not fit the data, ``DataError`` for a lead
    that did not exist yet.
    """
    found = find_lead(file, lead_id)
    history = found.history
    sheet, found = own_sheet(file, sheet, found, as_of)
    with one_lead(found, sheet, as_of) as lead:
        free, spine, plan = lead.sheet, lead.spine, lead.parsed.plan
        scores = score_sheet(free, history, spine, movement=True, plan=plan)
        matched = set(matched_rules(free, history, spine, scores.ledger, plan)["rule"])
        values = attribute_values(free, history, spine, plan).get(0, {})
        events = matching_events(free, history, spine, lead.parsed)
    rules = []
    for rule in sheet.rules:
        of_rule = events[events["rule"] == rule.label]
        if isinstance(rule, AttributeRule):
            why = values.get(rule.label) or None
        else:
            why = None if rule.label in matched else _why_not(rule, of_rule, lead)
        rules.append(_tested(rule, scores, rule.label in matched, why))
    row = scores.scores.iloc[0]
    base = scores.ledger[scores.ledger["rule"] == STARTING]
    given = {str(name): plain(row[name]) for name in ("product", "route", "action", "queue", "reason")}
    return LeadTest(
        lead_id=lead.lead_id,
        as_of=lead.shown,
        sheet=named(sheet),
        notes=lead.notes,
        starting=dict(zip(base["dimension"], base["points"].tolist(), strict=True)),
        rules=tuple(rules),
        disqualified_by=plain(row["disqualified_by"]),
        disqualifiers=tuple(rule.label for rule in sheet.disqualify),
        dimensions={name: float(row[name]) for name in sheet.all_dimensions},
        summed=tuple(sheet.total),
        total=float(row["total"]),
        score=float(row["score"]),
        grade=str(row["grade"]),
        stage=str(row["stage"]),
        trend=float(row["trend"]),
        surge=float(row["surge"]),
        **given,
    )


def _tested(
    rule: AttributeRule | ActionRule, scores: SheetScores, matched: bool, why: str | None
) -> RuleTest:
    # every line moves all dimensions of its rule by the same points
    ledger = scores.ledger
    lines = ledger[(ledger["rule"] == rule.label) & (ledger["dimension"] == rule.moves[0])]
    section = "attribute" if isinstance(rule, AttributeRule) else "action"
    points = round(float(lines["points"].sum()), 9)
    return RuleTest(
        label=rule.label,
        section=section,
        moves=rule.moves,
        matched=matched,
        points=points,
        lines=tuple(records(lines[_LINE])),
        why=why,
    )


def _why_not(rule: ActionRule, events: pd.DataFrame, lead: OneLead) -> str:
    """Why an action rule does not match, from the events that it is about."""
    at = pd.Timestamp(lead.as_of)
    shown = _visible(events, at)
    after, own = shown[shown["role"] == "after"], shown[shown["role"] == "when"]
    if rule.inactive_for is not None:
        last = max([*own["occurred_at"], pd.Timestamp(lead.created_at)])
        what = "last" if len(own) else "created"
        return f"{what} {_day(last)}: not yet inactive for {format_duration(rule.inactive_for)}"
    if own.empty:
        return _never(events[events["role"] == "when"], at)
    if rule.after is not None:
        if after.empty:
            return f"only {_times(own)}, and what must come first never happened"
        own = own[own["occurred_at"] > after["occurred_at"].min()]
        if own.empty:
            return f"not since {_day(after['occurred_at'].min())}, when what must come first happened"
    last = own["occurred_at"].max()
    if rule.within is not None:
        own = own[own["occurred_at"] >= at - rule.within]
        if own.empty:
            return f"not within {format_duration(rule.within)}: last {_day(last)}"
    if rule.decay is not None and rule.decay.to_zero is not None:
        own = own[own["occurred_at"] > at - rule.decay.to_zero]
        if own.empty:
            return f"decayed to nothing after {format_duration(rule.decay.to_zero)}: last {_day(last)}"
    if rule.of is not None:
        own = own[own["value"].notna()]
        if own.empty:
            return f"{rule.of} is not known"
    if rule.at_least is not None:
        counted = {"each": own["occurred_at"], "day": own["occurred_at"].dt.date, "value": own["value"]}
        unit = rule.at_least.unit
        number = len(own) if unit == "each" else counted[unit].nunique()
        names = {"each": "times", "day": "days", "value": "values"}
        return f"only {number} of {rule.at_least.number} {names[unit]}"
    return "does not match"


def _never(events: pd.DataFrame, at: pd.Timestamp) -> str:
    """Nothing can be seen; what is there all the same?"""
    retracted = events[events["retracted_at"] < at]
    if len(retracted):
        return f"retracted on {_day(retracted['retracted_at'].max())}"
    if len(events[(events["occurred_at"] < at) & (events["known_at"] >= at)]):
        return "happened, but was not known yet"
    return "never"


def _visible(events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    stands = events["retracted_at"].isna() | (events["retracted_at"] >= at)
    return events[(events["occurred_at"] < at) & (events["known_at"] < at) & stands]


def _times(events: pd.DataFrame) -> str:
    return "once" if len(events) == 1 else f"{len(events):,} times"


def _day(at: Any) -> str:
    return f"{at:%Y-%m-%d}"
