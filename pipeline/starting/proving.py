"""Try a proposal before it is written: open its history, choose the ages of its rows, and run the audit's probes for what still leaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from leadlens.features import DuckDBEngine, LeadlensError
from leadlens.features.durations import format_duration
from leadlens.pipeline.audit.evidence import Flagged, flag
from leadlens.pipeline.audit.gathering import gather
from leadlens.pipeline.audit.incremental_auc import incremental_auc
from leadlens.pipeline.audit.opened_data import KeptOut
from leadlens.pipeline.audit.quick_models import quick_set
from leadlens.pipeline.audit.training import run_probes
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.default_spine import training_spine
from leadlens.pipeline.dataset.training_set import build_training_set
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.sources.opening import open_history
from leadlens.pipeline.starting.late import Late
from leadlens.pipeline.starting.proposing import Proposal, with_late

_ROUNDS = 10
_MOST_ROWS = 3_000_000  # of all tables: reading more takes longer than anybody waits for a proposal
AUDITED = "the audit proves that it leaks"
ONLY = "(almost) only leads that convert have some of its values"


@dataclass(frozen=True)
class Proved:
    """The proposal without what is proven to leak; ``notes`` say what was found, or why it could not be looked at."""

    proposal: Proposal
    notes: tuple[str, ...]


def prove(
    proposal: Proposal, file_of: Callable[[Proposal], ProjectFile], progress: Progress = silent
) -> Proved:
    """Open the project that would be written, take ages for its rows from it, and keep out what the audit proves, and what (almost)
    only leads that convert have, until there is nothing more.
    """
    rows = sum(table.export.rows for table in proposal.tables)
    if proposal.conversions is None:
        return Proved(proposal, ())
    if rows > _MOST_ROWS:
        return Proved(proposal, (f"{rows:,} rows are too many to look for leaks here: run `leadlens audit`",))
    notes: list[str] = []
    try:
        for _ in range(_ROUNDS):
            progress("Looking for columns that give the outcome away", 0, 0)
            proposal, leaks, suspects = _round(proposal, file_of)
            if not leaks:
                notes += [f"{item.subject} {item.evidence[0].message}" for item in suspects]
                break
            proposal = _without(proposal, leaks)
            notes += [f"{item.subject} is kept out: {item.evidence[0].message}" for item in leaks]
    except LeadlensError as error:
        notes.append(f"columns could not be checked for leaks: {error.what}")
    return Proved(proposal, tuple(notes))


def _round(
    proposal: Proposal, file_of: Callable[[Proposal], ProjectFile]
) -> tuple[Proposal, list[Flagged], list[Flagged]]:
    """The proposal with ages, what is to be kept out and what is suspected as it stands."""
    file = file_of(proposal)
    with DuckDBEngine() as engine:
        history = open_history(file, engine)
        if not proposal.ages and proposal.events:
            ages = training_spine(history, file.project).policy.at_ages
            proposal = replace(proposal, ages=tuple(map(format_duration, ages)))
            file = file_of(proposal)
        rows = build_training_set(file, history, evenly=True)
        data = gather(history, file.project, rows)
        evidence = run_probes(data, late=False)
        models = incremental_auc(file, history, rows, flag(evidence), KeptOut())
        evidence += run_probes(replace(data, gains=tuple(models.gains(flag(evidence), KeptOut()))), late=True)
        own = quick_set(rows)
        flagged = [item for item in flag(evidence) if item.subject.kind != "split"]
        used = [item for item in flagged if item.subject.kind == "event" or own.made_from([item.subject])]
    leaks = [item for item in used if item.verdict == "proven" or _only_converted(item)]
    return proposal, leaks, [item for item in used if item.verdict == "suspect" and item not in leaks]


def _only_converted(item: Flagged) -> bool:
    """Whether only leads that convert have an event or a value: it may be the last step before, and to lose it costs little."""
    return any(
        each.probe == "filled-only-for-converted" or bool(each.figures.get("only_converted"))
        for each in item.evidence
    )


def _without(proposal: Proposal, leaks: Iterable[Flagged]) -> Proposal:
    leaks = list(leaks)
    late = [
        Late(item.subject.name, AUDITED if item.verdict == "proven" else ONLY, item.evidence[0].message)
        for item in leaks
        if item.subject.kind in ("lead", "account")
    ]
    types = [item.subject.name for item in leaks if item.subject.kind == "event" and not item.subject.value]
    # one value of a property leaks: the types that have it are left out whole
    types += [item.subject.name for item in leaks if item.subject.kind == "event" and item.subject.value]
    return replace(with_late(proposal, late), excluded=tuple(dict.fromkeys((*proposal.excluded, *types))))
