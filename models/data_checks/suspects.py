"""Likely leaks: single columns that nearly determine the outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from leadlens.features.columns import FeatureColumn
from leadlens.models.statistics import roc_auc, weighted_mean

_TOO_GOOD = 0.95
_FEWEST_CONVERSIONS = 20


@dataclass(frozen=True)
class Suspect:
    """A feature that may have been filled in after the outcome.

    ``source`` is the user's column or the condition it is made from, ``auc`` its ROC AUC alone, ``filled_only``
    whether it is known (almost) only for leads that converted.
    """

    column: str
    source: str
    auc: float
    filled_only: bool

    @property
    def message(self) -> str:
        """What is suspected, and what to do."""
        evidence = (
            "is filled in almost only for leads that converted"
            if self.filled_only
            else f"alone tells conversions apart (ROC AUC {self.auc:.3f})"
        )
        if self.source.startswith(("leads.", "accounts.")):
            fix = f"if it is known only afterwards, list {self.source.partition('.')[2]} under known_after"
        else:
            fix = "if such events are recorded with the sale or after it, leave them out by data.events.where"
        return f"{self.column} {evidence}: {fix}"


def find_suspects(
    frame: pd.DataFrame,
    label: pd.Series,
    columns: tuple[FeatureColumn, ...],
    weight: pd.Series | None = None,
) -> list[Suspect]:
    """Single-column checks of attributes, on (rows, columns) and 0/1 labels; worst first.

    A category is ranked by the other half's conversion rates, so that many rare values do not seem strong by
    chance. Behavioural counts are checked too: an event recorded at the sale shows here. ``weight`` says how many rows
    each stands for, 1 by default.
    """
    y = label.to_numpy(dtype=np.float64)
    w = np.ones(len(y)) if weight is None else weight.to_numpy(dtype=np.float64)
    if min(y.sum(), len(y) - y.sum()) < _FEWEST_CONVERSIONS:
        return []
    rng = np.random.default_rng(0)
    half = rng.random(len(y)) < 0.5
    suspects = []
    for column in columns:
        values = frame[column.name]
        filled_only = _filled_only(values.notna().to_numpy(), y, w)
        auc = auc_alone(values, column.kind, y, half, w)
        if auc >= _TOO_GOOD or filled_only:
            suspects.append(Suspect(column.name, column.condition, auc, filled_only))
    return sorted(suspects, key=lambda suspect: -suspect.auc)


def auc_alone(
    values: pd.Series, kind: str, y: np.ndarray, half: np.ndarray, weight: np.ndarray | None = None
) -> float:
    """ROC AUC of one column for 0/1 labels, in the better direction, by its values or by whether it is known.

    A category is ranked by the rates of the rows of the other ``half``.
    """
    w = np.ones(len(y)) if weight is None else weight
    known = values.notna().to_numpy()
    score = values.to_numpy(dtype=np.float64) if kind == "number" else _encoded(values, y, w, half)
    return max(_auc(np.where(known, score, np.nan), y, w), _auc(known.astype(float), y, w))


def _filled_only(known: np.ndarray, y: np.ndarray, w: np.ndarray) -> bool:
    if known.sum() < _FEWEST_CONVERSIONS or weighted_mean(known, w) > 0.9:
        return False
    found = (w * y)[known].sum() > 0.2 * (w * y).sum()
    return bool(found and weighted_mean(y[known], w[known]) > 0.9 and weighted_mean(y, w) < 0.7)


def _encoded(values: pd.Series, y: np.ndarray, w: np.ndarray, half: np.ndarray) -> np.ndarray:
    codes = pd.factorize(values)[0] + 1
    encoded = np.empty(len(y))
    for learn in (half, ~half):
        hits = np.bincount(codes[learn], (w * y)[learn], minlength=codes.max() + 1)
        rows = np.bincount(codes[learn], w[learn], minlength=codes.max() + 1)
        encoded[~learn] = ((hits + weighted_mean(y, w)) / (rows + 1))[codes[~learn]]
    return encoded


def _auc(score: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """ROC AUC in the better of both directions."""
    auc = roc_auc(y, score, w)
    return max(auc, 1 - auc)
