"""What `leadlens audit` prints for people: the verdict first, then the flagged columns with their evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leadlens.features.errors import counted, listed

if TYPE_CHECKING:
    from leadlens.pipeline.audit.evidence import Flagged
    from leadlens.pipeline.audit.rebuild import Rebuild
    from leadlens.pipeline.jobs.audit import Audit


def render_audit(audit: Audit) -> list[str]:
    """`leadlens audit`."""
    leaks, suspects, kept = _groups([item for item in audit.flagged if item.suspected])
    lines = [_verdict(audit, leaks, suspects), "", *_rebuilt(audit.rebuilt)]
    if not audit.enough:
        lines += ["", "Too few conversions to tell whether a column leaks: most probes report nothing."]
    groups: tuple[tuple[str, Sequence[Flagged]], ...] = (
        ("Proven leaks that the model would use", [item for item in leaks if item.used]),
        ("Proven leaks that no feature uses at present", [item for item in leaks if not item.used]),
        ("Suspects", suspects),
        ("Rightly kept out: the data confirm it", kept),
    )
    for head, items in groups:
        if items:
            lines += ["", head]
            lines += [line for item in items for line in _lines(item, audit.auc["time"])]
    if audit.unconfirmed:
        names = ", ".join(map(str, audit.unconfirmed))
        lines += ["", f"Kept out as declared, without any evidence against them in the data: {names}"]
    if noted := [item for item in audit.flagged if not item.suspected]:
        lines += ["", "Notes"]
        lines += [f"  {item.subject} {evidence.message}" for item in noted for evidence in item.evidence]
    return [*lines, "", *_gap(audit), *_trust(audit)]


def _groups(suspected: Sequence[Flagged]) -> tuple[list[Flagged], list[Flagged], list[Flagged]]:
    kept = [item for item in suspected if item.kept_out]
    free = [item for item in suspected if not item.kept_out]
    leaks = [item for item in free if item.verdict == "proven"]
    return leaks, [item for item in free if item.verdict == "suspect"], kept


def _verdict(audit: Audit, leaks: Sequence[Flagged], suspects: Sequence[Flagged]) -> str:
    used = [item for item in leaks if item.used]
    parts = [counted(len(used), "proven leak") + " that the model would use"] if used else []
    if audit.rebuilt.mismatched:
        parts.append(counted(audit.rebuilt.mismatched, "value") + " that cannot be rebuilt from the history")
    if not parts:
        parts = ["no proven leak that the model would use"]
    if suspects:
        parts.append(f"{counted(len(suspects), 'suspect')} to review")
    return f"{audit.project}: {', '.join(parts)}"


def _rebuilt(rebuilt: Rebuild) -> list[str]:
    what = f"{counted(rebuilt.rows, 'past row')} with {counted(rebuilt.columns, 'feature')} each, rebuilt from the raw history"
    if not rebuilt.mismatched:
        lines = [f"{what}: every value is the same."]
    else:
        differ = "value differs" if rebuilt.mismatched == 1 else "values differ"
        lines = [f"{what}: {rebuilt.mismatched:,} {differ} from what the engine built."]
        lines += [
            f"  {m.column} of lead {m.lead_id} as of {m.as_of}: built {m.built!r}, rebuilt {m.rebuilt!r}"
            for m in rebuilt.mismatches
        ]
    return lines + [f"  not compared: {what}" for what in rebuilt.left_out]


def _lines(item: Flagged, base: float) -> list[str]:
    head = f"  {_plain(str(item.subject))}"
    if item.auc is not None:
        head += f"  (out-of-time ROC AUC {item.auc:.3f} with it, {base:.3f} without)"
    lines = [head, *(f"      {_plain(evidence.message)}" for evidence in item.evidence)]
    if not item.kept_out:
        lines.append(f"      {_fix(item)}")
    return lines


def _fix(item: Flagged) -> str:
    if item.verdict == "proven" or item.subject.kind == "split":
        return f"fix: {_plain(item.fix)}"
    if item.subject.kind == "event":
        return f"if they are recorded with the outcome or after it, {_plain(item.fix)}"
    return f"if it is filled in or kept up to date later, {_plain(item.fix)}"


def _gap(audit: Audit) -> list[str]:
    time, random = audit.auc["time"], audit.auc["random"]
    stands = audit.auc["as_it_stands"]
    lines = [
        f"Quick model on the columns that are not suspect, out-of-time ROC AUC: {time:.3f} trained on earlier leads, "
        f"{random:.3f} trained on other leads from the whole period (gap {random - time:+.3f})."
    ]
    if abs(stands - time) >= 0.0005:
        lines.append(f"With everything the project uses now: {stands:.3f}.")
    return lines


def _trust(audit: Audit) -> list[str]:
    if not audit.on_trust:
        return []
    return [
        "",
        f"Assumed to be known at creation, without a history in `changes`: {listed(audit.on_trust, 40)}. "
        "If one of them is edited later, past rows contain later values.",
    ]


def _plain(text: str) -> str:
    # What leads typed must not steer the terminal.
    return "".join(character if character.isprintable() else " " for character in text)
