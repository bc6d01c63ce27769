"""Back-tests: how model, sheet, base rate and the model before would have done at a series of past dates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from leadlens.features.errors import counted
from leadlens.models.judging.lenses import MODEL, RULES, JudgedRows
from leadlens.models.judging.metrics import HIGHER_IS_BETTER, METRICS, Measured
from leadlens.models.judging.plain import plain
from leadlens.models.judging.replay import Replay
from leadlens.models.statistics import CONFIDENCE

BASE_RATE, BEFORE = "base_rate", "model_before"
LENS_NAMES = {
    MODEL: "the model",
    RULES: "the sheet",
    BEFORE: "the model before",
    BASE_RATE: "the base rate",
}
_FEWEST_PERIODS = 3  # of fewer an interval says nothing


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A past date that could not be judged, and why."""

    date: datetime
    why: str


@dataclass(frozen=True, kw_only=True)
class BackTest:
    """One past date: what was learned by then, and the rows of the period after it.

    Attributes
    ----------
    date, ends : what was known before ``date`` is learned from; rows from then on, before ``ends``, are judged.
    kind : how it was learned (``leadlens.models.training.TrainedModel``).
    train_rows, train_leads, train_converted : learned from; leads, and those of them that converted.
    rows : the judged rows, as ``JudgedRows.of`` takes them: ``left_at`` among them where it is known.
    probability, rank : of each lens, per judged row; the model before is missing at the first date.
    """

    date: datetime
    ends: datetime
    kind: str
    train_rows: int
    train_leads: int
    train_converted: int
    rows: pd.DataFrame = field(repr=False)
    probability: Mapping[str, NDArray[np.float64]] = field(repr=False)
    rank: Mapping[str, NDArray[np.float64]] = field(repr=False)

    @cached_property
    def replay(self) -> Replay:
        """The weekly lists of the period."""
        return Replay(JudgedRows.of(self.rows))

    @property
    def leads(self) -> int:
        """Leads that are judged."""
        return self.replay.judged.leads

    def reached(self, calls_a_week: float) -> dict[str, float]:
        """Calls that are made, so many of each weekly list, and the converting leads that each lens reaches with them.

        The base rate knows no lead from another: what calls to anybody on the lists reach on average.
        """
        room = np.full(self.replay.weeks, float(calls_a_week))
        worked = {
            lens: self.replay.queue(np.asarray(rank, np.float64)).work(room)
            for lens, rank in self.rank.items()
            if lens != BASE_RATE
        }
        return {
            "calls": worked[MODEL].calls,
            **{lens: each.reached for lens, each in worked.items()},
            BASE_RATE: self.replay.at_random(worked[MODEL].made),
        }

    @cached_property
    def figures(self) -> dict[str, dict[str, float]]:
        """Every metric of every lens, over rows."""
        return {
            lens: Measured(self.rows["label"], probability, self.rank[lens]).all()
            for lens, probability in self.probability.items()
        }

    @property
    def converted_leads(self) -> int:
        """Leads that converted after any of their judged rows."""
        return int(self.rows.loc[self.rows["label"] == 1, "lead_id"].nunique())


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over periods with its 90 % interval (Student's t over periods); NaN of fewer than three periods."""

    value: float
    low: float
    high: float
    periods: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def over_periods(values: Sequence[float], *, total: bool = False) -> Estimate:
    """The mean of one value per period; ``total`` gives that of their sum.

    >>> over_periods([1.0, 2.0, 3.0]).value, over_periods([1.0, 2.0, 3.0], total=True).value
    (2.0, 6.0)
    """
    known = np.asarray([value for value in values if math.isfinite(value)])
    if not len(known):
        return Estimate(value=math.nan, low=math.nan, high=math.nan, periods=0)
    times, mean, half = len(known) if total else 1, float(known.mean()), math.nan
    if len(known) >= _FEWEST_PERIODS:
        error = float(known.std(ddof=1)) / math.sqrt(len(known))
        half = float(student.ppf((1 + CONFIDENCE) / 2, len(known) - 1)) * error
    return Estimate(
        value=mean * times, low=(mean - half) * times, high=(mean + half) * times, periods=len(known)
    )


@dataclass(frozen=True, kw_only=True)
class RandomSplit:
    """The same rows of the last date dealt to learning and judging at random, beside the split by time."""

    date: datetime
    rows: int
    leads: int
    figures: Mapping[str, float]
    over_time: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class BackTests:
    """All past dates together. ``calls_a_week`` is what sales can call; ``notes`` is what whoever reads it must know."""

    project: str
    horizon: str | None
    tests: tuple[BackTest, ...]
    left_out: tuple[LeftOut, ...]
    calls_a_week: int
    random_split: RandomSplit | None
    notes: tuple[str, ...] = ()

    @property
    def lenses(self) -> tuple[str, ...]:
        """Those that were judged at any date, the model first."""
        return tuple(lens for lens in LENS_NAMES if any(lens in test.probability for test in self.tests))

    @cached_property
    def found(self) -> pd.DataFrame:
        """One row per period: calls that were made, and converting leads among them by every lens (NaN where none is)."""
        found = pd.DataFrame([test.reached(self.calls_a_week) for test in self.tests])
        return found.reindex(columns=["calls", *self.lenses])

    def more(self, lens: str) -> Estimate:
        """Converting leads that the model finds in the same calls beyond another lens, in all periods that have both."""
        return over_periods((self.found[MODEL] - self.found[lens]).tolist(), total=True)

    def figure(self, lens: str, metric: str) -> Estimate:
        """One metric of a lens, over periods."""
        return over_periods([t.figures[lens][metric] if lens in t.figures else math.nan for t in self.tests])

    def difference(self, lens: str, metric: str) -> Estimate:
        """The model's metric less that of another lens, over the periods that have both."""
        return over_periods(
            [
                t.figures[MODEL][metric] - t.figures[lens][metric] if lens in t.figures else math.nan
                for t in self.tests
            ]
        )

    def better(self, lens: str, metric: str) -> str:
        """``"model"``, ``"other"`` or ``"unclear"``."""
        difference = self.difference(lens, metric)
        if not difference.clear:
            return "unclear"
        return "model" if (difference.value > 0) == HIGHER_IS_BETTER[metric] else "other"

    def headline(self) -> str:
        """The result in one sentence."""
        found = self.found.sum()
        rival = RULES if RULES in self.lenses else BASE_RATE
        by = "by sheet" if rival == RULES else "at random"
        return (
            f"With {counted(self.calls_a_week, 'call')} a week, {counted(len(self.tests), 'period')}: "
            f"{found[rival]:,.0f} converting leads {by}, {found[MODEL]:,.0f} by model"
        )

    def story(self) -> list[str]:
        """What was found, in sentences."""
        first, last = self.tests[0], self.tests[-1]
        until = f" to {last.date:%Y-%m-%d}" if last is not first else ""
        sentences = [
            f"At {counted(len(self.tests), 'past date')}, {first.date:%Y-%m-%d}{until}, a model was "
            "trained on what was known by then, and judged on the leads scored until the next: "
            f"{counted(sum(len(test.rows) for test in self.tests), 'snapshot')}. Each week the best of the open leads are called, each lead "
            "once in a period.",
            f"{self.headline()}, of {sum(test.converted_leads for test in self.tests):,} that converted.",
        ]
        for lens in self.lenses[1:]:
            more = self.more(lens)
            share = f" in {more.periods} periods" if more.periods < len(self.tests) else ""
            sentences.append(
                f"The model finds {abs(more.value):,.0f} {'more' if more.value >= 0 else 'fewer'} than "
                f"{LENS_NAMES[lens]}{share}{_interval(more)}."
            )
        if self.random_split is not None:
            split = self.random_split
            sentences.append(
                f"Dealt at random, the rows of {split.date:%Y-%m-%d} give a ROC AUC of {split.figures['roc_auc']:.3f}; split by "
                f"time {split.over_time['roc_auc']:.3f}, which is what to expect in service."
            )
        if self.left_out:
            sentences.append(f"{counted(len(self.left_out), 'date')} left out:")
            sentences += [f"{each.date:%Y-%m-%d}: {each.why}." for each in self.left_out]
        return [*sentences, *(f"Note: {note.rstrip('.')}." for note in self.notes)]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; missing numbers are None."""
        result: dict[str, Any] = plain(
            {
                "project": self.project,
                "headline": self.headline(),
                "story": self.story(),
                "calls_a_week": self.calls_a_week,
                "periods": [
                    {
                        "date": test.date,
                        "ends": test.ends,
                        "kind": test.kind,
                        "train_rows": test.train_rows,
                        "train_leads": test.train_leads,
                        "train_converted_leads": test.train_converted,
                        "rows": len(test.rows),
                        "leads": test.leads,
                        "lists": test.replay.weeks,
                        "converted_leads": test.converted_leads,
                        "figures": test.figures,
                        "found": found,
                    }
                    for test, found in zip(self.tests, self.found.to_dict("records"), strict=True)
                ],
                "left_out": self.left_out,
                "found": self.found.sum(min_count=1).to_dict(),
                "more": {lens: self.more(lens) for lens in self.lenses[1:]},
                "figures": {
                    lens: {metric: self.figure(lens, metric) for metric in METRICS} for lens in self.lenses
                },
                "differences": {
                    lens: {metric: self.difference(lens, metric) for metric in METRICS}
                    for lens in self.lenses[1:]
                },
                "random_split": self.random_split,
                "notes": self.notes,
            }
        )
        return result


def _interval(estimate: Estimate) -> str:
    if not math.isfinite(estimate.low):
        return f" (no interval: it takes {_FEWEST_PERIODS} periods)"
    return f" (90 % interval over periods: {estimate.low:+,.0f} to {estimate.high:+,.0f})"
