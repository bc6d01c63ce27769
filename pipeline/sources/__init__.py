"""Where the history comes from: files, DuckDB, SQL databases, brought into the five contract tables."""

from pipeline.sources.opening import open_history

__all__ = ["open_history"]
