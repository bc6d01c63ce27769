"""DuckDB, the reference, keeps every promise; and an engine that breaks one is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from leadlens.features import DuckDBEngine, Step
from leadlens.features.conformance import CASES, Case, NonConformance, check_engine
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.errors import UsageError


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine(threads=1) as found:
        yield found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_duckdb_keeps_every_promise(engine: DuckDBEngine, case: Case) -> None:
    case.check(engine, histories=500)


def test_duckdb_keeps_them_with_little_memory_and_a_disk(tmp_path: Any) -> None:
    with DuckDBEngine(memory="100MB", spill=tmp_path / "spill", threads=2) as small:
        check_engine(small, histories=20)


def test_an_unknown_case_is_refused(engine: DuckDBEngine) -> None:
    with pytest.raises(UsageError, match="did you mean: features"):
        check_engine(engine, only=["featurs"])


_SLIPS: dict[str, tuple[str, Callable[..., str], str]] = {
    "a window that ends a microsecond early": (
        "minus",
        lambda t, length: DuckDBDialect().minus(t, length - (timedelta(microseconds=1) if t == "s.as_of" else timedelta(0))),
        "features",
    ),
    "days of another time zone": (
        "day_number",
        lambda t: f"CAST(floor(epoch_us({t} + INTERVAL 1 HOUR) / 86400000000.0) AS BIGINT)",
        "features",
    ),
    "seconds without their fraction": (
        "seconds_between",
        lambda later, earlier: f"CAST(date_diff('second', {earlier}, {later}) AS DOUBLE)",
        "features",
    ),
    "weeks that begin on Sunday": ("weekday_of", lambda t: f"CAST(dayofweek({t}) AS BIGINT)", "time"),
    "NULL never is the latest value": (
        "latest",
        lambda value, at, where=None: f"max_by({value}, {at}){f' FILTER (WHERE {where})' if where else ''}",
        "aggregates",
    ),
    "a grid without its last timestamp": (
        "timestamp_series",
        lambda first, last, step: f"SELECT unnest(range({first}, {last}, to_microseconds({step // timedelta(microseconds=1)}))) AS as_of",
        "spines",
    ),
    "a backslash that escapes": (
        "like",
        lambda text, pattern: f"({text} LIKE {DuckDBDialect().literal(pattern)} ESCAPE '\\')",
        "conditions",
    ),
    "letters of several cases": ("ilike", lambda text, pattern: DuckDBDialect().like(text, pattern), "conditions"),
    "a hash of its own": ("hash_number", lambda text: f"CAST(hash({text}) % 1000000 AS BIGINT)", "text"),
}  # fmt: skip


@pytest.mark.parametrize("slip", _SLIPS)
def test_a_dialect_that_slips_is_found_out(slip: str) -> None:
    method, wrong, case = _SLIPS[slip]
    with DuckDBEngine(threads=1) as engine:
        setattr(engine.dialect, method, wrong)
        with pytest.raises(NonConformance, match=case):
            check_engine(engine, only=[case])


class _Lazy(DuckDBEngine):
    """Shows a step as a view: it is computed anew wherever it is read."""

    def _make(self, name: str, sql: str) -> None:
        self.drop(name)
        self.connection.execute(f"CREATE TEMP VIEW {self.dialect.quote(name)} AS {sql}")
        self._views.add(name.lower())


class _Forgetful(DuckDBEngine):
    """Loses the last row of every larger table."""

    def run(self, steps: Any, watch: Any = None) -> None:
        for step in steps:
            super().run([step], watch)
            if step.name == "features" and self.count("features"):
                self.run([Step("_all", "SELECT * FROM features")])
                super().run([Step("features", "SELECT * FROM _all WHERE row_id > 0")])


@pytest.mark.parametrize(("broken", "case"), [(_Lazy, "steps make tables"), (_Forgetful, "features")])
def test_an_engine_that_slips_is_found_out(broken: type[DuckDBEngine], case: str) -> None:
    with broken() as engine, pytest.raises((NonConformance, AssertionError)):
        check_engine(engine, only=[case])
