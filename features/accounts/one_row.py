"""Roll-ups of the account of one row: its colleagues are few, and paired with their events in one statement.

The steps of :mod:`leadlens.features.accounts.steps` say the same of many rows, at a cost that does not grow with the size of accounts; for
one row eleven statements take longer than all they read. A law holds the two together: a lead alone is the lead among all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from leadlens.features.engines import Step
from leadlens.features.history import History
from leadlens.features.spine import Spine
from leadlens.features.visibility import known_by

# What ``colleagues`` takes of the tables below, in the words of ``leadlens.features.accounts.rollups``.
COUNTED: Mapping[str, str] = {
    "known": "coalesce(k.known, 0)",
    "active": "coalesce(e.active, 0)",
    "recent": "coalesce(e.recent, 0)",
    "conversions": "coalesce(c.conversions, 0)",
    "last_event": "e.last_event",
    "last_conversion": "c.last_conversion",
}


def one_row_step(history: History, spine: Spine, recent: timedelta, columns: str) -> Step:
    """``colleagues(row_id, columns)``; ``columns`` are over ``s`` (the spine), ``l`` (its leads) and ``COUNTED``."""
    end = history.engine.dialect.minus("e.occurred_at", -recent)
    return Step(
        "colleagues",
        f"""
        WITH others AS (
          SELECT s.row_id, s.as_of, o.lead_id
          FROM {spine} AS s
          JOIN leads AS l ON l.lead_id = s.lead_id
          JOIN leads AS o ON o.account_id = l.account_id AND o.lead_id <> l.lead_id
          WHERE o.created_at < s.as_of
        ),
        acted AS (
          SELECT o.row_id, o.lead_id, sum(CASE WHEN {end} >= o.as_of THEN 1 ELSE 0 END) AS recent,
            max(e.occurred_at) AS last_event
          FROM others AS o
          JOIN events AS e ON e.lead_id = o.lead_id
          WHERE {known_by("e", "o")}
          GROUP BY o.row_id, o.lead_id
        )
        SELECT s.row_id{columns}
        FROM {spine} AS s
        JOIN leads AS l ON l.lead_id = s.lead_id
        LEFT JOIN (SELECT row_id, count(*) AS known FROM others GROUP BY row_id) AS k ON k.row_id = s.row_id
        LEFT JOIN (
          SELECT row_id, sum(CASE WHEN recent > 0 THEN 1 ELSE 0 END) AS active, max(recent) AS recent,
            max(last_event) AS last_event
          FROM acted
          GROUP BY row_id
        ) AS e ON e.row_id = s.row_id
        LEFT JOIN (
          SELECT o.row_id, count(*) AS conversions, max(c.converted_at) AS last_conversion
          FROM others AS o
          JOIN conversions AS c ON c.lead_id = o.lead_id
          WHERE c.converted_at < o.as_of
          GROUP BY o.row_id
        ) AS c ON c.row_id = s.row_id
        """,
    )
