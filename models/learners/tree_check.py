"""Strict reading of LightGBM's text of a model before the library sees it: what is broken would abort the process."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadlens.features.errors import DataError

MOST_BYTES = 64 << 20
_MOST_TREES, _MOST_LEAVES, _MOST_WORDS = 20_000, 1024, 1 << 16
_NUMBER = r"-?(?:\d{1,25}(?:\.\d{1,25})?)(?:e[+-]?\d{1,3})?"
_FLOATS = re.compile(rf"{_NUMBER}(?: {_NUMBER})*")
# A split that tells missing values from all others is at infinity.
_THRESHOLDS = re.compile(rf"(?:{_NUMBER}|-?inf)(?: (?:{_NUMBER}|-?inf))*")
_INTEGERS = re.compile(r"-?\d{1,18}(?: -?\d{1,18})*")
_INFO = rf"(?:none|\[{_NUMBER}:{_NUMBER}\]|-?\d{{1,10}}(?::-?\d{{1,10}})*)"
_HEADER = re.compile(
    r"tree\nversion=v\d\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
    r"max_feature_idx=(?P<last>\d{1,6})\nobjective=binary sigmoid:1\n"
    r"feature_names=(?P<names>[^\n]*)\n(?:monotone_constraints=(?P<signs>-?[01](?: -?[01])*)\n)?"
    rf"feature_infos=(?P<infos>{_INFO}(?: {_INFO})*)\ntree_sizes=(?P<sizes>\d{{1,8}}(?: \d{{1,8}})*)\n\n"
)
_END = re.compile(
    r"end of trees\n\nfeature_importances:\n(?:[^\s=\[\]]+=\d+\n)*\n"
    r"parameters:\n(?:\[\w+: [^\n\[\]]{0,100000}\]\n)*\nend of parameters\n\npandas_categorical:null\n*"
)
_NODE_ENTRIES = (
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    "internal_value",
    "internal_weight",
    "internal_count",
)
_WHOLE = {"split_feature", "decision_type", "left_child", "right_child", "internal_count", "leaf_count"}
_WHOLE |= {"cat_boundaries", "cat_threshold"}
_SINGLE = ("num_leaves", "num_cat", "is_linear", "shrinkage")
_ALL = {*_NODE_ENTRIES, *_WHOLE, *_SINGLE, "leaf_value", "leaf_weight"}


def check_trees(text: str, features: int) -> None:
    """Raise ``DataError`` unless ``text`` is a forest over so many ``features`` that LightGBM can read and walk."""
    try:
        _check(text, features)
    except (_BrokenError, ValueError, OverflowError) as error:
        raise DataError(
            "the trees of this model cannot be read",
            value=str(error),
            why="their text was changed after it was saved, and the library would crash on it",
            fix="restore trees.txt from a backup, or train again",
        ) from None


class _BrokenError(Exception):
    """What is wrong with the text."""


def _check(text: str, features: int) -> None:
    _require(len(text) <= MOST_BYTES and text.isascii(), f"{len(text):,} characters, or not plain ones")
    header = _HEADER.match(text)
    if header is None:
        raise _BrokenError("its header is not one that Leadlens writes")
    width = int(header["last"]) + 1
    _require(width == features, f"made for {width:,} columns, where the model has {features:,}")
    for name in ("names", "infos", "signs"):
        if header[name] is not None:
            _require(len(header[name].split(" ")) == width, f"feature_{name} are not {width:,}")
    sizes = [int(size) for size in header["sizes"].split(" ")]
    _require(len(sizes) <= _MOST_TREES, f"{len(sizes):,} trees")
    start = header.end()
    for number, size in enumerate(sizes):
        block = text[start : start + size]
        first, _, entries = block.partition("\n")
        _require(
            first == f"Tree={number}" and block.endswith("\n\n\n"), f"tree {number} is not where it should be"
        )
        try:
            _check_tree(_entries(entries), width)
        except (_BrokenError, ValueError, OverflowError) as error:
            raise _BrokenError(f"tree {number}: {error}") from None
        start += size
    _require(_END.fullmatch(text, start) is not None, "its end is not that of a forest of ours")


def _entries(block: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    for line in block.rstrip("\n").split("\n"):
        name, equals, value = line.partition("=")
        _require(bool(equals) and name in _ALL and name not in entries, f"the line {line[:40]!r}")
        entries[name] = value
    _require(
        {*_SINGLE, *_NODE_ENTRIES, "leaf_value", "leaf_count", "leaf_weight"} <= set(entries),
        "lines are missing",
    )
    return entries


def _check_tree(entries: dict[str, str], width: int) -> None:
    numbers = {name: _numbers(name, value) for name, value in entries.items()}
    for name in _SINGLE:
        _require(len(numbers[name]) == 1, f"{name} is not one number")
    leaves, sets = int(entries["num_leaves"]), int(entries["num_cat"])
    nodes = leaves - 1
    _require(1 <= leaves <= _MOST_LEAVES and entries["is_linear"] == "0", f"{leaves:,} leaves")
    for name in _NODE_ENTRIES:
        _require(len(numbers[name]) == nodes, f"{name} is not {nodes} numbers")
    _require(
        len(numbers["leaf_value"]) == len(numbers["leaf_count"]) == leaves, f"its leaves are not {leaves}"
    )
    _require(len(numbers["leaf_weight"]) in (leaves, 0), f"leaf_weight is not {leaves} numbers")
    if nodes:
        _check_nodes(numbers, leaves, width)
    _check_sets(numbers, sets)


def _check_nodes(numbers: dict[str, NDArray[Any]], leaves: int, width: int) -> None:
    feature, kind = numbers["split_feature"], numbers["decision_type"]
    _require(
        bool(((feature >= 0) & (feature < width)).all()), "split_feature names a column that is not there"
    )
    _require(bool(((kind >= 0) & (kind < 16)).all()), "an unknown decision_type")
    _require(
        bool((numbers["internal_count"] > 0).all() and (numbers["leaf_count"] >= 0).all()), "rows below zero"
    )
    _require(bool(numbers["leaf_count"].sum() > 0), "no rows")
    children = np.concatenate([numbers["left_child"], numbers["right_child"]])
    wanted = np.concatenate([np.arange(-leaves, 0), np.arange(1, leaves - 1)])
    _require(np.array_equal(np.sort(children), wanted), "its nodes are no tree")
    later = (children < 0) | (children > np.tile(np.arange(leaves - 1), 2))
    _require(bool(later.all()), "its nodes go round in a circle")
    chosen = numbers["threshold"][kind & 1 == 1]
    sets = len(numbers.get("cat_boundaries", np.zeros(1))) - 1
    known = (chosen >= 0) & (chosen < sets) & (chosen == np.floor(chosen))
    _require(bool(known.all()), "a set of categories that is not there")


def _check_sets(numbers: dict[str, NDArray[Any]], sets: int) -> None:
    none = np.zeros(0, np.int64)
    bounds, words = numbers.get("cat_boundaries", none), numbers.get("cat_threshold", none)
    if sets == 0:
        _require(len(bounds) == len(words) == 0, "sets of categories that nothing asks for")
        return
    _require(len(words) <= _MOST_WORDS and len(bounds) == sets + 1, f"its sets of categories are not {sets}")
    _require(
        bounds[0] == 0 and bounds[-1] == len(words) and bool((np.diff(bounds) > 0).all()), "bounds of sets"
    )
    _require(bool(((words >= 0) & (words < 1 << 32)).all()), "categories beyond 32 bits")


def _numbers(name: str, text: str) -> NDArray[Any]:
    pattern = _INTEGERS if name in _WHOLE else _THRESHOLDS if name == "threshold" else _FLOATS
    _require(not text or pattern.fullmatch(text) is not None, f"{name} holds what is no number")
    values = np.array(text.split(), dtype=np.int64 if name in _WHOLE else np.float64)
    _require(name == "threshold" or bool(np.isfinite(values).all()), f"{name} holds what is not finite")
    return values


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _BrokenError(otherwise)
