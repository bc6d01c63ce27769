"""The ledgers of many rows as a column of JSON text, without an object per line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from leadlens.models.text_pieces import Pieces, json_numbers, json_texts

Numbers = NDArray[np.int64]
_DAY = 86_400


def ledger_column(ledger: pd.DataFrame, index: pd.Index) -> pa.ChunkedArray:
    """The lines of each row of ``index`` as a JSON list, in the ledger's order.

    A line has ``dimension, rule, occurred_at`` (UTC, or null), ``detail`` (or null), ``points, taken_by_decay,
    taken_by_cap``. Raises ``KeyError`` for a line of no row.
    """
    row = index.get_indexer(pd.Index(ledger["row_id"]))
    if (row < 0).any():
        raise KeyError(ledger["row_id"].iloc[int(np.argmax(row < 0))])
    if (np.diff(row) < 0).any():
        order = np.argsort(row, kind="stable")
        row, ledger = row[order], ledger.iloc[order]
    pieces = Pieces()
    open_, next_, close, none = (pieces.add([text]) for text in ("[", ",", "]", "[]"))
    fields = [
        np.where(np.diff(row, prepend=-1) > 0, open_, next_),
        _of_rules(pieces, ledger),
        *_of_times(pieces, ledger["occurred_at"]),
        _of_details(pieces, ledger),
        *(_of_points(pieces, ledger, name) for name in ("points", "taken_by_decay")),
        _of_points(pieces, ledger, "taken_by_cap", end="}"),
    ]
    counts = np.bincount(row, minlength=len(index))
    ends = np.cumsum(counts * len(fields) + 1)
    numbers = np.empty(ends[-1] if len(ends) else 0, np.int32)
    last = np.zeros(len(numbers), bool)
    last[ends - 1] = True
    numbers[last] = np.where(counts > 0, close, none)
    first = np.arange(len(row)) * len(fields) + row  # each row before has one more: its last
    for place, field in enumerate(fields):
        numbers[first + place] = field
    return pieces.join(numbers, np.concatenate([[0], ends]))


def _of_rules(pieces: Pieces, ledger: pd.DataFrame) -> Numbers:
    """Dimension and rule."""
    (place, dimensions), (label, rules) = _texts(ledger["dimension"]), _texts(ledger["rule"])
    first = pieces.add(
        f'{{"dimension":{dimension},"rule":{rule}' for dimension in dimensions for rule in rules
    )
    return np.asarray(first + place * len(rules) + label)


def _of_details(pieces: Pieces, ledger: pd.DataFrame) -> Numbers:
    codes, details = _texts(ledger["detail"])
    return np.asarray(pieces.add(f',"detail":{detail}' for detail in details) + codes)


def _texts(values: pd.Series) -> tuple[Numbers, list[str]]:
    """Codes, and the JSON of each."""
    codes, texts = pd.factorize(values, use_na_sentinel=False)
    return codes, json_texts(
        None if gap else str(text) for text, gap in zip(texts, pd.isna(texts), strict=True)
    )


def _of_times(pieces: Pieces, times: pd.Series) -> list[Numbers]:
    """Day, minute of the day and second: few of each recur, while moments hardly do."""
    known = times.notna().to_numpy()
    seconds = np.where(known, times.to_numpy("datetime64[s]").astype(np.int64), 0)
    codes, days = pd.factorize(seconds // _DAY)
    dates = np.datetime_as_string(np.asarray(days).astype("datetime64[D]"))
    day = pieces.add(f',"occurred_at":"{date}T' for date in dates) + codes
    minute = pieces.add(f"{at // 60:02}:{at % 60:02}" for at in range(24 * 60)) + seconds % _DAY // 60
    second = pieces.add(f':{at:02}"' for at in range(60)) + seconds % 60
    null, empty = pieces.add([',"occurred_at":null']), pieces.add([""])
    return [np.where(known, day, null), np.where(known, minute, empty), np.where(known, second, empty)]


def _of_points(pieces: Pieces, ledger: pd.DataFrame, name: str, end: str = "") -> Numbers:
    codes, points = pd.factorize(ledger[name].to_numpy(dtype=np.float64) + 0.0)  # 0 without a sign
    return np.asarray(pieces.add(f',"{name}":{number}{end}' for number in json_numbers(points)) + codes)
