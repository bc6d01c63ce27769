"""Time-proxy columns are found; cyclic ones are kept."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leadlens.models.data_checks.time_proxy import find_time_proxies


def test_finds_rates_months_and_years_but_not_weekdays_or_behaviour() -> None:
    rng = np.random.default_rng(0)
    as_of = pd.Series(pd.date_range("2024-06-01", periods=3000, freq="150min"))
    frame = pd.DataFrame(
        {
            "rate": 5 - np.arange(3000) / 1000 + rng.normal(0, 0.01, 3000),
            "month": pd.Categorical(as_of.dt.month_name()),
            "year": as_of.dt.year.astype(float),
            "weekday": pd.Categorical(as_of.dt.day_name()),
            "hour": as_of.dt.hour.astype(float),
            "visits": rng.poisson(3, 3000).astype(float),
            "nearly always": (rng.random(3000) < 0.001).astype(float),
            "gaps": np.where(rng.random(3000) < 0.5, np.nan, 1.0),
            "empty": np.nan,
        }
    )
    proxies = {column.name: column for column in find_time_proxies(frame, as_of)}
    assert set(proxies) == {"rate", "month", "year"}
    assert all(
        0.8 <= column.share <= 1 and "later values never occur in training" in column.reason
        for column in proxies.values()
    )


def test_months_are_kept_once_three_years_have_shown_them() -> None:
    as_of = pd.Series(pd.date_range("2021-01-01", periods=1095, freq="D"))
    assert find_time_proxies(pd.DataFrame({"month": as_of.dt.month.astype(float)}), as_of) == []


def test_names_with_one_row_each_and_data_without_an_order_are_left_alone() -> None:
    rows = pd.Series(range(500))
    assert find_time_proxies(pd.DataFrame({"id": pd.Categorical(rows.astype(str))}), rows) == []
    assert find_time_proxies(pd.DataFrame({"rate": rows}), pd.Series(np.zeros(500))) == []


def test_many_rare_values_do_not_explain_the_time_by_their_number() -> None:
    rows = pd.Series(range(500))
    rare = pd.Categorical(np.random.default_rng(0).integers(0, 2000, 500).astype(str))
    assert find_time_proxies(pd.DataFrame({"rare": rare}), rows) == []
