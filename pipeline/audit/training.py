"""The audit of a training: every probe on the very rows that were learned from, and what the model uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leadlens.features import History
from leadlens.pipeline.audit.data import FEWEST, AuditData
from leadlens.pipeline.audit.evidence import Evidence, Flagged, flag
from leadlens.pipeline.audit.gathering import gather
from leadlens.pipeline.audit.incremental_auc import incremental_auc, visible_activity
from leadlens.pipeline.audit.opened_data import KeptOut, without_sheets
from leadlens.pipeline.audit.probes import PROBES
from leadlens.pipeline.audit.quick_models import quick_set
from leadlens.pipeline.audit.rebuild import Rebuild, rebuild
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.training_set import TrainingSet, build_training_set


@dataclass(frozen=True, kw_only=True)
class TrainingAudit:
    """What the audit found against the columns that a model uses.

    Attributes
    ----------
    flagged : the proven and the suspected leaks that the model uses; it is not asked about what it does not use.
    rebuilt : the sample of past rows against the oracle.
    enough : whether there are conversions enough to judge any column.
    """

    flagged: tuple[Flagged, ...]
    rebuilt: Rebuild
    enough: bool

    @property
    def leaks(self) -> tuple[Flagged, ...]:
        """The proven ones."""
        return tuple(item for item in self.flagged if item.verdict == "proven")

    @property
    def warnings(self) -> list[str]:
        """What whoever trains must know, worst first."""
        found = [
            f"{item.subject} is a proven leak that the model uses: it {item.evidence[0].message}; {item.fix}"
            for item in self.leaks
        ]
        if self.rebuilt.mismatched:
            found.append(
                f"{self.rebuilt.mismatched:,} values of {self.rebuilt.rows:,} past rows are not reproducible from what was known "
                "then (leadlens audit CONFIG names them)"
            )
        suspects = [str(item.subject) for item in self.flagged if item.verdict == "suspect"]
        if suspects:
            found.append(
                f"suspected to be known too late: {', '.join(suspects)} (leadlens audit CONFIG says why)"
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; kept with the model."""
        return {
            "flagged": [item.to_dict() for item in self.flagged],
            "rebuilt_rows": self.rebuilt.rows,
            "not_reproducible": self.rebuilt.mismatched,
            "enough_to_judge": self.enough,
            "probes": list(PROBES),
        }


def audit_training(
    file: ProjectFile,
    history: History,
    rows: TrainingSet,
    used: Iterable[str],
    *,
    matrix: Path | None = None,
    sample: int = 50,
) -> TrainingAudit:
    """Ask every probe about the columns and event types that a model uses; ``used`` are its features.

    What the project keeps out reaches no model, so it is not opened here: `leadlens audit` confirms it. Rows that are
    weighted would bias the probes; then the rows are drawn again, evenly.
    """
    file = without_sheets(file)
    if rows.weight is not None:
        rows = build_training_set(file, history, matrix=matrix, evenly=True, room=rows.room)
    rebuilt = rebuild(history, rows.plan, rows.matrix, sample)
    data = gather(history, file.project, rows)
    nothing = KeptOut()
    evidence = run_probes(data, late=False)
    models = incremental_auc(file, history, rows, flag(evidence), nothing)
    evidence += run_probes(replace(data, gains=tuple(models.gains(flag(evidence), nothing))), late=True)
    suspected = [item for item in flag(evidence) if item.suspected]
    return TrainingAudit(
        flagged=tuple(_used(suspected, set(used), history, rows)),
        rebuilt=rebuilt,
        enough=data.enough,
    )


def run_probes(data: AuditData, *, late: bool) -> list[Evidence]:
    """The evidence of the early probes, or of those that run after them."""
    return [item for probe in PROBES.values() if probe.late == late for item in probe.run(data)]


def _used(
    suspected: Sequence[Flagged], used: set[str], history: History, rows: TrainingSet
) -> Iterator[Flagged]:
    own = quick_set(rows)
    for item in suspected:
        made = used.intersection(own.made_from([item.subject]))
        if made or (item.subject.kind == "event" and counted_anyhow(history, rows, item)):
            yield replace(item, used=True)


def counted_anyhow(history: History, rows: TrainingSet, item: Flagged) -> bool:
    """Whether enough rows see such events: every event is in the counts of all events."""
    return int((visible_activity(history, rows, item.subject)["times"] > 0).sum()) >= FEWEST
