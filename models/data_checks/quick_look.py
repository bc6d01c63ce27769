"""A quick look before any training: does a small model rank leads that it did not learn from better than chance?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from leadlens.models.data_checks.time_proxy import find_time_proxies
from leadlens.models.judging.signal import RankingTest, ranking_test, time_strata
from leadlens.models.learners.encoding import Encoding
from leadlens.models.learners.linear_fit import AdditiveDesign

_MOST_CELLS, _MOST_ROWS, _FEWEST_ROWS = 1_500_000, 20_000, 3_000  # about half a second at 300 columns
_FEWEST_LEADS = 10  # with a conversion, and without, to learn from and to be tested on
_STRENGTH = 0.02  # of the additive part: hundreds of columns and some hundred conversions
_STEPS = 30


@dataclass(frozen=True)
class QuickLook:
    """What a small model made of a sample of the training rows; ``ranking`` is of the leads it did not learn from."""

    ranking: RankingTest

    @property
    def found(self) -> bool:
        """Whether it ranks them better than chance."""
        return self.ranking.found

    @property
    def message(self) -> str:
        """What was seen and what follows, in one sentence without a full stop."""
        seen = f"a small model ranks {self.ranking.leads:,} leads that it did not learn from"
        figure = f"ROC AUC {self.ranking.roc_auc:.2f}"
        if self.found:
            return f"a quick look finds signal: {seen} better than chance ({figure})"
        none = f"no signal found in this quick look: {seen} no better than chance ({figure}; {self.ranking.power})"
        if not self.ranking.enough:
            return f"{none}; so few leads show little, and training may still find some"
        return (
            f"{none}; training looks longer and may find some, but first see that outcome and data belong together: "
            "the right ids, the right horizon, events from before the conversion"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"found": self.found, "message": self.message, **asdict(self.ranking)}


def quick_look(
    frame: pd.DataFrame,
    label: pd.Series,
    *,
    lead: ArrayLike,
    as_of: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    seed: int = 0,
) -> QuickLook | None:
    """Learn the additive part from half of the leads and test its ranking of the others (``ranking_test``).

    One half each, once: margins of cross-validation use each pair of leads twice, and without signal more than one in a
    hundred of them pass. Rows are compared with those of about the same time alone, where ``as_of`` is known, and time
    proxies are left out, as in training: knowing when a lead came proves nothing. ``None`` where either half has
    fewer than ten leads with a conversion, or without.

    Parameters
    ----------
    frame, label : training rows with 0/1 labels. lead : whose row each is.
    as_of : its time, or its place in the order. stratum : as in ``ranking_test``.
    """
    rng = np.random.default_rng(seed)
    y, owner = label.to_numpy(dtype=np.float64), pd.factorize(np.asarray(lead))[0]
    rows = _sample(
        y, owner, int(np.clip(_MOST_CELLS // max(frame.shape[1], 1), _FEWEST_ROWS, _MOST_ROWS)), rng
    )
    frame, y, owner = frame.iloc[rows], y[rows], pd.factorize(owner[rows])[0]
    times = None if as_of is None else np.asarray(as_of)[rows]
    among = None if stratum is None else np.asarray(stratum)[rows]
    learn = (rng.permutation(np.arange(owner.max(initial=-1) + 1)) % 2 == 0)[owner]
    for half in (learn, ~learn):
        if any(len(np.unique(owner[half & (y == outcome)])) < _FEWEST_LEADS for outcome in (0, 1)):
            return None
    margin = _margin(frame, y, learn, times)
    if times is not None:
        among = time_strata(times, among)
    return QuickLook(ranking_test(y[~learn], margin, owner[~learn], None if among is None else among[~learn]))


def _margin(
    frame: pd.DataFrame, y: NDArray[np.float64], learn: NDArray[np.bool_], times: NDArray[Any] | None
) -> NDArray[np.float64]:
    """Log-odds of the rows that are not learned from."""
    early = frame[learn]
    proxies = [] if times is None else find_time_proxies(early, pd.Series(times[learn]))
    kept = [name for name in frame if name not in {proxy.name for proxy in proxies}]
    if not kept:
        return np.zeros(int((~learn).sum()))
    encoding = Encoding.of(early[kept])
    design = AdditiveDesign(encoding.encode(early), encoding.categorical)
    return design.fit(y[learn], _STRENGTH, max_steps=_STEPS).margin(encoding.encode(frame[~learn]))


def _sample(
    y: NDArray[np.float64], owner: NDArray[np.intp], most: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Positions of at most so many rows: whole leads, half of the rows of those that converted at most."""
    if len(y) <= most:
        return np.arange(len(y))
    size, hits = np.bincount(owner), np.bincount(owner, y)
    order = rng.permutation(len(size))
    taken = np.zeros(len(size), dtype=bool)
    for kind in (order[hits[order] > 0], order[hits[order] == 0]):
        room = most // 2 if hits[kind].any() else most - int(size[taken].sum())
        taken[kind[np.cumsum(size[kind]) <= room]] = True
    return np.flatnonzero(taken[owner])
