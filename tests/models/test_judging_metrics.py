"""The metrics equal scikit-learn's, with weights and ties; intervals draw whole leads."""

import numpy as np
import pytest
from sklearn import metrics as sk

from leadlens.models.judging.intervals import cluster_bootstrap
from leadlens.models.judging.metrics import Measured, equal_count_bins


def rows(seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    probability = rng.beta(1, 5, 500)
    if ties:
        probability = probability.round(1)
    label = (rng.random(500) < probability * 0.9 + 0.02).astype(float)
    return label, probability, rng.integers(0, 4, 500).astype(float)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_equal_sklearns(ties: bool, weighted: bool) -> None:
    label, probability, weight = rows(1, ties)
    kept = weight if weighted else None
    seen = Measured(label, probability)
    assert seen.roc_auc(kept) == pytest.approx(sk.roc_auc_score(label, probability, sample_weight=kept))
    expected = sk.average_precision_score(label, probability, sample_weight=kept)
    assert seen.average_precision(kept) == pytest.approx(expected)
    assert seen.log_loss(kept) == pytest.approx(sk.log_loss(label, probability, sample_weight=kept))
    assert seen.brier(kept) == pytest.approx(sk.brier_score_loss(label, probability, sample_weight=kept))


def test_certain_and_wrong_probabilities_cost_what_sklearn_says() -> None:
    label, probability = [0, 1, 1, 0], [0.0, 1.0, 0.0, 0.3]
    assert Measured(label, probability).log_loss() == pytest.approx(sk.log_loss(label, probability))


def test_ece_by_hand_and_whatever_the_order_of_tied_rows() -> None:
    # Twenty rows, ten bins of two: one bin claims 0.5 for two conversions, all others are exact.
    probability = np.repeat(np.arange(10) / 20, 2) + np.r_[np.zeros(18), 0.05, 0.05]
    label = np.zeros(20)
    label[-2:] = 1
    expected = (2 * np.arange(9) / 20).sum() / 20 + 2 * 0.5 / 20
    assert Measured(label, probability).ece() == pytest.approx(expected)
    label, probability, _ = rows(2, ties=True)
    shuffled = np.random.default_rng(0).permutation(500)
    again = Measured(label[shuffled], probability[shuffled]).ece()
    assert again == pytest.approx(Measured(label, probability).ece())


def test_equal_count_bins_are_equal_without_ties_and_never_split_a_tie() -> None:
    assert np.bincount(equal_count_bins(np.random.default_rng(0).random(1000), 10)).tolist() == [100] * 10
    values = np.r_[np.zeros(95), np.arange(1, 6)]
    assert len(set(equal_count_bins(values, 10)[:95])) == 1


def test_bootstrap_draws_whole_leads_and_repeats_itself() -> None:
    lead = np.repeat(np.arange(50), 4)

    def figures(weight: np.ndarray) -> dict[str, float]:
        by_lead = weight.reshape(50, 4)
        assert (by_lead == by_lead[:, :1]).all()
        assert weight.sum() == 200
        return {"first": float(weight[0])}

    assert cluster_bootstrap(figures, lead, seed=5) == cluster_bootstrap(figures, lead, seed=5)


def test_the_interval_is_as_wide_as_the_leads_allow_not_the_rows() -> None:
    label, probability, _ = rows(4, ties=False)

    def width(copies: int) -> float:
        seen = Measured(np.repeat(label, copies), np.repeat(probability, copies))
        low, high = cluster_bootstrap(lambda w: {"auc": seen.roc_auc(w)}, np.repeat(np.arange(500), copies))[
            "auc"
        ]
        return high - low

    assert width(5) == pytest.approx(width(1), rel=0.01)


def test_the_interval_holds_the_middle_90_percent_of_the_draws() -> None:
    drawn: list[float] = []

    def figures(weight: np.ndarray) -> dict[str, float]:
        drawn.append(float((weight * np.arange(40)).mean()))
        return {"mean": drawn[-1], "undefined": np.nan}

    interval = cluster_bootstrap(figures, np.arange(40), resamples=500)
    assert interval["mean"] == tuple(np.quantile(drawn, [0.05, 0.95]))
    assert np.isnan(interval["undefined"]).all()
