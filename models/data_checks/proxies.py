"""Features that stand in for a protected column: what is kept out comes back by another name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadlens.features.columns import FeatureColumn
from leadlens.models.data_checks.quick_look import quick_look
from leadlens.models.data_checks.suspects import auc_alone

STRONG = 0.7  # ROC AUC from which a feature says a good deal of the group
_FEWEST, _MOST_GROUPS, _MOST_ROWS, _NAMED = 30, 6, 20_000, 5


@dataclass(frozen=True, kw_only=True)
class Proxies:
    """How well features tell the groups of a protected column apart.

    Attributes
    ----------
    column : the protected column. strongest : label of the feature, its ROC AUC alone, and the group that it tells from
        the others; the strongest first.
    together, of : ROC AUC of an additive model of all features for the group ``of``, on leads that it did not learn from; ``None``
        where there are too few.
    """

    column: str
    strongest: tuple[tuple[str, float, str], ...]
    together: float | None
    of: str

    @property
    def found(self) -> bool:
        """Whether features stand in for the column."""
        return any(auc >= STRONG for _, auc, _ in self.strongest) or (self.together or 0.0) >= STRONG

    @property
    def message(self) -> str:
        """What features say of the column, and what to do."""
        strong = [each for each in self.strongest if each[1] >= STRONG] or list(self.strongest[:1])
        named = ", ".join(
            f"“{label}” (ROC AUC {auc:.2f} for {group})" for label, auc, group in strong[:_NAMED]
        )
        more = f" and {len(strong) - _NAMED} more" if len(strong) > _NAMED else ""
        all_of_them = (
            ""
            if self.together is None
            else f"; all features together tell {self.of} by a ROC AUC of {self.together:.2f}"
        )
        if self.found:
            return (
                f"{self.column} is protected, and features stand in for it: {named}{more}{all_of_them}. The groups are in the report; "
                "features.drop leaves a column out"
            )
        return f"{self.column} is protected, and no feature stands in for it; the strongest is {named}{all_of_them}"


def find_proxies(
    frame: pd.DataFrame,
    columns: Sequence[FeatureColumn],
    groups: pd.DataFrame,
    lead: pd.Series,
    seed: int = 0,
) -> list[Proxies]:
    """Hold every feature against every group of every protected column, by training rows.

    Parameters
    ----------
    frame : rows by features. groups : the same rows by protected columns, as texts. lead : whose row each is.

    Of more than 20,000 rows a sample is taken; groups of fewer than thirty rows, and beyond the six largest, are passed over.
    """
    rng = np.random.default_rng(seed)
    if len(frame) > _MOST_ROWS:
        rows = np.sort(rng.permutation(len(frame))[:_MOST_ROWS])
        frame, groups, lead = frame.iloc[rows], groups.iloc[rows], lead.iloc[rows]
    half = rng.random(len(frame)) < 0.5
    found = []
    for name in groups:
        values = groups[name].to_numpy(object)
        sizes = pd.Series(values).value_counts()
        kept = [group for group in sizes.index if _FEWEST <= sizes[group] <= len(values) - _FEWEST]
        best: dict[str, tuple[float, str]] = {}
        for group in kept[: 1 if len(sizes) == 2 else _MOST_GROUPS]:  # of two, each tells the other
            there = (values == group).astype(float)
            for column in columns:
                auc = auc_alone(frame[column.name], column.kind, there, half)
                if auc > best.get(column.label, (0.0, ""))[0]:
                    best[column.label] = (auc, str(group))
        if not best:
            continue
        label = pd.Series((values == kept[0]).astype(int), index=frame.index)
        look = quick_look(frame[[column.name for column in columns]], label, lead=lead, as_of=None, seed=seed)
        ranked = sorted(best.items(), key=lambda each: -each[1][0])
        found.append(
            Proxies(
                column=str(name),
                strongest=tuple((feature, auc, group) for feature, (auc, group) in ranked),
                together=None if look is None else look.ranking.roc_auc,
                of=str(kept[0]),
            )
        )
    return found
