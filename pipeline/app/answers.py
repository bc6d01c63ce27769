"""What the HTTP interface answers, as models: the answer is made by them and described by them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from leadlens.pipeline.published.copy import Lead, LeadRow, Leads, Line, PublishedScores


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ListedLead(_Answer):
    """A lead of the latest published night."""

    lead_id: str
    name: str | None = Field(description="As far as the project shows it; so are email, company and owner.")
    email: str | None
    company: str | None
    owner: str | None
    score: int = Field(ge=1, le=99, description="50 is the average lead, ten more double the odds.")
    grade: str | None
    rule_stage: str | None
    rule_points: float | None
    rule_grade: str | None
    trend: str | None
    reasons_text: str | None
    score_before: int | None = Field(description="The last other score.")
    status: str = Field(description="open or closed.")
    closed_reason: str | None

    @classmethod
    def fields_of(cls, row: LeadRow) -> dict[str, Any]:
        """The fields of a row."""
        return {name: value for name, value in row._asdict().items() if name != "rank"}


class PageOfLeads(_Answer):
    """A page of a list."""

    run_id: str = Field(description="The run whose scores these are.")
    as_of: datetime
    total: int = Field(description="How many leads match.")
    leads: list[ListedLead]
    next: str | None = Field(description="`after` of the next page; null on the last.")

    @classmethod
    def of(cls, scores: PublishedScores, found: Leads) -> PageOfLeads:
        """A page that was read."""
        listed = [ListedLead(**ListedLead.fields_of(row)) for row in found.rows]
        return cls(run_id=scores.run_id, as_of=scores.as_of, total=found.total, leads=listed, next=found.next)


class ExplainedLine(_Answer):
    """A reason of the model, or a line of the sheet's ledger."""

    text: str
    points: float
    occurred_at: datetime | None
    note: str | None

    @classmethod
    def of(cls, line: Line) -> ExplainedLine:
        """A line that was read."""
        return cls(**line._asdict())


class PastScore(_Answer):
    """What a lead's score was from a time on."""

    as_of: datetime
    score: int
    rule_points: float | None
    rule_stage: str | None


class WholeLead(ListedLead):
    """All that is published of a lead. Reasons begin with the base value and sum to the score before rounding."""

    as_of: datetime
    probability: float
    sheet_score: int | None = Field(description="The sheet's points on the model's scale.")
    route: str | None
    scorecard_version: str | None
    reasons: list[ExplainedLine]
    ledger: list[ExplainedLine]
    history: list[PastScore]
    before_as_of: datetime | None = Field(description="As of when the last other score was.")
    moved: list[ExplainedLine] = Field(description="What of the reasons changed since then.")

    @classmethod
    def of(cls, found: Lead) -> WholeLead:
        """A lead that was read."""
        return cls(
            **cls.fields_of(found.row),
            as_of=found.as_of,
            probability=found.probability,
            sheet_score=found.sheet_score,
            route=found.route,
            scorecard_version=found.scorecard,
            reasons=[ExplainedLine.of(line) for line in found.reasons],
            ledger=[ExplainedLine.of(line) for line in found.ledger],
            history=[PastScore(**past._asdict()) for past in found.past],
            before_as_of=None if found.before is None else found.before.as_of,
            moved=[ExplainedLine.of(line) for line in found.moved],
        )


class Problem(_Answer):
    """What is wrong, why it matters and how to fix it."""

    error: dict[str, Any]
