"""Where the two lenses agree and where they do not, with the leads of each quadrant."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.judging.capacity import selected
from models.judging.lenses import Judged
from models.scale import shown_score
from models.statistics import wilson

QUADRANTS = ("both", "model only", "rules only", "neither")


def quadrants(judged: Judged, count: int) -> pd.DataFrame:
    """Rows, conversions and rate of each quadrant; hot = among the first ``count`` rows of a lens."""
    rows = pd.DataFrame({"quadrant": quadrant_of(judged, count), "label": judged.label})
    counts = (
        rows.groupby("quadrant")["label"].agg(["size", "sum"]).reindex(QUADRANTS, fill_value=0).astype(int)
    )
    low, high = wilson(counts["sum"], counts["size"])
    empty = (counts["size"] == 0).to_numpy()
    return pd.DataFrame(
        {
            "quadrant": list(QUADRANTS),
            "rows": counts["size"].to_numpy(),
            "conversions": counts["sum"].to_numpy(),
            "rate": np.where(empty, np.nan, counts["sum"] / counts["size"].where(~empty, 1)),
            "low": np.where(empty, np.nan, low),
            "high": np.where(empty, np.nan, high),
        }
    )


def quadrant_leads(judged: Judged, count: int, top: int = 50) -> pd.DataFrame:
    """The first ``top`` rows of each quadrant: by points where only the rules are hot, else by score."""
    frame = judged.frame
    rows = pd.DataFrame(
        {
            "quadrant": quadrant_of(judged, count),
            "lead_id": frame["lead_id"].astype(str),
            "as_of": pd.to_datetime(frame["as_of"]),
            "score": shown_score(judged.model.score),
            "grade": frame["grade"],
            "rule_points": frame["rule_points"].astype(float),
            "rule_grade": frame["rule_grade"],
            "rule_stage": frame["rule_stage"],
            "converted": judged.label.astype(int),
        }
    )
    by_model = np.lexsort((judged.tie_break, -judged.model.rank))
    by_rules = np.lexsort((judged.tie_break, -judged.rules.rank))
    parts = []
    for quadrant in QUADRANTS:
        order = by_rules if quadrant == "rules only" else by_model
        ordered = rows.iloc[order]
        parts.append(ordered[ordered["quadrant"] == quadrant].head(top))
    return pd.concat(parts, ignore_index=True)


def quadrant_of(judged: Judged, count: int) -> np.ndarray:
    """The quadrant of every row."""
    by_model, by_rules = (selected(judged, lens, count) for lens in judged.lenses)
    return np.select(
        [by_model & by_rules, by_model, by_rules],
        [np.array(name, object) for name in QUADRANTS[:3]],
        QUADRANTS[3],
    ).astype(object)
