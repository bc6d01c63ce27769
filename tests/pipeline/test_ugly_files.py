"""One and the same history, written in any dialect, is read alike; `python -m tests.ugly_files` tries thousands."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadlens.features import History
from tests import ugly_files

FILES = settings(
    max_examples=int(os.environ.get("LEADLENS_EXAMPLES", "6")),
    deadline=None,
    derandomize="LEADLENS_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# The dialect is Hypothesis's to simplify; the tables are of one number.
TABLES = st.integers(0, 2**32).map(lambda number: ugly_files.Tables.drawn(Random(number)))
DIALECT = st.randoms(use_true_random=False)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))


def some() -> tuple[ugly_files.Tables, Random]:
    rng = Random("ugly 1")
    return ugly_files.Tables.drawn(rng), rng


@FILES
@given(tables=TABLES, rng=DIALECT)
def test_a_history_in_any_dialect_is_read_alike(tables: ugly_files.Tables, rng: Random) -> None:
    outcome, dialect, wrong = ugly_files.run(tables, rng)
    assert outcome in ("read", "told"), f"{dialect}: {wrong}"


@FILES
@given(tables=TABLES, rng=DIALECT)
def test_a_history_in_a_table_of_postgresql_is_read_alike(
    postgres_url: str, tables: ugly_files.Tables, rng: Random
) -> None:
    outcome, dialect, wrong = ugly_files.run(tables, rng, postgres_url, "postgres")
    assert outcome in ("read", "told"), f"{dialect}: {wrong}"


def test_what_is_read_differently_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time that moved, and a value that was lost."""
    compare = ugly_files.differences

    def against_another(tables: ugly_files.Tables, history: History) -> list[str]:
        tables.leads[3]["city"] = "Elsewhere"
        tables.events[7]["occurred_at"] += timedelta(hours=1)
        return compare(tables, history)

    monkeypatch.setattr(ugly_files, "differences", against_another)
    outcome, _, wrong = ugly_files.run(*some())
    assert outcome == "wrong"
    assert [line.partition(":")[0] for line in wrong] == ["leads.city", "events.occurred_at"]


def test_a_feature_that_differs_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values that are read alike give other features where a column is taken for another kind."""
    plainly = ugly_files.plainly

    def with_other_numbers(folder: Path, tables: ugly_files.Tables) -> Path:
        doubled = [
            row | {"staff": None if row["staff"] is None else 2 * row["staff"]} for row in tables.leads
        ]
        return plainly(folder, ugly_files.Tables(doubled, tables.events))

    monkeypatch.setattr(ugly_files, "plainly", with_other_numbers)
    outcome, _, wrong = ugly_files.run(*some())
    assert outcome == "wrong"
    assert [line.partition(":")[0] for line in wrong] == ["feature staff"]
