"""Judging: rules and model compared on the same out-of-time leads."""

from models.judging.comparison import Comparison, compare
from models.judging.metrics import METRICS, Measured
from models.judging.model_report import ModelReport, report_model
from models.judging.result import Capacity

__all__ = ["METRICS", "Capacity", "Comparison", "Measured", "ModelReport", "compare", "report_model"]
