"""The settings of a score sheet, as they are written; ``Sheet`` adds what they say together."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo

from leadlens.models.scorecard.language.lists import read_list
from leadlens.models.scorecard.language.outcomes import Grades, Route, Scale, Thresholds
from leadlens.models.scorecard.language.rules import ActionRule, AttributeRule, Disqualifier, Group
from leadlens.models.scorecard.language.settings import DimensionName, Name, Number, Optional, Section, Text

MAIN_DIMENSIONS = ("fit", "engagement")


def _list(values: Any, info: ValidationInfo) -> tuple[str, ...]:
    return read_list(values, (info.context or {}).get("folder"))


def _base(value: Any) -> Any:
    if value is None:  # a section whose lines are all commented out
        return {}
    points = {"fit": value} if isinstance(value, int | float) else value
    # a starting point of 0 is the default, and must not change the version
    return (
        {name: number for name, number in points.items() if number != 0}
        if isinstance(points, dict)
        else points
    )


class SheetSettings(Section):
    """What a sheet may hold: each setting is valid by itself, but they may contradict each other."""

    sheet: Name = Field(description="Name of the sheet: lower-case letters, digits and _")
    about: Text = Field(default="", description="What the sheet is for, one sentence")
    for_: Text | None = Field(
        default=None,
        alias="for",
        description="The leads it is for: a condition over lead columns, account.columns and feature.<name>",
    )
    lists: Annotated[
        dict[Name, Annotated[tuple[str, ...], BeforeValidator(_list)]],
        BeforeValidator(lambda value: {} if value is None else value),
    ] = Field(
        default={},
        description="Values for `column IN name`: a list, or a file beside the sheet, one value a line",
    )
    base: Annotated[dict[DimensionName, Number], BeforeValidator(_base)] = Field(
        default={}, description="Starting points: one number (fit), or {fit: …, engagement: …}"
    )
    dimensions: Optional[DimensionName] = Field(
        default=(), description="Dimensions besides fit and engagement"
    )
    products: Optional[DimensionName] = Field(
        default=(), description="Which of the dimensions are product lines or areas of interest"
    )
    total: tuple[DimensionName, ...] = Field(
        default=MAIN_DIMENSIONS, min_length=1, description="Dimensions that add up to the total"
    )
    scale: Scale = Field(default=Scale(), description="The totals that are shown as 0 and as 100")
    groups: Optional[Group] = Field(default=(), description="Rules that share a cap")
    attributes: Optional[AttributeRule] = Field(default=(), description="Who the lead is: moves fit")
    actions: Optional[ActionRule] = Field(default=(), description="What the lead did: moves engagement")
    disqualify: Optional[Disqualifier] = Field(
        default=(), description="Takes a lead out, whatever its points"
    )
    thresholds: Thresholds | None = Field(default=None, description="Stages; without them all are Lead")
    grades: Grades = Field(default=Grades(), description="Cuts of the grades")
    routes: Optional[Route] = Field(default=(), description="What to do with whom: the first that matches")

    @property
    def rules(self) -> tuple[AttributeRule | ActionRule, ...]:
        """Every rule that gives points: attributes, then actions, in the order of the file."""
        return (*self.attributes, *self.actions)

    @property
    def all_dimensions(self) -> tuple[str, ...]:
        """Fit, engagement, and the sheet's own."""
        return (*MAIN_DIMENSIONS, *self.dimensions)
