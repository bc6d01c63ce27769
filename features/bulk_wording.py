"""Many values in words: each distinct wording is made once, by ``FeatureColumn.format``."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.features.columns import DECIMALS_END, FeatureColumn, days_before

Codes = NDArray[np.int64]
_NO_DATE = np.iinfo(np.int64).min
_TIES_SHOW = 2.0**52  # from here on floats are whole numbers


def word_values(
    column: FeatureColumn, values: pd.Series, as_of: NDArray[np.datetime64] | None
) -> tuple[Codes, list[str]]:
    """What ``column.format`` says of every value: for each the number of its text, and the texts.

    Parameters
    ----------
    values : (rows,) as in the feature matrix.
    as_of : (rows,) microseconds, UTC; needed for columns whose values are told as dates.

    >>> column = FeatureColumn(name="n", label="Pricing", family="behavioural", phrase="Viewed Pricing {times}")
    >>> word_values(column, pd.Series([3.0, 1.0, 3.0]), None)
    (array([0, 1, 0]), ['Viewed Pricing 3 times', 'Viewed Pricing once'])
    """
    cells: pd.Series | NDArray[np.float64]
    if column.kind == "category":
        cells = values.astype("str")
        codes, _ = pd.factorize(cells, use_na_sentinel=False)
    else:
        cells = _numbers(values)
        codes = _alike(column, cells, as_of)
    firsts = np.empty(codes.max(initial=-1) + 1, np.int64)
    firsts[codes[::-1]] = np.arange(len(codes))[::-1]
    worded = cells.iloc[firsts] if isinstance(cells, pd.Series) else cells[firsts]
    moments = [None] * len(firsts) if as_of is None else as_of[firsts]
    return codes, [column.format(value, moment) for value, moment in zip(worded, moments, strict=True)]


def _numbers(values: pd.Series) -> NDArray[np.float64]:
    if values.dtype != np.float64:  # as features are
        values = values.astype("Float64")
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))


def _alike(
    column: FeatureColumn, numbers: NDArray[np.float64], as_of: NDArray[np.datetime64] | None
) -> Codes:
    """Codes from 0 on: equal ones are worded alike."""
    if column.names_date and as_of is not None:
        known = np.isfinite(numbers)
        days = np.full(len(numbers), _NO_DATE)
        days[known] = days_before(as_of[known], numbers[known]).astype(np.int64)
        return pd.factorize(days)[0]
    if "{times}" in column.phrase or column.written:  # few
        return pd.factorize(numbers, use_na_sentinel=False)[0]
    # A number with decimals is worded by its rounded digits. Scaling may turn what is nearly a tie into one, and no
    # more: what is a tie then is worded by itself, and so are whole numbers, what is rounded to 0 with its sign, and what
    # scaling makes too large for a tie to show.
    some = np.where(~np.isnan(numbers) & (numbers != np.floor(numbers)), numbers, 0.0)
    digits = 6 - np.searchsorted(DECIMALS_END, np.abs(some), side="right")
    scaled = some * 10.0**digits
    rounded = np.rint(scaled)
    alike = (np.abs(scaled - rounded) != 0.5) & (rounded != 0) & (np.abs(scaled) < _TIES_SHOW)
    codes = np.empty(len(numbers), np.int64)
    codes[alike], kinds = pd.factorize(rounded[alike].astype(np.int64) * 8 + digits[alike])
    codes[~alike] = len(kinds) + pd.factorize(numbers[~alike], use_na_sentinel=False)[0]
    return codes
