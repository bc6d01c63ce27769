"""A command that is killed while it reads leaves nothing that the next one stumbles over."""

from __future__ import annotations

from pathlib import Path

from tests.prepared_kills import kill_many, table_of


def test_the_run_after_a_kill_is_right(tmp_path: Path) -> None:
    """Three of what ``python -m tests.prepared_kills`` does a hundred times."""
    trials = kill_many(tmp_path, 3, leads=300, seed=1, commands=("check",))
    assert [trial.wrong for trial in trials] == [[], []], table_of(trials)
    assert sum(trial.right for trial in trials) == 3
