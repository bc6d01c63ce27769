"""The learning curve: what models of growing shares of the training leads are worth on the same out-of-time rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.features import DataError, UsageError
from leadlens.models.judging import Measured
from leadlens.models.judging.intervals import cluster_bootstrap
from leadlens.models.judging.plain import plain
from leadlens.models.prediction import sheet_points
from leadlens.pipeline.dataset.dataset import Dataset
from leadlens.pipeline.dataset.learning import learn
from leadlens.pipeline.dataset.training_set import TrainingSet
from leadlens.pipeline.html import table_html
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.threads import one_blas_thread

SHARES = (0.125, 0.25, 0.5, 1.0)
METRICS = ("average_precision", "log_loss", "roc_auc")
_DRAWS = 2  # of leads, for each share below one


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """What more leads have brought.

    Attributes
    ----------
    table : one row per share of the training leads: share, leads and conversions (of rows; means over the draws), then each metric with
        its 90 % interval over out-of-time leads (``average_precision``, ``average_precision_low`` …).
    last_doubling : metric -> difference that the last doubling made, low, high (paired).
    """

    table: pd.DataFrame
    last_doubling: dict[str, tuple[float, float, float]]

    @property
    def message(self) -> str:
        """What the last doubling brought, and so what the next may."""
        half, whole = self.table.iloc[-2], self.table.iloc[-1]
        gain, low, high = self.last_doubling["average_precision"]
        loss, least, most = self.last_doubling["log_loss"]
        sure = (
            "more leads would still pay"
            if low > 0 or most < 0
            else "and this one cannot be told from chance on these rows"
        )
        return (
            f"From {half['conversions']:,.0f} to {whole['conversions']:,.0f} conversions average precision moved by {gain:+.3f} "
            f"({low:+.3f} to {high:+.3f}) and log loss by {loss:+.4f} ({least:+.4f} to {most:+.4f}). The next such step seldom brings "
            f"more than the last: {sure}."
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        last = {name: list(values) for name, values in self.last_doubling.items()}
        return {"table": plain(self.table), "last_doubling": plain(last), "message": self.message}

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.message)}</p>" + table_html(self.table.round(4))


@one_blas_thread
def learning_curve(
    dataset: Dataset, *, shares: Sequence[float] = SHARES, seed: int = 0, progress: Progress = silent
) -> LearningCurve:
    """Train on growing shares of the training leads by the default settings, and judge each on all out-of-time rows.

    Nothing is searched, so that seven models cost less than one search. Of each share below one the mean over two draws of whole leads;
    intervals are over out-of-time leads. ``shares`` ascend to 1, the one before it is best a half.

    Raises ``UsageError`` for other shares or no dataset, ``DataError`` where the smallest share has no conversion, or nothing else.
    """
    if not isinstance(dataset, Dataset):
        raise UsageError(
            "the learning curve is that of a dataset",
            value=type(dataset).__name__,
            fix="leadlens.learning_curve(leadlens.training_set(project))",
        )
    shares = tuple(shares)
    if len(shares) < 2 or sorted(set(shares)) != list(shares) or shares[0] <= 0 or shares[-1] != 1:
        raise UsageError(
            "shares of the training leads must increase and end at 1",
            value=shares,
            fix="shares=(0.25, 0.5, 1.0)",
        )
    rows, measured, table = dataset.rows, list[list[Measured]](), []
    for share in shares:
        models, counts = list[Measured](), list[tuple[int, int]]()
        for draw in range(_DRAWS if share < 1 else 1):
            progress(f"Learning curve: {share:.1%} of the leads", len(measured), len(shares))
            some = _drawn(rows, share, seed + draw)
            trained = learn(dataset.file, dataset.history, some, trials=1)
            frame = rows.matrix.frame.loc[rows.test]
            probability = trained.model.predict_proba(frame, sheet_points(rows.rules, rows.test))
            models.append(Measured(rows.label[rows.test], probability))
            counts.append((_leads(some).nunique(), int(some.label[some.train].sum())))
        measured.append(models)
        leads, conversions = np.mean(counts, axis=0)
        table.append({"share": share, "leads": leads, "conversions": conversions})
    return _curve(rows, pd.DataFrame(table), measured)


def _curve(rows: TrainingSet, table: pd.DataFrame, measured: list[list[Measured]]) -> LearningCurve:
    def figures(weight: NDArray[np.float64] | None = None) -> dict[str, float]:
        each = {
            f"{at}.{name}": float(np.mean([getattr(model, name)(weight) for model in models]))
            for at, models in enumerate(measured)
            for name in METRICS
        }
        last = len(measured) - 1
        more = {f"last.{name}": each[f"{last}.{name}"] - each[f"{last - 1}.{name}"] for name in METRICS}
        return each | more

    lead = rows.matrix.spine.set_index("row_id").loc[rows.test, "lead_id"]
    value, interval = figures(), cluster_bootstrap(figures, pd.factorize(lead)[0].astype(np.int64))
    for name in METRICS:
        table[name] = [value[f"{at}.{name}"] for at in table.index]
        table[f"{name}_low"] = [interval[f"{at}.{name}"][0] for at in table.index]
        table[f"{name}_high"] = [interval[f"{at}.{name}"][1] for at in table.index]
    last = {name: (value[f"last.{name}"], *interval[f"last.{name}"]) for name in METRICS}
    return LearningCurve(table=table, last_doubling=last)


def _drawn(rows: TrainingSet, share: float, seed: int) -> TrainingSet:
    """The set with a share of its training leads, of those that convert and of the others alike; smaller draws lie in larger ones."""
    if share == 1:
        return rows
    lead, rng = _leads(rows), np.random.default_rng(seed)
    converts = rows.label[rows.train].groupby(lead).max()
    kept: list[str] = []
    for kind in (1, 0):
        of_kind = rng.permutation(np.sort(converts.index[converts == kind].to_numpy(dtype=object)))
        kept += list(of_kind[: round(share * len(of_kind))])
    if not set(kept) & set(converts.index[converts == 1]) or not set(kept) - set(
        converts.index[converts == 1]
    ):
        raise DataError(
            "the smallest share has leads of one outcome alone",
            value=f"{share:.3g} of {len(converts):,} leads, {int(converts.sum()):,} of which convert",
            why="nothing could be learned from it",
            fix="begin with a larger share: shares=(0.5, 1.0)",
        )
    left_out = lead.index[~lead.isin(set(kept))]
    return replace(rows, part=rows.part.where(~rows.part.index.isin(left_out), "left out"))


def _leads(rows: TrainingSet) -> pd.Series:
    spine = rows.matrix.spine
    return pd.Series(spine["lead_id"].to_numpy(), index=spine["row_id"].to_numpy()).loc[rows.train]
