"""Has a model learned anything? Its ranking and its log loss on rows it has not seen, against chance."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from leadlens.models.judging.intervals import cluster_bootstrap
from leadlens.models.statistics import log_loss_of

CHANCE = 0.01  # rankings without signal that pass
POWER = 0.8
PLENTY = (
    0.65  # a ROC AUC from here on is what useful models of leads reach: rows that would show it are enough
)
_TENTHS = 10
_NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True)
class RankingTest:
    """Do rows that converted rank above comparable ones that did not, more often than chance allows?

    Attributes
    ----------
    rows, leads, conversions, converted_leads : what it was measured on; ``conversions`` are rows.
    roc_auc : chance that a row that converted ranks above a comparable one that did not; 0.5 where there is no such pair.
    z : ``roc_auc`` less one half, in standard errors of rankings without signal.
    p : share of rankings without signal that do as well.
    detectable : the ``roc_auc`` that such rows tell from chance (``p`` below 0.01) eight times in ten.
    """

    rows: int
    leads: int
    conversions: int
    converted_leads: int
    roc_auc: float
    z: float
    p: float
    detectable: float

    @property
    def found(self) -> bool:
        """Whether chance alone hardly ever ranks so well."""
        return self.p < CHANCE

    @property
    def enough(self) -> bool:
        """Whether such rows would show a useful ranking, so that finding none means something."""
        return self.detectable <= PLENTY

    @property
    def power(self) -> str:
        """In words what such rows can show."""
        return (
            f"{self.conversions:,} conversions of {self.converted_leads:,} leads tell a ROC AUC of "
            f"{self.detectable:.2f} or more from chance eight times in ten"
        )


def ranking_test(
    label: ArrayLike, score: ArrayLike, lead: ArrayLike, stratum: ArrayLike | None = None
) -> RankingTest:
    """Test a ranking of rows against those without signal.

    Rows are compared within their stratum alone (leads of one age, or as of one night), so that knowing how old a lead
    is, or when it was, proves nothing. The sum of ranks is split into one part per lead, since the rows of a lead are
    not independent. Without signal each part would as often be of the other sign; so the root of the summed squares is
    the standard error. Flipping the signs is what dealing the outcomes anew among leads does, and needs no two leads
    with the same rows.

    Parameters
    ----------
    label : 0 or 1 per row. score : higher means more likely. lead : whose row it is.
    stratum : which rows are compared with each other; all by default.

    >>> ranked = ranking_test([0, 0, 1, 1] * 9, [1, 2, 3, 4] * 9, range(36))
    >>> ranked.roc_auc, ranked.found
    (1.0, True)
    """
    y, scores, codes = (
        np.asarray(label, np.float64),
        np.asarray(score, np.float64),
        pd.factorize(np.asarray(lead))[0],
    )
    group = np.zeros(len(y), dtype=np.intp) if stratum is None else pd.factorize(np.asarray(stratum))[0]
    sizes, hits = np.bincount(group), np.bincount(group, y)
    pairs = float((hits * (sizes - hits)).sum())
    # Centred ranks within the stratum, and how far each outcome is from the stratum's rate; the products sum to
    # (roc_auc - 1/2) * pairs.
    ranks = pd.Series(scores).groupby(group).rank().to_numpy() - (sizes + 1)[group] / 2
    surprise = y - (hits / sizes)[group]
    parts = np.bincount(codes, ranks * surprise)
    error, total = math.sqrt(float((parts**2).sum())), float(parts.sum())
    z = total / error if error > 0 else 0.0
    # What any ranking without ties has for a standard error on these rows, each lead at one height in all of its own.
    usual = math.sqrt(float((np.bincount(codes, sizes[group] * surprise) ** 2).sum() / 12))
    least = _NORMAL.inv_cdf(1 - CHANCE) + _NORMAL.inv_cdf(POWER)
    return RankingTest(
        rows=len(y),
        leads=len(np.unique(codes)),
        conversions=int(y.sum()),
        converted_leads=len(np.unique(codes[y > 0])),
        roc_auc=0.5 + total / pairs if pairs else 0.5,
        z=z,
        p=1 - _NORMAL.cdf(z),
        detectable=min(1.0, 0.5 + least * usual / pairs) if pairs else 1.0,
    )


def time_strata(as_of: ArrayLike, stratum: ArrayLike | None = None) -> NDArray[np.intp]:
    """Strata of rows that came at about the same time: the tenths of all rows in their order, within ``stratum``.

    Equal times stay together, so one time for all makes one tenth.

    >>> time_strata(range(20)).tolist()
    [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]
    """
    order = pd.Series(np.asarray(as_of)).rank()
    tenth = np.ceil(order * _TENTHS / max(len(order), 1))
    if stratum is None:
        return pd.factorize(tenth)[0]
    return pd.factorize(pd.MultiIndex.from_arrays([tenth, pd.Series(np.asarray(stratum))]))[0]


@dataclass(frozen=True, kw_only=True)
class Signal:
    """What a model knows about rows it has not seen.

    ``gain`` is how much lower its mean log loss is than that of the base rate, in nats, and ``interval`` the 90 %
    interval over leads: above zero at 95 % where it begins above zero. ``same_time`` is the ranking among rows of about
    the same time alone; ``None`` where no order in time is known. ``among`` says which rows were ranked against each other
    ("of the same age"), and is empty where all were.
    """

    ranking: RankingTest
    log_loss: float
    base_rate_log_loss: float
    gain: float
    interval: tuple[float, float]
    same_time: RankingTest | None = None
    among: str = ""

    @property
    def learned(self) -> bool:
        """Whether the model is better than the base rate beyond chance: in ranking and in probabilities."""
        return self.ranking.found and self.interval[0] > 0

    @property
    def time_only(self) -> str | None:
        """What to say where the model ranks leads by little else than when they came."""
        same = self.same_time
        if same is None or not self.ranking.found or same.found:
            return None
        if same.roc_auc - 0.5 > (self.ranking.roc_auc - 0.5) / 2:
            return None  # fewer comparisons show less; most of the ranking is still there
        return (
            "the model is not shown to know more of a lead than when it came: of its ROC AUC of "
            f"{self.ranking.roc_auc:.3f}, {same.roc_auc:.3f} (p {_p(same.p)}) is left among leads of the same tenth of "
            "the out-of-time rows, and sales chooses among leads of one time"
        )

    @property
    def verdict(self) -> str:
        """One sentence without a full stop."""
        if self.learned:
            return "the model knows more than the base rate on out-of-time rows, beyond chance"
        if self.ranking.found:
            return (
                "the model ranks out-of-time leads better than chance, but its probabilities are not shown to be better than "
                "the base rate"
            )
        if self.ranking.enough:
            return "the model learned nothing: it ranks out-of-time leads no better than chance"
        return "too few conversions to show that the model learned anything"

    @property
    def figures(self) -> str:
        """The figures behind the verdict."""
        low, high = self.interval
        rows = f" among rows {self.among}" if self.among else ""
        return (
            f"ROC AUC {self.ranking.roc_auc:.3f}{rows} (p {_p(self.ranking.p)}); log loss {self.log_loss:.4f} against "
            f"{self.base_rate_log_loss:.4f} of the base rate (gain {self.gain:+.4f}, 90 % interval {low:+.4f} to {high:+.4f})"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "learned": self.learned,
            "verdict": self.verdict,
            "among": self.among,
            **asdict(self.ranking),
            "log_loss": self.log_loss,
            "base_rate_log_loss": self.base_rate_log_loss,
            "gain": self.gain,
            "interval": list(self.interval),
            "same_time": self.same_time and asdict(self.same_time),
            "time_only": self.time_only,
        }


def measure_signal(
    label: ArrayLike,
    probability: ArrayLike,
    *,
    base_rate: float,
    lead: ArrayLike,
    stratum: ArrayLike | None = None,
    as_of: ArrayLike | None = None,
    among: str = "",
) -> Signal:
    """What is known beyond the base rate of the training rows, on rows that were not learned from.

    ``stratum`` as in ``ranking_test``, ``among`` what its rows have in common; ``as_of`` is the time of each row, or its place in the order.
    """
    y, claimed = np.asarray(label, np.float64), np.asarray(probability, np.float64)
    own, base = log_loss_of(y, claimed), log_loss_of(y, np.full(len(y), base_rate))
    interval = cluster_bootstrap(
        lambda weight: {"gain": float((weight * (base - own)).sum() / weight.sum())},
        pd.factorize(np.asarray(lead))[0],
        resamples=1000,
    )["gain"]
    return Signal(
        ranking=ranking_test(y, claimed, lead, stratum),
        log_loss=float(own.mean()),
        base_rate_log_loss=float(base.mean()),
        gain=float((base - own).mean()),
        interval=interval,
        same_time=None if as_of is None else ranking_test(y, claimed, lead, time_strata(as_of, stratum)),
        among=among,
    )


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"= {value:.4f}" if value < CHANCE else f"= {value:.2f}"
