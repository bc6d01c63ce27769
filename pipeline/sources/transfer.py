"""Transfer an opened history to another engine, by way of Parquet files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from leadlens.features import DuckDBEngine, Engine, History
from leadlens.features.history import Kind

TABLES = ("leads", "accounts", "events", "conversions", "changes", "unlabelled")
_OBJECTIONS = ("objections",)  # which histories of before have not
_NO_CONTENT = {"event_id"}  # tells rows apart, and is not kept
_MARKS = {"events": "events*"}  # by releases up to 0.4.0, with their ids
_EXACT: tuple[Kind, ...] = ("number", "boolean", "time")


def transfer_history(history: History, engine: Engine, folder: Path) -> History:
    """The same history in ``engine``; ``folder`` holds its tables and must exist as long as it is used.

    On a cluster every worker must see the folder. The original history can be closed afterwards.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for table in (*TABLES, *_OBJECTIONS[: _has_objections(history)]):
        path = folder / f"{table}.parquet"
        history.engine.write(_changes(history) if table == "changes" else f"SELECT * FROM {table}", path)
        engine.read(table, path)
    return replace(history, engine=engine)


def data_fingerprint(history: History) -> str:
    """A fingerprint that changes with any row of an opened history, whatever their order.

    It is not tamper-proof, and may differ between releases of DuckDB.
    """
    engine = history.engine
    assert isinstance(engine, DuckDBEngine)
    parts = [history.data_end.isoformat()]
    objecting = _has_objections(history) and engine.count("objections") > 0
    for table in (*TABLES, *_OBJECTIONS[:objecting]):
        own = sorted(set(engine.columns(table)) - _NO_CONTENT.union(history.hidden))
        columns = ", ".join(map(engine.dialect.quote, own))
        rows, total = engine.connection.execute(
            f"SELECT count(*), coalesce(sum(hash({columns})), 0) % 18446744073709551557 FROM {table}"
        ).fetchall()[0]
        parts.append(f"{_MARKS.get(table, table)}:{rows}:{int(total):x}")
    return "/".join(parts)


def _has_objections(history: History) -> bool:
    """Whether there is a table of them: not in a history that was made by hand."""
    tables = "(SELECT 1 FROM information_schema.tables WHERE table_name = 'objections') AS found"
    return history.engine.count(tables) > 0


def _changes(history: History) -> str:
    """Numbers, booleans and timestamps in one spelling, since each engine parses text in its own way.

    Of changes at the same time the one whose text sorts last counts; it is chosen before the spelling changes.
    """
    spelled = "CASE " + " ".join(
        [
            *_spellings(history, "lead", history.lead_attributes),
            *_spellings(history, "account", history.account_attributes),
            "WHEN TRUE THEN value END",
        ]
    )
    return f"""
        SELECT entity, id, attribute, {spelled} AS value, known_at
        FROM (
            SELECT entity, id, attribute, max(value) AS value, known_at
            FROM changes
            GROUP BY entity, id, attribute, known_at
        ) AS last_changes
    """


def _spellings(history: History, entity: str, kinds: Mapping[str, Kind]) -> list[str]:
    d = history.engine.dialect
    return [
        f"WHEN entity = {d.literal(entity)} AND attribute = {d.literal(name)} "
        f"THEN {d.text(d.try_cast('value', kind))}"
        for name, kind in kinds.items()
        if kind in _EXACT
    ]
