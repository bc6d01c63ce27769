"""Write-back: the scores of a run into DuckDB, PostgreSQL, Parquet or CSV, all of them or none."""

from leadlens.pipeline.writeback.closings import WhyLeft
from leadlens.pipeline.writeback.columns import RUN_COLUMNS, SCORE_COLUMNS, Column
from leadlens.pipeline.writeback.run import RunManifest, WriteResult
from leadlens.pipeline.writeback.staging import StagedScores, report_runs, stage_scores, write_scores
from leadlens.pipeline.writeback.target import Target, parse_target

__all__ = [
    "RUN_COLUMNS",
    "SCORE_COLUMNS",
    "Column",
    "RunManifest",
    "StagedScores",
    "Target",
    "WhyLeft",
    "WriteResult",
    "parse_target",
    "report_runs",
    "stage_scores",
    "write_scores",
]
