"""The feature matrix of a spine, made by workers: each makes the rows of one part of the leads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from leadlens.features import History
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.matrix import FeatureMatrix, build_matrix, plan_columns
from leadlens.features.plan import FeaturePlan
from leadlens.features.spine import Spine
from leadlens.pipeline.cluster import Workers
from leadlens.pipeline.prepared.handed import handed_over, opened
from leadlens.pipeline.prepared.opening import PreparedHistory

MakeMatrix = Callable[[History, FeaturePlan, Spine], FeatureMatrix]
_ROWS, _TASK = "rows.parquet", "matrix.json"


def matrix_maker(workers: Workers | None, prepared: PreparedHistory) -> MakeMatrix:
    """What makes the matrix of rows of a prepared history: ``build_matrix`` here, or the same by workers, part by part.

    Values are equal either way: what a row knows is in the part of its lead.
    """
    if workers is None:
        return build_matrix

    def spread(history: History, plan: FeaturePlan, spine: Spine) -> FeatureMatrix:
        return _spread(workers, prepared, history, plan, spine)

    return spread


def make_part(task: dict[str, Any]) -> dict[str, Any]:
    """On a worker: the rows of one part, as a file of features."""
    folder = Path(task["folder"])
    prepared, plan = _opened(str(folder))
    with prepared.part(task["part"]) as history:
        rows = DuckDBDialect().parquet(str(folder / _ROWS))
        mine = f"SELECT * FROM {rows} WHERE lead_id IN (SELECT lead_id FROM leads)"
        with Spine.make(history.engine, "rows_of_part", mine) as spine:
            if not spine.rows:
                return {"rows": 0}
            frame = build_matrix(history, plan, spine).frame
    name = f"{uuid4().hex}.parquet"
    pq.write_table(pa.Table.from_pandas(frame), folder / name, compression="zstd")
    return {"rows": len(frame), "name": name}


def _spread(
    workers: Workers, prepared: PreparedHistory, history: History, plan: FeaturePlan, spine: Spine
) -> FeatureMatrix:
    folder = workers.folder / f"matrix-{uuid4().hex[:12]}"
    folder.mkdir()
    try:
        task = {**handed_over(prepared), "plan": plan.to_dict()}
        (folder / _TASK).write_text(json.dumps(task), encoding="utf-8")
        history.engine.write(f"SELECT row_id, lead_id, as_of, created_at FROM {spine}", folder / _ROWS)
        tasks = [{"folder": str(folder), "part": part} for part in range(prepared.parts)]
        answers = workers.run(make_part, tasks)
        tables = [pq.read_table(folder / answer["name"]) for answer in answers if answer["rows"]]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    columns = plan_columns(plan)
    frame = pa.concat_tables(tables).to_pandas().sort_index()
    values = {
        column.name: frame[column.name].astype("float64" if column.kind == "number" else "str")
        for column in columns
    }
    rows = history.engine.frame(f"SELECT row_id, lead_id, as_of, created_at FROM {spine} ORDER BY row_id")
    return FeatureMatrix(pd.DataFrame(values, index=frame.index), columns, rows)


@lru_cache(maxsize=1)
def _opened(folder: str) -> tuple[PreparedHistory, FeaturePlan]:
    plain = json.loads((Path(folder) / _TASK).read_text(encoding="utf-8"))
    return opened(plain), FeaturePlan.from_dict(plain["plan"])
