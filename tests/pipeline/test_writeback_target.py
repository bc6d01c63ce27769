"""``--to``: what is understood, what is refused and with which hint, and that no password is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadlens.features.errors import UsageError
from leadlens.pipeline.writeback import parse_target

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("to", "kind", "shown"),
    [
        ("duckdb:///a/b.duckdb", "duckdb", "duckdb:///a/b.duckdb"),
        ("duckdb:////abs/b.db", "duckdb", "duckdb:////abs/b.db"),
        ("out/scores.parquet", "parquet", "out/scores.parquet"),
        ("Scores.CSV", "csv", "Scores.CSV"),
        (r"C:\out\scores.csv", "csv", r"C:\out\scores.csv"),
        ("postgresql://u:hunter2@h:5433/d", "postgresql", "postgresql://u:***@h:5433/d"),
        ("postgresql+psycopg://u:hunter2@h/d?sslmode=require", "postgresql", "postgresql://u:***@h/d"),
        ("postgresql://u:hunter2%40%2F@h/d", "postgresql", "postgresql://u:***@h/d"),
        ("postgresql:///d?host=/run/postgresql", "postgresql", "postgresql:///d"),
    ],
)
def test_targets_that_are_understood(to: str, kind: str, shown: str) -> None:
    target = parse_target(to)
    assert (target.kind, target.shown) == (kind, shown)
    assert SECRET not in repr(target)


@pytest.mark.parametrize(
    ("to", "hint"),
    [
        ("", "duckdb:///scores.duckdb"),
        ("scores", "duckdb:///scores.duckdb"),
        ("scores.duckdb", "duckdb:///scores.duckdb"),
        ("scores.xls", "scores.xlsx"),
        ("hubspot://contacts", "crm.to"),
        ("https://leads.example.com", "crm.to"),
        ("scores.parqet", "did you mean: .parquet?"),
        ("duckdb://scores.duckdb", "three slashes"),
        ("duckdb:///:memory:", "lost when the run ends"),
        ("duckdb://", "three slashes"),
        ("duckbd:///scores.duckdb", "did you mean: duckdb?"),
        ("postgres://u:hunter2@h/d", "did you mean: postgresql?"),
        ("postgressql://u:hunter2@h/d", "did you mean: postgresql?"),
        ("postgresql+psycopg2://u:hunter2@h/d", "write postgresql://"),
        ("postgresql+asyncpg://u:hunter2@h/d", "write postgresql://"),
        ("postgresql://u:hun@hunter2@h/d", "%40"),
        ("postgresql://u:hun@hunter2/x@h/d", "%40"),
        ("postgresql://u:hunter2@h:port/d", "the port as a number"),
        ("postgresql:/u:hunter2@h/d", "postgresql://user:password@host:5432/database"),
        ("postgresql://", "postgresql://user:password@host:5432/database"),
        ("postgresql://h/d?password=hunter2", "before the @"),
        ("u:hunter2@h/d", "neither a URL nor a file"),
        ("mysql://u:hunter2@h/d", "postgresql://"),
        ("sqlite:///scores.db", "duckdb:///"),
        ("s3://bucket/scores.parquet", "scores.parquet"),
        ("scores\x00.csv", "duckdb:///"),
    ],
)
def test_targets_that_are_refused_with_a_hint(to: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(to)
    assert hint in str(caught.value)
    assert SECRET not in str(caught.value) + repr(caught.value) + str(caught.value.as_dict())


def test_a_home_folder_is_found() -> None:
    assert parse_target("~/scores.csv").path == Path.home() / "scores.csv"
