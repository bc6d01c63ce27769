"""History in, one row per (lead, as_of) out. Imports nothing of the other packages."""

from features.columns import FeatureColumn
from features.durations import format_duration, humanize, parse_duration
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
    "format_duration",
    "humanize",
    "nearest",
    "parse_duration",
]
