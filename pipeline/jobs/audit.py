"""`leadlens audit`: are the rows what they were then, and does any column know what was not known yet?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from features import History
from features.history import Finding
from pipeline.audit.evidence import Evidence, Flagged, Subject, accuse
from pipeline.audit.gathering import gather
from pipeline.audit.incremental_auc import Worth, acts_seen, is_one, worth
from pipeline.audit.opened_data import KeptOut, kept_out, opened, without_sheets
from pipeline.audit.payload import FEWEST, Facts
from pipeline.audit.probes import PROBES
from pipeline.audit.quick_models import QuickSet, quick_set
from pipeline.audit.rebuild import Rebuild, rebuild
from pipeline.config import ProjectFile
from pipeline.dataset.training_set import TrainingSet, build_training_set
from pipeline.progress import Progress, silent
from pipeline.sources import open_history

_MOST_SHOWN = 25  # suspects whose worth is shown by a model of their own


@dataclass(frozen=True)
class Audit:
    """What `leadlens audit` found.

    Attributes
    ----------
    rebuilt : the sample of past rows against the oracle.
    accused : everything that some probe had to say about; ``Flagged.accused`` tells who stands accused.
    unconfirmed : columns and event types that the project keeps out, and no probe speaks against.
    on_trust : columns whose value is taken as known at creation, since no ``changes`` tell it.
    looked_at : everything the probes looked at.
    auc : ROC AUC on the later rows of the quick model of the columns nobody accuses and the project uses
        (``"time"``), by models that saw leads of all times (``"random"``), and of the project as it
        stands, accused columns included (``"as_it_stands"``).
    """

    project: str
    rows: int
    leads: int
    rebuilt: Rebuild
    accused: tuple[Flagged, ...]
    unconfirmed: tuple[Subject, ...]
    on_trust: tuple[str, ...]
    looked_at: tuple[Subject, ...]
    auc: dict[str, float]
    enough: bool
    findings: tuple[Finding, ...] = ()

    @property
    def leaks(self) -> tuple[Flagged, ...]:
        """Proven leaks that the model would use."""
        return tuple(item for item in self.accused if item.verdict == "proven" and item.used)

    @property
    def exit_code(self) -> int:
        """1 for a value that is not what it was then, or a proven leak that the model would use; else 0."""
        return 1 if self.rebuilt.mismatched or self.leaks else 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "project": self.project,
            "rows": self.rows,
            "leads": self.leads,
            "exit_code": self.exit_code,
            "rebuilt": self.rebuilt.to_dict(),
            "accused": [item.to_dict() for item in self.accused if item.accused],
            "noted": [item.to_dict() for item in self.accused if not item.accused],
            "kept_out_unconfirmed": [str(subject) for subject in self.unconfirmed],
            "known_at_creation_on_trust": list(self.on_trust),
            "looked_at": [str(subject) for subject in self.looked_at],
            "roc_auc": self.auc,
            "enough_to_judge": self.enough,
            "probes": {code: probe.looks_for for code, probe in PROBES.items()},
        }


def audit(file: ProjectFile, sample: int = 50, seed: int = 0, progress: Progress = silent) -> Audit:
    """Rebuild a sample of past rows, ask every probe, and show what the suspects are worth.

    Raises ``LeadlensError`` where the project cannot be trained on at all.
    """
    file = without_sheets(file)
    progress("Reading the history", 0, 0)
    history = open_history(file)
    progress("Building features", 0, 0)
    rows = build_training_set(file, history)
    progress("Rebuilding past rows the slow way", 0, 0)
    rebuilt = rebuild(history, rows.plan, rows.matrix, sample, seed)
    progress("Opening what is kept out", 0, 0)
    wide, all_history, all_rows, hidden = _opened(file, history, rows)
    progress("Asking the probes", 0, 0)
    facts = gather(all_history, file.project, all_rows)
    found = _ask(facts, late=False)
    progress("Training quick models", 0, 0)
    models = worth(wide, all_history, all_rows, accuse(found), hidden)
    gains = tuple(models.gains(accuse(found), hidden))
    found += _ask(replace(facts, gains=gains), late=True)
    own = quick_set(rows)
    accused = tuple(_valued(accuse(found), models, hidden, own, history, rows))
    honest = models.honest(accused, hidden)
    looked_at = _looked_at(facts)
    return Audit(
        project=file.project.name,
        rows=len(rows.matrix),
        leads=int(rows.matrix.spine["lead_id"].nunique()),
        rebuilt=rebuilt,
        accused=accused,
        unconfirmed=tuple(
            subject
            for subject in looked_at
            if hidden.holds(subject) and subject not in {item.subject for item in accused if item.accused}
        ),
        on_trust=tuple(
            str(subject)
            for subject in facts.columns
            if subject not in facts.changed and not hidden.holds(subject)
        ),
        looked_at=looked_at,
        auc={
            "time": models.clean.auc_later(honest),
            "random": models.clean.auc_random(honest),
            "as_it_stands": own.auc_later([name for name, _ in own.named() if name not in models.clock]),
        },
        enough=facts.enough,
        findings=tuple(finding for finding in history.findings if finding.level == "warning"),
    )


def _opened(
    file: ProjectFile, history: History, rows: TrainingSet
) -> tuple[ProjectFile, History, TrainingSet, KeptOut]:
    """The project, its history and its rows with all that it keeps out."""
    wide = opened(file)
    if wide is None:
        return file, history, rows, KeptOut()
    all_history = open_history(wide)
    return wide, all_history, build_training_set(wide, all_history), kept_out(history, all_history)


def _ask(facts: Facts, *, late: bool) -> list[Evidence]:
    return [item for probe in PROBES.values() if probe.late == late for item in probe.look(facts)]


def _valued(
    accused: Sequence[Flagged],
    models: Worth,
    hidden: KeptOut,
    own: QuickSet,
    history: History,
    rows: TrainingSet,
) -> Iterator[Flagged]:
    """Who is kept out, who is used, and what each of the first suspects is worth to a model."""
    honest = models.honest(accused, hidden)
    for number, item in enumerate(accused):
        out = hidden.holds(item.subject)
        used = bool(own.made_from([item.subject]))
        if item.subject.kind == "event" and not out:  # a filter may keep out one value of a type
            out = not history.engine.count(f"events AS e WHERE {is_one(history, item.subject)}")
        if item.accused and item.subject.kind == "event" and not used:
            # Any event is in the counts of all events, once it can be seen from some rows.
            used = int((acts_seen(history, rows, item.subject)["times"] > 0).sum()) >= FEWEST
        worth_it = item.accused and number < _MOST_SHOWN
        auc = models.with_subject(honest, item.subject) if worth_it else None
        yield replace(item, kept_out=out, used=used and not out, auc=auc)


def _looked_at(facts: Facts) -> tuple[Subject, ...]:
    types = facts.events.loc[facts.events["value"] == "", "event_type"]
    return (*facts.columns, *(Subject("event", name) for name in sorted(types)))
