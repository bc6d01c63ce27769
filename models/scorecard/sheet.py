"""The score sheet: what marketing wrote by hand, as one frozen object read from YAML."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from features.errors import nearest
from features.history import Finding, History
from features.yaml_model import load_yaml_model, read_yaml
from models.scorecard.checking import check_sheet
from models.scorecard.settings import (
    Cuts,
    DimensionName,
    Duration,
    Name,
    Number,
    Optional,
    PositiveNumber,
    Text,
)

MAIN_DIMENSIONS = ("fit", "engagement")
_TAKEN = {"row_id", "lead_id", "as_of", "total", "grade", "stage", "disqualified_by", "bar"}
_TAKEN |= {"dimension", "rule", "points"}


class Section(BaseModel):
    """Settings of one part of a sheet: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Base(Section):
    """Points that every lead starts with; they are ledger lines like any other."""

    fit: Number = Field(default=0, description="Starting points of fit")
    engagement: Number = Field(default=0, description="Starting points of engagement")


def _fit_when_bare(value: object) -> object:
    return {"fit": value} if isinstance(value, int | float) else value


class AttributeRule(Section):
    """Points for who the lead is; they move fit."""

    label: Text = Field(description="What a sales rep reads; unique in the sheet")
    when: Text = Field(description="SQL condition over lead columns and account.columns")
    points: Number = Field(description="Points given, or taken when negative")
    also: Optional[DimensionName] = Field(
        default=(), description="Further dimensions that move by the same points"
    )


class ActionRule(Section):
    """Points for what the lead did; they move engagement.

    ``per: once`` gives the points for the first matching event and nothing for later ones; with ``within``
    the most recent one in the window counts, because it decides when the points expire. ``per: each`` gives
    them for every matching event, in the order of time, until ``cap`` points are reached, up or down.
    """

    label: Text = Field(description="What a sales rep reads; unique in the sheet")
    when: Text = Field(description="SQL condition over event_type, occurred_at and the events' properties")
    points: Number = Field(description="Points given, or taken when negative")
    per: Literal["once", "each"] = Field(
        default="once", description="Points once, or for each matching event"
    )
    within: Duration | None = Field(default=None, description="Only events of the last … count: 30d, 12h")
    cap: PositiveNumber | None = Field(
        default=None, description="With per: each, at most so many points in all"
    )
    also: Optional[DimensionName] = Field(
        default=(), description="Further dimensions that move by the same points"
    )


class Disqualifier(Section):
    """A condition that takes the lead out, whatever its points; the label is kept as the reason."""

    label: Text = Field(description="The reason, as a sales rep reads it")
    when: Text = Field(description="SQL condition over lead columns, or over event columns with on: action")
    on: Literal["attribute", "action"] = Field(
        default="attribute", description="Who the lead is, or what it ever did"
    )


class Thresholds(Section):
    """Totals from which a lead is marketing-qualified and sales-qualified."""

    mql: Number = Field(description="From this total on a lead is an MQL")
    sql: Number | None = Field(default=None, description="From this total on a lead is an SQL")


class Grades(Section):
    """Lowest points for A, B, C of fit and for 4, 3, 2 of engagement."""

    fit: Cuts = Field(default=(75, 50, 25), description="Lowest fit of A, B and C; the rest is D")
    engagement: Cuts = Field(
        default=(75, 50, 25), description="Lowest engagement of 4, 3 and 2; the rest is 1"
    )


class Sheet(Section):
    """A score sheet: rules with points, disqualifiers, thresholds and grade cuts.

    The total is fit + engagement. Read one with :meth:`load`; ``version`` tells two sheets apart by content.
    """

    sheet: Name = Field(description="Name of the sheet: lower-case letters, digits and _")
    about: Text = Field(default="", description="What the sheet is for, one sentence")
    base: Annotated[Base, BeforeValidator(_fit_when_bare)] = Field(
        default=Base(), description="Starting points: one number (fit), or {fit: …, engagement: …}"
    )
    dimensions: Optional[DimensionName] = Field(
        default=(), description="Dimensions besides fit and engagement"
    )
    attributes: Optional[AttributeRule] = Field(default=(), description="Who the lead is: moves fit")
    actions: Optional[ActionRule] = Field(default=(), description="What the lead did: moves engagement")
    disqualify: Optional[Disqualifier] = Field(
        default=(), description="Takes a lead out, whatever its points"
    )
    thresholds: Thresholds | None = Field(
        default=None, description="Stages by total; without them all are Lead"
    )
    grades: Grades = Field(default=Grades(), description="Cuts of the grades")

    _places: dict[tuple[str | int, ...], str] = PrivateAttr(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> Sheet:
        """Read and check the sheet at ``path``.

        Conditions are checked when the columns are known: by :meth:`check` and when the sheet is scored.
        Raises ``UsageError`` that tells file, line, rule and value of every mistake.
        """
        sheet = load_yaml_model(path, cls, "score sheet")
        _, lines = read_yaml(Path(path), "score sheet")
        sheet._places = {place: f"{path}:{line}" for place, line in lines.items()}
        return sheet

    @property
    def name(self) -> str:
        return self.sheet

    @property
    def version(self) -> str:
        """Twelve hex digits that change when anything in the sheet does."""
        # leaving defaults out keeps the version when a later release adds a setting
        content = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def rules(self) -> tuple[AttributeRule | ActionRule, ...]:
        """Every rule that gives points: attributes, then actions, in the order of the file."""
        return (*self.attributes, *self.actions)

    @property
    def all_dimensions(self) -> tuple[str, ...]:
        """Fit, engagement, and the sheet's own."""
        return (*MAIN_DIMENSIONS, *self.dimensions)

    def check(self, history: History) -> list[Finding]:
        """What in the sheet does not go with the data: misspelt values, rules that never fire, thresholds
        out of reach. Raises ``UsageError`` for a condition that cannot be used at all."""
        return check_sheet(self, history)

    def where(self, section: str, index: int, key: str = "when") -> str:
        """File, line and label of a rule, for messages."""
        rule = getattr(self, section)[index]
        return f"{self._places.get((section, index, key), f'sheet {self.sheet}')} ({rule.label!r})"

    @classmethod
    def to_json_schema(cls) -> dict[str, Any]:
        """The JSON Schema of sheets, for editors."""
        schema = cls.model_json_schema()
        schema["properties"]["base"]["anyOf"] = [
            {"type": "number"},
            {"$ref": schema["properties"]["base"].pop("$ref")},
        ]
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **schema,
            "title": "Leadlens score sheet",
        }

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = [
            InitErrorDetails(
                type=PydanticCustomError("contradiction", "{told}", {"told": told}), loc=place, input=value
            )
            for place, value, told in _contradictions(self)
        ]
        if problems:
            raise ValidationError.from_exception_data("Sheet", problems)
        return self


def _contradictions(sheet: Sheet) -> Iterator[tuple[tuple[str | int, ...], Any, str]]:
    """What single settings cannot see: the place, the value and the complaint."""
    if not (sheet.attributes or sheet.actions or sheet.disqualify):
        yield (
            ("sheet",),
            sheet.sheet,
            "the sheet has no rule: give it `attributes`, `actions` or `disqualify`",
        )
    labels: dict[str, str] = {"Starting points": "the base points"}
    for section in ("attributes", "actions", "disqualify"):
        for index, rule in enumerate(getattr(sheet, section)):
            if rule.label in labels:
                told = f"this label is taken by {labels[rule.label]}: the ledger tells rules apart by label"
                yield (section, index, "label"), rule.label, told
            labels[rule.label] = f"another rule in {section}"
            for name in getattr(rule, "also", ()):
                if name not in sheet.dimensions:
                    near = nearest(name, sheet.dimensions)
                    hint = f"did you mean {near[0]}?" if near else "list it under `dimensions`"
                    yield (section, index, "also"), name, f"there is no further dimension {name!r}: {hint}"
    for index, rule in enumerate(sheet.actions):
        if rule.cap is not None and rule.per == "once":
            yield (
                ("actions", index, "cap"),
                rule.cap,
                "a cap limits repeated points: say `per: each`, or drop the cap",
            )
        if rule.within == timedelta(0):
            yield (
                ("actions", index, "within"),
                "0d",
                "nothing happens within no time: write a length such as 30d",
            )
    for index, name in enumerate(sheet.dimensions):
        if name in _TAKEN or name in sheet.all_dimensions[: index + len(MAIN_DIMENSIONS)]:
            yield ("dimensions", index), name, "this name is taken: choose another one for the dimension"
    limits = sheet.thresholds
    if limits and limits.sql is not None and limits.sql < limits.mql:
        yield ("thresholds", "sql"), limits.sql, f"sql comes after mql: it cannot be lower than {limits.mql}"
