"""The one rule of time: which events a spine row may see."""

from __future__ import annotations


def visible(event: str = "e", row: str = "s") -> str:
    """SQL that is true where an event can be seen from a spine row.

    It happened, and was known, strictly before ``as_of``, and was not retracted strictly before it.

    >>> print(visible().replace(" AND ", "\\n"))
    e.lead_id = s.lead_id
    e.occurred_at < s.as_of
    e.known_at < s.as_of
    (e.retracted_at IS NULL OR e.retracted_at >= s.as_of)
    """
    return f"{event}.lead_id = {row}.lead_id AND {known_by(event, row)}"


def known_by(event: str = "e", row: str = "s") -> str:
    """The same without the lead: for events that are joined in another way."""
    return (
        f"{event}.occurred_at < {row}.as_of AND {event}.known_at < {row}.as_of "
        f"AND ({event}.retracted_at IS NULL OR {event}.retracted_at >= {row}.as_of)"
    )
