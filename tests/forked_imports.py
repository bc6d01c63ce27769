# ruff: noqa: F401
"""All that `leadlens score` imports on its way: the process that jobs are forked from imports this and does nothing else.

Nothing here may start a thread: it would be missing in a fork.
"""

from __future__ import annotations

import _cffi_backend
import cffi
import lightgbm
import psycopg
import pyarrow.csv
import pyarrow.pandas_compat
import pyarrow.parquet
from numba.core.registry import cpu_target
from sqlalchemy.dialects import postgresql

import models.learners.tree_shap_kernel
import models.reason_choice
import pipeline.cli.measured
import pipeline.cli.render.jobs
import pipeline.cli.render.push
import pipeline.cli.render.terminal
import pipeline.jobs.push
import pipeline.jobs.score
import pipeline.logs
import pipeline.writeback.duckdb
import pipeline.writeback.files
import pipeline.writeback.postgres
import pipeline.writeback.spool

# What numba does before it loads its first function: half a second each time.
cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()
