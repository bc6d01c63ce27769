"""The score sheet: what marketing wrote by hand, as one frozen object read from YAML."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from features.history import Finding, History
from features.yaml_model import load_yaml_with_lines
from models.scorecard.language.checking import check_sheet
from models.scorecard.language.contradictions import contradictions
from models.scorecard.language.lists import read_list
from models.scorecard.language.outcomes import Grades, Route, Scale, Thresholds
from models.scorecard.language.rules import ActionRule, AttributeRule, Disqualifier, Group
from models.scorecard.language.settings import DimensionName, Name, Number, Optional, Section, Text

MAIN_DIMENSIONS = ("fit", "engagement")


def _list(told: Any, info: ValidationInfo) -> tuple[str, ...]:
    return read_list(told, (info.context or {}).get("folder"))


def _base(value: Any) -> Any:
    if value is None:  # a section whose lines are all commented out
        return {}
    found = {"fit": value} if isinstance(value, int | float) else value
    # a starting point of 0 says nothing, and must not tell two versions apart
    return (
        {name: points for name, points in found.items() if points != 0} if isinstance(found, dict) else found
    )


class Sheet(Section):
    """A score sheet: rules with points, disqualifiers, stages, grades and routes.

    Read one with :meth:`load`; ``version`` tells two sheets apart by content, lists included.
    """

    sheet: Name = Field(description="Name of the sheet: lower-case letters, digits and _")
    about: Text = Field(default="", description="What the sheet is for, one sentence")
    for_: Text | None = Field(
        default=None,
        alias="for",
        description="The leads it is for: a condition over lead columns, account.columns and feature.<name>",
    )
    lists: Annotated[
        dict[Name, Annotated[tuple[str, ...], BeforeValidator(_list)]],
        BeforeValidator(lambda told: {} if told is None else told),
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
    routes: Optional[Route] = Field(default=(), description="What to do with whom: the first that holds")

    _places: dict[tuple[str | int, ...], str] = PrivateAttr(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> Sheet:
        """Read and check the sheet at ``path``.

        Conditions are checked when the columns are known: by :meth:`check` and when the sheet is scored.
        Raises ``UsageError`` that tells file, line, rule and value of every mistake.
        """
        folder = Path(path).parent
        sheet, lines = load_yaml_with_lines(path, cls, "score sheet", context={"folder": folder})
        sheet._places = {place: f"{path}:{line}" for place, line in lines.items()}
        return sheet

    @property
    def name(self) -> str:
        return self.sheet

    @property
    def version(self) -> str:
        """Twelve hex digits that change when anything in the sheet does."""
        # leaving defaults out keeps the version when a later release adds a setting
        content = self.content()
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    def content(self) -> dict[str, Any]:
        """Plain JSON values, without defaults; ``Sheet.model_validate`` brings the sheet back."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

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
        return self.place((section, index, key), getattr(self, section)[index].label)

    def place(self, place: tuple[str | int, ...], label: str) -> str:
        """File and line of a setting, for messages; ``label`` says whose it is."""
        return f"{self._places.get(place, f'sheet {self.sheet}')} ({label!r})"

    @classmethod
    def to_json_schema(cls) -> dict[str, Any]:
        """The JSON Schema of sheets, for editors."""
        schema = cls.model_json_schema()
        fields, parts = schema["properties"], schema["$defs"]
        _also(fields["base"], {"type": "number"})
        _also(fields["lists"]["additionalProperties"], {"type": "string"})
        for name in ("mql", "sql"):
            _also(parts["Thresholds"]["properties"][name], {"type": "number"})
        _also(parts["ActionRule"]["properties"]["at_least"], {"type": "integer", "minimum": 1})
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
            for place, value, told in contradictions(self)
        ]
        if problems:
            raise ValidationError.from_exception_data("Sheet", problems)
        return self


def _also(schema: dict[str, Any], shorter: dict[str, Any]) -> None:
    """A short form that a setting may be written in as well."""
    plain = {key: schema.pop(key) for key in list(schema) if key not in ("description", "default", "title")}
    schema["anyOf"] = [shorter, *plain.get("anyOf", [plain])]
