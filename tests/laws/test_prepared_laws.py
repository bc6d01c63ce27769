"""Law of the prepared history: whatever happened to the sources, it is the one that is read anew.

Random projects over several nights: files added, edited, renamed, split, deleted, restored; leads, merges and settings
that come and go. ``python -m tests.prepared_histories --count 20000`` tries more of the same.
"""

from __future__ import annotations

import os

import pytest

from tests.prepared_histories import CROWD, run, smallest

PARTS = 8
HISTORIES = int(os.environ.get("LEADLENS_EXAMPLES", "68"))  # in each part
SIZE = min(CROWD, HISTORIES)  # of them in a project
PROJECTS = -(-HISTORIES // SIZE)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_history_that_grew_is_the_one_read_anew(part: int) -> None:
    """And both are what a plain reading makes of the sources, to the features that are made of them."""
    compared = 0
    for seed in range(part * 1_000_000, part * 1_000_000 + PROJECTS):
        tried = run(seed, often=False, size=SIZE)
        compared += tried.histories
        assert tried.failure is None, (
            f"python -m tests.prepared_histories --seed {seed} --count 1\n{smallest(tried.failure)}"
        )
    assert compared >= PROJECTS * SIZE * 2 // 3  # a few have no lead on the first night


@pytest.mark.parametrize("seed", [49])  # all events are of the future
def test_a_history_that_was_read_wrongly_once(seed: int) -> None:
    failure = run(seed).failure
    assert failure is None, smallest(failure)
