"""History in, one row per (lead, as_of) out. Imports nothing of the other packages."""

from features.columns import FeatureColumn
from features.durations import compact, parse_duration, spoken
from features.engines import DuckDBEngine, Engine, Step
from features.errors import DataError, LeadlensError, UsageError, nearest
from features.history import Finding, History

__all__ = [
    "DataError",
    "DuckDBEngine",
    "Engine",
    "FeatureColumn",
    "Finding",
    "History",
    "LeadlensError",
    "Step",
    "UsageError",
    "compact",
    "nearest",
    "parse_duration",
    "spoken",
]
