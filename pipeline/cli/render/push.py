"""A push to a CRM, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadlens.features.errors import counted

if TYPE_CHECKING:
    from leadlens.pipeline.jobs.push import Push

_LISTED = 10


def render_push(push: Push, project: str) -> list[str]:
    """`leadlens push`; ``project`` is how it was named."""
    lines = [] if push.dry_run and not push.waiting else [_headline(push)]
    if push.dry_run:
        lines.append(f"Dry run: nothing was sent to {push.destination}.")
        lines += [f"note: {note}" for note in push.notes]
        lines += ["", f"As {counted(len(push.examples), 'lead')} would be sent:"]
        for example in push.examples:
            said = (f"{name}: {'–' if value is None else value}" for name, value in example.items())
            lines.append("  " + "  ".join(said))
        return lines
    if push.retried:
        lines.append(f"{counted(push.retried, 'request')} sent again: the server was busy or did not answer.")
    lines += [f"note: {note}" for note in push.notes]
    lines += [
        f"note: {counted(count, 'text')} shortened to fit the field {name}"
        for name, count in push.cut.items()
    ]
    if push.left:
        lines += _remainder(push, project)
    return lines


def _headline(push: Push) -> str:
    asked = "would be sent" if push.dry_run else f"of {push.waiting:,} accepted"
    count = push.waiting if push.dry_run else push.acknowledged
    before = f"; {push.unknown:,} left before the CRM ever had them" if push.unknown else ""
    calls = f" in {counted(push.calls, 'request')}" if push.dry_run else ""
    return f"{push.destination}: {count:,} {asked}{calls}, {push.same:,} as before{before}."


def _remainder(push: Push, project: str) -> list[str]:
    never = push.left - push.refused - push.unanswered
    parts = [
        f"{push.refused:,} refused" * bool(push.refused),
        f"{push.unanswered:,} sent without an answer" * bool(push.unanswered),
        f"{never:,} not sent" * bool(never),
    ]
    lines = [f"{counted(push.left, 'lead')} still to be sent: {', '.join(filter(None, parts))}."]
    if push.stopped is not None:
        lines += ["", *str(push.stopped).splitlines()]
    if push.refused:
        lines += ["", "What was refused, and why:"]
        lines += [f"  {count:,} × {reason}" for reason, count in list(push.reasons.items())[:_LISTED]]
        if len(push.reasons) > _LISTED:
            lines.append(f"  and {len(push.reasons) - _LISTED:,} more reasons")
        lines += [f"  {failure.lead_id}: {failure.error}" for failure in push.failures[:_LISTED]]
        if len(push.failures) > _LISTED:
            lines.append("  … --json lists up to 1,000")
    again = "" if push.typed is None else f" --to {push.typed}"
    return [*lines, "", f"To send them again: leadlens push {project}{again}"]
