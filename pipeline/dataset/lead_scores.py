"""Scored leads as the rows of `lead_scores`: what a batch job writes back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from leadlens.models.scorecard import ScorecardSetScores
from leadlens.pipeline.dataset.ledger_column import ledger_column
from leadlens.pipeline.dataset.long_ledgers import cut_ledgers
from leadlens.pipeline.dataset.scored_leads import ScoredLeads

_REASONS_KEPT = 10
_JSON = ("reasons", "ledger")
_STEADY = 0.5  # points in a week that are no trend


def lead_scores(scored: ScoredLeads) -> pd.DataFrame:
    """The same as ``lead_scores_table`` for people: ``reasons`` and ``ledger`` are lists of dicts."""
    return scores_frame(lead_scores_table(scored))


def scores_frame(table: pa.Table) -> pd.DataFrame:
    """Rows of `lead_scores_table` as a frame; ``reasons`` and ``ledger`` are lists of dicts."""
    frame: pd.DataFrame = table.to_pandas()
    for name in _JSON:
        if name in frame:
            frame[name] = [json.loads(text) for text in table[name].to_pylist()]
    return frame


def lead_scores_table(scored: ScoredLeads, as_of: datetime | None = None) -> pa.Table:
    """One row per scored lead: the columns of `lead_scores` that scoring fills, in the spine's order.

    ``as_of`` stands in for the rows' own where the data have no dates.

    ``reasons`` and ``ledger`` are JSON texts, a ledger with its 1,000 largest lines (``cut_ledgers``). Nothing is made per lead in Python: 100,000 leads take about a second.
    """
    table, reasons = scored.prediction.table, scored.reason_columns(_REASONS_KEPT)
    columns = {
        "lead_id": _texts(scored.spine["lead_id"]),
        "as_of": pa.array(scored.as_of if as_of is None else np.full(len(table), np.datetime64(as_of, "us"))),
        "probability": pa.array(table["probability"].to_numpy()),
        "score": pa.array(table["shown"].to_numpy()),
        "grade": _texts(table["grade"]),
        "fit_points": pa.array(table["fit_points"].round(3).to_numpy()),
        "engagement_points": pa.array(table["engagement_points"].round(3).to_numpy()),
        "reasons": reasons["reasons"],
        "reasons_text": reasons["reasons_text"],
    }
    if scored.rules is not None and scored.sheet is not None:
        columns |= _sheet_columns(scored.rules, scored.sheet)
    return pa.table(columns)


def route_text(action: Any, queue: Any, reason: Any) -> str | None:
    """What to do with a lead, in one line; ``None`` where no route is for it.

    >>> route_text("call", "senior_reps", "Read for weeks, then asked for a price")
    'call, senior_reps: Read for weeks, then asked for a price'
    """
    if pd.isna(action):
        return None
    return f"{action}{'' if pd.isna(queue) else f', {queue}'}: {reason}"


def _texts(values: Any) -> pa.ChunkedArray:
    """Text, and null where there is none."""
    array = pa.array(values, pa.string(), from_pandas=True)
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _sheet_columns(rules: ScorecardSetScores, by_row: pd.DataFrame) -> dict[str, pa.ChunkedArray]:
    versions = {sheet.name: f"{sheet.name} {sheet.version}" for sheet in rules.sheet.sheets}
    # Without `movement` nobody asked where the total went.
    trend = _headings(by_row["trend"].to_numpy(dtype=float)) if "trend" in by_row else [None] * len(by_row)
    return {
        "stage": _texts(by_row["stage"]),
        "trend": _texts(trend),
        "route": _texts(_routes(by_row)),
        "scorecard_version": _texts(by_row["sheet"].map(versions)),
        "rule_points": pa.chunked_array([pa.array(by_row["total"].to_numpy(dtype=float))]),
        "rule_grade": _texts(by_row["grade"]),
        "rule_stage": _texts(by_row["stage"]),
        "ledger": ledger_column(cut_ledgers(rules.ledger), by_row.index),
    }


def _routes(by_row: pd.DataFrame) -> list[str | None]:
    named = by_row[["action", "queue", "reason"]].astype(object)
    routes = list(named.where(named.notna(), None).itertuples(index=False, name=None))
    texts = {route: route_text(*route) for route in set(routes)}
    return [texts[route] for route in routes]


def _headings(points: NDArray[np.float64]) -> NDArray[np.object_]:
    """Where the sheet's total went in the last week, in one word, so that it seldom changes."""
    headings = np.where(points > 0, "rising", "falling").astype(object)
    headings[np.abs(points) < _STEADY] = "steady"
    headings[np.isnan(points)] = None  # no sheet is for this lead
    return headings
