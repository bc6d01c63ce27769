"""With ten to thirty conversions: all strengths together, as far as each is believed, and the sheet as a part of the doubt."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from leadlens.models import little_data
from leadlens.models.statistics import expit, roc_auc
from leadlens.models.training import TrainedModel, TrainSettings, train_model

ROWS = 160


def world(rows: int, seed: int, strength: float = 2.0) -> tuple[pd.DataFrame, np.ndarray]:
    """A number and a category that matter, and five numbers that do not; a tenth of the rows convert."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 6)), columns=[f"x{at}" for at in range(6)])
    frame["city"] = rng.choice(["Bern", "Rome", "Oslo"], rows)
    line = strength * (frame["x0"] + (frame["city"] == "Rome")) - 3.0
    return frame, (rng.random(rows) < expit(line.to_numpy())).astype(float)


def few(frame: pd.DataFrame, y: np.ndarray, points: pd.Series | None = None) -> TrainedModel:
    trained = train_model(frame, y, rule_points=points, settings=TrainSettings(fewest_conversions=1000))
    assert trained.kind == "few conversions"
    return trained


def test_it_learns_from_few_conversions() -> None:
    later, outcome = world(4000, 99)
    for seed in range(4):
        frame, y = world(ROWS, seed)
        assert 10 <= y.sum() <= 40
        p = few(frame, y).model.predict_proba(later)
        assert roc_auc(outcome, p) > 0.8
        assert p.mean() == pytest.approx(y.mean(), abs=0.05)


def test_without_signal_it_says_hardly_more_than_the_base_rate() -> None:
    later, _ = world(1000, 99)
    for seed in range(4):
        frame, y = world(ROWS, seed)
        p = few(frame, np.random.default_rng(seed).permutation(y)).model.predict_proba(later)
        assert p.std() < 0.5 * y.mean(), "the spread of what it says"


def test_a_sheet_that_says_all_is_hardly_touched_and_one_that_misleads_is_outweighed() -> None:
    frame, y = world(ROWS, 1)
    later, outcome = world(4000, 99)
    good = 10 * (frame["x0"] + (frame["city"] == "Rome"))
    good_later = 10 * (later["x0"] + (later["city"] == "Rome"))
    model = few(frame, y, good.rename("points")).model
    assert roc_auc(outcome, model.predict_proba(later, good_later.rename("points"))) > (
        roc_auc(outcome, good_later.to_numpy()) - 0.02
    )
    bad, bad_later = 10 * frame["x5"], 10 * later["x5"]
    model = few(frame, y, bad.rename("points")).model
    assert roc_auc(outcome, model.predict_proba(later, bad_later.rename("points"))) > 0.75


def test_its_explanation_is_exact() -> None:
    frame, y = world(ROWS, 2)
    frame.loc[::7, "x0"] = np.nan
    points = (10 * frame["x1"]).rename("points")
    model = few(frame, y, points).model
    explained = model.explain(frame, points)
    total = explained.base_value + explained.contributions.sum(axis=1)
    np.testing.assert_allclose(total, model.score(frame, points), atol=1e-9)


def test_a_strength_that_misleads_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise alone, fitted as strongly as can be, beside a strength that shrinks it away."""
    frame, y = world(ROWS, 3, strength=0.0)
    y[np.random.default_rng(0).choice(ROWS, 20, replace=False)] = 1
    spread = {}
    for strengths in ((0.001, 1e4), (1e4,), (0.001,)):
        monkeypatch.setattr(little_data, "STRENGTHS", strengths)
        spread[strengths] = few(frame, y).model.log_odds(frame).std()
    assert spread[0.001, 1e4] < 0.1
    assert spread[0.001, 1e4] == pytest.approx(spread[(0.001,)], abs=0.1)


def test_categories_of_three_rows_have_an_entry_of_their_own() -> None:
    frame, y = world(ROWS, 4)
    frame["city"] = np.where(np.arange(ROWS) < 3, "Lima", np.where(np.arange(ROWS) < 5, "Quito", "Bern"))
    y[:5] = 1
    parts = few(frame, y).model.explain(frame).contributions["city"]
    assert parts.iloc[0] > parts.iloc[4] + 0.5, "two rows only differ from those of the other city"
    assert parts.iloc[4] > parts.iloc[10]
