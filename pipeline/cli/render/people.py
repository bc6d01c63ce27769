"""What `leadlens person` and `leadlens forget` print."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from leadlens.features.errors import listed
from leadlens.pipeline.cli.render.jobs import render_explanation
from leadlens.pipeline.cli.render.terminal import from_here
from leadlens.pipeline.forgetting.removal import Removal
from leadlens.pipeline.jobs.forget import ForgottenPerson
from leadlens.pipeline.jobs.person import StoredPerson

_ABOUT = {
    "leads": "The lead",
    "accounts": "Its account",
    "events": "What it did",
    "conversions": "What it bought",
    "changes": "Edits of its attributes",
    "verdicts": "What sales said about it",
    "answers": "What it answered",
    "objections": "It objects to profiling",
    "finished": "It is over",
}


def render_person(stored: StoredPerson) -> list[str]:
    """All that is stored of a lead."""
    lines = [f"Lead {listed(stored.lead_ids, 20)}", *(f"  note: {note}" for note in stored.notes)]
    for table, title in _ABOUT.items():
        if rows := stored.rows.get(table):
            lines += ["", f"{title} ({table}, prepared history)", *_rows(rows)]
    if stored.explanation is not None:
        lines += ["", "What explains its score", *render_explanation(stored.explanation)]
    if stored.differences:
        lines += ["", "Why a stored score differs from this one"]
        lines += [f"  {from_here(difference)}" for difference in stored.differences]
    for place in stored.places:
        lines += ["", from_here(f"{place.where}: {place.what}"), *_rows(place.rows)]
    if not stored.places:
        lines += ["", "Nothing else is stored."]
    return lines


def render_forgotten(result: ForgottenPerson) -> list[str]:
    """What was removed, and what is beyond reach."""
    lines = [f"Forgotten: lead {listed(result.lead_ids, 20)}"]
    lines += [f"  note: {note}" for note in result.notes]
    lines += ["", "Removed"]
    lines += [f"  {place}" for place in _places(result.removed)] or ["  nothing was stored"]
    if result.left:
        lines += ["", "Left to you: these still mention the lead"]
        lines += [f"  {from_here(str(file))}" for file in result.left]
    lines += ["", "Beyond reach", *(f"  {from_here(place)}" for place in result.beyond)]
    if result.failed:
        lines += ["", "Could not be reached"]
        lines += [f"  {from_here(line)}" for error in result.failed for line in error.splitlines()]
    return lines


def _places(places: Iterable[Removal]) -> Iterator[str]:
    for where, what, count in places:
        yield from_here(f"{where}: {what}") + (
            f" ({count:,})" if count > 1 or what.startswith("rows") else ""
        )


def _rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield "  " + ", ".join(f"{name}: {_shown(value)}" for name, value in row.items())


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
