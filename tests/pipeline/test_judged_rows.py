"""The sheet's points as probability: the line for the leads it ranks, their own rate for those it disqualifies."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from leadlens.models.prediction import sheet_probability
from leadlens.models.scorecard import calibrate_points
from leadlens.pipeline.dataset.judged import fit_sheet_probability


def _scores(disqualified: np.ndarray, total: np.ndarray) -> SimpleNamespace:
    reason = pd.Series(np.where(disqualified, "Student", None), dtype=object)
    return SimpleNamespace(
        scores=pd.DataFrame({"row_id": range(len(total)), "total": total, "disqualified_by": reason})
    )


def test_disqualified_leads_have_the_smoothed_rate_of_their_like() -> None:
    rng = np.random.default_rng(0)
    out = np.arange(400) < 80
    total = np.where(out, 90.0, rng.integers(0, 60, 400))
    label = pd.Series((rng.random(400) < np.where(out, 0.1, 0.1 + total / 150)).astype(float))
    rules = _scores(out, total)
    fitted = fit_sheet_probability(rules, label)  # type: ignore[arg-type]
    rate = (label[out].sum() + 10 * label.mean()) / 100
    assert fitted["disqualified"] == pytest.approx(rate)
    line = calibrate_points(total[~out], label[~out])
    assert (fitted["a"], fitted["b"]) == line, "the line is fitted without them"
    probability = sheet_probability(fitted, rules, pd.Index(range(400)))  # type: ignore[arg-type]
    np.testing.assert_array_equal(probability[out], fitted["disqualified"])
    np.testing.assert_allclose(probability[~out], line.probability(total[~out]))
    assert probability[out].max() < line.probability([90.0])[0] / 2


def test_few_disqualified_leads_are_shrunk_to_half_the_base_rate_and_never_to_nothing() -> None:
    out = np.arange(100) < 1
    label = pd.Series((np.arange(100) % 4 == 3).astype(float))
    fitted = fit_sheet_probability(_scores(out, np.arange(100.0)), label)  # type: ignore[arg-type]
    assert fitted["disqualified"] == pytest.approx(10 * 0.25 / 21)
    rare = pd.Series((np.arange(100_000) == 99_999).astype(float))
    rules = _scores(np.arange(100_000) < 9, np.arange(100_000.0))
    assert fit_sheet_probability(rules, rare)["disqualified"] == 1e-4  # type: ignore[arg-type]
