"""`leadlens scorecard test`: one lead against every line of a sheet, those that gave nothing included."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from features import format_duration
from models.scorecard import ActionRule, AttributeRule, Sheet, SheetScores, score_sheet
from models.scorecard.language.contradictions import STARTING
from models.scorecard.scoring.probes import attributes_seen, hits_of, rules_held
from pipeline.config import ProjectFile
from pipeline.jobs.scorecard.leads import OneLead, named, one_lead, plain, records
from pipeline.sources import open_history

_LINE = ["occurred_at", "detail", "raw_points", "taken_by_decay", "taken_by_cap", "points"]


@dataclass(frozen=True, kw_only=True)
class RuleTest:
    """One rule of a sheet on one lead.

    ``points`` is the sum of ``lines`` in each of the dimensions ``moves``. ``why`` says why it does not hold, or what
    it saw where it holds without points.
    """

    label: str
    section: str
    moves: tuple[str, ...]
    held: bool
    points: float
    lines: tuple[dict[str, Any], ...]
    why: str | None


@dataclass(frozen=True, kw_only=True)
class LeadTest:
    """A sheet on one lead: every line of it, and what they come to.

    ``dimensions`` are sums by name; those that the sheet totals make ``total``. ``starting`` are the starting points
    by dimension; ``disqualified_by`` is the first disqualifier that holds.
    """

    lead_id: str
    as_of: datetime
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
        return {**asdict(self), "as_of": self.as_of.isoformat()}


def lead_test(file: ProjectFile, sheet: Sheet, lead_id: str, as_of: datetime | None = None) -> LeadTest:
    """Hold a lead against every line of a sheet as of then (default: the data's end).

    Raises ``UsageError`` for an unknown lead or a condition that does not fit the data, ``DataError`` for a lead
    that did not exist yet.
    """
    history = open_history(file)
    with one_lead(history, sheet, lead_id, as_of) as lead:
        free, spine, plan = lead.sheet, lead.spine, lead.parsed.plan
        scores = score_sheet(free, history, spine, movement=True, plan=plan)
        held = set(rules_held(free, history, spine, scores.ledger, plan)["rule"])
        seen = attributes_seen(free, history, spine, plan).get(0, {})
        hits = hits_of(free, history, spine, lead.parsed)
    rules = []
    for rule in sheet.rules:
        mine = hits[hits["rule"] == rule.label]
        if isinstance(rule, AttributeRule):
            why = seen.get(rule.label) or None
        else:
            why = None if rule.label in held else _why_not(rule, mine, lead)
        rules.append(_tested(rule, scores, rule.label in held, why))
    row = scores.scores.iloc[0]
    base = scores.ledger[scores.ledger["rule"] == STARTING]
    given = {str(name): plain(row[name]) for name in ("product", "route", "action", "queue", "reason")}
    return LeadTest(
        lead_id=lead.lead_id,
        as_of=lead.as_of,
        sheet=named(sheet),
        notes=lead.notes,
        starting=dict(zip(base["dimension"], base["points"].tolist(), strict=True)),
        rules=tuple(rules),
        disqualified_by=plain(row["disqualified_by"]),
        disqualifiers=tuple(bar.label for bar in sheet.disqualify),
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


def _tested(rule: AttributeRule | ActionRule, scores: SheetScores, held: bool, why: str | None) -> RuleTest:
    # every line moves all dimensions of its rule by the same points
    ledger = scores.ledger
    lines = ledger[(ledger["rule"] == rule.label) & (ledger["dimension"] == rule.moves[0])]
    section = "attribute" if isinstance(rule, AttributeRule) else "action"
    points = round(float(lines["points"].sum()), 9)
    return RuleTest(
        label=rule.label,
        section=section,
        moves=rule.moves,
        held=held,
        points=points,
        lines=tuple(records(lines[_LINE])),
        why=why,
    )


def _why_not(rule: ActionRule, hits: pd.DataFrame, lead: OneLead) -> str:
    """Why an action rule does not hold, from the events that it is about."""
    at = pd.Timestamp(lead.as_of)
    shown = _visible(hits, at)
    after, own = shown[shown["role"] == "after"], shown[shown["role"] == "when"]
    if rule.inactive_for is not None:
        last = max([*own["occurred_at"], pd.Timestamp(lead.created_at)])
        what = "last" if len(own) else "created"
        return f"{what} {_day(last)}: not yet {format_duration(rule.inactive_for)} of silence"
    if own.empty:
        return _never(hits[hits["role"] == "when"], at)
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
            return f"faded to nothing after {format_duration(rule.decay.to_zero)}: last {_day(last)}"
    if rule.of is not None:
        own = own[own["value"].notna()]
        if own.empty:
            return f"{rule.of} is not known"
    if rule.at_least is not None:
        units = {"each": own["occurred_at"], "day": own["occurred_at"].dt.date, "value": own["value"]}
        unit = rule.at_least.unit
        found = len(own) if unit == "each" else units[unit].nunique()
        words = {"each": "times", "day": "days", "value": "values"}
        return f"only {found} of {rule.at_least.number} {words[unit]}"
    return "does not hold"


def _never(hits: pd.DataFrame, at: pd.Timestamp) -> str:
    """Nothing can be seen; what is there all the same?"""
    taken = hits[hits["retracted_at"] < at]
    if len(taken):
        return f"taken back on {_day(taken['retracted_at'].max())}"
    if len(hits[(hits["occurred_at"] < at) & (hits["known_at"] >= at)]):
        return "happened, but was not known yet"
    return "never"


def _visible(hits: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    stands = hits["retracted_at"].isna() | (hits["retracted_at"] >= at)
    return hits[(hits["occurred_at"] < at) & (hits["known_at"] < at) & stands]


def _times(hits: pd.DataFrame) -> str:
    return "once" if len(hits) == 1 else f"{len(hits):,} times"


def _day(moment: Any) -> str:
    return f"{moment:%Y-%m-%d}"
