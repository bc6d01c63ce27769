"""Leadlens in a notebook: the jobs of the command line, and the rows that they learn from.

>>> import leadlens
>>> leadlens.load_project("configs/cdnow.yaml").project.name
'cdnow'

    dataset = leadlens.training_set("my_leads/project.yaml")
    dataset.to_pandas()
    leadlens.train(dataset)                                               # a registered challenger
    leadlens.train(dataset, estimator=HistGradientBoostingClassifier())   # yours in the place of the trees

What is listed in ``__all__`` keeps its meaning from one release to the next (docs/in_python.md); all below it may change.
"""

import os
from typing import TYPE_CHECKING, Any

# LightGBM's threads wait for each other spinning. Where another process wants the cores too, each waits for one that does not run,
# and training takes several times as long. OpenMP reads this once, when it is loaded; whoever has set it keeps it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from leadlens.features.errors import DataError, LeadlensError, UsageError
    from leadlens.features.own import feature
    from leadlens.pipeline.config import load_project
    from leadlens.pipeline.dataset.dataset import training_set
    from leadlens.pipeline.dataset.learning_curve import learning_curve
    from leadlens.pipeline.dataset.training_set import build_training_set
    from leadlens.pipeline.jobs.check import check
    from leadlens.pipeline.jobs.compare import compare
    from leadlens.pipeline.jobs.explain import explain
    from leadlens.pipeline.jobs.promote import promote
    from leadlens.pipeline.jobs.push import push
    from leadlens.pipeline.jobs.retrain import list_models, retrain, rollback
    from leadlens.pipeline.jobs.score import score
    from leadlens.pipeline.jobs.score_lead import LeadScorer, score_lead
    from leadlens.pipeline.jobs.train import train
    from leadlens.pipeline.jobs.what_if import what_if
    from leadlens.pipeline.report.shap_summary import beeswarm, waterfall
    from leadlens.pipeline.sources import open_history
    from leadlens.pipeline.starter import write_starter

    __version__: str

_HOME = {
    "DataError": "leadlens.features.errors",
    "LeadScorer": "leadlens.pipeline.jobs.score_lead",
    "LeadlensError": "leadlens.features.errors",
    "UsageError": "leadlens.features.errors",
    "beeswarm": "leadlens.pipeline.report.shap_summary",
    "build_training_set": "leadlens.pipeline.dataset.training_set",
    "check": "leadlens.pipeline.jobs.check",
    "compare": "leadlens.pipeline.jobs.compare",
    "explain": "leadlens.pipeline.jobs.explain",
    "feature": "leadlens.features.own",
    "learning_curve": "leadlens.pipeline.dataset.learning_curve",
    "list_models": "leadlens.pipeline.jobs.retrain",
    "load_project": "leadlens.pipeline.config",
    "open_history": "leadlens.pipeline.sources",
    "promote": "leadlens.pipeline.jobs.promote",
    "push": "leadlens.pipeline.jobs.push",
    "retrain": "leadlens.pipeline.jobs.retrain",
    "rollback": "leadlens.pipeline.jobs.retrain",
    "score": "leadlens.pipeline.jobs.score",
    "score_lead": "leadlens.pipeline.jobs.score_lead",
    "train": "leadlens.pipeline.jobs.train",
    "training_set": "leadlens.pipeline.dataset.dataset",
    "waterfall": "leadlens.pipeline.report.shap_summary",
    "what_if": "leadlens.pipeline.jobs.what_if",
    "write_starter": "leadlens.pipeline.starter",
}

__all__ = [
    "DataError",
    "LeadScorer",
    "LeadlensError",
    "UsageError",
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
    """Import on first use, so that the command line and `import leadlens` start at once."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("leadlens")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
