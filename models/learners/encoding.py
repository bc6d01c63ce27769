"""A data frame as the numbers that both learners read: categories become codes, unknown values NaN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.features.errors import DataError

Floats = NDArray[np.float64]
_MOST_LEVELS = 1000
_AT_ONCE = 32  # columns of numbers: few enough for a small copy, many enough that pandas is asked seldom
_CELLS_AT_ONCE = 1 << 16  # of few rows, more columns


@dataclass(frozen=True)
class Encoding:
    """The columns of a training frame, in order, and the codes of their categories.

    Attributes
    ----------
    names : the columns, in the order of the encoded matrix.
    levels : per column, the known categories as text (code = position), or None for a number.
    """

    names: tuple[str, ...]
    levels: tuple[tuple[str, ...] | None, ...]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Encoding:
        """Learn the columns; of more than 1,000 categories the most frequent are kept.

        Raises ``DataError`` for a date column: a time of day or an age is a feature, a date is a time
        proxy.
        """
        names = [str(name) for name in frame.columns]
        if len(set(names)) < len(names):
            raise DataError(
                "two columns have the same name", value=sorted({n for n in names if names.count(n) > 1})
            )
        return cls(tuple(names), tuple(_levels(frame.iloc[:, at]) for at in range(frame.shape[1])))

    @property
    def categorical(self) -> NDArray[np.bool_]:
        """Which columns hold codes."""
        return np.array([levels is not None for levels in self.levels], dtype=bool)

    def encode(self, frame: pd.DataFrame, order: Literal["C", "F"] = "C") -> Floats:
        """Columns are found by name, further ones ignored; unseen categories and infinities are missing.

        ``order`` is that in memory: rows, or columns, one after another. Raises ``DataError`` where a column is
        absent or a number cannot be read.
        """
        by_name = {str(name): at for at, name in enumerate(frame.columns)}
        for name in self.names:
            if name not in by_name:
                raise DataError("a column of the model is missing", value=name, known=by_name)
        places = [by_name[name] for name in self.names]
        plain = (frame.dtypes == np.float64).to_numpy()[places]  # as features are
        matrix = np.empty((len(frame), len(self.names)), dtype=np.float64, order=order)
        numbers = np.flatnonzero(plain & ~self.categorical)
        at_once = max(_AT_ONCE, _CELLS_AT_ONCE // max(len(frame), 1))
        for start in range(0, len(numbers), at_once):
            some = numbers[start : start + at_once]
            values = frame.iloc[:, [places[at] for at in some]].to_numpy()
            matrix[:, some] = np.where(np.isfinite(values), values, np.nan)
        for at in np.flatnonzero(~plain | self.categorical):
            column, levels = frame.iloc[:, places[at]], self.levels[at]
            matrix[:, at] = _numbers(column) if levels is None else _codes(column, levels)
        return matrix

    def take(self, kept: Sequence[str]) -> Encoding:
        """The same codes for some of the columns."""
        chosen = set(kept)
        pairs = [pair for pair in zip(self.names, self.levels, strict=True) if pair[0] in chosen]
        return Encoding(tuple(name for name, _ in pairs), tuple(levels for _, levels in pairs))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"names": list(self.names), "levels": [None if x is None else list(x) for x in self.levels]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Encoding:
        """The inverse of ``to_dict``."""
        return cls(tuple(data["names"]), tuple(None if x is None else tuple(x) for x in data["levels"]))


def _levels(column: pd.Series) -> tuple[str, ...] | None:
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        raise DataError(
            "a date cannot be a feature",
            value=str(column.name),
            why="future dates never occur in training",
            fix="give the days since then as a number",
        )
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return None
    counts = column.astype("string").value_counts()
    return tuple(sorted(counts[counts > 0].index[:_MOST_LEVELS]))


def _numbers(column: pd.Series) -> Floats:
    try:
        values = column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError("numbers were expected", value=str(column.name), why=str(error)) from None
    return np.where(np.isfinite(values), values, np.nan)


def _codes(column: pd.Series, levels: tuple[str, ...]) -> Floats:
    codes = pd.Index(levels, dtype="object").get_indexer(pd.Index(column.astype("string").astype("object")))
    codes = np.where(column.isna().to_numpy(), -1, codes)
    return np.where(codes < 0, np.nan, codes.astype(np.float64))
