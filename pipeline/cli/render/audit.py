"""What `leadlens audit` prints for people: the verdict first, then who is accused and of what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from features.errors import counted, listed

if TYPE_CHECKING:
    from pipeline.audit.evidence import Flagged
    from pipeline.audit.rebuild import Rebuild
    from pipeline.jobs.audit import Audit


def render_audit(found: Audit) -> list[str]:
    """`leadlens audit`."""
    accused = [item for item in found.accused if item.accused]
    leaks, suspects, kept = _groups(accused)
    lines = [_verdict(found, leaks, suspects), "", *_rebuilt(found.rebuilt)]
    if not found.enough:
        lines += ["", "Too few conversions to ask whether a column tells too much: most probes stay silent."]
    groups: tuple[tuple[str, Sequence[Flagged]], ...] = (
        ("Proven leaks that the model would use", [item for item in leaks if item.used]),
        ("Proven, though no feature is made of it now", [item for item in leaks if not item.used]),
        ("Suspects", suspects),
        ("Rightly kept out: the data agree", kept),
    )
    for head, items in groups:
        if items:
            lines += ["", head]
            lines += [line for item in items for line in _lines(item, found.auc["time"])]
    if found.unconfirmed:
        told = ", ".join(map(str, found.unconfirmed))
        lines += ["", f"Kept out on your word, nothing in the data speaks against it: {told}"]
    if noted := [item for item in found.accused if not item.accused]:
        lines += ["", "Told, not accused"]
        lines += [f"  {item.subject} {evidence.message}" for item in noted for evidence in item.evidence]
    return [*lines, "", *_gap(found), *_trust(found)]


def _groups(accused: Sequence[Flagged]) -> tuple[list[Flagged], list[Flagged], list[Flagged]]:
    kept = [item for item in accused if item.kept_out]
    free = [item for item in accused if not item.kept_out]
    leaks = [item for item in free if item.verdict == "proven"]
    return leaks, [item for item in free if item.verdict == "suspect"], kept


def _verdict(found: Audit, leaks: Sequence[Flagged], suspects: Sequence[Flagged]) -> str:
    used = [item for item in leaks if item.used]
    told = [counted(len(used), "proven leak") + " that the model would use"] if used else []
    if found.rebuilt.mismatched:
        told.append(counted(found.rebuilt.mismatched, "value") + " not as they were then")
    if not told:
        told = ["no proven leak that the model would use"]
    if suspects:
        told.append(f"{counted(len(suspects), 'suspect')} to look at")
    return f"{found.project}: {', '.join(told)}"


def _rebuilt(rebuilt: Rebuild) -> list[str]:
    what = f"{counted(rebuilt.rows, 'past row')} with {counted(rebuilt.columns, 'feature')} each, rebuilt from the raw history"
    if not rebuilt.mismatched:
        lines = [f"{what}: every value is what it was then."]
    else:
        lines = [f"{what}: {counted(rebuilt.mismatched, 'value')} differ from what the engine built."]
        lines += [
            f"  {m.column} of lead {m.lead_id} as of {m.as_of}: built {m.built!r}, rebuilt {m.rebuilt!r}"
            for m in rebuilt.mismatches
        ]
    return lines + [f"  not compared: {what}" for what in rebuilt.left_out]


def _lines(item: Flagged, base: float) -> list[str]:
    head = f"  {_plain(str(item.subject))}"
    if item.auc is not None:
        head += f"  (ROC AUC on later rows {item.auc:.3f} with it, {base:.3f} without)"
    lines = [head, *(f"      {_plain(evidence.message)}" for evidence in item.evidence)]
    if not item.kept_out:
        lines.append(f"      {_mend(item)}")
    return lines


def _mend(item: Flagged) -> str:
    sure = item.verdict == "proven"
    if item.subject.kind == "event":
        start = "mend it: leave" if sure else "if they are recorded with the outcome or after it, leave"
        return f"{start} these events out by data.events.where"
    if item.subject.kind == "split":
        return "mend it: look at leads by age (spine.at_ages), or judge from a later judge.test_from"
    start = "mend it: list" if sure else "if it is filled in or kept up to date later, list"
    return f"{start} {_plain(item.subject.name)} under known_after, or give its history in `changes`"


def _gap(found: Audit) -> list[str]:
    time, random = found.auc["time"], found.auc["random"]
    stands = found.auc["as_it_stands"]
    lines = [
        f"Quick model of the columns nobody accuses, on the later rows: ROC AUC {time:.3f} learned from earlier leads, "
        f"{random:.3f} from other leads of all times (gap {random - time:+.3f})."
    ]
    if abs(stands - time) >= 0.0005:
        lines.append(f"With everything the project uses now: {stands:.3f}.")
    return lines


def _trust(found: Audit) -> list[str]:
    if not found.on_trust:
        return []
    return [
        "",
        f"Taken as known at creation, since no `changes` tell them: {listed(found.on_trust, 40)}. "
        "If one of them is edited later, the past is not what it was.",
    ]


def _plain(text: str) -> str:
    # What leads typed must not steer the terminal.
    return "".join(character if character.isprintable() else " " for character in text)
