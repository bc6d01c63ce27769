"""Ledgers of leads with very many lines: the largest lines as they are, the others as one line of what they come to.

A lead with a million events would have a ledger of 150 MB in its row.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

MOST_LINES = 1_000  # of a row, besides the one for all others of a dimension
_SUMMED = ("raw_points", "taken_by_decay", "taken_by_cap", "points")
_EXACT = 9  # decimals that points are kept with


def long_ledgers(ledger: pd.DataFrame, most: int = MOST_LINES) -> int:
    """How many rows have more than ``most`` lines."""
    return int((ledger["row_id"].value_counts() > most).sum())


def cut_ledgers(ledger: pd.DataFrame, most: int = MOST_LINES) -> pd.DataFrame:
    """The ``most`` lines with the most points of each row, in order, then for each dimension one line for the others.

    That line has the sum of what is left out, no time, and says how many lines it stands for, so that the points of a
    dimension add up as before. Ledgers of at most so many lines stay as they are.
    """
    if not long_ledgers(ledger, most):
        return ledger
    row, size = ledger["row_id"].to_numpy(), ledger["points"].abs().to_numpy()
    order = np.lexsort((np.arange(len(row)), -size, row))
    place = np.arange(len(row)) - np.searchsorted(row[order], row[order])
    kept = np.zeros(len(row), bool)
    kept[order[place < most]] = True
    others = ledger[~kept].groupby(["row_id", "lead_id", "dimension"], observed=True, sort=False)
    sums = others[[name for name in _SUMMED if name in ledger]].sum().round(_EXACT) + 0.0  # 0 without a sign
    span = others["occurred_at"].agg(["size", "min", "max"])
    days: list[str | None] = [
        None if pd.isna(first) else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
        for first, last in zip(span["min"], span["max"], strict=True)
    ]
    rest = sums.reset_index().assign(
        rule=[f"{n:,} more {'line' if n == 1 else 'lines'} with fewer points each" for n in span["size"]],
        occurred_at=pd.Series(pd.NaT, index=range(len(sums)), dtype=ledger["occurred_at"].dtype),
        detail=pd.Series(days, dtype="str"),
    )
    rest = rest[list(ledger.columns)].astype({"rule": "str", "dimension": "str"})
    return pd.concat([ledger[kept], rest]).sort_values("row_id", kind="stable").reset_index(drop=True)
