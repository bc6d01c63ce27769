"""Checks a frame of scores and converts it to the Arrow table that every writer writes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from features.errors import DataError, nearest
from pipeline.writeback.columns import SCORE_COLUMNS, Column
from pipeline.writeback.convert import convert, missing
from pipeline.writeback.run import RunManifest


def prepare(frame: pd.DataFrame, run: RunManifest) -> pa.Table:
    """The rows to write: all of ``SCORE_COLUMNS`` in order, timestamps in naive UTC, JSON as text.

    ``as_of``, ``run_id``, ``model_version`` and ``scorecard_version`` come from ``run`` where the frame has
    no such column; other optional columns that are missing become null.

    Raises
    ------
    DataError : an unknown or missing column, a value of another kind, a lead without an id or twice,
        a probability that is not in 0..1 (NaN, infinite), a score that is not a whole number in 1..99.
    """
    known = [column.name for column in SCORE_COLUMNS]
    _refuse_unknown(frame, known)
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError("a column occurs twice in the frame of scores", value=str(twice), fix="keep one")
    table = pa.table({column.name: _column(frame, column, run) for column in SCORE_COLUMNS})
    _check_leads(table)
    _check_range(table, "probability", 0.0, 1.0)
    _check_range(table, "score", 1, 99)
    return table


def _refuse_unknown(frame: pd.DataFrame, known: list[str]) -> None:
    for name in map(str, frame.columns):
        if name not in known:
            hint = nearest(name, known)
            raise DataError(
                "lead_scores has no such column",
                value=name,
                known=known,
                fix="rename it" if hint else f"drop it; the columns are {', '.join(known)}",
            )


def _column(frame: pd.DataFrame, column: Column, run: RunManifest) -> pa.Array:
    if column.name in frame.columns:
        array = convert(frame[column.name], column.name, column.kind)
    elif (from_run := getattr(run, column.name, None)) is not None or not column.required:
        one = convert(pd.Series([from_run], dtype=object), column.name, column.kind)
        array = pa.repeat(one[0], len(frame))
    else:
        raise DataError(
            "a column is missing in the frame of scores", value=column.name, known=map(str, frame.columns)
        )
    if column.required and array.null_count:
        raise DataError(
            f"{array.null_count} of {len(array)} rows have no {column.name}",
            why="nothing was written: a score without it cannot be used",
            where=_row(frame, int(np.argmax(array.is_null().to_numpy(zero_copy_only=False)))),
        )
    return array


def _check_leads(table: pa.Table) -> None:
    leads = table.column("lead_id").to_pandas()
    if (leads == "").any():
        raise DataError("a lead has an empty lead_id", where=f"row {int(np.argmax(leads == ''))}")
    broken = leads[leads.str.contains("\ufffd", regex=False)]
    if len(broken):
        raise DataError(
            "a lead_id contains a character that no database accepts",
            value=broken.iloc[0],
            where=f"row {int(broken.index[0])}",
            why="replacing it could make two leads one",
            fix="fix the id at its source (NUL and broken Unicode are shown as \ufffd)",
        )
    twice = leads[leads.duplicated()]
    if len(twice):
        raise DataError(
            f"{twice.nunique()} leads occur more than once among the scores",
            value=twice.iloc[0],
            why="nothing was written: lead_scores has one row per lead",
            fix="score every lead as of one date",
        )


def _check_range(table: pa.Table, name: str, low: float, high: float) -> None:
    values = table.column(name).to_numpy()
    outside = ~((values >= low) & (values <= high))
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            f"{int(outside.sum())} of {len(values)} rows have a {name} outside {low}..{high}",
            value=values[row].item(),
            where=f"lead {table.column('lead_id')[row].as_py()}",
            why="nothing was written: such a score comes from a broken model or a wrong column",
        )


def _row(frame: pd.DataFrame, row: int) -> str:
    if "lead_id" in frame.columns and not missing(frame["lead_id"].iloc[row]):
        return f"lead {frame['lead_id'].iloc[row]}"
    return f"row {row}"
