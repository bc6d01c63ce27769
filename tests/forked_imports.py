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

import leadlens.models.learners.tree_shap_kernel
import leadlens.models.reason_choice
import leadlens.pipeline.cli.measured
import leadlens.pipeline.cli.render.jobs
import leadlens.pipeline.cli.render.push
import leadlens.pipeline.cli.render.terminal
import leadlens.pipeline.jobs.push
import leadlens.pipeline.jobs.score
import leadlens.pipeline.logs
import leadlens.pipeline.writeback.duckdb
import leadlens.pipeline.writeback.files
import leadlens.pipeline.writeback.postgres
import leadlens.pipeline.writeback.spool

# What numba does before it loads its first function: half a second each time.
cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()
