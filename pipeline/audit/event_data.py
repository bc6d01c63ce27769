"""Statistics of event types, and of the values of their properties, against the outcomes of their leads."""

from __future__ import annotations

import pandas as pd

from leadlens.features import History

_MOST_VALUES = 200
_MINUTE = "INTERVAL 1 MINUTE"
_SHORTEST_LIFE = "INTERVAL 1 HOUR"  # everything a shorter-lived lead does is close to its end


def event_statistics(history: History) -> pd.DataFrame:
    """``AuditData.events``, from the table ``audit_events``: event types first, then property values."""
    parts = [history.engine.frame(_by_value("''", "TRUE"))]
    for name, kind in history.event_properties.items():
        if kind in ("category", "boolean"):
            quoted = history.engine.dialect.quote(name)
            value = f"{history.engine.dialect.literal(f'{name}=')} || CAST(e.{quoted} AS VARCHAR)"
            by_value = _by_value(value, f"e.{quoted} IS NOT NULL")
            most_frequent = f"ORDER BY leads DESC, event_type, value LIMIT {_MOST_VALUES}"
            parts.append(history.engine.frame(f"{by_value} {most_frequent}"))
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def event_counts(history: History) -> pd.DataFrame:
    """``AuditData.counts``: three counts per lead and event type, and over all types."""
    counts = """
        count(*) FILTER (
            WHERE occurred_at < audit_as_of AND known_at < audit_as_of
              AND (retracted_at IS NULL OR retracted_at >= audit_as_of)
        ) AS seen,
        count(*) FILTER (WHERE occurred_at < audit_until) AS until,
        count(*) AS total
    """
    return history.engine.frame(f"""
        SELECT lead_id, event_type, {counts} FROM audit_events GROUP BY lead_id, event_type
        UNION ALL
        SELECT lead_id, '' AS event_type, {counts} FROM audit_events GROUP BY lead_id
    """)


def _by_value(value: str, condition: str) -> str:
    """Statistics of the events for which ``condition`` holds, by event type and the SQL expression ``value``."""
    ended = f"e.audit_ended_at >= e.audit_created_at + {_SHORTEST_LIFE}"
    at_end = (
        f"{ended} AND e.occurred_at BETWEEN e.audit_ended_at - {_MINUTE} AND e.audit_ended_at + {_MINUTE}"
    )
    before = "e.occurred_at < e.audit_converted_at"
    after = f"e.occurred_at > e.audit_converted_at + {_MINUTE}"
    return f"""
        WITH busy AS (
            SELECT lead_id, count(DISTINCT event_type) AS kinds, min(event_type) AS only_type
            FROM audit_events AS e
            WHERE {after}
            GROUP BY lead_id
        ),
        by_lead AS (
            SELECT
                e.event_type,
                {value} AS value,
                e.lead_id,
                count(*) FILTER (WHERE e.occurred_at < e.audit_until) AS before_until,
                count(*) FILTER (WHERE {ended}) AS ended,
                count(*) FILTER (WHERE {at_end}) AS at_end,
                min(e.occurred_at) FILTER (WHERE {before}) AS first_at,
                count(*) FILTER (WHERE {before}) AS before,
                count(*) FILTER (WHERE {before} AND e.known_at >= e.audit_converted_at) AS late,
                count(*) FILTER (WHERE {after}) AS after,
                any_value(e.audit_converted) AS converted,
                any_value(e.audit_converted_at) AS converted_at
            FROM audit_events AS e
            WHERE {condition}
            GROUP BY 1, 2, 3
        )
        SELECT
            e.event_type,
            e.value,
            count(*) FILTER (WHERE before_until > 0) AS leads,
            count(*) FILTER (WHERE before_until > 0 AND converted) AS converted,
            median(epoch_us(converted_at) - epoch_us(first_at)) / 86400000000.0 AS days_ahead,
            CAST(sum(ended) AS BIGINT) AS ended,
            count(*) FILTER (WHERE ended > 0) AS ended_leads,
            CAST(sum(at_end) AS BIGINT) AS at_end,
            count(*) FILTER (WHERE at_end > 0) AS at_end_leads,
            count(*) FILTER (WHERE at_end > 0 AND converted) AS at_end_converted,
            CAST(sum(before) AS BIGINT) AS before,
            CAST(sum(late) AS BIGINT) AS late,
            CAST(sum(after) AS BIGINT) AS after,
            count(*) FILTER (WHERE busy.kinds > 1 OR busy.only_type <> e.event_type) AS others_after
        FROM by_lead AS e
        LEFT JOIN busy ON busy.lead_id = e.lead_id
        GROUP BY e.event_type, e.value
    """
