"""One part of the nightly benchmarks in a process of its own: limits, and the plain alternatives.

``python -m benchmarks.night_bench.child JSON`` prints a JSON object. CPU seconds are of the work alone, without imports.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    """Run the task that is asked for."""
    request = json.loads(sys.argv[1])
    tasks: dict[str, Callable[..., dict[str, Any]]] = {
        "make": make, "load": load, "scan": scan, "predict": predict, "copy": copy, "naive": naive, "count": count,
        "open_leads": open_leads, "tenth": tenth, "unlike": unlike, "unlike_files": unlike_files, "explain": explain,
    }  # fmt: skip
    print(json.dumps(tasks[request["task"]](**request["given"])))


class Clock:
    """CPU seconds (user and system) and seconds on the clock since it was made."""

    def __init__(self) -> None:
        self._cpu, self._wall = _cpu(), time.perf_counter()

    def read(self) -> dict[str, float]:
        return {"cpu": _cpu() - self._cpu, "wall": time.perf_counter() - self._wall}


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def make(folder: str, **size: Any) -> dict[str, Any]:
    """Have the project on disk."""
    from benchmarks.night_bench.world import NightWorld

    NightWorld(Path(folder), **size).make()
    return {}


def load(tables: dict[str, list[str]]) -> dict[str, Any]:
    """The unit L: DuckDB reads all files into tables in memory, unchanged."""
    import duckdb

    with duckdb.connect() as con:
        clock = Clock()
        for name, paths in tables.items():
            con.execute(f"CREATE TABLE {name} AS SELECT * FROM {_reader(paths)}")
        return clock.read()


def count(paths: list[str]) -> dict[str, Any]:
    """Distinct event ids: what is left of the events when each counts once."""
    import duckdb

    row = duckdb.execute(f"SELECT count(DISTINCT event_id) FROM {_reader(paths)}").fetchall()[0]
    return {"events": row[0]}


def open_leads(events: list[str], leads: str, conversions: str, most: int) -> dict[str, Any]:
    """A few leads that are open and of whom much is known."""
    import duckdb

    rows = duckdb.execute(f"""
        SELECT lead_id
        FROM {_reader(events)} AS e
        SEMI JOIN (FROM {_reader([leads])} WHERE closed_at IS NULL) AS l ON l.lead_id = e.lead_id
        ANTI JOIN {_reader([conversions])} AS c ON c.lead_id = e.lead_id
        GROUP BY lead_id
        HAVING count(*) > 3
        ORDER BY hash(lead_id)
        LIMIT {most}
    """).fetchall()
    return {"leads": [row[0] for row in rows]}


def explain(project: str, leads: list[str], warm_up: int) -> dict[str, Any]:
    """What ``leadlens explain`` calls, for one lead after another in this process, as a server of pages would: medians."""
    from leadlens.pipeline.config import load_project
    from leadlens.pipeline.jobs.explain import explain as explained

    file, costs = load_project(Path(project)), []
    for lead in leads:
        clock = Clock()
        explained(file, lead)
        costs.append(clock.read())
    return {name: statistics.median(cost[name] for cost in costs[warm_up:]) for name in ("cpu", "wall")}


def scan(paths: list[str], columns: list[str]) -> dict[str, Any]:
    """DuckDB reads these columns, and nothing else: a hash needs every value."""
    import duckdb

    with duckdb.connect() as con:
        clock = Clock()
        con.execute(f"SELECT count(*), bit_xor(hash({', '.join(columns)})) FROM {_reader(paths)}").fetchall()
        return clock.read()


def predict(matrix: str, rows: int) -> dict[str, Any]:
    """LightGBM's own prediction and contributions of so many rows, by the trees of the registered model.

    ``matrix`` holds real rows of the model's features; they are repeated until there are enough.
    """
    import numpy as np
    import pandas as pd

    from leadlens.pipeline.registry.mlflow_registry import Registry

    model = Registry("night").serving().bundle.model
    if model.trees is None:
        return {"trees": 0}
    frame = pd.read_parquet(matrix, columns=list(model.columns))
    some = model.encoding.encode(frame)
    values = np.ascontiguousarray(np.tile(some, (rows // len(some) + 1, 1))[:rows])
    booster, found = model.trees.classifier.booster_, {}
    for name, how in (("predict", {"raw_score": True}), ("contributions", {"pred_contrib": True})):
        clock = Clock()
        for start in range(0, rows, 100_000):
            booster.predict(values[start : start + 100_000], **how)
        found[name] = clock.read()
    return {**found, "trees": booster.num_trees(), "columns": values.shape[1]}


def copy(url: str, table: str) -> dict[str, Any]:
    """PostgreSQL takes the rows of a table again by COPY, into an empty one of the same columns without an index."""
    import psycopg

    with psycopg.connect(url) as connection:
        with connection.cursor().copy(f"COPY {table} TO STDOUT (FORMAT binary)") as out:
            blocks = [bytes(block) for block in out]
        connection.execute(f"DROP TABLE IF EXISTS {table}_copied")
        connection.execute(f"CREATE TABLE {table}_copied (LIKE {table})")
        connection.commit()
        clock = Clock()
        with connection.cursor().copy(f"COPY {table}_copied FROM STDIN (FORMAT binary)") as taken:
            for block in blocks:
                taken.write(block)
        connection.commit()
        cost = clock.read()
        rows = connection.execute(f"SELECT count(*) FROM {table}_copied").fetchall()[0][0]
        connection.execute(f"DROP TABLE {table}_copied")
    return {**cost, "rows": rows, "bytes": sum(map(len, blocks))}


def unlike(url: str, other: str, table: str, but: list[str]) -> dict[str, Any]:
    """Rows of a table in ``other`` that the database at ``url`` has not, or has otherwise; some columns apart.

    Leads that are no longer open keep their last row, so ``url`` may have more.
    """
    mine, theirs = (_hashes(place, table, but) for place in (url, other))
    wrong = sorted(lead for lead, row in theirs.items() if mine.get(lead) != row)
    return {"rows": len(theirs), "wrong": len(wrong), "examples": wrong[:3]}


def unlike_files(files: list[str], but: list[str]) -> dict[str, Any]:
    """Rows that some Parquet file of scores has, and another has not, or has otherwise; some columns apart."""
    import duckdb

    with duckdb.connect() as connection:
        scans = [f"(SELECT * EXCLUDE ({', '.join(but)}) FROM read_parquet('{file}'))" for file in files]
        rows = connection.sql(f"SELECT count(*) FROM {scans[0]}").fetchall()[0][0]
        wrong = 0
        for one, other in zip(scans, [*scans[1:], scans[0]], strict=True):
            differing = f"SELECT count(*) FROM (SELECT * FROM {one} EXCEPT ALL SELECT * FROM {other})"
            wrong += connection.sql(differing).fetchall()[0][0]
    return {"rows": rows, "wrong": wrong}


def _hashes(url: str, table: str, but: list[str]) -> dict[str, str]:
    import psycopg

    left_out = " ".join(f"- '{name}'" for name in but)
    with psycopg.connect(url) as connection, connection.cursor("rows") as cursor:
        return dict(cursor.execute(f"SELECT lead_id, md5((to_jsonb(t) {left_out})::text) FROM {table} AS t"))


def tenth(folder: str, leads: str, conversions: str, events: list[str]) -> dict[str, Any]:
    """Every tenth lead that is open, with all it did, as the plain alternative reads them."""
    import duckdb

    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    keep = "hash(lead_id, 'tenth') % 10 = 0"
    for name, paths in (("leads", [leads]), ("conversions", [conversions]), ("events", events)):
        target = str(home / f"{name}.parquet").replace("'", "''")
        duckdb.execute(f"COPY (SELECT * FROM {_reader(paths)} WHERE {keep}) TO '{target}' (FORMAT parquet)")
    return {}


def naive(**given: Any) -> dict[str, Any]:
    """The same night in pandas, shap and to_sql."""
    from benchmarks.night_bench.naive import one_night

    return one_night(clock=Clock, **given)


def _reader(paths: list[str]) -> str:
    from benchmarks.night_bench.world import reader

    return reader([Path(path) for path in paths])


if __name__ == "__main__":
    main()
