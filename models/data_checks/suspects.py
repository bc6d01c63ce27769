"""Likely leaks: single columns that nearly determine the outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.columns import FeatureColumn
from models.statistics import roc_auc

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


def find_suspects(frame: pd.DataFrame, label: pd.Series, columns: tuple[FeatureColumn, ...]) -> list[Suspect]:
    """Single-column checks of attributes, on (rows, columns) and 0/1 labels; worst first.

    A category is ranked by the other half's conversion rates, so that many rare values do not seem strong by
    chance. Behavioural counts are checked too: an event recorded at the sale shows here.
    """
    y = label.to_numpy(dtype=np.float64)
    if min(y.sum(), len(y) - y.sum()) < _FEWEST_CONVERSIONS:
        return []
    rng = np.random.default_rng(0)
    half = rng.random(len(y)) < 0.5
    suspects = []
    for column in columns:
        values = frame[column.name]
        known = values.notna().to_numpy()
        filled_only = _filled_only(known, y)
        score = values.to_numpy(dtype=np.float64) if column.kind == "number" else _encoded(values, y, half)
        auc = max(_auc(np.where(known, score, np.nan), y), _auc(known.astype(float), y))
        if auc >= _TOO_GOOD or filled_only:
            suspects.append(Suspect(column.name, column.condition, auc, filled_only))
    return sorted(suspects, key=lambda suspect: -suspect.auc)


def _filled_only(known: np.ndarray, y: np.ndarray) -> bool:
    if known.sum() < _FEWEST_CONVERSIONS or known.mean() > 0.9:
        return False
    return bool(y[known].mean() > 0.9 and y[known].sum() > 0.2 * y.sum() and y.mean() < 0.7)


def _encoded(values: pd.Series, y: np.ndarray, half: np.ndarray) -> np.ndarray:
    codes = pd.factorize(values)[0] + 1
    encoded = np.empty(len(y))
    for learn in (half, ~half):
        hits = np.bincount(codes[learn], y[learn], minlength=codes.max() + 1)
        rows = np.bincount(codes[learn], minlength=codes.max() + 1)
        encoded[~learn] = ((hits + y.mean()) / (rows + 1))[codes[~learn]]
    return encoded


def _auc(score: np.ndarray, y: np.ndarray) -> float:
    """ROC AUC in the better of both directions."""
    auc = roc_auc(y, score)
    return max(auc, 1 - auc)
