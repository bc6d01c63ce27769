"""Write-back: the scores of a run into DuckDB, PostgreSQL, Parquet or CSV, all of them or none."""

from pipeline.writeback.columns import RUN_COLUMNS, SCORE_COLUMNS, Column
from pipeline.writeback.run import RunManifest, WriteResult
from pipeline.writeback.staging import StagedScores, stage_scores, write_scores
from pipeline.writeback.target import Target, parse_target

__all__ = [
    "RUN_COLUMNS",
    "SCORE_COLUMNS",
    "Column",
    "RunManifest",
    "StagedScores",
    "Target",
    "WriteResult",
    "parse_target",
    "stage_scores",
    "write_scores",
]
