"""Write-back: the scores of a run into DuckDB, PostgreSQL, Parquet or CSV, all of them or none."""

from pipeline.writeback.columns import RUN_COLUMNS, SCORE_COLUMNS, Column
from pipeline.writeback.run import RunManifest, WriteResult
from pipeline.writeback.target import Target, parse_target, write_scores
from pipeline.writeback.whole_run import open_run

__all__ = [
    "RUN_COLUMNS",
    "SCORE_COLUMNS",
    "Column",
    "RunManifest",
    "Target",
    "WriteResult",
    "open_run",
    "parse_target",
    "write_scores",
]
