"""The point audit: the points of each hand-written rule beside those that the conversions support."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from leadlens.models.judging.lenses import Judged
from leadlens.models.judging.replay import Replay
from leadlens.models.judging.ridge import Floats, ridge_logistic
from leadlens.models.judging.verdicts import (
    NOT_SETTLED,
    OTHER_RULES,
    TOO_FEW_LEADS,
    Verdict,
    explained_by_others,
    judge_direction,
    judge_points,
)
from leadlens.models.scale import POINTS_PER_LOG_ODDS
from leadlens.models.scorecard.language.contradictions import STARTING
from leadlens.models.statistics import Z, roc_auc

TOTAL = ("fit", "engagement")


@dataclass(frozen=True)
class SheetUnit:
    """What one point of the sheet is worth in points of the common scale (ten double the odds)."""

    value: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether more points clearly go with more conversions."""
        return self.low > 0

    @property
    def digits(self) -> int:
        """Decimals of points of the sheet: a step of the last one is at most one point of the common scale."""
        return max(0, math.ceil(math.log10(self.value))) if self.clear else 0


def sheet_unit(judged: Judged) -> SheetUnit:
    """Slope of the log-odds of converting on the sheet's points, among leads it did not disqualify."""
    kept = ~judged.frame["disqualified"].to_numpy(bool)
    points, label = judged.frame["rule_points"].to_numpy(np.float64)[kept], judged.label[kept]
    spread = points.std() if kept.any() else 0.0
    if spread == 0 or label.min() == label.max():
        return SheetUnit(float("nan"), float("nan"), float("nan"))
    fit = ridge_logistic(((points - points.mean()) / spread)[:, None], label, judged.lead[kept], prior_sd=10)
    value, half = (POINTS_PER_LOG_ODDS / spread * np.array([fit.coefficient[0], Z * fit.error[0]])).tolist()
    return SheetUnit(value, value - half, value + half)


def point_audit(
    judged: Judged,
    ledger: pd.DataFrame,
    unit: SheetUnit,
    rules: Mapping[str, float] | None = None,
    capacity: float = 0.2,
) -> pd.DataFrame:
    """Every rule's points beside those that the data support, all rules judged together.

    A rule's worth is its coefficient in one ridge logistic regression on which rules matched, so that rules
    matching the same leads are separated; the prior shrinks a rule to 0 ± 14 points while data are few.

    Parameters
    ----------
    ledger : lines of the sheet on the judged rows (row_id, rule, dimension, points); others are ignored.
        Lines of other dimensions count only for rules that do not move the total, which is fit and engagement,
        or what a column ``counts`` says.
    rules : label → points of the sheet's rules, to list also those that never matched.
    capacity : share of the leads that are called, for what a rule changes there.

    Returns
    -------
    rule, kind (points / disqualify), leads, rows, points (mean where it matched), suggested (points to change to, missing where
    nothing is to be changed), suggested_low, suggested_high (what it is worth, 90 %; in the sheet's unit, and missing where that is
    not clear), given, given_half (points on the common scale, and half their interval), worth, low, high (the same on the
    common scale), rate_with, rate_without, alone (worth by itself), dropped_auc, dropped_found (what ROC AUC and the leads
    reached change by if the total lacks the rule), verdict, words. Starting points are no rule.
    The verdict is that on ``points`` and the interval as they stand here, which is rounded.
    """
    matched, counted = _matched(judged, ledger)
    names = list(matched)
    design = np.zeros((len(judged.label), len(names)))
    for column, name in enumerate(names):
        design[matched[name].index, column] = 1
    estimable = (design.sum(axis=0) > 0) & (design.sum(axis=0) < len(design))
    fit = ridge_logistic(design[:, estimable], judged.label, judged.lead)
    worth, half = (np.full(len(names), np.nan) for _ in range(2))
    worth[estimable] = POINTS_PER_LOG_ODDS * fit.coefficient
    half[estimable] = POINTS_PER_LOG_ODDS * Z * fit.error
    without = _Without(judged, capacity)
    rows = [
        _row(judged, name, matched[name], worth=worth[i], half=half[i], unit=unit)
        | without(matched[name] if name in counted else matched[name] * 0.0)
        for i, name in enumerate(names)
        if not _starting(name)
    ] + [
        _unmatched(name, points)
        for name, points in (rules or {}).items()
        if name not in matched and not _starting(name)
    ]
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return table.sort_values(["kind", "points"], ascending=[False, False], kind="stable", ignore_index=True)


_COLUMNS = [
    "rule", "kind", "leads", "rows", "points", "suggested", "suggested_low", "suggested_high", "given", "given_half", "worth", "low", "high",
    "rate_with", "rate_without", "alone", "dropped_auc", "dropped_found", "verdict", "words",
]  # fmt: skip


def _starting(name: str) -> bool:
    return name == STARTING or name.startswith(f"{STARTING} of ")


def _matched(judged: Judged, ledger: pd.DataFrame) -> tuple[dict[str, pd.Series], set[str]]:
    """Rule → its points, indexed by the row's position, disqualifiers last, with no points; and which of them count."""
    place = pd.Series(np.arange(len(judged.label)), index=judged.frame["row_id"].to_numpy())
    lines = ledger[ledger["row_id"].isin(place.index)]
    moves_total = lines["counts"] if "counts" in lines else lines["dimension"].isin(TOTAL)
    counted = {str(rule) for rule in lines.loc[moves_total, "rule"].unique()}
    lines = lines[moves_total | ~lines["rule"].isin(counted)]
    points = (
        lines.assign(place=place.loc[lines["row_id"]].to_numpy()).groupby(["rule", "place"])["points"].sum()
    )
    matched = {str(rule): given.droplevel("rule") for rule, given in points.groupby(level="rule")}
    out = judged.frame["disqualified"].astype(bool)
    reason = judged.frame.get("disqualified_by", pd.Series("", index=out.index)).where(out)
    for why, group in reason.dropna().groupby(reason.dropna().astype(str)):
        name = f"Disqualified: {why}" if why else "Disqualified"
        matched[name] = pd.Series(np.nan, index=group.index)
        counted.add(name)
    return matched, counted


class _Without:
    """What changes in the sheet's ranking if one rule is left out of it. Caps of groups give nothing back."""

    def __init__(self, judged: Judged, capacity: float) -> None:
        self._judged, self._replay = judged, Replay(judged)
        self._room = self._replay.room(capacity)
        self._auc, self._found = self._measure(judged.rules.rank)

    def __call__(self, given: pd.Series) -> dict[str, float]:
        rank, points = self._judged.rules.rank.copy(), given.to_numpy(dtype=float)
        if np.isnan(points).any():  # a disqualifier: these leads have their points back
            rank[given.index] = self._judged.frame["rule_points"].to_numpy(dtype=float)[given.index]
        else:
            rank[given.index] -= points
        auc, found = self._measure(np.round(rank, 9))
        return {"dropped_auc": auc - self._auc, "dropped_found": found - self._found}

    def _measure(self, rank: Floats) -> tuple[float, float]:
        return roc_auc(self._judged.label, rank), self._replay.queue(rank).work(self._room).reached


class _Shown(NamedTuple):
    """A value and its 90 % interval, rounded."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, half: float, digits: int) -> _Shown:
        # + 0.0: no negative zero
        return cls(*(round(float(at), digits) + 0.0 for at in (value, value - half, value + half)))


def _row(
    judged: Judged, name: str, given: pd.Series, *, worth: float, half: float, unit: SheetUnit
) -> dict[str, object]:
    matched = np.zeros(len(judged.label), bool)
    matched[given.index] = True
    with_it, without = judged.label[matched], judged.label[~matched]
    points = float(f"{given.mean():.4g}")
    hits = {
        "leads": len(np.unique(judged.lead[matched])),
        "others": len(np.unique(judged.lead[~matched])),
    }
    scale = _Shown.of(worth, half, 1)
    sheet = _Shown(math.nan, math.nan, math.nan)
    half_unit = (unit.high - unit.low) / 2
    verdict: Verdict
    if math.isnan(points):  # a disqualifier takes all there is
        verdict = judge_direction(-math.inf, scale.low, scale.high, **hits)
    elif unit.clear:
        sheet = _Shown.of(worth / unit.value, half / unit.value, unit.digits)
        of_unit = abs(points) * half_unit / unit.value
        verdict = judge_points(points, sheet.low, sheet.high, points_half=of_unit, **hits)
    else:
        verdict = judge_direction(points, scale.low, scale.high, **hits)
    rate_with, rate_without = float(with_it.mean()), float(without.mean()) if len(without) else math.nan
    words = verdict.words
    settled = verdict.name not in (TOO_FEW_LEADS, NOT_SETTLED)
    if settled and explained_by_others(scale.low, scale.high, rate_with, rate_without):
        words += f"; raw rates point the other way: {OTHER_RULES}"
    return {
        "rule": name,
        "kind": "disqualify" if math.isnan(points) else "points",
        "leads": hits["leads"],
        "rows": len(with_it),
        "points": points,
        "suggested": verdict.suggestion,
        "suggested_low": sheet.low,
        "suggested_high": sheet.high,
        "given": points * unit.value if unit.clear else math.nan,
        "given_half": abs(points) * half_unit if unit.clear else math.nan,
        "worth": scale.value,
        "low": scale.low,
        "high": scale.high,
        "rate_with": rate_with,
        "rate_without": rate_without,
        "alone": _alone(with_it, without),
        "verdict": verdict.name,
        "words": words,
    }


def _unmatched(name: str, points: float) -> dict[str, object]:
    why = "none has it" if points else "it gives no points, so the ledger does not say who has it"
    return {
        "rule": name, "kind": "points", "leads": 0, "rows": 0, "points": points,
        "verdict": TOO_FEW_LEADS, "words": f"{TOO_FEW_LEADS}: {why}",
    }  # fmt: skip


def _alone(with_it: Floats, without: Floats) -> float:
    """Worth by the odds ratio of the two-by-two table, half a lead added to each cell (Haldane)."""
    if not len(without):
        return math.nan
    a, b = with_it.sum() + 0.5, (1 - with_it).sum() + 0.5
    c, d = without.sum() + 0.5, (1 - without).sum() + 0.5
    return float(10 * np.log2(a * d / (b * c)))
