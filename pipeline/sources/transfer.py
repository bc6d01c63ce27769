"""Hand an opened history over to another engine: as Parquet, which every engine reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from features import DuckDBEngine, Engine, History
from features.history import Kind

TABLES = ("leads", "accounts", "events", "conversions", "changes", "unlabelled")
_EXACT: tuple[Kind, ...] = ("number", "boolean", "time")


def transfer_history(history: History, engine: Engine, folder: Path) -> History:
    """The same history in ``engine``; ``folder`` holds its tables and must stay while that is used.

    On a cluster every worker must see the folder. The history given can be closed afterwards.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        path = folder / f"{table}.parquet"
        history.engine.write(_changes(history) if table == "changes" else f"SELECT * FROM {table}", path)
        engine.read(table, path)
    return replace(history, engine=engine)


def data_fingerprint(history: History) -> str:
    """Changes when any row of an opened history does, whatever their order.

    It tells apart data, not attempts to fake them; another release of DuckDB may tell another one.
    """
    engine = history.engine
    assert isinstance(engine, DuckDBEngine)
    parts = [history.data_end.isoformat()]
    for table in TABLES:
        columns = ", ".join(map(engine.dialect.quote, sorted(engine.columns(table))))
        rows, total = engine.connection.execute(
            f"SELECT count(*), coalesce(sum(hash({columns})), 0) % 18446744073709551557 FROM {table}"
        ).fetchall()[0]
        parts.append(f"{table}:{rows}:{int(total):x}")
    return "/".join(parts)


def _changes(history: History) -> str:
    """Numbers, truths and moments in one spelling, for engines read them from text each in its own way.

    Of changes at one moment the one whose text sorts last counts; it is chosen before the spelling changes.
    """
    written = "CASE " + " ".join(
        [
            *_spellings(history, "lead", history.lead_attributes),
            *_spellings(history, "account", history.account_attributes),
            "WHEN TRUE THEN value END",
        ]
    )
    return (
        f"SELECT entity, id, attribute, {written} AS value, known_at FROM (SELECT entity, id, attribute, "
        "max(value) AS value, known_at FROM changes GROUP BY entity, id, attribute, known_at) AS told"
    )


def _spellings(history: History, entity: str, kinds: Mapping[str, Kind]) -> list[str]:
    d = history.engine.dialect
    return [
        f"WHEN entity = {d.literal(entity)} AND attribute = {d.literal(name)} "
        f"THEN {d.text(d.try_cast('value', kind))}"
        for name, kind in kinds.items()
        if kind in _EXACT
    ]
