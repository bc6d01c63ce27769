"""A run that waits in memory until it is committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline.writeback.run import RunManifest, WriteResult
from pipeline.writeback.target import write_scores


class WholeRun:
    def __init__(self, to: str, table: str, run: RunManifest) -> None:
        self.to, self.table, self.run = to, table, run
        self.frames: list[pd.DataFrame] = []

    def add(self, rows: Any) -> None:
        self.frames.append(rows.to_pandas() if isinstance(rows, pa.Table) else rows)

    def commit(self) -> WriteResult:
        frame = pd.concat(self.frames, ignore_index=True) if self.frames else pd.DataFrame({"lead_id": []})
        return write_scores(frame, self.to, table=self.table, run=self.run)


@contextmanager
def open_run(to: str, *, table: str = "lead_scores", run: RunManifest) -> Iterator[WholeRun]:
    yield WholeRun(to, table, run)
