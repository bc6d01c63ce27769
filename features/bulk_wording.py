"""Many values in words: each distinct wording is made once, by ``FeatureColumn.format``."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.columns import FeatureColumn, days_before

Codes = NDArray[np.int64]
_NO_DATE = np.iinfo(np.int64).min
_EXACT = 1e-6  # a number this near to another rounding, in units of its last digit, is formatted by itself
_LARGE = 1e8


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
    if "{times}" in column.phrase:  # whole numbers, and few
        return pd.factorize(numbers, use_na_sentinel=False)[0]
    digits, rounded, safe = _rounded(numbers)
    codes = np.empty(len(numbers), np.int64)
    codes[safe], kinds = pd.factorize(rounded[safe] * 8 + digits[safe])
    codes[~safe] = len(kinds) + pd.factorize(numbers[~safe], use_na_sentinel=False)[0]
    return codes


def _rounded(numbers: NDArray[np.float64]) -> tuple[Codes, Codes, NDArray[np.bool_]]:
    """Decimals as ``humanize_number`` shows them, the number in units of the last one, and where both are certain.

    Whole numbers, which have none, and whatever lies close to where the rounding or the decimals change are not.
    """
    size = np.abs(numbers)
    safe = (size < _LARGE) & (numbers != np.floor(numbers))
    small = np.where(safe & (size < 1), size, 0.5)
    exponent = np.log10(small)
    safe &= np.abs(exponent - np.rint(exponent)) > _EXACT
    digits = np.minimum(np.where(size < 1, 1 - np.floor(exponent), 1), 6).astype(np.int64)
    units = np.where(safe, numbers, 0.0) * 10.0**digits
    rounded = np.rint(units)
    safe &= (np.abs(np.abs(units - rounded) - 0.5) > _EXACT) & (rounded != 0)  # -0.0 has a sign
    return digits, rounded.astype(np.int64), safe
