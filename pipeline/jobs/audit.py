"""`leadlens audit`: are past rows reproducible, and does any column contain what was not known yet?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from leadlens.features import History
from leadlens.features.history import Finding
from leadlens.pipeline.audit.data import AuditData
from leadlens.pipeline.audit.evidence import Flagged, Subject, flag
from leadlens.pipeline.audit.gathering import gather
from leadlens.pipeline.audit.incremental_auc import IncrementalAuc, incremental_auc, is_one
from leadlens.pipeline.audit.opened_data import KeptOut, kept_out, opened, without_sheets
from leadlens.pipeline.audit.probes import PROBES
from leadlens.pipeline.audit.quick_models import QuickSet, quick_set
from leadlens.pipeline.audit.rebuild import Rebuild, rebuild
from leadlens.pipeline.audit.training import counted_anyhow, run_probes
from leadlens.pipeline.cluster import Workers, engine_settings, workers_of
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.spread_matrix import matrix_maker
from leadlens.pipeline.dataset.training_set import TrainingSet, build_training_set
from leadlens.pipeline.prepared import open_prepared
from leadlens.pipeline.private import private_files
from leadlens.pipeline.progress import Progress, silent

_MOST_MEASURED = 25  # suspects with an incremental AUC, each of which takes a model of its own


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The result of `leadlens audit`.

    Attributes
    ----------
    rebuilt : the sample of past rows against the oracle.
    flagged : everything that some probe reported; ``Flagged.suspected`` are the suspected and the proven leaks.
    unconfirmed : columns and event types that the project keeps out without any evidence against them.
    on_trust : columns whose value is assumed to be known at creation, since they have no history in ``changes``.
    examined : everything that the probes examined.
    auc : out-of-time ROC AUC of the quick model of the unsuspected columns that the project uses
        (``"time"``), of models trained on leads of all times (``"random"``), and of the project as it stands,
        suspected columns included (``"as_it_stands"``).
    """

    project: str
    rows: int
    leads: int
    rebuilt: Rebuild
    flagged: tuple[Flagged, ...]
    unconfirmed: tuple[Subject, ...]
    on_trust: tuple[str, ...]
    examined: tuple[Subject, ...]
    auc: dict[str, float]
    enough: bool
    findings: tuple[Finding, ...] = ()

    @property
    def leaks(self) -> tuple[Flagged, ...]:
        """Proven leaks that the model would use."""
        return tuple(item for item in self.flagged if item.verdict == "proven" and item.used)

    @property
    def exit_code(self) -> int:
        """1 for a value that is not reproducible, or a proven leak that the model would use; else 0."""
        return 1 if self.rebuilt.mismatched or self.leaks else 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "project": self.project,
            "rows": self.rows,
            "leads": self.leads,
            "exit_code": self.exit_code,
            "rebuilt": self.rebuilt.to_dict(),
            "accused": [item.to_dict() for item in self.flagged if item.suspected],
            "noted": [item.to_dict() for item in self.flagged if not item.suspected],
            "kept_out_unconfirmed": [str(subject) for subject in self.unconfirmed],
            "known_at_creation_on_trust": list(self.on_trust),
            "looked_at": [str(subject) for subject in self.examined],
            "roc_auc": self.auc,
            "enough_to_judge": self.enough,
            "probes": {code: probe.looks_for for code, probe in PROBES.items()},
        }


@private_files()
def audit(
    file: ProjectFile,
    sample: int = 50,
    seed: int = 0,
    *,
    engine: str | None = None,
    master: str | None = None,
    progress: Progress = silent,
) -> Audit:
    """Rebuild a sample of past rows, run every probe, and measure the suspects by their incremental AUC.

    ``engine`` and ``master`` stand in for the project's own: with ``"spark"`` the workers of a cluster read what is new and build the
    rows; the probes run here.

    Raises ``LeadlensError`` where the project cannot be trained on at all.
    """
    settings = engine_settings(file, engine, master)
    file = without_sheets(file)
    progress("Reading the history", 0, 0)
    with workers_of(file, settings, progress) as workers:
        prepared = open_prepared(file, workers=workers)
        history = prepared.history()
        progress("Building features", 0, 0)
        rows = build_training_set(file, history, evenly=True, make=matrix_maker(workers, prepared))
        progress("Reading the columns that are kept out", 0, 0)
        wide, all_history, all_rows, hidden = _opened(file, history, rows, workers)
    progress("Rebuilding past rows the slow way", 0, 0)
    rebuilt = rebuild(history, rows.plan, rows.matrix, sample, seed)
    progress("Running the probes", 0, 0)
    data = gather(all_history, file.project, all_rows)
    evidence = run_probes(data, late=False)
    progress("Training quick models", 0, 0)
    models = incremental_auc(wide, all_history, all_rows, flag(evidence), hidden)
    gains = tuple(models.gains(flag(evidence), hidden))
    evidence += run_probes(replace(data, gains=gains), late=True)
    own = quick_set(rows)
    flagged = tuple(_measured(flag(evidence), models, hidden, own, history, rows))
    clean = models.clean_columns(flagged, hidden)
    suspected = {item.subject for item in flagged if item.suspected}
    examined = _examined(data)
    return Audit(
        project=file.project.name,
        rows=len(rows.matrix),
        leads=int(rows.matrix.spine["lead_id"].nunique()),
        rebuilt=rebuilt,
        flagged=flagged,
        unconfirmed=tuple(
            subject for subject in examined if hidden.holds(subject) and subject not in suspected
        ),
        on_trust=tuple(
            str(subject)
            for subject in data.columns
            if subject not in data.changed and not hidden.holds(subject)
        ),
        examined=examined,
        auc={
            "time": models.clean.auc_out_of_time(clean),
            "random": models.clean.auc_random(clean),
            "as_it_stands": own.auc_out_of_time(
                [name for name, _ in own.named() if name not in models.time_proxies]
            ),
        },
        enough=data.enough,
        findings=(
            *(finding for finding in history.findings if finding.level == "warning"),
            *([Finding("sampled", rows.sample.message, "warning")] if rows.sample else []),
        ),
    )


def _opened(
    file: ProjectFile, history: History, rows: TrainingSet, workers: Workers | None
) -> tuple[ProjectFile, History, TrainingSet, KeptOut]:
    """The project, its history and its rows with everything that it keeps out."""
    wide = opened(file)
    if wide is None:
        return file, history, rows, KeptOut()
    prepared = open_prepared(wide, workers=workers)
    all_history = prepared.history()
    return (
        wide,
        all_history,
        build_training_set(wide, all_history, evenly=True, make=matrix_maker(workers, prepared)),
        kept_out(history, all_history),
    )


def _measured(
    flagged: Sequence[Flagged],
    models: IncrementalAuc,
    hidden: KeptOut,
    own: QuickSet,
    history: History,
    rows: TrainingSet,
) -> Iterator[Flagged]:
    """Whether each is kept out and used, and the incremental AUC of the first suspects."""
    clean = models.clean_columns(flagged, hidden)
    for number, item in enumerate(flagged):
        out = hidden.holds(item.subject)
        used = bool(own.made_from([item.subject]))
        if item.subject.kind == "event" and not out:  # a filter may keep out one value of a type
            out = not history.engine.count(f"events AS e WHERE {is_one(history, item.subject)}")
        if item.suspected and item.subject.kind == "event" and not used:
            used = counted_anyhow(history, rows, item)
        measured = item.suspected and number < _MOST_MEASURED
        auc = models.auc_with(clean, item.subject) if measured else None
        yield replace(item, kept_out=out, used=used and not out, auc=auc)


def _examined(data: AuditData) -> tuple[Subject, ...]:
    types = data.events.loc[data.events["value"] == "", "event_type"]
    return (*data.columns, *(Subject("event", name) for name in sorted(types)))
