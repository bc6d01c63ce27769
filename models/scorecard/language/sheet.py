"""The score sheet: what marketing wrote by hand, as one frozen object read from YAML."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Self

from pydantic import PrivateAttr, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from leadlens.features.yaml_model import load_yaml_with_lines
from leadlens.models.scorecard.language.contradictions import contradictions
from leadlens.models.scorecard.language.sheet_settings import SheetSettings


class Sheet(SheetSettings):
    """A score sheet: rules with points, disqualifiers, stages, grades and routes.

    Read one with :meth:`load`; ``version`` identifies its content, lists included.
    """

    _places: dict[tuple[str | int, ...], str] = PrivateAttr(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> Sheet:
        """Read and check the sheet at ``path``.

        Conditions are checked when the columns are known: by ``check_sheet`` and when the sheet is scored.
        Raises ``UsageError`` with file, line, rule and value of every mistake.
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

    def settings(self) -> dict[str, Any]:
        """Plain JSON values, without defaults; ``Sheet.model_validate`` brings the sheet back."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def content(self) -> dict[str, Any]:
        """The same by the names of release 0.3, which versions are hashed and stored by."""
        content = self.settings()
        for rule in content.get("actions", ()):
            if "inactive_for" in rule:
                rule["silent"] = rule.pop("inactive_for")
        return content

    def where(self, section: str, index: int, key: str = "when") -> str:
        """File, line and label of a rule, for messages."""
        return self.place((section, index, key), getattr(self, section)[index].label)

    def is_written(self, place: tuple[str | int, ...]) -> bool:
        """Whether the file that the sheet was read from has this setting, under this name."""
        return place in self._places

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
        actions = parts["ActionRule"]["properties"]
        actions["silent"] = {
            **actions["inactive_for"],
            "description": "Old name of inactive_for",
            "deprecated": True,
            "title": "Silent",
        }
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **schema,
            "title": "Leadlens score sheet",
        }

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problems = [
            InitErrorDetails(
                type=PydanticCustomError("contradiction", "{message}", {"message": message}),
                loc=place,
                input=value,
            )
            for place, value, message in contradictions(self)
        ]
        if problems:
            raise ValidationError.from_exception_data("Sheet", problems)
        return self


def _also(schema: dict[str, Any], shorter: dict[str, Any]) -> None:
    """A short form that a setting may be written in as well."""
    plain = {key: schema.pop(key) for key in list(schema) if key not in ("description", "default", "title")}
    schema["anyOf"] = [shorter, *plain.get("anyOf", [plain])]
