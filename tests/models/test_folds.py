"""Folds never leak: time, embargo and leads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.folds import grouped_folds, make_folds, time_folds


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(2, 120),
    leads=st.integers(1, 60),
    days=st.integers(1, 90),
    horizon=st.integers(0, 40),
)
def test_training_rows_are_mature_before_the_block_and_of_other_leads(
    seed: int, rows: int, leads: int, days: int, horizon: int
) -> None:
    rng = np.random.default_rng(seed)
    day = rng.integers(0, days, rows)
    as_of = pd.Timestamp("2026-01-01") + pd.to_timedelta(day, unit="D")
    lead = rng.integers(0, leads, rows)
    for fold in time_folds(as_of, lead, pd.Timedelta(days=horizon)):
        assert len(fold.train)
        assert len(fold.validation)
        assert not set(lead[fold.train]) & set(lead[fold.validation])
        start = day[fold.validation].min()
        assert (day[fold.train] + horizon <= start).all()
        assert (day[fold.train] < start).all()


def test_customers_at_every_date_are_dealt_into_halves() -> None:
    as_of, lead = np.repeat([0.0, 90.0], 100), np.tile(np.arange(100), 2)
    folds = time_folds(as_of, lead, 90.0)
    assert [len(fold.validation) for fold in folds] == [50, 50]
    assert all(not set(lead[fold.train]) & set(lead[fold.validation]) for fold in folds)
    assert all((as_of[fold.train] == 0).all() for fold in folds)


def test_without_an_order_whole_leads_are_dealt_by_seed() -> None:
    rng = np.random.default_rng(0)
    lead, y = rng.integers(0, 200, 600), (rng.random(600) < 0.3).astype(int)
    for as_of in (None, np.zeros(600)):
        folds = make_folds(y, as_of, lead, seed=1)
        assert sorted(np.concatenate([fold.validation for fold in folds])) == list(range(600))
        assert all(not set(lead[fold.train]) & set(lead[fold.validation]) for fold in folds)
    again, other = grouped_folds(y, lead, seed=1), grouped_folds(y, lead, seed=2)
    np.testing.assert_array_equal(folds[0].validation, again[0].validation)
    assert (
        len(other[0].validation) != len(again[0].validation)
        or (other[0].validation != again[0].validation).any()
    )


@pytest.mark.parametrize("conversions", [0, 5, 19])
def test_too_few_conversions_make_no_folds(conversions: int) -> None:
    y = np.zeros(300)
    y[:conversions] = 1
    assert make_folds(y, np.arange(300)) == []
