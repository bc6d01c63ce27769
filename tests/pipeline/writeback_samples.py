"""Scores to write, databases to write them to, and a run that can be stopped in the middle of its work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import psycopg

from leadlens.pipeline.writeback import RunManifest

AS_OF = datetime(2026, 3, 1)
ROOT = Path(__file__).parents[2]


def run(run_id: str = "run-1", day: int = 0, **facts: Any) -> RunManifest:
    """A run of the given day; its scores are as of that day."""
    facts.setdefault("as_of", AS_OF + timedelta(days=day))
    facts.setdefault("model_version", "7")
    return RunManifest(run_id=run_id, scorecard_version="a1b2", config_fingerprint="c3d4", **facts)


def scores(count: int = 5, seed: int = 0) -> pd.DataFrame:
    """``count`` leads with scores that differ from seed to seed, text of many scripts, and real JSON."""
    probability = np.random.default_rng(seed).uniform(0.01, 0.99, count)
    return pd.DataFrame(
        {
            "lead_id": [f"lead-{number}" for number in range(count)],
            "probability": probability,
            "score": (probability * 98 + 1).astype(int),
            "grade": pd.Categorical(["A1"] * count),
            "fit_points": probability * 10 - 3,
            "rule_points": 30.0 + seed,
            "rule_stage": "MQL",
            "reasons": [[{"reason": 'Besuchte "Größe", twice\n', "points": float(p)}] for p in probability],
            "reasons_text": 'Viewed "Größe", 価格 👍\nthen left; twice\\',
            "ledger": '[{"rule": "Visited", "points": -3}]',
        }
    )


@dataclass(frozen=True)
class Database:
    """One kind of database behind one way to ask it, so that a law is tested on both."""

    to: str

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        if self.to.startswith("duckdb:///"):
            with duckdb.connect(self.to.removeprefix("duckdb:///")) as connection:
                return connection.execute(statement).fetchall()
        with psycopg.connect(self.to, autocommit=True, options="-c timezone=UTC") as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def everything(self) -> list[list[tuple[Any, ...]]]:
        """All rows of all three tables, in order."""
        tables = {
            "lead_scores": "lead_id",
            "lead_scores_history": "lead_id, run_id",
            "scoring_runs": "run_id",
        }
        return [self.query(f"SELECT * FROM {table} ORDER BY {key}") for table, key in tables.items()]


_STOPPING = """
import sys
from leadlens.pipeline.writeback import duckdb, postgres, run_rows, unfinished, write_scores
from tests.pipeline.writeback_samples import run, scores

to, point, run_id, count, seed = sys.argv[1:]

def pause():
    print("paused", flush=True)
    sys.stdin.readline()

def stop_before(module, name):
    original = getattr(module, name)
    def stopped(*args, **kwargs):
        pause()
        return original(*args, **kwargs)
    setattr(module, name, stopped)

if point == "staged":        # all rows are in the temporary table
    stop_before(duckdb, "_merge")
    stop_before(postgres, "_merge")
elif point == "merged":      # the table is changed, the transaction not committed
    stop_before(run_rows, "record_run")
elif point == "written":     # the new file is complete beside the old one
    stop_before(unfinished.os, "replace")
result = write_scores(scores(int(count), int(seed)), to, run=run(run_id))
print(result.inserted, result.updated, result.unchanged, flush=True)
"""


class StoppedRun:
    """A run in another process that waits at ``point`` until it is told to go on, or killed."""

    def __init__(self, to: str, point: str, run_id: str = "child", count: int = 5, seed: int = 1) -> None:
        arguments: Sequence[str] = [to, point, run_id, str(count), str(seed)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _STOPPING, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self._line() == "paused"

    def kill(self) -> None:
        """SIGKILL: no handler, no clean-up."""
        self.process.kill()
        self.process.communicate()

    def finish(self) -> tuple[int, ...]:
        """Let it go on; inserted, updated, unchanged."""
        output, _ = self.process.communicate("\n")
        assert self.process.returncode == 0
        return tuple(int(number) for number in output.split())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()
