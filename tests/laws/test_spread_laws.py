"""Law of workers: a history that they prepared is the one that this machine prepares, whoever ran twice, and in any order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.laws.nights.odd_workers import OddWorkers
from tests.prepared_histories import CROWD, run, smallest

HISTORIES = int(os.environ.get("LEADLENS_EXAMPLES", "102"))
SIZE = min(CROWD, HISTORIES)


@pytest.mark.parametrize("seed", range(7_000_000, 7_000_000 + -(-HISTORIES // SIZE)))
def test_a_history_that_workers_prepared_is_the_one_prepared_here(seed: int, tmp_path: Path) -> None:
    workers = OddWorkers(tmp_path, seed)
    failure = run(seed, often=False, size=SIZE, workers=workers).failure
    assert failure is None, f"seed {seed}\n{smallest(failure)}"
    assert workers.ran
