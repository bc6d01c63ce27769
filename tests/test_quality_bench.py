"""The benchmark of quality: its differences are paired and signed, and peers read the rows that were exported, in their order."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import peers, quality
from benchmarks.quality import ALONE, OURS, SHEET, Judged, figures_of, tables_of


@pytest.fixture
def judged() -> Judged:
    """Leadlens knows the odds, one peer half of them, the other less, the sheet nothing."""
    rng = np.random.default_rng(3)
    odds = rng.normal(size=600)
    result = Judged((rng.random(600) < 1 / (1 + np.exp(-odds))).astype(float), np.arange(600) // 2)
    for lens, slope in (
        (OURS, 1.0),
        (ALONE, 0.9),
        ("logistic_regression", 0.5),
        ("flaml", -0.2),
        (SHEET, 0.0),
    ):
        for seed in (0, 1):
            result.add(lens, 1 / (1 + np.exp(-slope * odds - 0.01 * seed)))
    return result


def test_a_gap_is_positive_where_leadlens_is_better_whatever_the_metric(judged: Judged) -> None:
    gaps = judged.gaps(OURS, resamples=50)
    assert judged.best_peer("log_loss") == "logistic_regression"
    figures = judged.figures()
    for metric, better in (("roc_auc", 1), ("log_loss", -1)):
        gap = gaps[metric]["scorecard"]
        assert gap.value == pytest.approx(better * (figures[OURS][metric] - figures[SHEET][metric]))
        assert 0 < gap.low < gap.value < gap.high
    assert gaps["log_loss"]["best_peer"].other == "logistic_regression"
    # The same order of leads in both, whichever are drawn: a difference that was not paired would have a spread.
    assert (gaps["roc_auc"]["best_peer"].low, gaps["roc_auc"]["best_peer"].high) == (0.0, 0.0)


def test_figures_are_means_over_seeds(judged: Judged) -> None:
    from leadlens.models.judging import Measured

    each = [Measured(judged.label, p).log_loss() for p in judged.predicted[OURS]]
    assert each[0] != each[1]
    assert judged.figures()[OURS]["log_loss"] == pytest.approx(np.mean(each))


def test_tables_and_json_name_every_lens(judged: Judged) -> None:
    gaps = {"world": {ours: judged.gaps(ours, resamples=20) for ours in (OURS, ALONE)}}
    table = tables_of({"world": judged}, gaps)
    rows = [line for line in table.splitlines() if line.startswith("| `world`")]
    assert len(rows) == len(quality.TITLES)
    assert {line.count("|") for line in table.splitlines() if line.startswith("|")} == {rows[0].count("|")}
    assert str(gaps["world"][OURS]["log_loss"]["best_peer"]) in table
    figures = json.loads(json.dumps(figures_of({"world": judged}, gaps)))["world"]
    assert set(figures["peers"]) == {"logistic_regression", "flaml"}
    assert figures[OURS]["roc_auc"] == figures["peers"]["logistic_regression"]["roc_auc"]


def test_peers_learn_from_the_training_rows_and_predict_the_others(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kind = rng.choice(["web", "fair", None], 400, p=[0.5, 0.4, 0.1]).astype(object)
    number = rng.normal(size=400)
    odds = 2 * number + 1.5 * (kind == "fair")
    table = pd.DataFrame(
        {
            "row_id": np.arange(400) + 7,
            "lead_id": np.arange(400).astype(str),
            "part": np.where(np.arange(400) < 300, "train", "test"),
            "label": (rng.random(400) < 1 / (1 + np.exp(-odds))).astype(int),
            "weight": 1.0,
            "kind [x]": kind,
            "number": number,
        }
    )
    table.to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "folds.json").write_text(json.dumps([[list(range(200)), list(range(200, 300))]]), "utf-8")
    rows = peers.read(tmp_path, seed=0, seconds=1)
    assert len(rows.train) == len(rows.label) == 300
    assert list(rows.test.index) == list(range(307, 407))
    assert rows.train.shape[1] == 2, "no name, part, label or weight among the features"
    for peer in (peers.logistic_regression, peers.hist_gradient_boosting):
        assert np.corrcoef(peer(rows), odds[300:].astype(float))[0, 1] > 0.7
