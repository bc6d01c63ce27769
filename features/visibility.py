"""The one rule of time: what a spine row may see of the events."""

from __future__ import annotations


def visible(event: str = "e", row: str = "s") -> str:
    """SQL that is true where an event can be seen from a spine row: it happened, and was known, strictly before.

    >>> visible()
    'e.lead_id = s.lead_id AND e.occurred_at < s.as_of AND e.known_at < s.as_of'
    """
    return f"{event}.lead_id = {row}.lead_id AND {known_by(event, row)}"


def known_by(event: str = "e", row: str = "s") -> str:
    """The same without the lead: for events that are reached by another way."""
    return f"{event}.occurred_at < {row}.as_of AND {event}.known_at < {row}.as_of"
