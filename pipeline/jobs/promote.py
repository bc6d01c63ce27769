"""`leadlens promote`: the challenger becomes champion only if it passes every gate on out-of-time leads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from leadlens.features import DataError, LeadlensError, UsageError
from leadlens.models.judging.intervals import cluster_bootstrap
from leadlens.models.judging.signal import Signal
from leadlens.models.judging.story import headline
from leadlens.models.statistics import log_loss_of
from leadlens.pipeline.config import ProjectFile, ProjectOrPath, as_project
from leadlens.pipeline.dataset.judged import OutOfTime, compare_lenses, out_of_time, score_out_of_time
from leadlens.pipeline.dataset.time_split import split_snapshots
from leadlens.pipeline.dataset.training_set import TrainingSet
from leadlens.pipeline.jobs.gates import (
    PromotionRefused,
    Refusal,
    audit_refusal,
    rolled_back_refusal,
    signal_refusal,
)
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.private import private_files
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.registry.mlflow_registry import Registry
from leadlens.pipeline.registry.registered import Registered
from leadlens.pipeline.registry.serving import keep_serving
from leadlens.pipeline.scorecards.project import load_sheets
from leadlens.pipeline.state import writable_state
from leadlens.pipeline.threads import one_blas_thread


@dataclass(frozen=True, kw_only=True, repr=False)
class Promotion:
    """What the gates saw.

    ``difference`` is the challenger's mean log loss on ``rows`` out-of-time rows minus the rival's (below 0 is
    better), with its 90 % ``interval``; ``rows`` is 0 where the challenger was champion already. ``rival_has_seen``: the
    champion may have learned from some of these rows, which favours it. ``notes`` says where these rows are a sample, and
    where the model ranks by little else than time.
    ``signal`` is what the challenger knows beyond the base rate. ``judgement`` is the headline of `compare` on model and sheet, on these rows, where
    there was no champion: log loss judges probabilities, and whom calls reach is another question. ``forced`` is the reason that was given, and
    ``overruled`` what the gates had refused; both stay with the version.
    """

    project: str
    version: str
    rival: str
    difference: float
    interval: tuple[float, float]
    forced: str | None
    rows: int = 0
    rival_has_seen: bool = False
    log_loss: float | None = None
    rival_log_loss: float | None = None
    notes: tuple[str, ...] = ()
    signal: Signal | None = None
    judgement: str | None = None
    overruled: tuple[Refusal, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            **vars(self),
            "notes": list(self.notes),
            "signal": self.signal.to_dict() if self.signal else None,
            "overruled": [asdict(refusal) for refusal in self.overruled],
        }

    def __repr__(self) -> str:
        return f"Promotion({self._verdict}{self._judged_by})"

    def _repr_html_(self) -> str:
        from leadlens.pipeline.html import table_html

        said = [*((self.judgement,) if self.judgement else ()), *self.notes]
        said += [f"overruled: {refusal.what}" for refusal in self.overruled]
        lines = "".join(f"<p>{escape(text)}</p>" for text in (self._verdict, *said))
        if not self.rows:
            return lines
        low, high = self.interval
        figures = {
            "challenger": self.log_loss,
            self.rival: self.rival_log_loss,
            "difference": self.difference,
            "90 % from": low,
            "to": high,
        }
        return lines + table_html(pd.DataFrame({f"log loss on {self.rows:,} out-of-time rows": figures}))

    @property
    def _verdict(self) -> str:
        name = f"{self.project}/{self.version}"
        if not self.rows:
            return f"{name} was champion already"
        return f"{name} is champion now" + (f" by force: {self.forced}" if self.overruled else "")

    @property
    def _judged_by(self) -> str:
        if not self.rows:
            return ""
        low, high = self.interval
        return (
            f"; log loss {self.log_loss:.4f} against {self.rival_log_loss:.4f} of {self.rival} on {self.rows:,} out-of-time "
            f"rows, difference {self.difference:+.4f} ({low:+.4f} to {high:+.4f})"
        )


@one_blas_thread
@private_files()
def promote(
    file: ProjectOrPath,
    *,
    force: str | None = None,
    rows: TrainingSet | None = None,
    progress: Progress = silent,
) -> Promotion:
    """Hold the challenger to every gate, on the out-of-time rows, then move the alias.

    It must use no proven leak, know more than the base rate beyond chance, and must not be worse than the champion (without one: the score
    sheet, else the base rate) beyond chance, row by row. Raises ``PromotionRefused`` with every refusal; ``force`` gives
    the reason to promote anyhow, which is kept with the version. ``rows`` saves building again what `train` has just
    built for this challenger; it is used where there is no champion yet.
    """
    file = as_project(file)
    if force is not None and not (isinstance(force, str) and force.strip()):
        raise UsageError(
            "promoting by force needs a reason",
            value=force,
            why="it is kept with the model and shown wherever its scores are",
            fix='say why: --force "the reason"',
        )
    writable_state()
    registry = Registry(file.project.name)
    challenger = registry.open("challenger")
    if challenger is None:
        raise DataError("there is no challenger to promote", fix="train one: leadlens train CONFIG")
    champion = registry.open("champion")
    if champion is not None and champion.version == challenger.version:
        if force and champion.rolled_back:  # a promotion by force that died after it had moved the alias
            registry.promote(champion.version)
        return Promotion(
            project=file.project.name,
            version=challenger.version,
            rival=champion.version,
            difference=0.0,
            interval=(0.0, 0.0),
            forced=champion.forced,
        )
    progress("Judging challenger and rival on the same out-of-time leads", 0, 0)
    judged, others = _judged(file, challenger, champion, rows)
    claimed, rival = _rival(champion, judged, others)
    against, signal = _against(judged, claimed, rival), judged.signal(file.project)
    back = rolled_back_refusal(challenger.display_name, challenger.rolled_back)
    refusals = (*((back,) if back else ()), *_refusals(judged, signal, against))
    if refusals and not force:
        raise PromotionRefused(challenger.display_name, refusals)
    judgement, unjudged = None, tuple[str, ...]()
    if champion is None and judged.scored.rules is not None and not judged.seen:
        progress("Comparing with the sheet", 0, 0)
        judgement, unjudged = _judgement(file, judged, challenger.display_name)
    # The reason first: a champion by force without one must not be left behind by a run that is killed.
    if force and refusals:
        registry.keep_reason(challenger.version, force, [refusal.what for refusal in refusals])
    registry.promote(challenger.version)
    keep_serving(file.project.name)
    return Promotion(
        project=file.project.name,
        version=challenger.version,
        rival=rival,
        difference=against.difference,
        interval=against.interval,
        forced=force,
        rows=len(judged.label),
        rival_has_seen=others is not None and others.seen,
        log_loss=against.log_loss,
        rival_log_loss=against.rival_log_loss,
        notes=(
            *(() if judged.sample is None else (judged.sample.message,)),
            *(() if signal.time_only is None else (signal.time_only,)),
            *unjudged,
        ),
        signal=signal,
        judgement=judgement,
        overruled=refusals,
    )


def _refusals(judged: OutOfTime, signal: Signal, against: _Against) -> Iterator[Refusal]:
    if (refusal := audit_refusal(judged.bundle.recipe.audit)) is not None:
        yield refusal
    if judged.seen:  # then no figure of these rows means anything
        seen = judged.seen_error
        yield Refusal(
            gate="seen", what=seen.what, value=seen.value or "", why=seen.why or "", fix=seen.fix or ""
        )
        return
    if (refusal := signal_refusal(signal)) is not None:
        yield refusal
    if against.interval[0] > 0:
        yield against.refusal


@dataclass(frozen=True, kw_only=True)
class _Against:
    """Challenger and rival on the same rows: mean log losses, and their paired difference with its 90 % interval."""

    rival: str
    rows: int
    log_loss: float
    rival_log_loss: float
    interval: tuple[float, float]

    @property
    def difference(self) -> float:
        return self.log_loss - self.rival_log_loss

    @property
    def refusal(self) -> Refusal:
        low, high = self.interval
        return Refusal(
            gate="rival",
            what=f"the challenger is worse than {self.rival} on the same {self.rows:,} out-of-time rows",
            value=f"log loss {self.log_loss:.4f} against {self.rival_log_loss:.4f}; difference {self.difference:+.4f} "
            f"(90 % interval {low:+.4f} to {high:+.4f})",
            why="a model is promoted for what it finds, never because it merely ran",
            fix="train again",
            figures={"rival": self.rival, "difference": self.difference, "interval": [low, high]},
        )


def _against(judged: OutOfTime, claimed: np.ndarray, rival: str) -> _Against:
    label = judged.label.to_numpy(dtype=float)
    losses, rival_losses = log_loss_of(label, judged.probability), log_loss_of(label, claimed)
    difference = losses - rival_losses
    interval = cluster_bootstrap(
        lambda weight: {"mean": float((weight * difference).sum() / weight.sum())},
        pd.factorize(judged.scored.spine["lead_id"].to_numpy())[0],
        resamples=1000,
    )["mean"]
    return _Against(
        rival=rival,
        rows=len(label),
        log_loss=float(losses.mean()),
        rival_log_loss=float(rival_losses.mean()),
        interval=interval,
    )


def _judgement(file: ProjectFile, judged: OutOfTime, version: str) -> tuple[str | None, tuple[str, ...]]:
    """What `compare` says of model and sheet on these rows; or a note why nothing can be said, which is no gate."""
    try:
        return headline(compare_lenses(file, judged, version, [])), ()
    except LeadlensError as error:
        return None, (f"model and sheet are not compared: {error.what}",)


def _judged(
    file: ProjectFile, challenger: Registered, champion: Registered | None, rows: TrainingSet | None
) -> tuple[OutOfTime, OutOfTime | None]:
    """The same out-of-time rows scored by the challenger and, where there is one, by the champion."""
    if rows is not None and champion is None:
        return out_of_time(rows, challenger.bundle), None
    history, sheets = open_history(file), load_sheets(file)
    bundles = [registered.bundle for registered in (challenger, champion) if registered is not None]
    with split_snapshots(history, file.project) as split:
        scored = score_out_of_time(file, history, split, bundles, sheets)
    return scored[0], scored[1] if champion else None


def _rival(champion: Registered | None, own: OutOfTime, others: OutOfTime | None) -> tuple[np.ndarray, str]:
    """What the rival says of each row, and what it is called."""
    if champion is not None and others is not None:
        return others.probability, champion.display_name
    if own.scored.rules is not None and own.bundle.recipe.sheet_probability is not None:
        return own.sheet_probability, "the score sheet"
    return np.full(len(own.label), own.base_rate), "the base rate"
