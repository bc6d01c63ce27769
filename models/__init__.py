"""Scorecards, the model of a lead, its reasons and scale, and the judging of both. Imports features alone."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.data_checks.readiness import judge_readiness
    from models.judging import compare
    from models.lead_model import LeadModel
    from models.learners.classifier import LeadClassifier
    from models.reasons import reasons_of
    from models.scorecard import Sheet, score_sheet
    from models.training import TrainSettings, train_model

_HOME = {
    "LeadClassifier": "models.learners.classifier",
    "LeadModel": "models.lead_model",
    "Sheet": "models.scorecard",
    "TrainSettings": "models.training",
    "compare": "models.judging",
    "judge_readiness": "models.data_checks.readiness",
    "reasons_of": "models.reasons",
    "score_sheet": "models.scorecard",
    "train_model": "models.training",
}

__all__ = [
    "LeadClassifier",
    "LeadModel",
    "Sheet",
    "TrainSettings",
    "compare",
    "judge_readiness",
    "reasons_of",
    "score_sheet",
    "train_model",
]


def __getattr__(name: str) -> Any:
    """Import on first use: LightGBM and scikit-learn take seconds."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
