"""From points to the 0–100 score, grades, stages and routes."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_serializer, model_validator

from leadlens.models.scorecard.language.settings import Cuts, Number, Section, Text

_COLUMNS = "total, score, grade, fit_grade, engagement_grade, trend, surge, product, dimensions, rule.<key>, "
_COLUMNS += "lead columns, account.columns and feature.<name>"


class Scale(Section):
    """The totals that are shown as 0 and as 100; below and beyond it stays at 0 and at 100."""

    zero: Number = Field(default=0, description="The total that is shown as 0")
    hundred: Number = Field(default=100, description="The total that is shown as 100")

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.hundred <= self.zero:
            raise ValueError(f"hundred must be more than zero, which is {self.zero:g}")
        return self


class Stage(Section):
    """When a lead is in a stage: from a total on, under a condition, or both; and when it falls out again."""

    points: Number | None = Field(default=None, description="From this total on")
    when: Text | None = Field(default=None, description=f"Only if this matches: a condition over {_COLUMNS}")
    keep: Number | None = Field(
        default=None, description="Once reached, it stays until the total falls below this"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.points is None and self.when is None:
            raise ValueError("a stage needs points, when, or both")
        if self.points is not None and self.keep is not None and self.keep > self.points:
            raise ValueError(
                f"keep must be below points ({self.points:g}): it is where the stage is lost again"
            )
        return self

    @model_serializer(mode="wrap")
    def _plain(self, plain: Any) -> Any:
        return self.points if self.when is None and self.keep is None else plain(self)


def _bare_is_points(value: Any) -> Any:
    return value if value is None or isinstance(value, dict | Stage) else {"points": value}


Threshold = Annotated[Stage, BeforeValidator(_bare_is_points)]


class Thresholds(Section):
    """When a lead is marketing-qualified (MQL) and sales-qualified (SQL): a total, or points, when and keep."""

    mql: Threshold = Field(description="MQL: from this total on, or {points, when, keep}")
    sql: Threshold | None = Field(
        default=None, description="SQL: from this total on, or {points, when, keep}"
    )

    @property
    def stages(self) -> tuple[tuple[str, Stage], ...]:
        """Name and settings, the highest first."""
        pairs = (("SQL", self.sql), ("MQL", self.mql))
        return tuple((name, stage) for name, stage in pairs if stage is not None)


class Grades(Section):
    """Lowest points for A, B, C of fit and for 4, 3, 2 of engagement."""

    fit: Cuts = Field(default=(75, 50, 25), description="Lowest fit of A, B and C; the rest is D")
    engagement: Cuts = Field(
        default=(75, 50, 25), description="Lowest engagement of 4, 3 and 2; the rest is 1"
    )


class Route(Section):
    """What to do with a lead that matches the condition; the first matching route of a sheet is taken."""

    label: Text = Field(description="Name of the route")
    when: Text = Field(description=f"A condition over stage, disqualified, {_COLUMNS}")
    action: Text = Field(description="What to do: call, text, e-mail, promo code, nurture …")
    queue: Text | None = Field(default=None, description="Whose work it is: a rep, a team, a campaign")
    reason: Text | None = Field(default=None, description="Why, as the rep reads it; else the label")
