"""The bundle of a training, from which any past score can be replayed: the model and its recipe, as text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadlens.features import DataError, parse_duration
from leadlens.features.plan import FeaturePlan
from leadlens.pipeline.drift.profile import Profile
from leadlens.pipeline.raw_lead.columns import RawColumns

if TYPE_CHECKING:
    from leadlens.models.lead_model import LeadModel
    from leadlens.models.scorecard import ScorecardSet

_FORMAT = 1
_LATER = ("data_version", "spine", "audit")  # that former versions did not record
_REFERENCE = "reference.json"
_RAW = "raw_lead.json"


@dataclass(frozen=True)
class Recipe:
    """How the rows of a model were made.

    Attributes
    ----------
    project : the settings of the project file as plain values, defaults included, without secrets; renamed settings
        are in the spelling of the first release that had them.
    project_fingerprint, data_fingerprint : change with any setting, or any training value.
    plan : the features, as built.
    sheet : the score sheet that is the prior of the model, as plain values, or ``None``; ``sheet_version`` is its
        content hash, or ``""``.
    sheet_probability : slope and intercept that turn the points of the sheet into log-odds.
    test_from : start of the test period, whose rows the model was not trained on.
    trained_to : latest as-of date of a training row.
    dropped : time-proxy features that were left out, and why.
    data_version : version of the prepared history that was learned from; ``None`` before 0.5.0.
    spine : ``at_ages`` of the rows, why they were ``chosen`` where the project file names no policy, and the age of the
        oldest row, ``oldest_days``; ``None`` before 0.5.0.
    audit : what the audit found against the columns that the model uses (``TrainingAudit.to_dict``); ``None`` where the
        training data were not audited, as before 0.5.0.
    """

    project: dict[str, Any]
    project_fingerprint: str
    data_fingerprint: str
    plan: FeaturePlan
    sheet: dict[str, Any] | None
    sheet_version: str
    sheet_probability: dict[str, Any] | None
    test_from: str
    trained_to: str
    dropped: dict[str, str]
    data_version: int | None = None
    spine: dict[str, Any] | None = None
    audit: dict[str, Any] | None = None

    @property
    def knows_to(self) -> datetime:
        """Up to when the model knows what became of leads: the horizon of its latest training row."""
        outcome = self.project["outcome"]
        waits = timedelta(0) if outcome.get("column") else parse_duration(outcome["horizon"])
        return datetime.fromisoformat(self.trained_to) + waits

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        plain = {"leadlens_recipe": _FORMAT, **asdict(self), "plan": self.plan.to_dict()}
        return {name: value for name, value in plain.items() if name not in _LATER or value is not None}

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Recipe:
        """The inverse of ``to_dict``. Raises ``DataError`` for a recipe of another format."""
        if plain.get("leadlens_recipe") != _FORMAT:
            raise DataError(
                "this model was saved by another version of Leadlens",
                value=plain.get("leadlens_recipe"),
                fix="train again with this version",
            )
        values = {name: value for name, value in plain.items() if name != "leadlens_recipe"}
        return cls(**{**values, "plan": FeaturePlan.from_dict(plain["plan"])})


@dataclass(frozen=True)
class Bundle:
    """A model with its recipe.

    ``reference`` is the night of the training, which later nights are compared with; ``raw`` are the columns of its data, by which
    a lead is read that is given as JSON; both are ``None`` before 0.5.0.
    """

    model: LeadModel
    recipe: Recipe
    reference: Profile | None = None
    raw: RawColumns | None = None

    @cached_property
    def sheet(self) -> ScorecardSet | None:
        """The score sheets that are the prior of the model, as they were."""
        from leadlens.models.scorecard import ScorecardSet

        return None if self.recipe.sheet is None else ScorecardSet.from_content(self.recipe.sheet)

    def save(self, folder: Path) -> None:
        """Write the model's files and ``recipe.json`` into ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save(folder)
        text = json.dumps(self.recipe.to_dict(), indent=1, sort_keys=True, ensure_ascii=False)
        (folder / "recipe.json").write_text(text, encoding="utf-8")
        if self.reference is not None:
            text = json.dumps(self.reference.to_dict(), ensure_ascii=False)
            (folder / _REFERENCE).write_text(text, encoding="utf-8")
        if self.raw is not None:
            (folder / _RAW).write_text(self.raw.model_dump_json(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Read what ``save`` wrote. Raises ``DataError`` for a folder that is not such a model."""
        from leadlens.models.lead_model import LeadModel

        try:
            plain = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(
                "this folder does not contain a Leadlens model", value=str(folder), why=str(error)
            ) from None
        recipe, reference = Recipe.from_dict(plain), _reference(folder / _REFERENCE)
        return cls(LeadModel.load(folder), recipe, reference, _raw(folder / _RAW))


def _reference(path: Path) -> Profile | None:
    try:
        return Profile.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None  # of a model of 0.4.0 or earlier


def _raw(path: Path) -> RawColumns | None:
    try:
        return RawColumns.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None  # of a model of 0.4.0 or earlier
    except (OSError, ValueError) as error:
        raise DataError(
            "this model is damaged", value=path.name, why=str(error).splitlines()[0], fix="train again"
        ) from None
