"""`leadlens promote`: the challenger becomes champion only if it holds its own on the same later leads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from features import DataError
from models.judging.intervals import cluster_bootstrap
from models.statistics import log_loss_of
from pipeline.config import ProjectFile
from pipeline.dataset.judged import judged_rows, later_probability
from pipeline.dataset.training_set import TrainingSet, build_training_set
from pipeline.progress import Progress, silent
from pipeline.registry.mlflow_registry import Registered, Registry
from pipeline.sources import open_history
from pipeline.threads import one_blas_thread


@dataclass(frozen=True)
class Promotion:
    """What the gate saw. ``difference`` is challenger minus rival in log loss (below 0 is better), 90 % interval."""

    project: str
    version: str
    rival: str
    difference: float
    interval: tuple[float, float]
    forced: str | None
    words: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: value for name, value in vars(self).items() if name != "words"}


@one_blas_thread
def promote(
    file: ProjectFile,
    *,
    force: str | None = None,
    rows: TrainingSet | None = None,
    progress: Progress = silent,
) -> Promotion:
    """Compare challenger and champion (without one: the score sheet, else the base rate) row by row, then move the alias.

    The gate lets pass what is not worse beyond chance: the interval of the paired difference in log loss
    reaches zero or below. Raises ``DataError`` when it refuses; ``force`` gives the reason to promote anyhow;
    ``rows`` saves building again what `train` has just built for this challenger.
    """
    registry = Registry(file.project.name)
    challenger = registry.open("challenger")
    if challenger is None:
        raise DataError("there is no challenger to promote", fix="train one: leadlens train CONFIG")
    champion = registry.open("champion")
    if champion is not None and champion.version == challenger.version:
        return Promotion(
            file.project.name, challenger.version, champion.version, 0.0, (0.0, 0.0), force,
            [f"{challenger.display_name} is champion already; nothing changed."],
        )  # fmt: skip
    progress("Judging challenger and rival on the same later leads", 0, 0)
    losses, lead, rival = _losses(file, challenger, champion, rows)
    difference = losses["challenger"] - losses["rival"]
    missed = difference.to_numpy()
    low, high = cluster_bootstrap(
        lambda weight: {"mean": float((weight * missed).sum() / weight.sum())},
        pd.factorize(lead)[0],
        resamples=1000,
    )["mean"]
    mean = float(difference.mean())
    told = f"log loss {losses['challenger'].mean():.4f} against {losses['rival'].mean():.4f} of {rival}"
    if low > 0 and not force:
        raise DataError(
            f"the challenger is worse than {rival} on the same {len(difference):,} later rows",
            value=f"{told}; difference {mean:+.4f} (90 %: {low:+.4f} to {high:+.4f})",
            why="a model is promoted for what it finds, never because it merely ran",
            fix='train again, or promote it all the same: --force "the reason"',
        )
    registry.promote(challenger.version)
    if force:
        registry.client.set_model_version_tag(file.project.name, challenger.version, "leadlens.forced", force)
    verdict = "better" if high < 0 else "worse" if low > 0 else "no clear difference, which is enough"
    words = [
        f"{challenger.display_name} is champion now: {verdict}.",
        f"On {len(difference):,} later rows: {told} (difference {mean:+.4f}, 90 %: {low:+.4f} to {high:+.4f}).",
    ]
    return Promotion(file.project.name, challenger.version, rival, mean, (low, high), force, words)


def _losses(
    file: ProjectFile, challenger: Registered, champion: Registered | None, rows: TrainingSet | None
) -> tuple[pd.DataFrame, np.ndarray, str]:
    rows = rows or build_training_set(file, open_history(file), challenger.bundle)
    later = rows.rows("test")
    label = rows.label[later].to_numpy(dtype=float)
    found = {"challenger": log_loss_of(label, later_probability(challenger.bundle, rows))}
    if champion is None and rows.rules is not None:
        sheet = judged_rows(challenger.bundle, rows)["rule_probability"].to_numpy()
        found["rival"], rival = log_loss_of(label, sheet), "the score sheet"
    elif champion is None:
        rate = np.full(len(label), rows.label[rows.rows("train")].mean())
        found["rival"], rival = log_loss_of(label, rate), "the base rate"
    else:
        again = build_training_set(file, open_history(file), champion.bundle)
        found["rival"], rival = (
            log_loss_of(label, later_probability(champion.bundle, again)),
            champion.display_name,
        )
    leads = rows.matrix.spine.set_index("row_id").loc[later, "lead_id"]
    return pd.DataFrame(found), leads.to_numpy(), rival
