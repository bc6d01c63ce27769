"""History in, one row per (lead, as_of) out. Imports nothing of the other packages."""

from leadlens.features.columns import FeatureColumn
from leadlens.features.durations import format_duration, humanize, parse_duration
from leadlens.features.engines import DuckDBEngine, Engine, Step
from leadlens.features.errors import DataError, LeadlensError, UsageError, nearest
from leadlens.features.history import Finding, History

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
