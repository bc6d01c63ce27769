"""Read the history from files, DuckDB and SQL databases into the five contract tables."""

from leadlens.pipeline.sources.opening import open_history

__all__ = ["open_history"]
