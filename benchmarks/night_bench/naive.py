"""A night as a data scientist would write it: pandas, LightGBM, shap.TreeExplainer, to_sql; for a share of the leads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import shap
import sqlalchemy

from benchmarks.feature_bench.plain_pandas import pandas_features

_TREES = {"n_estimators": 100, "num_leaves": 8, "max_depth": 3, "n_jobs": 2, "verbosity": -1}


def one_night(clock: Callable[[], Any], data: str, url: str) -> dict[str, Any]:
    """Read, features, score, reasons, write; seconds of each.

    ``data`` is a folder with ``leads.parquet``, ``conversions.parquet`` and ``events.parquet`` of the leads that are
    scored. The model is trained beforehand on the same features, which is not timed.
    """
    seconds: dict[str, dict[str, float]] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        started = clock()
        result = work()
        seconds[name] = started.read()
        return result

    leads, events = timed("read", lambda: _read(Path(data)))
    spine = _spine(leads, events)
    frame = timed("features", lambda: _features(leads, events, spine))
    bought = pd.read_parquet(Path(data) / "conversions.parquet")["lead_id"]
    model = lgb.LGBMClassifier(**_TREES).fit(frame, spine["lead_id"].isin(bought))
    probability = timed("score", lambda: model.predict_proba(frame)[:, 1])
    values = timed("reasons", lambda: shap.TreeExplainer(model).shap_values(frame))
    table = timed("write", lambda: _write(spine, frame, probability, np.asarray(values), url))
    total = {kind: sum(part[kind] for part in seconds.values()) for kind in ("cpu", "wall")}
    return {"stages": seconds, "rows": table, "columns": frame.shape[1], **total}


def _read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return pd.read_parquet(folder / "leads.parquet"), pd.read_parquet(folder / "events.parquet")


def _spine(leads: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    as_of = events["occurred_at"].max() + pd.Timedelta(microseconds=1)
    return pd.DataFrame({"row_id": np.arange(len(leads)), "lead_id": leads["lead_id"], "as_of": as_of})


def _features(leads: pd.DataFrame, events: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    """91 columns of behaviour, and the attributes as numbers and categories."""
    known = events.assign(known_at=events["occurred_at"], event_type=events["event_type"].astype("category"))
    behaviour = pandas_features(known[["lead_id", "occurred_at", "known_at", "event_type"]], spine)
    own = leads[["age", "income", "newsletter"]].astype("float64")
    own = own.join(
        leads[["city", "source", "title", "staff"]].astype("category").apply(lambda text: text.cat.codes)
    )
    return behaviour.reset_index(drop=True).join(own)


def _write(
    spine: pd.DataFrame, frame: pd.DataFrame, probability: np.ndarray, values: np.ndarray, url: str
) -> int:
    """The score and the five strongest reasons as text, one row per lead."""
    order = np.argsort(-np.abs(values), axis=1)[:, :5]
    names = frame.columns.to_numpy()
    reasons = [
        "; ".join(f"{names[place]} {row[place]:+.2f}" for place in strongest)
        for row, strongest in zip(values, order, strict=True)
    ]
    table = pd.DataFrame({"lead_id": spine["lead_id"], "probability": probability, "reasons": reasons})
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    table.to_sql("naive_scores", engine, if_exists="replace", index=False)
    return len(table)
