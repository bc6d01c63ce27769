"""The same features by featuretools ``dfs`` with cutoff times, for a sample of rows; runs in its own venv.

featuretools works row by row through distinct cutoff times, so its time for all rows is extrapolated from two samples:
what it needs once, and what each further row costs. Windows are ``training_window``, one ``dfs`` each. Late
events are hidden by ``secondary_time_index``. Leads are numbered beforehand, which saves it work on text.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any, ClassVar

import featuretools as ft
import numpy as np
import pandas as pd
from featuretools.primitives import AggregationPrimitive
from woodwork.column_schema import ColumnSchema
from woodwork.logical_types import Double

WINDOWS = (7, 30, 90)
HALF_LIFE = 14.0


class DaysSince(AggregationPrimitive):
    """Days from the last of the moments (microseconds) to the cutoff."""

    name = "days_since"
    input_types: ClassVar = [ColumnSchema(logical_type=Double, semantic_tags={"numeric"})]
    return_type = ColumnSchema(semantic_tags={"numeric"})
    uses_calc_time = True

    def get_function(self) -> Any:
        def days_since(moments: pd.Series, time: pd.Timestamp | None = None) -> float:
            return float((_microseconds(time) - moments.max()) / 86_400e6)

        return days_since


class Decayed(AggregationPrimitive):
    """Sum of 2^(-age / half-life)."""

    name = "decayed"
    input_types: ClassVar = [ColumnSchema(logical_type=Double, semantic_tags={"numeric"})]
    return_type = ColumnSchema(semantic_tags={"numeric"})
    uses_calc_time = True

    def get_function(self) -> Any:
        def decayed(moments: pd.Series, time: pd.Timestamp | None = None) -> float:
            age = (_microseconds(time) - moments.dropna().to_numpy()) / 86_400e6
            return float(np.sum(2.0 ** (-age / HALF_LIFE)))

        return decayed


def _microseconds(moment: pd.Timestamp | None) -> int:
    assert moment is not None
    return (pd.Timestamp(moment) - pd.Timestamp(0)) // pd.Timedelta(microseconds=1)


def main() -> None:
    """Read the task from the argument, write the sample's features, print seconds as JSON."""
    warnings.filterwarnings("ignore")
    task = json.loads(sys.argv[1])
    started = time.perf_counter()
    entities, numbers = load(task["events"], task["people"])
    loaded = time.perf_counter() - started
    spine = pd.read_parquet(task["spine"])
    sample = spine.iloc[:: max(len(spine) // task["rows"], 1)].head(task["rows"])
    few = sample.iloc[:: max(len(sample) // max(len(sample) // 5, 1), 1)]
    seconds = []
    for rows in (few, sample):
        started = time.perf_counter()
        found = features_of(entities, rows, numbers)
        seconds.append(time.perf_counter() - started)
    found.to_parquet(task["out"], index=False)
    each = (seconds[1] - seconds[0]) / max(len(sample) - len(few), 1)
    result = {
        "loaded_s": loaded,
        "sample_s": seconds[1],
        "rows": len(sample),
        "each_s": each,
        "all_s": loaded + seconds[1] + each * (len(spine) - len(sample)),
    }
    print(json.dumps(result))


def load(events: list[str], people: str) -> tuple[ft.EntitySet, pd.Series]:
    """The history as featuretools wants it, and the number of each lead."""
    leads = pd.read_parquet(people, columns=["lead_id"])["lead_id"]
    numbers = pd.Series(np.arange(len(leads)), index=leads)
    columns = ["lead_id", "occurred_at", "known_at", "event_type"]
    frame = pd.concat([pd.read_parquet(path, columns=columns) for path in events], ignore_index=True)
    frame["lead_id"] = frame["lead_id"].map(numbers)
    frame["one"] = 1.0
    frame["moment"] = (frame["occurred_at"] - pd.Timestamp(0)) // pd.Timedelta(microseconds=1)
    frame["day"] = frame["moment"] // 86_400_000_000
    frame["moment"] = frame["moment"].astype("float64")
    frame["event_id"] = np.arange(len(frame))
    entities = ft.EntitySet("leadlens")
    entities.add_dataframe(
        dataframe_name="leads", dataframe=pd.DataFrame({"lead_id": numbers.to_numpy()}), index="lead_id"
    )
    entities.add_dataframe(
        dataframe_name="events",
        dataframe=frame,
        index="event_id",
        time_index="occurred_at",
        secondary_time_index={"known_at": ["event_type", "one", "moment", "day"]},
        logical_types={"event_type": "Categorical", "day": "Categorical", "moment": "Double"},
    )
    entities.add_relationship("leads", "lead_id", "events", "lead_id")
    entities.add_interesting_values(
        dataframe_name="events", values={"event_type": sorted(frame["event_type"].unique())}
    )
    return entities, numbers


def features_of(entities: ft.EntitySet, rows: pd.DataFrame, numbers: pd.Series) -> pd.DataFrame:
    """All columns for these spine rows, under our names."""
    cutoffs = pd.DataFrame(
        {"lead_id": numbers.loc[rows["lead_id"]].to_numpy(), "time": rows["as_of"].to_numpy()}
    )
    everything = {"sum": "one", "num_unique": "day", DaysSince: "moment", Decayed: "moment"}
    parts = [_dfs(entities, cutoffs, everything, None)]
    parts += [_dfs(entities, cutoffs, {"sum": "one"}, window) for window in WINDOWS]
    found = pd.concat(parts, axis=1).reset_index(drop=True)
    never = found.columns[~found.columns.str.endswith("__recency")]
    found[never] = found[never].fillna(0)
    found = found.astype("float64")
    found.insert(0, "row_id", rows["row_id"].to_numpy())
    return found


def _dfs(
    entities: ft.EntitySet, cutoffs: pd.DataFrame, primitives: dict[Any, str], window: int | None
) -> Any:
    options = {
        how if isinstance(how, str) else how.name: {"include_columns": {"events": [column]}}
        for how, column in primitives.items()
    }
    found, _ = ft.dfs(
        entityset=entities,
        target_dataframe_name="leads",
        cutoff_time=cutoffs,
        agg_primitives=list(primitives),
        where_primitives=list(primitives),
        trans_primitives=[],
        primitive_options=options,
        max_depth=1,
        training_window=f"{window} days" if window else None,
        include_cutoff_time=False,  # strictly before
    )
    names = {"SUM": f"count_{window}d" if window else "count", "NUM_UNIQUE": "active_days",
             "DAYS_SINCE": "recency", "DECAYED": "decayed"}  # fmt: skip
    return found.set_axis([_our_name(name, names) for name in found], axis="columns")


def _our_name(name: str, names: dict[str, str]) -> str:
    """``SUM(events.one WHERE event_type = page_viewed)`` is ``page_viewed__count``."""
    how, _, rest = name.partition("(")
    key = rest.partition(" = ")[2].rstrip(")") if " WHERE " in rest else "any"
    return f"{key}__{names[how]}"


if __name__ == "__main__":
    main()
