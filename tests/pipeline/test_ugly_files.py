"""One and the same history, written in any dialect, is read alike; `python -m tests.ugly_files` tries thousands."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from features import History
from tests import ugly_files

FILES = int(os.environ.get("LEADLENS_EXAMPLES", "3"))  # of each seed


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("first", [0, 5000])
def test_a_history_in_any_dialect_is_read_alike(first: int) -> None:
    for seed in range(first, first + FILES):
        outcome, dialect, wrong = ugly_files.run(seed)
        assert outcome in ("read", "told"), f"seed {seed}, {dialect}: {wrong}"


def test_a_history_in_a_table_of_postgresql_is_read_alike(postgres_url: str) -> None:
    for seed in range(FILES):
        outcome, dialect, wrong = ugly_files.run(seed, postgres_url, "postgres")
        assert outcome in ("read", "told"), f"seed {seed}, {dialect}: {wrong}"


def test_what_is_read_differently_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time that moved, and a value that was lost."""
    compare = ugly_files.differences

    def against_another(tables: ugly_files.Tables, history: History) -> list[str]:
        tables.leads[3]["city"] = "Elsewhere"
        tables.events[7]["occurred_at"] += timedelta(hours=1)
        return compare(tables, history)

    monkeypatch.setattr(ugly_files, "differences", against_another)
    outcome, _, wrong = ugly_files.run(1)
    assert outcome == "wrong"
    assert [line.partition(":")[0] for line in wrong] == ["leads.city", "events.occurred_at"]
