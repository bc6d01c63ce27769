"""Judging: rules and model compared on the same out-of-time leads."""

from leadlens.models.judging.comparison import Comparison, compare
from leadlens.models.judging.metrics import METRICS, Measured
from leadlens.models.judging.model_report import ModelReport, report_model
from leadlens.models.judging.result import Capacity

__all__ = ["METRICS", "Capacity", "Comparison", "Measured", "ModelReport", "compare", "report_model"]
