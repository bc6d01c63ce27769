"""The classifier keeps scikit-learn's rules, and its contributions add up to its log-odds."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from features.errors import DataError
from models.classifier import LeadClassifier

_WEIGHTS = (
    "LightGBM bins and counts rows, so weight 2 is not the row twice: min_child_samples counts rows "
    "(LGBMClassifier declares the same)"
)


def _expected_failures(estimator: LeadClassifier) -> dict[str, str]:
    return {
        "check_sample_weight_equivalence_on_dense_data": _WEIGHTS,
        "check_sample_weight_equivalence_on_sparse_data": _WEIGHTS,
    }


@parametrize_with_checks(
    [LeadClassifier(n_trees=20, min_child_samples=2, l2=0.0, learning_rate=0.3)],
    expected_failed_checks=_expected_failures,
)
def test_keeps_scikit_learns_rules(estimator: LeadClassifier, check: object) -> None:
    check(estimator)  # type: ignore[operator]
