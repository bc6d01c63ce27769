"""Leadlens in a notebook: the jobs of the command line, and the rows that they learn from.

>>> import leadlens
>>> leadlens.load_project("configs/cdnow.yaml").project.name
'cdnow'

    dataset = leadlens.training_set("my_leads/project.yaml")
    dataset.to_pandas()
    leadlens.train(dataset)                                               # a registered challenger
    leadlens.train(dataset, estimator=HistGradientBoostingClassifier())   # yours in the place of the trees
"""

from typing import TYPE_CHECKING, Any

import pipeline
from pipeline import __all__ as __all__

if TYPE_CHECKING:
    from pipeline import *  # noqa: F403  # all of its names, for type checkers


def __getattr__(name: str) -> Any:
    """Import on first use."""
    if name in __all__:
        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
