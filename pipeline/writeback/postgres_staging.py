"""Copies the rows of a run into temporary tables of PostgreSQL: those that it may not have yet."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql as quote

from leadlens.pipeline.writeback import postgres_sql as sql
from leadlens.pipeline.writeback.names import TableNames
from leadlens.pipeline.writeback.prepare import SCHEMA
from leadlens.pipeline.writeback.receipts import Hashes, Receipts
from leadlens.pipeline.writeback.spool import Mask, Spool
from leadlens.pipeline.writeback.statements import listed

Connection = psycopg.Connection[tuple[Any, ...]]


class Staging:
    """The rows of a run in two temporary tables: whole in ``STAGED``, or by their receipt in ``KNOWN``.

    Parameters
    ----------
    connection : in a transaction, with which the tables end.
    spool : the rows.
    receipts : the file of last night's receipts; None to send all rows whole.
    """

    def __init__(self, connection: Connection, spool: Spool, receipts: Path | None) -> None:
        self._connection, self._spool = connection, spool
        self._keeps = receipts is not None and connection.info.server_version >= sql.HASHES_SINCE
        self._digests = spool.read(["digest"]).read_all().column(0).to_numpy()
        old = Receipts.load(receipts) if self._keeps else Receipts.none()
        self._known, self._hashes = old.find(self._digests)

    def send(self) -> None:
        """Copy every row without a receipt, and lead and hash of the others; needs no lock."""
        for statement in sql.create_staging():
            self._execute(statement)
        if self._known.any():
            self._copy(sql.KNOWN, ["lead_id", "number"], self._known, self._hashes)
            self._execute(f"ANALYZE {sql.KNOWN} (lead_id)")
        self._copy_whole(~self._known)
        if self._keeps:
            self._take_hashes(sql.hashes())

    def send_lost(self, names: TableNames) -> None:
        """Copy the rows that the table has no longer as their receipts say; from now on it must not change."""
        if not self._known.any():
            return
        lost = np.zeros(self._spool.rows, bool)
        for (numbers,) in self._execute(sql.lost(names)):
            lost[numbers] = True
        if lost.any():
            self._copy_whole(lost)
            self._take_hashes(sql.hashes(known=True))

    def receipts(self) -> Receipts:
        """One for every row."""
        return Receipts.of(self._digests, self._hashes)

    def _copy_whole(self, wanted: Mask) -> None:
        if wanted.any():
            self._copy(sql.STAGED, [*SCHEMA.names, "number"], wanted)
        self._execute(f"ANALYZE {sql.STAGED} (lead_id)")

    def _copy(self, table: str, columns: list[str], wanted: Mask, hashes: Hashes | None = None) -> None:
        """COPY as CSV: Arrow writes it as fast as anything, and JSON is parsed by the server in any format."""
        options = pyarrow.csv.WriteOptions(include_header=False)
        named = listed(columns if hashes is None else [*columns, "hash"])
        with (
            self._connection.cursor() as cursor,
            cursor.copy(quote.SQL(f"COPY {table} ({named}) FROM STDIN (FORMAT csv)")) as copy,
        ):
            for batch in self._spool.read(columns, wanted):
                if hashes is not None:
                    batch = batch.append_column("hash", pa.array(hashes[batch["number"].to_numpy()]))
                buffer = io.BytesIO()
                pyarrow.csv.write_csv(batch, buffer, options)
                copy.write(buffer.getbuffer())

    def _take_hashes(self, statement: str) -> None:
        for numbers, hashes in self._execute(statement):
            self._hashes[numbers] = hashes

    def _execute(self, statement: str) -> Iterable[tuple[Any, ...]]:
        cursor = self._connection.execute(quote.SQL(statement))
        return cursor if cursor.description else []


def copy_gone(connection: Connection, gone: pa.Table) -> None:
    """Copy the leads to close into ``GONE``."""
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(gone, buffer, pyarrow.csv.WriteOptions(include_header=False))
    with (
        connection.cursor() as cursor,
        cursor.copy(
            quote.SQL(f"COPY {sql.GONE} ({listed(gone.column_names)}) FROM STDIN (FORMAT csv)")
        ) as copy,
    ):
        copy.write(buffer.getbuffer())
