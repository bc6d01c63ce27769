"""The point audit: the points of each hand-written rule beside those that the conversions support."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.judging.lenses import Judged
from models.judging.ridge import Floats, ridge_logistic
from models.judging.verdicts import Verdict, judge_rule
from models.scale import POINTS_PER_LOG_ODDS
from models.statistics import Z

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
    judged: Judged, ledger: pd.DataFrame, unit: SheetUnit, rules: Mapping[str, float] | None = None
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

    Returns
    -------
    rule, kind (points / disqualify), leads, rows, points (mean where it matched, sheet's unit),
    given (the same on the common scale), rate_with, rate_without, alone (worth by itself), worth, low, high
    (90 %), suggested (worth in the sheet's unit), verdict, words.
    """
    matched = _matched(judged, ledger)
    names = list(matched)
    design = np.zeros((len(judged.label), len(names)))
    for column, name in enumerate(names):
        design[matched[name].index, column] = 1
    estimable = (design.sum(axis=0) > 0) & (design.sum(axis=0) < len(design))
    fit = ridge_logistic(design[:, estimable], judged.label, judged.lead)
    worth, half = (np.full(len(names), np.nan) for _ in range(2))
    worth[estimable] = POINTS_PER_LOG_ODDS * fit.coefficient
    half[estimable] = POINTS_PER_LOG_ODDS * Z * fit.error
    rows = [
        _row(judged, name, matched[name], worth=worth[i], half=half[i], unit=unit)
        for i, name in enumerate(names)
    ] + [_unmatched(name, points) for name, points in (rules or {}).items() if name not in matched]
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return table.sort_values(["kind", "points"], ascending=[False, False], kind="stable", ignore_index=True)


_COLUMNS = [
    "rule", "kind", "leads", "rows", "points", "given", "rate_with", "rate_without",
    "alone", "worth", "low", "high", "suggested", "verdict", "words",
]  # fmt: skip


def _matched(judged: Judged, ledger: pd.DataFrame) -> dict[str, pd.Series]:
    """Rule → its points, indexed by the row's position; disqualifiers last, with no points."""
    place = pd.Series(np.arange(len(judged.label)), index=judged.frame["row_id"].to_numpy())
    lines = ledger[ledger["row_id"].isin(place.index)]
    moves_total = lines["counts"] if "counts" in lines else lines["dimension"].isin(TOTAL)
    lines = lines[moves_total | ~lines["rule"].isin(lines.loc[moves_total, "rule"].unique())]
    points = (
        lines.assign(place=place.loc[lines["row_id"]].to_numpy()).groupby(["rule", "place"])["points"].sum()
    )
    matched = {str(rule): given.droplevel("rule") for rule, given in points.groupby(level="rule")}
    out = judged.frame["disqualified"].astype(bool)
    reason = judged.frame.get("disqualified_by", pd.Series("", index=out.index)).where(out)
    for why, group in reason.dropna().groupby(reason.dropna().astype(str)):
        name = f"Disqualified: {why}" if why else "Disqualified"
        matched[name] = pd.Series(np.nan, index=group.index)
    return matched


def _row(
    judged: Judged, name: str, given: pd.Series, *, worth: float, half: float, unit: SheetUnit
) -> dict[str, object]:
    matched = np.zeros(len(judged.label), bool)
    matched[given.index] = True
    with_it, without = judged.label[matched], judged.label[~matched]
    points = float(given.mean())
    on_scale = points * unit.value if unit.clear else float("nan")
    leads = len(np.unique(judged.lead[matched]))
    others = len(np.unique(judged.lead[~matched]))
    low, high = worth - half, worth + half
    verdict: Verdict = judge_rule(points, on_scale, worth, low, high, leads=leads, others=others)
    return {
        "rule": name,
        "kind": "disqualify" if np.isnan(points) else "points",
        "leads": leads,
        "rows": len(with_it),
        "points": points,
        "given": on_scale,
        "rate_with": float(with_it.mean()),
        "rate_without": float(without.mean()) if len(without) else float("nan"),
        "alone": _alone(with_it, without),
        "worth": worth,
        "low": low,
        "high": high,
        "suggested": worth / unit.value if unit.clear and not np.isnan(points) else float("nan"),
        "verdict": verdict.verdict,
        "words": verdict.words,
    }


def _unmatched(name: str, points: float) -> dict[str, object]:
    return {
        "rule": name, "kind": "points", "leads": 0, "rows": 0, "points": points,
        "verdict": "no evidence", "words": "no evidence (it matched no lead)",
    }  # fmt: skip


def _alone(with_it: Floats, without: Floats) -> float:
    """Worth by the odds ratio of the two-by-two table, half a lead added to each cell (Haldane)."""
    if not len(without):
        return float("nan")
    a, b = with_it.sum() + 0.5, (1 - with_it).sum() + 0.5
    c, d = without.sum() + 0.5, (1 - without).sum() + 0.5
    return float(10 * np.log2(a * d / (b * c)))
