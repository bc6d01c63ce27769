"""What `leadlens init --from` prints: what was taken for what, how sure it is, what was left out, what to check."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from leadlens.pipeline.starting.conversions import rate
from leadlens.pipeline.starting.domains import spoken

if TYPE_CHECKING:
    from leadlens.pipeline.starting.writing import Started


def render_started(started: Started, directory: str) -> list[str]:
    """`leadlens init --from`."""
    return list(_lines(started, directory))


def _lines(started: Started, directory: str) -> Iterator[str]:
    proposal = started.proposal
    leads, way = proposal.leads, proposal.conversions
    yield f"Taken for {proposal.taken_for or 'an export of an unknown system, judged by names and values'}"
    yield from _row(
        "leads", f"{leads.table.label}: {leads.table.export.rows:,} rows, {_sure(leads.sure)} ({leads.why})"
    )
    yield from _row("", f"id {leads.id.name}; creation date {leads.created.name} ({leads.created_why})")
    if proposal.closing.how:
        yield from _row("", f"closed without a conversion, dated by {proposal.closing.how}")
    if way is None:
        yield from _row("conversions", "OPEN: nothing says who converted")
    else:
        yield from _row("conversions", f"{way.how}: {rate(way, leads)}, {_sure(way.sure)}")
        if way.flat:
            yield from _row("", "without dates: each lead is one row, as of its creation")
        else:
            yield from _row("horizon", f"{proposal.horizon.length.days} days: {proposal.horizon.why}")
    for number, each in enumerate(proposal.events):
        yield from _row("" if number else "events", f"{each.table.label}: {each.how}")
    if proposal.excluded:
        yield from _row("", f"left out, because they give the outcome away: {', '.join(proposal.excluded)}")
    for edited in proposal.changes:
        fields = ", ".join(f"{field.column} ({field.leads:,} leads)" for field in edited.fields)
        yield from _row("edits", f"{edited.table.label}: {fields}")
    if proposal.account is not None:
        yield from _row("companies", f"{proposal.account[0].label}, named by {proposal.account[1].column}")
    if proposal.ages:
        yield from _row("rows", f"leads at ages {', '.join(proposal.ages)}, at which they convert")
    yield from _row("own domain", spoken(proposal.domains))
    late = sorted((*proposal.late, *proposal.account_late), key=lambda each: each.why)
    for number, (why, group) in enumerate(groupby(late, key=lambda each: each.why)):
        names = ", ".join(dict.fromkeys(each.column for each in group))
        yield from _row("" if number else "kept out", f"{names}  ({why})")
    for number, text in enumerate(proposal.left_out):
        yield from _row("" if number else "not used", text)
    doubts = [*proposal.check, *started.notes]
    if not proposal.domains.names:
        doubts.append(
            "your own e-mail domains are not known: set hygiene.internal_domains in the project file, or use --domain"
        )
    if doubts:
        yield ""
        yield "Please check"
        yield from (f"  - {text}" for text in doubts)
    yield ""
    yield from (f"wrote {path}" for path in started.written)
    if way is None:
        yield f"next: fill in the open point in {started.written[0]}, then leadlens check {directory}"
    else:
        yield f"next: leadlens check {directory}, leadlens audit {directory}, leadlens train {directory}"
        ends = datetime.fromisoformat(proposal.ends)
        if ends < datetime.now() - timedelta(days=14):
            after = ends + timedelta(days=1)  # a date is its beginning, and the last day counts
            yield f"the export ends on {proposal.ends}: leadlens score {directory} --as-of {after:%Y-%m-%d}, or export again"


def _row(name: str, text: str) -> Iterator[str]:
    yield f"  {name:<12} {text}"


def _sure(share: float) -> str:
    """How sure a guess is, in words."""
    return "sure" if share >= 0.85 else "likely" if share >= 0.6 else "a guess"
