"""The benchmark of quality: its differences are paired and signed, and its tables name every lens."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import quality
from benchmarks.quality import ALONE, OURS, SHEET, Judged, figures_of, tables_of, versus


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


def test_what_a_method_is_ahead_by_is_said_of_every_lens(judged: Judged) -> None:
    gaps = judged.gaps("flaml", resamples=50)
    assert gaps["log_loss"]["best_peer"].other == "logistic_regression"
    itself = judged.gaps("logistic_regression", resamples=2)["log_loss"]["best_peer"]
    assert itself.other == "flaml", "the best of the others, not itself"
    table = versus("flaml", {"world": gaps})
    rows = [line for line in table.splitlines() if line.startswith("| `world`")]
    assert len(rows) == len(quality.TITLES)
    behind = gaps["roc_auc"][OURS]
    assert behind.high < 0
    assert f"**{behind}**" in rows[0], "bold where it is beyond chance"
    level = gaps["level_gap"][OURS]
    assert level.low < 0 < level.high
    assert f"| {level} |" in rows[-1]


def test_the_level_is_how_far_the_mean_probability_is_from_what_converted() -> None:
    from leadlens.models.judging import Measured

    lens = Measured([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4])
    assert quality.measure(lens, quality.LEVEL) == pytest.approx(0.25)
    assert quality.measure(lens, quality.LEVEL, np.array([1.0, 0, 1, 0])) == pytest.approx(0.2)
