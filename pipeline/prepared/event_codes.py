"""New events as numbers: a code for every text, and one SELECT that gives all columns of a source's rows as numbers."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from leadlens.features import DuckDBEngine
from leadlens.pipeline.prepared.event_layout import NULL_TIME, Layout, content_sql, key_sql
from leadlens.pipeline.prepared.numbering import NAMELESS, STRANGER
from leadlens.pipeline.sources.origins import SOURCE_NO

_NULL = f"({NULL_TIME + 1} - 1)"  # as SQL: the number itself is read as the negative of one that is too large


class EventCodes:
    """Codes of the texts of new sources, in order of the texts.

    Made from the table ``event_values``; :meth:`select` also reads ``numbers``. ``dictionaries`` hold the texts of
    each column: code 1 is the first, 0 is NULL.
    """

    def __init__(self, engine: DuckDBEngine, layout: Layout) -> None:
        self._engine, self._layout = engine, layout
        self._tables = {name: f"codes_{place}" for place, name in enumerate(layout.texts)}
        self.dictionaries = {name: self._make(name, table) for name, table in self._tables.items()}

    def _make(self, name: str, table: str) -> pa.Array:
        self._engine.connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE {table} AS
            SELECT value, CAST(row_number() OVER (ORDER BY value) AS INTEGER) AS code
            FROM (
              SELECT DISTINCT value
              FROM event_values
              WHERE column_name = {self._engine.dialect.literal(name)} AND value IS NOT NULL
            )
            """
        )
        texts = self._engine.connection.sql(f"SELECT value FROM {table} ORDER BY code").to_arrow_table()
        return pa.concat_arrays(texts["value"].chunks or [pa.array([], pa.string())])

    def drop(self) -> None:
        """The tables of codes; the dictionaries stay."""
        self._engine.drop(*self._tables.values())

    def select(self, rows: str, expressions: Mapping[str, str]) -> str:
        """The rows of a SELECT of raw rows as numbers (``Layout.numbers``), and ids that are in no table of leads."""
        layout, quote = self._layout, self._engine.dialect.quote
        content = content_sql(layout, quote, "e", "e._with_id")
        columns = [
            f"coalesce(n.lead_no, CASE WHEN e.lead_id IS NULL THEN {NAMELESS} ELSE {STRANGER} END) AS lead",
            "CASE WHEN n.lead_no IS NULL THEN e.lead_id END AS stranger",
            f"coalesce(epoch_us(e.occurred_at), {_NULL}) AS occurred",
            f"{content} AS content",
            f"{key_sql('e', 'coalesce(n.lead_no, -1)', content)} AS key",
            "e._with_id AS with_id",
            f"e.{SOURCE_NO} AS source",
        ]
        if "known_at" in layout.optional:
            columns.append("coalesce(e._early, FALSE) AS early")
        columns += [
            f"coalesce(epoch_us(e.{name}), {_NULL}) AS {name}"
            for name in ("known_at", "retracted_at")
            if name in layout.optional
        ]
        joins = ""
        for name, table in self._tables.items():
            joins += f"\nLEFT JOIN {table} ON {table}.value = e.{quote(name)}"
            columns.append(f"coalesce({table}.code, 0) AS {layout.own(name)}")
        for name, kind in layout.properties.items():
            value, own = f"e.{quote(name)}", layout.own(name)
            if kind == "DOUBLE":
                columns.append(f"coalesce({value}, 'NaN'::DOUBLE) AS {own}")
            elif kind == "BOOLEAN":
                columns.append(f"coalesce(CAST({value} AS TINYINT), -1) AS {own}")
            elif kind == "TIMESTAMP":
                columns.append(f"coalesce(epoch_us({value}), {_NULL}) AS {own}")
        return f"""
            SELECT {", ".join(columns)}
            FROM ({self._typed(rows, expressions)}) AS e
            LEFT JOIN numbers AS n ON n.lead_id = e.lead_id
            {joins}
        """

    def _typed(self, rows: str, expressions: Mapping[str, str]) -> str:
        """The columns of the contract and the properties, each of its type; event ids as hashes."""
        layout, quote = self._layout, self._engine.dialect.quote
        prompt = "known_at" not in layout.optional
        known = (
            "CAST(NULL AS TIMESTAMP)"
            if prompt
            else "CASE WHEN r.known_at > r.occurred_at THEN r.known_at END"
        )
        named = ", ".join(
            f"{sql} AS {quote(name)}" for name, sql in expressions.items() if name != "event_id"
        )
        values = "".join(f", {quote(name)}" for name in layout.properties)
        return f"""
            SELECT
              lead_id, occurred_at, {known} AS known_at, event_type, retracted_at,
              {"FALSE" if prompt else "known_at < occurred_at"} AS _early,
              CAST(hash(_event_id) >> 1 AS BIGINT) AS _event_key,
              _event_id IS NOT NULL AS _with_id, {SOURCE_NO}{values}
            FROM (
              SELECT {named}, {expressions["event_id"]} AS _event_id, {SOURCE_NO}
              FROM ({rows}) AS raw_events
            ) AS r
        """
