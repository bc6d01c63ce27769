"""Leadlens from Parquet events to feature Parquet: the only place where the benchmark calls the package."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb

from benchmarks.feature_bench.world import TYPES
from leadlens.features.engines import DuckDBEngine
from leadlens.features.history import History
from leadlens.features.matrix import write_matrix
from leadlens.features.plan import EventKey, FeaturePlan
from leadlens.features.spine import Spine

# 13 behaviours × (count, count in three windows, active days, recency, decayed count) = 91 columns.
PLAN = FeaturePlan(
    keys=(
        EventKey("any", "Any activity"),
        *(EventKey(name, name.replace("_", " ").capitalize(), name) for name in TYPES),
    ),
    windows=tuple(timedelta(days=days) for days in (7, 30, 90)),
    half_life=timedelta(days=14),
)


def one_run(
    events: list[str],
    people: str,
    spine: str,
    out: str,
    memory: str = "1500MB",
    threads: int = 2,
) -> None:
    """Build the features of a spine and write them to ``out``: ``row_id`` and a column per feature.

    ``memory`` is DuckDB's limit; beyond it work spills beside ``out``.
    """
    spill = Path(out).with_suffix(".spill")
    history = open_history(events, people, spine, memory, threads, spill)
    rows = Spine(history.engine, "spine")  # a view: nothing is copied
    write_matrix(history, PLAN, rows, Path(out))
    assert isinstance(history.engine, DuckDBEngine)
    history.engine.connection.close()


def open_history(
    events: list[str], people: str, spine: str, memory: str, threads: int, spill: Path
) -> History:
    """The contract tables as views of the Parquet: nothing is copied."""
    connection = duckdb.connect(
        config={"memory_limit": memory, "threads": threads, "temp_directory": str(spill)}
    )
    engine = DuckDBEngine(connection)
    literal = engine.dialect.literal
    files = ", ".join(map(literal, events))
    for name, select in {
        "leads": f"SELECT * FROM read_parquet({literal(people)})",
        "events": f"SELECT CAST(NULL AS VARCHAR) AS event_id, *, CAST(NULL AS TIMESTAMP) AS retracted_at FROM read_parquet([{files}])",
        "spine": f"SELECT * FROM read_parquet({literal(spine)})",
        "accounts": "SELECT '' AS account_id WHERE FALSE",
        "conversions": "SELECT '' AS lead_id, TIMESTAMP '2025-01-01' AS converted_at, '' AS kind, '' AS product, "
        "0.0::DOUBLE AS value WHERE FALSE",
        "changes": "SELECT '' AS entity, '' AS id, '' AS attribute, '' AS value, TIMESTAMP '2025-01-01' AS known_at "
        "WHERE FALSE",
    }.items():
        connection.execute(f"CREATE TEMP VIEW {name} AS {select}")
    ends = engine.connection.execute("SELECT max(as_of) FROM spine").fetchall()[0][0]
    return History(engine, ends, {}, {}, {"page": "category", "value": "number"})
