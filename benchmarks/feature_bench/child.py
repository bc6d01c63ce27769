"""One timed part in a process of its own, so that its peak memory is its own.

``python -m benchmarks.feature_bench.child JSON`` prints seconds, peak memory and the result of the part, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    """Import what the part needs, then time it."""
    request = json.loads(sys.argv[1])
    tasks = {"make": _make, "scan": _scan, "ours": _ours, "sheet": _sheet, "pandas": _pandas, "agree": _agree}
    work = tasks[request["task"]]()
    started = time.perf_counter()
    result = work(**request["given"])
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_gib": peak_gib(), "result": result}))


def peak_gib() -> float:
    """Peak memory of this process; on Linux without that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**30 if sys.platform == "darwin" else 2**20)


def _make() -> Callable[..., Any]:
    from benchmarks.feature_bench import world

    def make(folder: str, **size: Any) -> None:
        world.make(world.World(Path(folder), **size))

    return make


def _scan() -> Callable[..., Any]:
    import duckdb

    def scan(events: list[str], threads: int) -> int:
        # A hash needs every value; minima and counts would be answered from the files' statistics.
        connection = duckdb.connect(config={"threads": threads})
        row = connection.execute(
            "SELECT count(*), bit_xor(hash(lead_id, occurred_at, known_at, event_type)) FROM read_parquet(?)",
            [events],
        ).fetchall()[0]
        return int(row[0])

    return scan


def _ours() -> Callable[..., Any]:
    from benchmarks.feature_bench import ours

    return ours.one_run


def _sheet() -> Callable[..., Any]:
    from benchmarks.feature_bench import sheet

    return sheet.one_run


def _pandas() -> Callable[..., Any]:
    from benchmarks.feature_bench import plain_pandas

    return plain_pandas.one_run


def _agree() -> Callable[..., Any]:
    from benchmarks.feature_bench import agree

    def both(ours: str, theirs: str) -> dict[str, Any]:
        return {"wrong": agree.disagreement(ours, theirs), "columns": agree.columns(ours)}

    return both


if __name__ == "__main__":
    main()
