"""Columns are only searched for words for “not known” where the footer of the file leaves room for one."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.sources.parquet_bounds import Bounds, parquet_bounds
from leadlens.pipeline.sources.unknown_words import (
    WordKind,
    is_unknown,
    looks_unknown,
    may_be_unknown,
    words_for,
)
from tests.pipeline.little_project import LittleProject


def bounds_of(
    path: Path, columns: dict[str, list[str | None]], **options: object
) -> dict[str, Bounds | None]:
    pq.write_table(
        pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}), path, **options
    )
    with duckdb.connect() as connection:
        return parquet_bounds(connection, str(path))


@pytest.mark.parametrize("kind", ["id", "text"])
def test_no_word_is_overlooked_whatever_stands_beside_it(tmp_path: Path, kind: WordKind) -> None:
    spelt = [
        f"{before}{word}{after}" for word in words_for(kind) for before in ("", "  ") for after in ("", " ")
    ]
    beside: list[list[str | None]] = [[], [None], ["!"], ["~~"], ["lead 1", "lead 9"], ["A", "é"]]
    columns = {
        f"{n} {word}": [word, *others, None, None][:3] for word in spelt for n, others in enumerate(beside)
    }
    bounds = bounds_of(tmp_path / "words.parquet", columns)
    assert len(bounds) == len(columns)
    assert [name for name, one in bounds.items() if one is None or not may_be_unknown(kind, one)] == []
    with duckdb.connect() as connection:
        for condition in (is_unknown("v", kind), looks_unknown("v", kind)):
            rows = f"SELECT v FROM (SELECT unnest($1) AS v) WHERE NOT {condition}"
            assert connection.execute(rows, [spelt]).fetchall() == []


def test_values_that_lie_elsewhere_rule_words_out(tmp_path: Path) -> None:
    bounds = bounds_of(
        tmp_path / "plain.parquet",
        {
            "lead": ["lead-1", "lead-999"],
            "page": ["page 1", "pricing"],
            "none": [None, None],
            "upper": ["A", "Z"],
        },
    )
    ruled_out = {name: one is not None and not may_be_unknown("id", one) for name, one in bounds.items()}
    assert ruled_out == {"lead": True, "page": True, "none": True, "upper": False}
    lead = bounds["lead"]
    assert lead is not None
    assert may_be_unknown("number", lead)  # their words are in any case


def test_bounds_hold_across_row_groups_and_are_not_guessed(tmp_path: Path) -> None:
    values: list[str | None] = [f"lead-{n}" for n in range(100)]
    assert bounds_of(tmp_path / "mute.parquet", {"lead": values}, write_statistics=False) == {"lead": None}
    values[50] = "N/A"
    one = bounds_of(tmp_path / "groups.parquet", {"lead": values}, row_group_size=10)["lead"]
    assert one is not None
    assert (one.low, one.high) == (b"N/A", b"lead-99")


def test_long_values_are_known_by_bounds_that_are_cut(tmp_path: Path) -> None:
    """DuckDB cuts statistics, the upper one rounded up."""
    path = tmp_path / "long.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 'n/a' || repeat(' ', 400) AS v) TO '{path}'")
        one = parquet_bounds(connection, str(path))["v"]
    assert one is None or may_be_unknown("id", one)


@pytest.mark.parametrize("word", ["NULL", " n/a ", "#N/A  "])
def test_a_word_among_many_ids_is_read_as_missing_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    little = LittleProject(tmp_path)
    little.events.loc[3, "lead_id"] = word
    little.events["page"] = [word if n == 5 else "pricing" for n in range(len(little.events))]
    with open_history(load_project(little.write())) as history:
        told = [finding.message for finding in history.findings]
        pages = history.engine.frame("SELECT DISTINCT page FROM events")["page"].dropna().tolist()
    assert pages == ["pricing"]
    for column in ("lead_id", "page"):
        assert any(m.startswith(f"events.{column}: 1 value that stands for “not known”") for m in told), told
