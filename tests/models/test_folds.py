"""Folds never leak: time, embargo and leads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlens.models.folds import Fold, _usable, grouped_folds, make_folds, time_folds


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


def test_the_rows_after_the_first_share_are_cut_into_blocks_that_never_split_a_tie() -> None:
    sides = [(fold.train.tolist(), fold.validation.tolist()) for fold in time_folds(range(10), n_folds=3)]
    assert sides == [
        ([0, 1, 2, 3], [4, 5]),
        ([0, 1, 2, 3, 4, 5], [6, 7]),
        ([0, 1, 2, 3, 4, 5, 6, 7], [8, 9]),
    ]
    assert [len(fold.train) for fold in time_folds(range(100), n_folds=2, first_share=0.5)] == [50, 75]
    days = np.repeat(np.arange(20), 7)  # a block begins in the middle of a day
    folds = time_folds(days, n_folds=3)
    assert sorted(np.concatenate([fold.validation for fold in folds])) == list(range(56, 140))
    assert all(not set(days[a.validation]) & set(days[b.validation]) for a, b in pairwise(folds))


def test_rows_in_any_order_make_the_same_folds() -> None:
    order = np.random.default_rng(0).permutation(60)
    turned = time_folds(order, n_folds=2)
    for fold, other in zip(time_folds(range(60), n_folds=2), turned, strict=True):
        assert sorted(order[other.train]) == fold.train.tolist()
        assert sorted(order[other.validation]) == fold.validation.tolist()


@pytest.mark.parametrize(("shared", "halves"), [(19, False), (20, True)])
def test_leads_are_dealt_into_halves_only_where_leaving_them_out_takes_half_of_the_rows(
    shared: int, halves: bool
) -> None:
    as_of = np.repeat([0.0, 1.0], [40, 60])
    lead = np.r_[np.arange(40), np.arange(shared), np.arange(100, 160 - shared)]
    folds = time_folds(as_of, lead, n_folds=1)
    assert len(folds) == 1 + halves
    assert halves or len(folds[0].train) == 40 - shared
    assert sorted(np.concatenate([fold.validation for fold in folds])) == list(range(40, 100))


@pytest.mark.parametrize("outcome", [0, 1])
def test_both_sides_need_ten_of_either_outcome(outcome: int) -> None:
    y = np.full(60, 1 - outcome)
    y[:10] = y[30:40] = outcome
    ten, nine = np.arange(30), np.arange(1, 30)
    assert _usable(y, Fold(ten, ten + 30))
    assert not _usable(y, Fold(nine, ten + 30))
    assert not _usable(y, Fold(ten, nine + 30))


def test_one_usable_fold_is_not_enough_without_an_order() -> None:
    y, lead = np.tile([0, 1], 20), np.repeat(["a", "b", "c"], [20, 10, 10])
    assert sum(_usable(y, fold) for fold in grouped_folds(y, lead, n_folds=3)) == 1
    assert make_folds(y, None, lead, n_folds=3) == []


def test_converted_leads_are_dealt_evenly() -> None:
    y = (np.arange(400) % 10 == 0).astype(float)
    converted = [int(y[fold.validation].sum()) for fold in grouped_folds(y, np.arange(400), n_folds=4)]
    assert converted == [10, 10, 10, 10]
