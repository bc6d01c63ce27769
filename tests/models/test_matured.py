"""Scores whose horizon is over: expected against observed, and the ranking where conversions are enough."""

from __future__ import annotations

import numpy as np
import pytest

from leadlens.models.judging.matured import judge_matured


def leads(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 12, count)
    return p, (rng.random(count) < p).astype(float)


def test_honest_probabilities_are_within_chance() -> None:
    z = [judge_matured(*leads(600, seed)).z for seed in range(200)]
    assert np.std(z) == pytest.approx(1, abs=0.15)
    inside = [
        m.low <= m.observed <= m.high for m in (judge_matured(*leads(600, seed)) for seed in range(200))
    ]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.06)


def test_probabilities_twice_too_high_are_far_off() -> None:
    p, y = leads(3000)
    found = judge_matured(np.minimum(1, 2 * p), y)
    assert found.z < -3.3
    assert found.times < 1 / 1.5
    assert [each.leads for each in found.bins] == [600] * 5
    assert found.bins[-1].expected > found.bins[-1].high


def test_a_ranking_needs_ten_conversions() -> None:
    p, y = leads(3000)
    found = judge_matured(p, y)
    assert found.ranking is not None
    assert found.ranking.found
    assert found.roc_auc is not None
    value, low, high = found.roc_auc
    assert 0.5 < low < value < high
    few = np.zeros(3000)
    few[:9] = 1
    assert judge_matured(p, few).ranking is None
    assert judge_matured([], []).bins == ()
