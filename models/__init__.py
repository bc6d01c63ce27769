"""Scorecards, the model of a lead, its reasons and scale, and the judging of both. Imports features alone."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leadlens.models.data_checks.readiness import judge_readiness
    from leadlens.models.judging import compare
    from leadlens.models.lead_model import LeadModel
    from leadlens.models.learners.classifier import LeadClassifier
    from leadlens.models.reasons import reasons_of
    from leadlens.models.scorecard import Sheet, score_sheet
    from leadlens.models.training import TrainSettings, train_model

_HOME = {
    "LeadClassifier": "leadlens.models.learners.classifier",
    "LeadModel": "leadlens.models.lead_model",
    "Sheet": "leadlens.models.scorecard",
    "TrainSettings": "leadlens.models.training",
    "compare": "leadlens.models.judging",
    "judge_readiness": "leadlens.models.data_checks.readiness",
    "reasons_of": "leadlens.models.reasons",
    "score_sheet": "leadlens.models.scorecard",
    "train_model": "leadlens.models.training",
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
