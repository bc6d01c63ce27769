"""The page at full size: a million leads published by a night, then twenty readers at once.

Run by ``make bench-app``. The night is ``leadlens score`` as a user types it, and the page is ``leadlens app`` in a process of its own.
Readers open lists, filter, turn pages, search and open leads: as fast as they are answered (``p95_ms``), and then with a second or so
to read in between (``p95_reading_ms``). ``--postgres`` writes the night to a PostgreSQL server instead of a DuckDB file; the page
reads its own copy all the same. Ends with one line of JSON. For a quick try:

    python -m benchmarks.app --leads 20000 --events 900000
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.feature_bench.parts import PartFailedError
from benchmarks.night_bench.commands import ROOT, child, leadlens
from benchmarks.night_bench.results import rounded
from benchmarks.night_bench.state import State, trained
from benchmarks.night_bench.world import END, NightWorld
from tests.pipeline.postgres import DATABASE, running

FIGURES = (
    "p95_ms",
    "p95_reading_ms",
    "lead_cold_ms",
    "lead_warm_ms",
    "score_one_ms",
    "publish_share",
    "peak_gib",
)
_FOLDER = ROOT / ".leadlens" / "bench"
_EVENTS = 50  # of the lead that is scored as JSON


def main() -> None:
    """Measure; exit 1 when a part failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=45_000_000)
    parser.add_argument("--folder", type=Path, default=_FOLDER)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--requests", type=int, default=40, help="of each session")
    parser.add_argument("--postgres", action="store_true", help="write to PostgreSQL")
    options = parser.parse_args()
    world = NightWorld(options.folder, options.leads, options.events)
    figures: dict[str, Any] = dict.fromkeys(FIGURES)
    failed = None
    try:
        child("make", **world.size)
        world.restore()
        env, state = trained(world), State(world.home / "page")
        state.clear()
        with _target(world, options.postgres) as target:
            figures |= _publish(world, state, env, target)
        figures |= _read(world, state, env, options.sessions, options.requests)
    except PartFailedError as error:
        failed = str(error)
    for name, value in figures.items():
        print(f"{name:16} {'-' if value is None else f'{value:,.3f}'}")
    line = {
        "bench": "app",
        "leads": options.leads,
        "target": "postgres" if options.postgres else "duckdb",
        "figures": rounded(figures),
    }
    print(json.dumps(line | ({"failed": failed} if failed else {})))
    sys.exit(1 if failed else 0)


@contextmanager
def _target(world: NightWorld, postgres: bool) -> Iterator[str]:
    """Where the night is written: a new file, or the empty table of a server of its own."""
    if postgres:
        with running() as server:
            yield server.url(DATABASE)
        return
    path = world.home / "page-scores.duckdb"
    path.unlink(missing_ok=True)
    yield f"duckdb:///{path.absolute()}"


def _publish(world: NightWorld, state: State, env: dict[str, str], to: str) -> dict[str, float]:
    """The first night from raw files; which share of it publishing takes."""
    night = leadlens(
        "score",
        world.home,
        "--as-of",
        f"{END:%Y-%m-%d}",
        "--to",
        to,
        "--force",
        "a benchmark",
        "--json",
        home=state.home,
        **env,
    )
    stages = {stage["name"]: stage for stage in night.told["stages"]}
    return {
        "publish_s": stages["publish"]["seconds"],
        "publish_share": stages["publish"]["seconds"] / night.wall,
        "night_s": night.wall,
        "night_peak_gib": night.peak,
        "open_leads": night.told["leads"],
    }


def _read(
    world: NightWorld, state: State, env: dict[str, str], sessions: int, requests: int
) -> dict[str, float]:
    name = str(world.project(world.home)["name"])
    leads = [
        row[0]
        for row in duckdb.execute(
            "SELECT lead_id FROM read_parquet(?) LIMIT 100000", [str(world.sources[0])]
        ).fetchall()
    ]
    some = random.Random(0).sample(leads, 61)
    with _serving(world, state, env) as (port, process):
        cold = _ask(port, f"/{name}/leads/{some[0]}")[1]
        warm = [_ask(port, f"/{name}/leads/{lead}")[1] for lead in some[1:]]
        body = json.dumps(_raw(world)).encode()
        _ask(port, f"/{name}/api/score", body)
        one = [_ask(port, f"/{name}/api/score", body)[1] for _ in range(15)]
        times = _sessions(port, name, leads, sessions, requests)
        reading = _sessions(port, name, leads, sessions, requests // 2, pause=1.0)
        peak = _peak(process.pid)
    return {
        "p95_ms": 1_000 * statistics.quantiles(times, n=20)[-1],
        "p95_reading_ms": 1_000 * statistics.quantiles(reading, n=20)[-1],
        "p50_ms": 1_000 * statistics.median(times),
        "lead_cold_ms": 1_000 * cold,
        "lead_warm_ms": 1_000 * statistics.median(warm),
        "score_one_ms": 1_000 * statistics.median(one),
        "requests_per_s": sessions * requests / sum(times) * sessions,
        "peak_gib": peak,
    }


@contextmanager
def _serving(
    world: NightWorld, state: State, env: dict[str, str]
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "leadlens", "app", str(world.home), "--port", "0"]
    own = os.environ | {"LEADLENS_HOME": str(state.home)} | env
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=own) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+)/", process.stdout.readline())
        if found is None:
            raise PartFailedError("leadlens app did not start")
        try:
            yield int(found[1]), process
        finally:
            process.terminate()


def _sessions(
    port: int, name: str, leads: list[str], sessions: int, requests: int, pause: float = 0.0
) -> list[float]:
    """Seconds of every request of all sessions at once; between two of a session ``pause`` seconds on average."""
    times: list[float] = []
    failures: list[str] = []

    def work(seed: int) -> None:
        chance, after = random.Random(seed), ""
        for _ in range(requests):
            path = chance.choice(
                (
                    f"/{name}/leads",
                    f"/{name}/leads?after={after}",
                    f"/{name}/leads?stage={chance.choice(('MQL', 'SQL', 'Lead'))}",
                    f"/{name}/leads?sort={chance.choice(('points', 'moved'))}",
                    f"/{name}/leads?q={chance.choice(leads)[:7]}",
                    f"/{name}/leads/{chance.choice(leads)}",
                    f"/{name}/leads/{chance.choice(leads)}",
                    f"/{name}/health",
                )
            )
            status, took, _ = _ask(port, path)
            times.append(took)
            time.sleep(pause * chance.uniform(0.5, 1.5))
            after = f"{chance.randrange(1, 500_000)}:{chance.randrange(1, 500_000)}"
            if status not in (200, 404):
                failures.append(f"{path}: {status}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise PartFailedError(f"{len(failures)} requests failed, such as {failures[0]}")
    return times


def _ask(port: int, path: str, body: bytes | None = None) -> tuple[int, float, bytes]:
    """Status, seconds and text of one request on a connection of its own."""
    started = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {} if body is None else {"Content-Type": "application/json"}
    connection.request("GET" if body is None else "POST", path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if body is not None and answer.status != 200:
        raise PartFailedError(f"{path}: {answer.status} {text[:300]!r}")
    return answer.status, time.perf_counter() - started, text


def _raw(world: NightWorld) -> dict[str, Any]:
    """A lead as JSON, with what one of the world's leads did."""
    found = duckdb.execute(
        f"""
        SELECT lead_id, event_type, CAST(occurred_at AS VARCHAR)
        FROM read_parquet(?)
        WHERE lead_id = (SELECT lead_id FROM read_parquet(?) GROUP BY lead_id HAVING count(*) >= 10 LIMIT 1)
        LIMIT {_EVENTS}
        """,
        [str(world.months[-1]), str(world.months[-1])],
    ).fetchall()
    events = [{"event_type": kind, "occurred_at": at} for _, kind, at in found]
    return {
        "lead": {"created_at": min(each["occurred_at"] for each in events)},
        "events": events,
        "as_of": f"{END:%Y-%m-%d}",
    }


def _peak(pid: int) -> float:
    """The most memory that a process has held, GiB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20


if __name__ == "__main__":
    main()
