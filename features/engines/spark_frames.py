"""Between pandas and Spark by Arrow, with the column types that the DuckDB engine gives."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa


def arrow_for_spark(frame: pd.DataFrame) -> pa.Table:
    """A pandas frame as an Arrow table of types that Spark knows: microseconds, plain text, no empty type."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    fields = [field.with_type(_spark_type(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def frame_from_arrow(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as the pandas frame that DuckDB would give: whole numbers and booleans with gaps stay such."""
    columns: dict[str, Any] = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        kind = _pandas_type(field.type) if column.null_count else None
        columns[field.name] = (
            pd.Series(column.to_pandas(), dtype=None)
            if kind is None
            else column.to_pandas(types_mapper={field.type: kind}.get)
        )
        if pa.types.is_decimal(field.type):
            columns[field.name] = column.cast(pa.float64()).to_pandas()
        elif pa.types.is_date(field.type):
            columns[field.name] = column.cast(pa.timestamp("us")).to_pandas()
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table)))


def _spark_type(kind: Any) -> Any:
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", kind.tz)
    if pa.types.is_dictionary(kind):
        return _spark_type(kind.value_type)
    if pa.types.is_null(kind) or pa.types.is_large_string(kind):
        return pa.string()
    return kind


def _pandas_type(kind: Any) -> Any:
    if pa.types.is_boolean(kind):
        return pd.BooleanDtype()
    if pa.types.is_integer(kind):
        return getattr(pd, f"Int{kind.bit_width}Dtype")()
    return None
