"""Judging: rules and model on the same later leads."""

from models.judging.comparison import Capacity, Comparison, compare
from models.judging.metrics import METRICS, Measured

__all__ = ["METRICS", "Capacity", "Comparison", "Measured", "compare"]
