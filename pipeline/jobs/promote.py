"""`leadlens promote`: the challenger becomes champion only if it is not worse on the same out-of-time leads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features import DataError
from models.judging.intervals import cluster_bootstrap
from models.statistics import log_loss_of
from pipeline.config import ProjectFile
from pipeline.dataset.judged import OutOfTime, out_of_time, score_out_of_time
from pipeline.dataset.time_split import split_snapshots
from pipeline.dataset.training_set import TrainingSet
from pipeline.prepared import open_history
from pipeline.private import private_files
from pipeline.progress import Progress, silent
from pipeline.registry.mlflow_registry import Registry
from pipeline.registry.registered import Registered
from pipeline.registry.serving import keep_serving
from pipeline.scorecards.project import load_sheets
from pipeline.state import writable_state
from pipeline.threads import one_blas_thread


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What the gate saw.

    ``difference`` is the challenger's mean log loss on ``rows`` out-of-time rows minus the rival's (below 0 is
    better), with its 90 % ``interval``; ``rows`` is 0 where the challenger was champion already. ``rival_has_seen``: the
    champion may have learned from some of these rows, which favours it. ``notes`` says where these rows are a sample.
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

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**vars(self), "notes": list(self.notes)}


@one_blas_thread
@private_files()
def promote(
    file: ProjectFile,
    *,
    force: str | None = None,
    rows: TrainingSet | None = None,
    progress: Progress = silent,
) -> Promotion:
    """Compare challenger and champion (without one: the score sheet, else the base rate) row by row, then move the alias.

    The gate lets pass what is not worse beyond chance: the interval of the paired difference in log loss
    reaches zero or below. Raises ``DataError`` when it refuses, and where the challenger has learned from these rows;
    ``force`` gives the reason to promote anyhow. ``rows`` saves building again what `train` has just built for this
    challenger; it is used where there is no champion yet.
    """
    writable_state()
    registry = Registry(file.project.name)
    challenger = registry.open("challenger")
    if challenger is None:
        raise DataError("there is no challenger to promote", fix="train one: leadlens train CONFIG")
    champion = registry.open("champion")
    if champion is not None and champion.version == challenger.version:
        return Promotion(
            project=file.project.name,
            version=challenger.version,
            rival=champion.version,
            difference=0.0,
            interval=(0.0, 0.0),
            forced=force,
        )
    progress("Judging challenger and rival on the same out-of-time leads", 0, 0)
    judged, others = _judged(file, challenger, champion, rows)
    if not force:
        judged.refuse_seen()
    claimed, rival = _rival(champion, judged, others)
    label = judged.label.to_numpy(dtype=float)
    losses, rival_losses = log_loss_of(label, judged.probability), log_loss_of(label, claimed)
    difference = losses - rival_losses
    low, high = cluster_bootstrap(
        lambda weight: {"mean": float((weight * difference).sum() / weight.sum())},
        pd.factorize(judged.scored.spine["lead_id"].to_numpy())[0],
        resamples=1000,
    )["mean"]
    mean = float(difference.mean())
    figures = f"log loss {losses.mean():.4f} against {rival_losses.mean():.4f} of {rival}"
    if low > 0 and not force:
        raise DataError(
            f"the challenger is worse than {rival} on the same {len(difference):,} out-of-time rows",
            value=f"{figures}; difference {mean:+.4f} (90 % interval {low:+.4f} to {high:+.4f})",
            why="a model is promoted for what it finds, never because it merely ran",
            fix='train again, or promote it all the same: --force "the reason"',
        )
    registry.promote(challenger.version)
    if force:
        registry.client.set_model_version_tag(file.project.name, challenger.version, "leadlens.forced", force)
    keep_serving(file.project.name)
    return Promotion(
        project=file.project.name,
        version=challenger.version,
        rival=rival,
        difference=mean,
        interval=(low, high),
        forced=force,
        rows=len(difference),
        rival_has_seen=others is not None and others.seen,
        log_loss=float(losses.mean()),
        rival_log_loss=float(rival_losses.mean()),
        notes=() if judged.sample is None else (judged.sample.message,),
    )


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
