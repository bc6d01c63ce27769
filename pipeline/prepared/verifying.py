"""Hold a prepared history to what its sources give when all of them are read again."""

from __future__ import annotations

from tempfile import TemporaryDirectory

from leadlens.features import DuckDBEngine, History
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.opening import PreparedHistory, open_prepared
from leadlens.pipeline.prepared.records import TABLES


def differences(file: ProjectFile, prepared: PreparedHistory) -> tuple[str, ...]:
    """What differs between the prepared history and a fresh reading: damaged files, tables, findings, the data's end.

    Where anything does, the prepared history is given up, so that the next command reads the sources anew.
    """
    found = [f"file {path}" for path in prepared.folder.damaged(prepared.manifest, thorough=True)]
    with TemporaryDirectory(prefix="verify-", dir=prepared.folder.path.parent) as place:
        fresh = open_prepared(file, PreparedFolder(prepared.folder.path.parent / place))
        if not found:
            with prepared.history() as kept, fresh.history() as read:
                found += _unlike(kept, read)
    if found:
        prepared.folder.give_up()
    return tuple(found)


def _unlike(kept: History, read: History) -> list[str]:
    found = [table for table in (*TABLES, "events") if _content(kept, table) != _content(read, table)]
    if set(kept.findings) != set(read.findings):
        found.append("findings")
    if kept.data_end != read.data_end:
        found.append("data end")
    return found


def _content(history: History, table: str) -> tuple[object, ...]:
    """Columns, rows and a checksum that changes with any row, whatever their order."""
    engine = history.engine
    assert isinstance(engine, DuckDBEngine)
    columns = engine.columns(table)
    names = ", ".join(engine.dialect.quote(name) for name in sorted(columns))
    # Hashed twice, and summed: DuckDB combines columns by XOR, so that edits of pairs of rows would cancel out.
    row = engine.connection.execute(f"SELECT count(*), sum(hash(hash({names}))) FROM {table}").fetchall()[0]
    return (tuple(sorted(columns.items())), *row)
