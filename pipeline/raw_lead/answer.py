"""The answer: what ``Explanation.to_dict`` gives, as a model for OpenAPI; a test holds the two together."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AnsweredReason(_Answer):
    """One line of the model's explanation."""

    text: str = Field(description="What it is, with the lead's own value.")
    points: float = Field(description="Ten double the odds.")
    family: Literal["demographic", "firmographic", "behavioural"] | None = None


class LedgerLine(_Answer):
    """One line of the sheet's ledger."""

    dimension: str
    rule: str
    occurred_at: datetime | None = Field(description="When the event happened, UTC; null for an attribute.")
    detail: str | None
    raw_points: float = Field(description="Before decay and cap.")
    taken_by_decay: float
    taken_by_cap: float
    points: float
    counts: bool = Field(description="Whether it is part of the total of the lead's own sheet.")


class LeftOut(_Answer):
    """Lines of a long ledger that are not in the answer."""

    lines: int
    points: float


class LeadAnswer(_Answer):
    """One lead through both lenses: `start` and the points of `reasons` add up to `score`, those of ledger lines that count, with
    those left out, to `rule_points`.
    """

    lead_id: str
    as_of: datetime | None = Field(description="UTC; null where the data have no dates.")
    model_version: str
    alias: Literal["champion", "challenger", "former"]
    probability: float = Field(ge=0, le=1)
    score: float = Field(description="50 is the average lead, ten more double the odds.")
    shown: int = Field(ge=1, le=99, description="The score as the CRM shows it.")
    grade: str | None
    start: float = Field(description="What every lead starts at.")
    reasons: list[AnsweredReason]
    rule_points: float | None = Field(description="Of the lead's sheet; null without any.")
    rule_grade: str | None
    rule_stage: str | None
    disqualified_by: str | None
    sheet: str | None
    route: str | None = Field(description="What to do with the lead, and whose work it is.")
    ledger: list[LedgerLine]
    notes: list[str] = Field(description="What was left out of the request, or is not known.")
    ledger_left_out: LeftOut
