"""The trees of a saved model: they explain rows without LightGBM and scikit-learn, which take seconds to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from leadlens.models.learners.tree_check import check_trees
from leadlens.models.learners.tree_shap import TreeShap

if TYPE_CHECKING:
    from leadlens.models.learners.classifier import LeadClassifier

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SavedTrees:
    """What ``LeadClassifier.to_dict`` gave, checked; predicts and explains as that classifier does."""

    saved: Mapping[str, Any]

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> Self:
        """Raises ``DataError`` for trees that are not as they were saved, ``KeyError`` for missing entries."""
        check_trees(saved["trees"], int(saved["n_features"]))
        return cls({**saved, "start": float(saved["start"]), "settings": dict(saved["settings"])})

    @cached_property
    def classifier(self) -> LeadClassifier:
        """The same as a scikit-learn classifier over LightGBM's booster."""
        from leadlens.models.learners.classifier import LeadClassifier

        return LeadClassifier.from_dict(self.saved)

    def decision_function(self, matrix: Floats) -> Floats:
        """Log-odds per row, without the row's prior."""
        return self.classifier.decision_function(matrix)

    def add_to(self, parts: Floats, matrix: Floats, share: float) -> float:
        """Add a share of the SHAP values of encoded rows (one at least) to ``parts``; returns the base."""
        if self._shap is None:  # deep trees
            return self.classifier.add_to(parts, matrix, share)
        self._shap.add_to(parts, matrix, share)
        return self._shap.base_value + float(self.saved["start"])

    def to_dict(self) -> dict[str, Any]:
        """As they were saved."""
        return dict(self.saved)

    @cached_property
    def _shap(self) -> TreeShap | None:
        return TreeShap.of(self.saved["trees"])
