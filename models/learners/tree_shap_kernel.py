"""The compiled loop of ``leadlens.models.learners.tree_shap``: kept and trusted as those of ``leadlens.features.compiled.kernel``."""

from __future__ import annotations

import numba
import numpy as np

_BLOCK = 256  # rows whose values, decisions and contributions stay in the processor's cache


@numba.njit(cache=True, nogil=True, error_model="numpy")
def add_contributions(columns, forest, parts):  # type: ignore[no-untyped-def]
    """Add what every tree contributes to ``parts``, by the values in ``columns``; both (columns, rows)."""
    most = 0
    for tree in range(len(forest.nodes_of_tree) - 1):
        most = max(most, forest.nodes_of_tree[tree + 1] - forest.nodes_of_tree[tree])
    left, pattern = np.empty((most, _BLOCK), np.uint16), np.empty(_BLOCK, np.uint16)
    for start in range(0, columns.shape[1], _BLOCK):
        end = min(start + _BLOCK, columns.shape[1])
        for tree in range(len(forest.nodes_of_tree) - 1):
            first = forest.nodes_of_tree[tree]
            for node in range(first, forest.nodes_of_tree[tree + 1]):
                _decide(columns[forest.feature[node], start:end], forest, node, left[node - first])
            for piece in range(forest.pieces_of_tree[tree], forest.pieces_of_tree[tree + 1]):
                nodes = forest.nodes[forest.nodes_of_piece[piece] : forest.nodes_of_piece[piece + 1]]
                _match(left, nodes, end - start, pattern)
                at = forest.values_of_piece[piece]
                for place in range(forest.features_of_piece[piece], forest.features_of_piece[piece + 1]):
                    part = parts[forest.features[place], start:end]
                    values = forest.values[at : at + (1 << len(nodes))]
                    for row in range(end - start):
                        part[row] += values[pattern[row]]
                    at += len(values)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _decide(value, forest, node, left):  # type: ignore[no-untyped-def]
    """Which rows go left at a node."""
    flags = forest.flags[forest.flags_of_node[node] : forest.flags_of_node[node + 1]]
    threshold = forest.threshold[node]
    if len(flags):
        for row in range(len(value)):
            code = value[row]
            left[row] = code >= 0 and code < len(flags) and flags[int(code)]
    elif forest.missing_left[node]:
        for row in range(len(value)):
            left[row] = not value[row] > threshold
    else:
        for row in range(len(value)):
            left[row] = value[row] <= threshold


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _match(left, nodes, rows, pattern):  # type: ignore[no-untyped-def]
    """Each row's decisions at these nodes as the bits of a number."""
    pattern[:rows] = 0
    for bit in range(len(nodes)):
        decided = left[nodes[bit]]
        for row in range(rows):
            pattern[row] |= decided[row] << bit
