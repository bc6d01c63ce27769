"""Features that a scientist brings: a Python function over rows and what was known of them, held to the same time fence."""

from leadlens.features.own.declaration import OwnFeature, feature
from leadlens.features.own.known import Known
from leadlens.features.own.making import check_features, make_own

__all__ = ["Known", "OwnFeature", "check_features", "feature", "make_own"]
