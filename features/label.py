"""The label of each spine row: converted within the horizon, not, or too early to say."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from leadlens.features.engines import Table
from leadlens.features.history import History
from leadlens.features.spine import Spine, kind_filter

if TYPE_CHECKING:
    import pandas as pd


class Labels(Table):
    """Labels of a spine: ``row_id, label, converted_at``, one row per row of the spine."""


def build_labels(history: History, spine: Spine, horizon: timedelta, kinds: tuple[str, ...] = ()) -> Labels:
    """The labels of a spine, as a table that the caller drops.

    ``label`` is 1 if the first matching conversion lies in ``[as_of, as_of + horizon)``, else 0; NULL while
    ``as_of + horizon`` lies beyond the data's end (immature), and for flat data whose outcome is not filled in.
    """
    dialect = history.engine.dialect
    ends = dialect.minus("s.as_of", -horizon)
    return Labels.make(
        history.engine,
        "labels",
        f"""
        SELECT
          s.row_id,
          CASE
            WHEN {ends} > {dialect.literal(history.data_end)} OR max(u.lead_id) IS NOT NULL THEN NULL
            WHEN min(c.converted_at) < {ends} THEN 1
            ELSE 0
          END AS label,
          CASE WHEN min(c.converted_at) < {ends} THEN min(c.converted_at) END AS converted_at
        FROM {spine} AS s
        LEFT JOIN conversions AS c
          ON c.lead_id = s.lead_id AND c.converted_at >= s.as_of{kind_filter(history, kinds, "c")}
        LEFT JOIN unlabelled AS u ON u.lead_id = s.lead_id
        GROUP BY s.row_id, s.as_of
        """,
    )


def leaving_times(history: History, spine: Spine, kinds: tuple[str, ...] = ()) -> pd.Series:
    """When each row's lead left, by row_id: the first matching conversion, or the closing, at or after its as-of; NaT while open.

    A lead with repeated conversions leaves at each: a row says nothing of what comes after the next one.
    """
    frame = history.engine.frame(
        f"""
        SELECT
          s.row_id,
          CASE WHEN min(c.converted_at) <= max(l.closed_at) OR max(l.closed_at) IS NULL THEN min(c.converted_at)
            ELSE max(l.closed_at)
          END AS left_at
        FROM {spine} AS s
        JOIN leads AS l ON l.lead_id = s.lead_id
        LEFT JOIN conversions AS c
          ON c.lead_id = s.lead_id AND c.converted_at >= s.as_of{kind_filter(history, kinds, "c")}
        GROUP BY s.row_id
        ORDER BY s.row_id
        """
    )
    left_at: pd.Series = frame.set_index("row_id")["left_at"].astype("datetime64[us]")
    return left_at
