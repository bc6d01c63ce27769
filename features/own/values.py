"""What a function gives for some rows, checked: one value for each, numbers or texts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pandas as pd

from leadlens.features.errors import UsageError, listed

_MOST_TEXTS = 1000  # of a category the encoding keeps as many
_MISSING_ROWS = "end with .reindex(rows.index), or .reindex(rows.index, fill_value=0) where none means 0"


def aligned(name: str, given: Any, index: pd.Index) -> pd.Series:
    """One value per row, in the order of ``index``. Raises ``UsageError`` where it is not clear which row a value is of."""
    if isinstance(given, pd.Series):
        twice = given.index[given.index.duplicated()]
        if len(twice):
            raise _refused(name, f"gives {len(twice):,} rows twice, row_id {twice[0]} first", _MISSING_ROWS)
        if missing := len(index.difference(given.index)):
            other = len(given.index.difference(index))
            why = "; its index holds no row_ids" if other and missing == len(index) else ""
            raise _refused(name, f"gives no value for {missing:,} of {len(index):,} rows{why}", _MISSING_ROWS)
        if other := len(given.index.difference(index)):
            raise _refused(name, f"gives {other:,} values for rows that it was not asked for", _MISSING_ROWS)
        return given.reindex(index)
    raise _refused(
        name,
        f"gives {_article(type(given).__name__)}",
        "give a Series by row_id with one value per row, such as pd.Series(values, index=rows.index) where the values are in the "
        "order of `rows`",
        why="only an index says which row a value is of",
    )


def typed(name: str, values: pd.Series) -> tuple[pd.Series, Literal["number", "category"]]:
    """As float64 with NaN, or as text; raises ``UsageError`` for what is neither, and for infinite numbers."""
    kind = values.dtype
    if pd.api.types.is_datetime64_any_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind):
        raise _refused(
            name,
            "gives dates or durations",
            'give a number: (rows["as_of"] - when) / pd.Timedelta(days=1)',
            why="later dates never occur in training",
        )
    if isinstance(kind, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if pd.api.types.is_complex_dtype(values):
        raise _refused(name, "gives complex numbers", "give real ones")
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return _finite(
            name, values.astype("Float64").to_numpy(np.float64, na_value=np.nan), values.index
        ), "number"
    known = values[values.notna()]
    kinds = {type(value) for value in known}
    if all(issubclass(one, bool | int | float | Decimal | np.number | np.bool_) for one in kinds):
        numbers = np.array(
            [
                np.nan if missing else float(value)
                for value, missing in zip(values, values.isna(), strict=True)
            ]
        )
        return _finite(name, numbers, values.index), "number"
    if not all(issubclass(one, str) for one in kinds):
        raise _refused(
            name,
            f"gives values of several or strange kinds: {listed(sorted(one.__name__ for one in kinds))}",
            "give numbers (NaN: not known) or texts (None: not known)",
        )
    if (texts := known.nunique()) > _MOST_TEXTS:
        raise _refused(
            name,
            f"gives {texts:,} different texts",
            "group them, or give a number",
            why=f"a category has {_MOST_TEXTS:,} values at most",
        )
    return values.astype("str"), "category"


def _finite(name: str, numbers: np.ndarray, index: pd.Index) -> pd.Series:
    if count := int(np.isinf(numbers).sum()):
        raise _refused(
            name,
            f"gives {count:,} infinite numbers",
            "give NaN where it is not known, as after a division by 0",
        )
    return pd.Series(numbers, index=index, dtype="float64")


def _refused(name: str, what: str, fix: str, why: str | None = None) -> UsageError:
    return UsageError(f"{name} {what}", why=why, fix=fix, where="own feature")


def _article(word: str) -> str:
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"
