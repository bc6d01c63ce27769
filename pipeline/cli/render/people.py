"""What `leadlens person` and `leadlens forget` print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from features.errors import listed
from pipeline.cli.render.jobs import render_explanation
from pipeline.forgetting.removal import Removal
from pipeline.jobs.forget import ForgottenPerson
from pipeline.jobs.person import StoredPerson

_MOST_ROWS = 50
_ABOUT = {
    "leads": "The lead",
    "accounts": "Its account",
    "events": "What it did",
    "conversions": "What it bought",
    "changes": "Edits of what is known of it",
    "verdicts": "What sales said of it",
    "answers": "What it answered",
    "objections": "It objects to profiling",
}


def render_person(stored: StoredPerson) -> list[str]:
    """All that is stored of a lead."""
    lines = [f"Lead {listed(stored.lead_ids, 20)}", *(f"  note: {note}" for note in stored.notes)]
    if stored.forgotten:
        return [*lines, "  nothing is stored but a keyed hash of this id, which keeps it from coming back"]
    for table, title in _ABOUT.items():
        if rows := stored.rows.get(table):
            lines += ["", f"{title} ({table}, prepared history)", *_rows(rows)]
    lines += ["", "Where it is stored besides"]
    lines += [f"  {place}" for place in _places(stored.places)] or ["  nowhere"]
    if stored.explanation is not None:
        lines += ["", "Why its score is what it is", *render_explanation(stored.explanation)]
    return lines


def render_forgotten(result: ForgottenPerson) -> list[str]:
    """What was removed, and what is beyond reach."""
    lines = [f"Forgotten: lead {listed(result.lead_ids, 20)}"]
    lines += [f"  note: {note}" for note in result.notes]
    lines += ["", "Removed"]
    lines += [f"  {place}" for place in _places(result.removed)] or ["  nothing was stored"]
    lines += ["", "Beyond reach", *(f"  {place}" for place in result.beyond)]
    if result.failed:
        lines += ["", "Could not be reached"]
        lines += [f"  {line}" for error in result.failed for line in error.splitlines()]
    return lines


def _places(places: Iterable[Removal]) -> Iterator[str]:
    for where, what, count in places:
        yield f"{where}: {what}" + (f" ({count:,})" if count > 1 or what.startswith("rows") else "")


def _rows(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows[:_MOST_ROWS]:
        yield "  " + ", ".join(f"{name}: {value}" for name, value in row.items())
    if len(rows) > _MOST_ROWS:
        yield f"  … and {len(rows) - _MOST_ROWS:,} more: --json has all"
