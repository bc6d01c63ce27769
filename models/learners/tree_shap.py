"""Exact SHAP values of shallow trees, looked up by the pattern of a row's decisions.

What TreeSHAP defines (Lundberg et al. 2020, "path-dependent") depends on a row only through the way it goes at each
node. A subtree of few nodes, with the nodes above it, has few such patterns: what each adds to each feature is worked
out once, by the definition, and looked up for every row. LightGBM works it out anew for every row and leaf, which on
trees of 24 leaves takes eighty times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from leadlens.models.learners.tree_text import Tree, read_trees

Floats = NDArray[np.float64]
Way = tuple[tuple[int, bool], ...]  # the nodes from the root on, and whether it goes left there
_MOST_DECISIONS = 7  # of a piece: 128 patterns, whose values stay in the processor's cache


class _Leaf:
    """A leaf as its features see it.

    Attributes
    ----------
    share : per feature on the way to it, the share of the training rows that the feature let pass.
    decisions : per feature, its nodes on the way, and whether the way goes left there.
    values : see ``_work_out``.
    """

    values: Floats

    def __init__(self, tree: Tree, leaf: int, way: Way) -> None:
        self.value = float(tree.leaf_value[leaf])
        self.share: dict[int, float] = {}
        self.decisions: dict[int, list[tuple[int, bool]]] = {}
        for node, goes_left in way:
            feature, child = int(tree.feature[node]), int((tree.left if goes_left else tree.right)[node])
            self.share[feature] = self.share.get(feature, 1.0) * tree.rows_of(child) / float(tree.rows[node])
            self.decisions.setdefault(feature, []).append((node, goes_left))


class _Piece(NamedTuple):
    """A subtree: the nodes above it, then its own; and its leaves."""

    nodes: tuple[int, ...]
    leaves: tuple[_Leaf, ...]


class Forest(NamedTuple):
    """What the compiled loop reads: trees, nodes, pieces and values end to end, and where each one's begin.

    A node has a flag per category code, set where it goes left, or none for a number. Values of a piece are by feature
    and by the pattern of its nodes.
    """

    nodes_of_tree: NDArray[np.int64]
    pieces_of_tree: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: Floats
    missing_left: NDArray[np.bool_]
    flags: NDArray[np.bool_]
    flags_of_node: NDArray[np.int64]
    nodes: NDArray[np.int64]  # by their place in the tree
    nodes_of_piece: NDArray[np.int64]
    features: NDArray[np.int64]
    features_of_piece: NDArray[np.int64]
    values: Floats
    values_of_piece: NDArray[np.int64]


@dataclass(frozen=True)
class TreeShap:
    """A forest, ready to explain rows.

    Attributes
    ----------
    base_value : log-odds while no feature is known.
    """

    base_value: float
    _forest: Forest

    @classmethod
    def of(cls, text: str) -> Self | None:
        """From LightGBM's text of a model; ``None`` if a leaf lies below more than seven nodes."""
        trees = read_trees(text)
        if any(
            len(way) > _MOST_DECISIONS
            for tree in trees
            if len(tree.feature)
            for _, way in _below(tree, 0, ())[1]
        ):
            return None
        pieces = [list(_pieces(tree)) for tree in trees]
        return cls(sum(tree.mean for tree in trees), _forest(trees, pieces))

    def contributions(self, matrix: Floats) -> Floats:
        """Log-odds per row and column, and in the last column the base value; columns are contiguous.

        A row sums to its log-odds up to rounding, and does not depend on the others. Fastest where the columns of
        ``matrix`` are contiguous too.
        """
        parts = np.zeros((len(matrix), matrix.shape[1] + 1), order="F")
        self.add_to(parts[:, :-1], matrix, 1.0)
        parts[:, -1] = self.base_value
        return parts

    def add_to(self, parts: Floats, matrix: Floats, share: float) -> None:
        """Add a share of the contributions, without the base value, to ``parts`` (rows, columns)."""
        from leadlens.models.learners.tree_shap_kernel import (
            add_contributions,  # numba takes a while to import
        )

        columns = np.asfortranarray(matrix, dtype=np.float64).T
        used, places = self._used
        values = np.zeros((len(used), columns.shape[1]))
        add_contributions(columns, self._forest._replace(features=places), values)
        for column, added in zip(used, values, strict=True):
            parts[:, column] += share * added

    @cached_property
    def _used(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The columns that any tree asks about; no other contributes. And the forest's ``features`` by their places."""
        used, places = np.unique(self._forest.features, return_inverse=True)
        return used, places.astype(np.int64)


def _pieces(tree: Tree) -> Iterator[_Piece]:
    """Cut a tree into subtrees of few decisions, from the top."""
    waiting: list[tuple[int, Way]] = [(0, ())] if len(tree.feature) else []
    while waiting:
        root, way = waiting.pop()
        own, leaves = _below(tree, root, way)
        if root < 0 or len(way) + len(own) <= _MOST_DECISIONS:
            nodes = (*(node for node, _ in way), *own)
            yield _Piece(nodes, tuple(_Leaf(tree, *leaf) for leaf in leaves))
        else:
            waiting += _children(tree, root, way)


def _children(tree: Tree, node: int, way: Way) -> list[tuple[int, Way]]:
    return [(int(tree.left[node]), (*way, (node, True))), (int(tree.right[node]), (*way, (node, False)))]


def _below(tree: Tree, root: int, way: Way) -> tuple[tuple[int, ...], tuple[tuple[int, Way], ...]]:
    """The nodes of a subtree, and its leaves with the way to each."""
    if root < 0:
        return (), ((-1 - root, way),)
    (left, left_leaves), (right, right_leaves) = (
        _below(tree, child, to) for child, to in _children(tree, root, way)
    )
    return (root, *left, *right), (*left_leaves, *right_leaves)


def _forest(trees: Sequence[Tree], pieces: Sequence[Sequence[_Piece]]) -> Forest:
    every = [piece for of_tree in pieces for piece in of_tree]
    _work_out([leaf for piece in every for leaf in piece.leaves])
    flags = [flag for tree in trees for flag in _category_flags(tree)]
    nodes = [np.array(piece.nodes) for piece in every]
    features = [np.array(sorted({name for leaf in piece.leaves for name in leaf.share})) for piece in every]
    values = [_values(piece, of_piece) for piece, of_piece in zip(every, features, strict=True)]
    return Forest(
        nodes_of_tree=_starts([tree.feature for tree in trees]),
        pieces_of_tree=_starts(pieces),
        feature=np.concatenate([tree.feature for tree in trees]),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        missing_left=np.concatenate([tree.missing_left for tree in trees]),
        flags=np.concatenate([np.empty(0, bool), *flags]),
        flags_of_node=_starts(flags),
        nodes=np.concatenate([np.empty(0, np.int64), *nodes]),
        nodes_of_piece=_starts(nodes),
        features=np.concatenate([np.empty(0, np.int64), *features]),
        features_of_piece=_starts(features),
        values=np.concatenate([np.empty(0), *values]),
        values_of_piece=_starts(values),
    )


def _starts(parts: Sequence[Any]) -> NDArray[np.int64]:
    return np.cumsum([0, *map(len, parts)])


def _category_flags(tree: Tree) -> Iterator[NDArray[np.bool_]]:
    """For each node a flag per code, set where it goes left: none of them for a number."""
    for codes in tree.categories:
        flag = np.zeros(0 if codes is None else 1 + int(codes.max(initial=0)), bool)
        flag[[] if codes is None else codes] = True
        yield flag


def _work_out(leaves: Sequence[_Leaf]) -> None:
    """Give each leaf its ``values``, (features, passes): its Shapley values by which features let the row pass (bit = 1).

    A feature that is known lets a row pass with probability 1 or 0, one that is not with its share of the training
    rows. All leaves below equally many features are worked out at once.
    """
    for size in {len(leaf.share) for leaf in leaves}:
        chosen = [leaf for leaf in leaves if len(leaf.share) == size]
        share = np.array([list(leaf.share.values()) for leaf in chosen]).T[:, :, None]
        passes = ((np.arange(2**size) >> np.arange(size)[:, None]) & 1)[:, None, :]
        weight = [1.0 / size]  # of k known others among size - 1: k! (size - 1 - k)! / size!
        for known in range(1, size):
            weight.append(weight[-1] * known / (size - known))
        values = np.empty((len(chosen), size, 2**size))
        for at in range(size):
            terms = np.zeros((size, len(chosen), 2**size))  # by how many of the others are known
            terms[0] = 1.0
            for other in (other for other in range(size) if other != at):
                terms[1:] = terms[1:] * share[other] + terms[:-1] * passes[other]
                terms[0] *= share[other]
            values[:, at] = (passes[at] - share[at]) * np.tensordot(weight, terms, 1)
        for leaf, of_leaf in zip(chosen, values, strict=True):
            leaf.values = leaf.value * of_leaf


def _values(piece: _Piece, features: NDArray[np.int64]) -> Floats:
    """For each feature, and each pattern of the piece's decisions (bit = 1: left), what its leaves add; end to end."""
    place = {node: bit for bit, node in enumerate(piece.nodes)}
    patterns = np.arange(2 ** len(piece.nodes))
    total = np.zeros((len(features), len(patterns)))
    for leaf in piece.leaves:
        passes = np.zeros_like(patterns)
        for at, decisions in enumerate(leaf.decisions.values()):
            nodes = sum(1 << place[node] for node, _ in decisions)
            wanted = sum(1 << place[node] for node, goes_left in decisions if goes_left)
            passes |= (patterns & nodes == wanted).astype(np.int64) << at
        total[np.searchsorted(features, list(leaf.share))] += leaf.values[:, passes]
    return total.ravel()
