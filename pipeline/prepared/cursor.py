"""The cursor of a source of events: a column that only grows, so that what lies beyond its largest value is new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from leadlens.features import DataError, UsageError
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.errors import listed
from leadlens.pipeline.sources.csv_types import narrowest, typed_csv
from leadlens.pipeline.sources.plain_types import WRITTEN_NUMBER
from leadlens.pipeline.sources.styles import UNCLEAR, decimals_of, example_of, sql_type
from leadlens.pipeline.sources.together import Columns

_dialect = DuckDBDialect()


@dataclass(frozen=True)
class Cursor:
    """The column ``name`` of the source that stands at ``where``; ``rows`` are those of a FROM, ``own`` their columns.

    Raises ``UsageError`` where there is no such column, ``DataError`` where it is not clear what its values mean.
    """

    name: str
    where: str

    def largest(self, connection: duckdb.DuckDBPyConnection, rows: str, own: Columns) -> str | None:
        """The largest value as text; ``None`` where there is none."""
        value, kind = self._value(own)
        found = connection.execute(f"SELECT CAST(max({value}) AS VARCHAR) FROM {rows}").fetchall()[0][0]
        if (
            kind == "VARCHAR"
            and found is not None
            and WRITTEN_NUMBER.fullmatch(found)
            and not self._sorts(connection, rows)
        ):
            raise DataError(
                "the cursor holds numbers as text",
                value=found,
                where=f"{self.where}.cursor",
                why="as text 9 comes after 10, and new rows would be missed",
                fix=f"make numbers of it in `query`: CAST({self.name} AS {'DOUBLE' if '.' in found else 'BIGINT'}) AS {self.name}",
            )
        return None if found is None else str(found)

    def _sorts(self, connection: duckdb.DuckDBPyConnection, rows: str) -> bool:
        """Whether numbers as text are in the order of numbers: whole ones without a sign, of one length."""
        name = _dialect.quote(self.name)
        found = connection.execute(
            f"SELECT min(length({name})) = max(length({name})) AND bool_and(regexp_full_match({name}, '[0-9]+')) FROM {rows}"
        ).fetchall()
        return bool(found[0][0])

    def beyond(self, rows: str, own: Columns, after: str) -> str:
        """A SELECT of the rows beyond a value."""
        value, kind = self._value(own)
        return f"SELECT * FROM {rows} WHERE {value} > CAST({_dialect.literal(after)} AS {kind})"

    def _value(self, own: Columns) -> tuple[str, str]:
        """SQL of the values and their type."""
        self._refuse_unknown(own.columns)
        if not own.text:
            return _dialect.quote(self.name), own.columns[self.name]
        fits = own.fits.get(self.name, ())
        kind = narrowest(fits, decimals_of(own.fits.values())) or "VARCHAR"
        if kind == UNCLEAR:
            raise DataError(
                "the values of the cursor can be read in two ways",
                value=example_of(fits),
                where=f"{self.where}.cursor",
                why="read the wrong way, they would not increase, and rows would be missed",
                fix="beside `read`: decimals: point, or comma",
            )
        return typed_csv(self.name, kind), sql_type(kind)

    def _refuse_unknown(self, columns: Mapping[str, str]) -> None:
        if self.name not in columns:
            raise UsageError(
                "cursor names a column that is not in the events",
                value=self.name,
                known=columns,
                where=f"{self.where}.cursor",
                fix=f"columns found: {listed(columns)}",
            )
