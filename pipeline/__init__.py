"""Leadlens as Python objects: the same jobs that the command line runs.

>>> from pipeline import load_project
>>> project = load_project("configs/cdnow.yaml")
>>> project.project.name
'cdnow'
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from features.own import feature
    from pipeline.config import load_project
    from pipeline.dataset.dataset import training_set
    from pipeline.dataset.learning_curve import learning_curve
    from pipeline.dataset.training_set import build_training_set
    from pipeline.jobs.check import check
    from pipeline.jobs.compare import compare
    from pipeline.jobs.explain import explain
    from pipeline.jobs.promote import promote
    from pipeline.jobs.push import push
    from pipeline.jobs.retrain import list_models, retrain, rollback
    from pipeline.jobs.score import score
    from pipeline.jobs.score_lead import LeadScorer, score_lead
    from pipeline.jobs.train import train
    from pipeline.jobs.what_if import what_if
    from pipeline.prepared import open_history
    from pipeline.report.shap_summary import beeswarm, waterfall
    from pipeline.starter import write_starter

_HOME = {
    "LeadScorer": "pipeline.jobs.score_lead",
    "beeswarm": "pipeline.report.shap_summary",
    "build_training_set": "pipeline.dataset.training_set",
    "check": "pipeline.jobs.check",
    "compare": "pipeline.jobs.compare",
    "explain": "pipeline.jobs.explain",
    "feature": "features.own",
    "learning_curve": "pipeline.dataset.learning_curve",
    "list_models": "pipeline.jobs.retrain",
    "load_project": "pipeline.config",
    "open_history": "pipeline.sources",
    "promote": "pipeline.jobs.promote",
    "push": "pipeline.jobs.push",
    "retrain": "pipeline.jobs.retrain",
    "rollback": "pipeline.jobs.retrain",
    "score": "pipeline.jobs.score",
    "score_lead": "pipeline.jobs.score_lead",
    "train": "pipeline.jobs.train",
    "training_set": "pipeline.dataset.dataset",
    "waterfall": "pipeline.report.shap_summary",
    "what_if": "pipeline.jobs.what_if",
    "write_starter": "pipeline.starter",
}

__all__ = [
    "LeadScorer",
    "beeswarm",
    "build_training_set",
    "check",
    "compare",
    "explain",
    "feature",
    "learning_curve",
    "list_models",
    "load_project",
    "open_history",
    "promote",
    "push",
    "retrain",
    "rollback",
    "score",
    "score_lead",
    "train",
    "training_set",
    "waterfall",
    "what_if",
    "write_starter",
]


def __getattr__(name: str) -> Any:
    """Import on first use, so that the command line starts at once."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
