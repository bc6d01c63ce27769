"""Back-tests as figures: calls counted by leads, intervals over periods, and what is said of them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from leadlens.models.judging.back_tests import BASE_RATE, BEFORE, BackTest, BackTests, over_periods
from leadlens.models.judging.lenses import MODEL, RULES
from tests.models.back_tests_example import back_tests_example


def test_calls_are_those_of_the_weekly_replay() -> None:
    """Two leads are open in both weeks, and one call a week: the model's choice converts in the second week alone."""
    date = datetime(2025, 1, 1)
    frame = pd.DataFrame(
        {
            "row_id": range(4),
            "lead_id": ["a", "a", "b", "c"],
            "as_of": [date, date + timedelta(days=7), date, date + timedelta(days=8)],
            "left_at": [pd.NaT, pd.NaT, date + timedelta(days=2), pd.NaT],
            "label": [0, 1, 1, 0],
            "probability": [0.9, 0.9, 0.5, 0.1],
            "score": 50.0,
            "grade": "A",
        }
    )
    lenses = {MODEL: frame["probability"].to_numpy(), RULES: np.array([0.1, 0.9, 0.5, 0.2])}
    test = BackTest(
        date=date,
        ends=date + timedelta(days=14),
        kind="learned",
        train_rows=1,
        train_leads=1,
        train_converted=1,
        rows=frame,
        probability=lenses,
        rank=lenses,
    )
    assert test.replay.weeks == 3
    reached = test.reached(1)
    assert reached[MODEL] == 0, "a is called at once, when its horizon does not hold the conversion yet"
    assert reached[RULES] == 2, "b is called first, and a in the second week; b has left by then"
    assert reached["calls"] == 2, "on the model's second list is nobody that it did not call"


def test_an_interval_over_periods_is_that_of_student() -> None:
    found = over_periods([1.0, 2.0, 4.0, 5.0])
    half = 2.353363 * np.std([1, 2, 4, 5], ddof=1) / 2
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), abs=1e-5)
    whole = over_periods([1.0, math.nan, 2.0, 4.0, 5.0], total=True)
    assert (whole.value, whole.low, whole.periods) == pytest.approx((12, 4 * found.low, 4))
    assert math.isnan(over_periods([1.0, 2.0]).low)
    assert not over_periods([1.0, 2.0]).clear


@pytest.fixture
def tests() -> BackTests:
    return back_tests_example()


def test_the_model_before_is_compared_where_there_was_one(tests: BackTests) -> None:
    assert tests.lenses == (MODEL, RULES, BEFORE, BASE_RATE)
    assert tests.found[BEFORE].isna().tolist() == [True, False, False, False]
    assert tests.more(BEFORE).periods == 3
    both = tests.found.dropna()
    assert tests.more(BEFORE).value == pytest.approx((both[MODEL] - both[BEFORE]).sum())
    assert tests.better(RULES, "roc_auc") == tests.better(RULES, "log_loss") == "model"


def test_what_is_said_and_what_is_left_out(tests: BackTests) -> None:
    found = tests.found.sum()
    assert tests.headline() == (
        f"With 2 calls a week, 4 periods: {found[RULES]:,.0f} converting leads by sheet, {found[MODEL]:,.0f} by model"
    )
    story = "\n".join(tests.story())
    assert "1 date left out:\n2024-12-02: too few <conversions>." in story
    assert "than the model before in 3 periods (90 % interval over periods: +" in story
    plain = tests.to_dict()
    assert plain["periods"][0]["found"][BEFORE] is None
    assert plain["left_out"] == [{"date": "2024-12-02T00:00:00", "why": "too few <conversions>"}]


def test_the_page_escapes_and_runs_nothing(tests: BackTests) -> None:
    from leadlens.pipeline.report.back_tests_view import back_tests_view
    from leadlens.pipeline.report.page import tables_page

    page = tables_page(back_tests_view(tests))
    assert "too few &lt;conversions&gt;" in page
    assert "<conversions>" not in page
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "the 3 periods that all have" in page
