"""What a CRM gives: rows of tables, each with a key, and how far it was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Rows = list[dict[str, Any]]
# Which columns tell the rows of a table apart: a later row takes the place of an earlier one.
KEYS: dict[str, tuple[str, ...]] = {
    "leads": ("lead_id",),
    "events": ("event_id",),
    "changes": ("id", "attribute", "known_at"),
    "aliases": ("old_id",),
}


@dataclass
class Page:
    """Some of what changed: rows by table, ids of leads and events that are gone, and up to when all is read after this page.

    ``first`` are values from before the first edit that is known: they hold since the lead was created, where no row stands yet. ``cursors`` are by kind of record, in the CRM's own writing of times.
    """

    rows: dict[str, Rows] = field(default_factory=dict)
    first: dict[str, Rows] = field(default_factory=dict)
    gone: dict[str, list[str]] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)


class Crm(Protocol):
    """A CRM that is read from."""

    def pages(self, cursors: Mapping[str, str]) -> Iterator[Page]:
        """What changed since the cursors, which are empty the first time; a page may repeat rows of before."""
