"""The same features as a data scientist would write them in pandas: merge, filter by time, group, unstack."""

from __future__ import annotations

import pandas as pd

WINDOWS = (7, 30, 90)
HALF_LIFE = 14.0


def one_run(events: list[str], spine: str, out: str) -> None:
    """From the same Parquet to the same columns as ``ours.one_run``."""
    columns = ["lead_id", "occurred_at", "known_at", "event_type"]
    history = pd.concat([pd.read_parquet(path, columns=columns) for path in events], ignore_index=True)
    history["event_type"] = history["event_type"].astype("category")
    rows = pd.read_parquet(spine, columns=["row_id", "lead_id", "as_of"])
    pandas_features(history, rows).reset_index().to_parquet(out, index=False)


def pandas_features(events: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    """One row per spine row, indexed by ``row_id``."""
    seen = spine.merge(events, on="lead_id")
    seen = seen[(seen["occurred_at"] < seen["as_of"]) & (seen["known_at"] < seen["as_of"])]
    age = seen["as_of"] - seen["occurred_at"]
    days_ago = age.dt.total_seconds() / 86_400
    seen = seen.assign(
        age=age,
        day=seen["occurred_at"].dt.floor("D"),
        days_ago=days_ago,
        weight=2.0 ** (-days_ago / HALF_LIFE),
    )
    found = pd.concat(
        [_measures(seen, ["row_id"]), _measures(seen, ["row_id", "event_type"])], axis="columns"
    ).reindex(spine["row_id"].sort_values())
    never = found.columns[~found.columns.str.endswith("__recency")]
    found[never] = found[never].fillna(0)
    return found.astype("float64")


def _measures(seen: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Every measure of every group, a column each, named as ours."""
    groups = seen.groupby(by, observed=True)
    measures = {"count": groups.size()}
    for window in WINDOWS:
        recent = seen[seen["age"] <= pd.Timedelta(days=window)]
        measures[f"count_{window}d"] = recent.groupby(by, observed=True).size()
    measures["active_days"] = groups["day"].nunique()
    measures["recency"] = groups["days_ago"].min()
    measures["decayed"] = groups["weight"].sum()
    if by == ["row_id"]:
        return pd.DataFrame(measures).add_prefix("any__")
    kinds = seen["event_type"].cat.categories  # a window may lack a kind
    tables = [
        table.unstack("event_type").reindex(columns=kinds).add_suffix(f"__{name}")
        for name, table in measures.items()
    ]
    return pd.concat(tables, axis="columns")
