"""Checks a chunk of scores and converts it to the Arrow table that every writer writes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from leadlens.features.errors import DataError, counted, nearest
from leadlens.pipeline.writeback.columns import SCORE_COLUMNS, Column, Kind
from leadlens.pipeline.writeback.convert import Array, Values, Where, convert, missing
from leadlens.pipeline.writeback.run import RunManifest

_ARROW: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "timestamp": pa.timestamp("us"),
    "number": pa.float64(),
    "whole": pa.int32(),
    "json": pa.string(),
}
SCHEMA = pa.schema([(column.name, _ARROW[column.kind]) for column in SCORE_COLUMNS])


def prepare(chunk: pd.DataFrame | pa.Table, run: RunManifest) -> pa.Table:
    """The rows to write, with ``SCHEMA``: all of ``SCORE_COLUMNS`` in order, timestamps in naive UTC, JSON as text.

    ``as_of``, ``run_id``, ``model_version`` and ``scorecard_version`` come from ``run`` where the chunk has
    no such column; other optional columns that are missing become null. A table costs about 0.1 s per 84,000
    rows; a frame with reasons as Python objects more, as each must be turned into text.

    Raises
    ------
    DataError : an unknown or missing column, a value of another kind, a lead without an id or twice,
        a probability that is not in 0..1 (NaN, infinite), a score that is not a whole number in 1..99.
    """
    columns = _columns(chunk)
    leads = columns.get("lead_id")

    def where(row: int) -> str:
        lead = (
            None if leads is None else leads.iloc[row] if isinstance(leads, pd.Series) else leads[row].as_py()
        )
        return f"row {row}" if missing(lead) or lead == "" else f"lead {lead}"

    arrays = [_column(columns, column, run, len(chunk), where) for column in SCORE_COLUMNS]
    table = pa.table(arrays, schema=SCHEMA)
    _check_leads(table)
    _check_range(table, "probability", 0.0, 1.0)
    _check_range(table, "score", 1, 99)
    return table


def more_than_once(count: int, lead: str) -> DataError:
    """The error for leads that have several rows, ``lead`` being one of them."""
    return DataError(
        f"{counted(count, 'lead')} occur{'s' if count == 1 else ''} more than once among the scores",
        value=lead,
        why="nothing was written: lead_scores has one row per lead",
        fix="score every lead as of one date",
    )


def _columns(chunk: pd.DataFrame | pa.Table) -> dict[str, Values]:
    """The columns by name, each of them known and there once."""
    known = [column.name for column in SCORE_COLUMNS if not column.ours]
    names = list(map(str, chunk.columns if isinstance(chunk, pd.DataFrame) else chunk.column_names))
    for name in names:
        if name not in known:
            hint = nearest(name, known)
            raise DataError(
                "lead_scores has no such column",
                value=name,
                known=known,
                fix="rename it" if hint else f"drop it; the columns are {', '.join(known)}",
            )
        if names.count(name) > 1:
            raise DataError("a column occurs twice among the scores", value=name, fix="keep one")
    return {name: chunk[name] for name in names}


def _column(
    columns: Mapping[str, Values], column: Column, run: RunManifest, count: int, where: Where
) -> Array:
    if column.ours:
        return pa.repeat(pa.scalar(column.default, _ARROW[column.kind]), count)
    if column.name in columns:
        array = convert(columns[column.name], column.name, column.kind, where)
    elif (from_run := getattr(run, column.name, None)) is not None or not column.required:
        one = convert(pd.Series([from_run], dtype=object), column.name, column.kind, where)
        array = pa.repeat(one[0], count)
    else:
        raise DataError("a column is missing among the scores", value=column.name, known=columns)
    if column.required and array.null_count:
        raise DataError(
            f"{array.null_count} of {len(array)} rows have no {column.name}",
            why="nothing was written: a score without it cannot be used",
            where=where(int(np.argmax(array.is_null().to_numpy(zero_copy_only=False)))),
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
        raise more_than_once(twice.nunique(), twice.iloc[0])


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
