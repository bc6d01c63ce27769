"""Trees whose text was broken, and whose checksum was renewed: refused in words, never the end of the process."""

from __future__ import annotations

import hashlib
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leadlens.features.errors import DataError
from leadlens.models.lead_model import LeadModel
from leadlens.models.learners.classifier import LeadClassifier
from leadlens.models.learners.tree_check import check_trees

OLD = Path(__file__).parents[1] / "assets" / "0.3.0" / "model" / "artifacts" / "bundle"
COLUMNS = 3


def forest() -> str:
    """Four trees over a category and two numbers, one of them with gaps."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "channel": rng.choice(list("abcdef"), 600),
            "visits": rng.normal(size=600),
            "income": np.where(rng.random(600) < 0.2, np.nan, rng.normal(size=600)),
        }
    )
    converted = (frame["visits"] + frame["channel"].isin(["a", "d"]) > 0.5).astype(int)
    model = LeadClassifier(n_trees=4, min_child_samples=5, cat_smooth=1.0, feature_fraction=1.0)
    text: str = model.fit(frame, converted).booster_.model_to_string()
    assert "cat_threshold" in text
    return text


FOREST = forest()


def _line(name: str, value: str) -> Callable[[str], str]:
    return lambda text: re.sub(rf"^{name}=.*$", f"{name}={value}", text, count=1, flags=re.MULTILINE)


BROKEN: dict[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "cut in the middle": lambda text: text[: len(text) // 2],
    "cut in the head": lambda text: text[:60],
    "a tree more is named": lambda text: re.sub(r"(tree_sizes=.*)", r"\1 300", text),
    "trees of another size": _line("tree_sizes", "10 20 30 40"),
    "a billion leaves": _line("num_leaves", "1000000000"),
    "no leaves": _line("num_leaves", "0"),
    "a billion columns": _line("max_feature_idx", "1000000000"),
    "a column more": _line("max_feature_idx", str(COLUMNS)),
    "a column that is not there": lambda text: re.sub(
        r"split_feature=\d+", "split_feature=99999", text, count=1
    ),
    "a column below zero": lambda text: re.sub(r"split_feature=\d+", "split_feature=-9", text, count=1),
    "a child that is not there": lambda text: re.sub(r"left_child=-?\d+", "left_child=4000", text, count=1),
    "a circle": lambda text: re.sub(r"left_child=-?\d+", "left_child=0", text, count=1),
    "a leaf that is not there": lambda text: re.sub(r"right_child=-?\d+", "right_child=-7777", text, count=1),
    "letters for numbers": lambda text: re.sub(r"leaf_value=\S+", "leaf_value=abc", text, count=1),
    "not a number": lambda text: re.sub(r"leaf_value=\S+", "leaf_value=nan", text, count=1),
    "beyond all numbers": lambda text: re.sub(r"threshold=\S+", "threshold=1e999", text, count=1),
    "too few thresholds": _line("threshold", "1"),
    "a set of categories that is not there": lambda text: re.sub(
        r"cat_boundaries=0", "cat_boundaries=900", text
    ),
    "endless sets of categories": _line("num_cat", "2000000000"),
    "linear leaves": _line("is_linear", "1"),
    "another objective": _line("objective", "lambdarank"),
    "many classes": _line("num_class", "1000000"),
    "a line of its own": lambda text: text.replace("num_cat=", "loaded=/etc/passwd\nnum_cat=", 1),
    "control characters": lambda text: text.replace("Tree=1", "Tree=\x00\x1b", 1),
    "categories of pandas": lambda text: text.replace(
        "pandas_categorical:null", 'pandas_categorical:[["a"]]'
    ),
    "something at the end": lambda text: text + "Tree=9\n",
    "no rows": lambda text: re.sub(r"internal_count=\d+", "internal_count=0", text, count=1),
}


def test_trees_of_ours_and_of_old_releases_are_read() -> None:
    check_trees(FOREST, COLUMNS)
    alone = LeadClassifier(n_trees=2).fit(pd.DataFrame({"x": [0.0] * 100}), [0, 1] * 50)
    check_trees(alone.booster_.model_to_string(), 1)
    signs = LeadClassifier(n_trees=2, min_child_samples=5, monotone={0: 1})
    rows = np.arange(400.0).reshape(200, 2)
    check_trees(signs.fit(rows, (rows[:, 0] > 200).astype(int)).booster_.model_to_string(), 2)
    LeadModel.load(OLD)


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_trees_are_refused_in_words(kind: str) -> None:
    broken = BROKEN[kind](FOREST)
    assert broken != FOREST
    with pytest.raises(DataError, match="trees of this model cannot be read"):
        check_trees(broken, COLUMNS)


@pytest.mark.parametrize(
    "kind", ["a billion leaves", "a circle", "letters for numbers", "a column that is not there"]
)
def test_a_renewed_checksum_does_not_help(kind: str, tmp_path: Path) -> None:
    for name in ("model.json", "recipe.json"):
        (tmp_path / name).write_bytes((OLD / name).read_bytes())
    broken = BROKEN[kind]((OLD / "trees.txt").read_text())
    (tmp_path / "trees.txt").write_text(broken)
    data = json.loads((tmp_path / "model.json").read_text())
    data["trees_sha256"] = hashlib.sha256(broken.encode()).hexdigest()
    (tmp_path / "model.json").write_text(json.dumps(data))
    with pytest.raises(DataError, match="trees of this model cannot be read"):
        LeadModel.load(tmp_path)


def test_files_without_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / "trees.txt").write_text("tree\n")
    with (tmp_path / "model.json").open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    with pytest.raises(DataError, match="has more than 64 MB"):
        LeadModel.load(tmp_path)
    (tmp_path / "model.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="no readable model"):
        LeadModel.load(tmp_path)


def mutated(text: str, rng: random.Random) -> str:
    """A line or a number of the text, changed at random."""
    lines = text.split("\n")
    at = rng.randrange(len(lines[: None if rng.random() < 0.1 else -115]))
    match rng.randrange(5):
        case 0:
            lines.pop(at)
        case 1:
            lines.insert(at, rng.choice(lines))
        case 2:
            lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
        case 3:
            odd = rng.choice(
                ["-1", "0", "1e308", "nan", "", "99999999999", "x", "2147483647", "-2147483648", "3"]
            )
            numbers = list(re.finditer(r"-?\d+(\.\d+)?(e-?\d+)?", lines[at]))
            if numbers:
                one = rng.choice(numbers)
                lines[at] = lines[at][: one.start()] + odd + lines[at][one.end() :]
        case 4:
            place = rng.randrange(len(text))
            return text[:place] + chr(rng.randrange(128)) + text[place + 1 :]
    return "\n".join(lines)


_CHILD = """
import random, sys
import lightgbm as lgb, numpy as np
from leadlens.features.errors import DataError
from leadlens.models.learners.tree_check import check_trees
from leadlens.models.learners.tree_shap import TreeShap
from tests.models.test_tree_check import COLUMNS, FOREST, mutated
rng, read = random.Random(int(sys.argv[1])), 0
rows = np.array([[0, 1.5, np.nan], [5, -2, 3], [np.nan, 0, 0], [1e9, 1e300, -1e300]])
for _ in range(int(sys.argv[2])):
    text = mutated(FOREST, rng)
    try:
        check_trees(text, COLUMNS)
    except DataError:
        continue
    try:
        booster = lgb.Booster(model_str=text)
    except (lgb.basic.LightGBMError, ValueError):
        continue
    booster.predict(rows, raw_score=True)
    TreeShap.of(booster.model_to_string()).contributions(rows)
    read += 1
print(read)
"""


def test_what_passes_can_be_walked() -> None:
    """In a process of its own: what the check lets through by mistake ends it."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, "1", "400"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert 20 < int(done.stdout.split()[-1]) < 300  # harmless changes are read, most are not


def test_a_split_between_missing_and_known_is_read() -> None:
    """LightGBM writes its threshold as ``inf``."""
    rng = np.random.default_rng(1)
    income = pd.Series(rng.normal(size=600)).where(rng.random(600) < 0.5)
    converted = (income.isna() & (rng.random(600) < 0.8)).astype(int)
    fitted = LeadClassifier(n_trees=2, min_child_samples=5, feature_fraction=1.0)
    text = fitted.fit(pd.DataFrame({"income": income}), converted).booster_.model_to_string()
    assert re.search(r"^threshold=.*\binf\b", text, flags=re.MULTILINE)
    check_trees(text, 1)
    with pytest.raises(DataError):
        check_trees(re.sub(r"^leaf_value=.*$", "leaf_value=inf 1 2", text, flags=re.MULTILINE), 1)
