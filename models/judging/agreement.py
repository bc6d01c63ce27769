"""Where the two lenses agree and where they do not, with the leads of each quadrant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.models.judging.calls import Rows
from leadlens.models.judging.lenses import MODEL, RULES, Judged
from leadlens.models.scale import shown_score
from leadlens.models.statistics import wilson

QUADRANTS = ("both", "model only", "rules only", "neither")


class Quadrants(NamedTuple):
    """The quadrant of every lead, the row that speaks for it, and whether it converts."""

    quadrant: NDArray[np.object_]
    row: Rows
    converted: NDArray[np.bool_]


def quadrants(judged: Judged, called: Mapping[str, Rows]) -> pd.DataFrame:
    """Leads, conversions and rate of each quadrant; ``called`` is per lens and lead the row by which it was called, or -1."""
    leads = of_leads(judged, called)
    counts = (
        pd.DataFrame({"quadrant": leads.quadrant, "converted": leads.converted})
        .groupby("quadrant")["converted"]
        .agg(["size", "sum"])
        .reindex(QUADRANTS, fill_value=0)
        .astype(int)
    )
    low, high = wilson(counts["sum"], counts["size"])
    empty = (counts["size"] == 0).to_numpy()
    return pd.DataFrame(
        {
            "quadrant": list(QUADRANTS),
            "leads": counts["size"].to_numpy(),
            "conversions": counts["sum"].to_numpy(),
            "rate": np.where(empty, np.nan, counts["sum"] / counts["size"].where(~empty, 1)),
            "low": np.where(empty, np.nan, low),
            "high": np.where(empty, np.nan, high),
        }
    )


def quadrant_leads(judged: Judged, called: Mapping[str, Rows], top: int | None = None) -> pd.DataFrame:
    """The leads of each quadrant, or the first ``top``: by points where only the rules are hot, else by score."""
    leads = of_leads(judged, called)
    frame = judged.frame.iloc[leads.row]
    table = pd.DataFrame(
        {
            "quadrant": leads.quadrant,
            "lead_id": frame["lead_id"].astype(str).to_numpy(),
            "as_of": pd.to_datetime(frame["as_of"]).to_numpy(),
            "score": shown_score(judged.model.score[leads.row]),
            "grade": frame["grade"].to_numpy(),
            "rule_points": frame["rule_points"].to_numpy(dtype=float),
            "rule_grade": frame["rule_grade"].to_numpy(),
            "rule_stage": frame["rule_stage"].to_numpy(),
            "converted": leads.converted.astype(int),
        }
    )
    tie = judged.tie_break[leads.row]
    by_model = np.lexsort((tie, -judged.model.rank[leads.row]))
    by_rules = np.lexsort((tie, -judged.rules.rank[leads.row]))
    parts = []
    for quadrant in QUADRANTS:
        ordered = table.iloc[by_rules if quadrant == "rules only" else by_model]
        parts.append(ordered[ordered["quadrant"] == quadrant].iloc[:top])
    return pd.concat(parts, ignore_index=True)


def of_leads(judged: Judged, called: Mapping[str, Rows]) -> Quadrants:
    """The quadrant of every lead.

    A lead that is called stands as it is then, by the model's list where both call it; one that neither calls as it is
    on its last row, and converts if any of its rows does.
    """
    by_model, by_rules = called[MODEL], called[RULES]
    model, rules = by_model >= 0, by_rules >= 0
    quadrant = np.select(
        [model & rules, model, rules],
        [np.array(name, object) for name in QUADRANTS[:3]],
        QUADRANTS[3],
    ).astype(object)
    last = judged.in_time[np.r_[np.diff(judged.lead[judged.in_time]) != 0, True]]
    row = np.select([model, rules], [by_model, by_rules], last)
    return Quadrants(quadrant, row, np.where(model | rules, judged.label[row] == 1, judged.converted))


def in_stages(judged: Judged, stages: tuple[str, ...]) -> NDArray[np.bool_]:
    """The rows on which the sheet has the lead in one of these stages."""
    there = judged.frame["rule_stage"].isin(stages) & ~judged.frame["disqualified"].astype(bool)
    return there.to_numpy()
