"""LightGBM's own text of a model as arrays: what decides at each node, and how many training rows went where."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NAN_IS_MISSING = 2  # of the two bits from the third on; otherwise NaN is read as 0


@dataclass(frozen=True)
class Tree:
    """One tree. Node 0 is the root; a child below zero is the leaf ``-1 - child``. Without nodes it is one leaf.

    Attributes
    ----------
    feature, threshold : per node; a value up to the threshold goes left.
    categories : per node, the codes that go left, or None for a number.
    missing_left : per node, whether a missing value goes left.
    left, right : children per node.
    rows, leaf_rows : training rows per node and per leaf.
    leaf_value : log-odds per leaf.
    """

    feature: NDArray[np.int64]
    threshold: Floats
    categories: tuple[NDArray[np.int64] | None, ...]
    missing_left: NDArray[np.bool_]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    rows: Floats
    leaf_rows: Floats
    leaf_value: Floats

    @property
    def mean(self) -> float:
        """The mean of its training rows: what it adds to the base value."""
        if len(self.leaf_value) == 1:
            return float(self.leaf_value[0])
        return float(self.leaf_value @ self.leaf_rows / self.leaf_rows.sum())

    def rows_of(self, child: int) -> float:
        """Training rows in a node, or in the leaf ``-1 - child``."""
        return float(self.rows[child] if child >= 0 else self.leaf_rows[-1 - child])


def read_trees(text: str) -> list[Tree]:
    """The trees of ``Booster.model_to_string()``, in order."""
    forest = text.partition("end of trees")[0]
    return [_tree(dict(_entries(block))) for block in forest.split("Tree=")[1:]]


def _entries(block: str) -> list[tuple[str, str]]:
    pairs = (line.partition("=") for line in block.splitlines())
    return [(name, value) for name, equals, value in pairs if equals]


def _tree(entries: dict[str, str]) -> Tree:
    def numbers(name: str, kind: type) -> NDArray[Any]:
        return np.array(entries.get(name, "").split(), dtype=kind)

    decision = numbers("decision_type", np.int64)
    threshold = numbers("threshold", np.float64)
    categorical = (decision & _CATEGORICAL) > 0
    bounds, words = numbers("cat_boundaries", np.int64), numbers("cat_threshold", np.uint32)
    sets = [_codes(words[start:end]) for start, end in pairwise(bounds)]
    # Of a number that was never missing in training, a missing value is read as 0; of a category it goes right.
    missing_left = np.where(
        (decision >> 2) & 3 == _NAN_IS_MISSING, (decision & _DEFAULT_LEFT) > 0, threshold >= 0.0
    )
    return Tree(
        feature=numbers("split_feature", np.int64),
        threshold=threshold,
        categories=tuple(
            sets[int(at)] if is_set else None for is_set, at in zip(categorical, threshold, strict=True)
        ),
        missing_left=missing_left & ~categorical,
        left=numbers("left_child", np.int64),
        right=numbers("right_child", np.int64),
        rows=numbers("internal_count", np.float64),
        leaf_rows=numbers("leaf_count", np.float64),
        leaf_value=numbers("leaf_value", np.float64),
    )


def _codes(words: NDArray[np.uint32]) -> NDArray[np.int64]:
    """The numbers of the bits that are set."""
    return np.flatnonzero(np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little")).astype(
        np.int64
    )
