"""Event types, and the values of their properties, against the outcomes of their leads."""

from __future__ import annotations

import pandas as pd

from features import History

_MOST_VALUES = 200
_MOMENT = "INTERVAL 1 MINUTE"
_LIVED = "INTERVAL 1 HOUR"  # of a lead that ends sooner everything lies close to its end


def event_facts(history: History) -> pd.DataFrame:
    """``Facts.events``, from the tables ``audit_leads`` and ``audit_events``: types first, then values of properties."""
    parts = [history.engine.frame(_by_value("''", "TRUE"))]
    for name, kind in history.event_properties.items():
        if kind in ("category", "boolean"):
            quoted = history.engine.dialect.quote(name)
            value = f"{history.engine.dialect.literal(f'{name}=')} || CAST(e.{quoted} AS VARCHAR)"
            by_value = _by_value(value, f"e.{quoted} IS NOT NULL")
            parts.append(
                history.engine.frame(
                    f"{by_value} ORDER BY leads DESC, event_type, value LIMIT {_MOST_VALUES}"
                )
            )
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def event_counts(history: History) -> pd.DataFrame:
    """``Facts.counts``: three counts per lead and event type, and over all types."""
    counted = (
        "count(*) FILTER (WHERE occurred_at < audit_as_of AND known_at < audit_as_of "
        "AND (retracted_at IS NULL OR retracted_at >= audit_as_of)) AS seen, "
        "count(*) FILTER (WHERE occurred_at < audit_until) AS until, count(*) AS total FROM audit_events"
    )
    return history.engine.frame(
        f"SELECT lead_id, event_type, {counted} GROUP BY lead_id, event_type "
        f"UNION ALL SELECT lead_id, '' AS event_type, {counted} GROUP BY lead_id"
    )


def _by_value(value: str, condition: str) -> str:
    ended = f"e.audit_ended_at >= e.audit_created_at + {_LIVED}"
    at_end = (
        f"{ended} AND e.occurred_at BETWEEN e.audit_ended_at - {_MOMENT} AND e.audit_ended_at + {_MOMENT}"
    )
    ahead = "e.occurred_at < e.audit_converted_at"
    after = f"e.occurred_at > e.audit_converted_at + {_MOMENT}"
    return (
        "WITH busy AS (SELECT lead_id, count(DISTINCT event_type) AS kinds, min(event_type) AS only_type "
        f"FROM audit_events AS e WHERE {after} GROUP BY lead_id), "
        f"by_lead AS (SELECT e.event_type, {value} AS value, e.lead_id, "
        "count(*) FILTER (WHERE e.occurred_at < e.audit_until) AS before_until, "
        f"count(*) FILTER (WHERE {ended}) AS ended, count(*) FILTER (WHERE {at_end}) AS at_end, "
        f"min(e.occurred_at) FILTER (WHERE {ahead}) AS first_at, count(*) FILTER (WHERE {ahead}) AS before, "
        f"count(*) FILTER (WHERE {ahead} AND e.known_at >= e.audit_converted_at) AS late, "
        f"count(*) FILTER (WHERE {after}) AS after, any_value(e.audit_converted) AS converted, "
        f"any_value(e.audit_converted_at) AS converted_at FROM audit_events AS e WHERE {condition} GROUP BY 1, 2, 3) "
        "SELECT e.event_type, e.value, count(*) FILTER (WHERE before_until > 0) AS leads, "
        "count(*) FILTER (WHERE before_until > 0 AND converted) AS converted, "
        "median(epoch_us(converted_at) - epoch_us(first_at)) / 86400000000.0 AS days_ahead, "
        "CAST(sum(ended) AS BIGINT) AS ended, count(*) FILTER (WHERE ended > 0) AS ended_leads, "
        "CAST(sum(at_end) AS BIGINT) AS at_end, count(*) FILTER (WHERE at_end > 0) AS at_end_leads, "
        "count(*) FILTER (WHERE at_end > 0 AND converted) AS at_end_converted, "
        "CAST(sum(before) AS BIGINT) AS before, CAST(sum(late) AS BIGINT) AS late, CAST(sum(after) AS BIGINT) AS after, "
        "count(*) FILTER (WHERE busy.kinds > 1 OR busy.only_type <> e.event_type) AS others_after "
        "FROM by_lead AS e LEFT JOIN busy ON busy.lead_id = e.lead_id GROUP BY e.event_type, e.value"
    )
