"""Spark in this process keeps every promise, scores sheets like DuckDB, and says plainly what it lacks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from leadlens.features import DuckDBEngine, Step
from leadlens.features.conformance import CASES, Case
from leadlens.features.conformance.world import load, random_history, side_by_side
from leadlens.features.engines.spark import SparkEngine
from leadlens.features.engines.spark_dialect import SparkDialect
from leadlens.features.engines.spark_session import check_master, check_ready, find_java, on_this_machine
from leadlens.features.errors import DataError, UsageError
from leadlens.features.spine import SpinePolicy, build_spine
from leadlens.models.scorecard import Sheet, score_sheet
from tests.features.spark_support import TINY, need_spark


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkEngine]:
    need_spark()
    work = tmp_path_factory.mktemp("it's [a] 50% {folder}")
    with SparkEngine("local[2]", work=work, settings=TINY) as found:
        yield found
    assert not list(work.iterdir()), "tables are left behind"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_spark_keeps_every_promise(engine: SparkEngine, case: Case) -> None:
    case.check(engine, histories=20)


SHEET = {
    "sheet": "every_kind_of_rule",
    "base": {"fit": 3, "engagement": 0.1},
    "dimensions": ["services"],
    "attributes": [
        {"label": "Earns well", "when": "income > 4.5", "points": 10, "also": ["services"]},
        {"label": "Odd city", "when": "city LIKE '%\\\\%' OR city = 'Oslo''s'", "points": -5},
        {"label": "IT", "when": "account.industry = 'IT' AND NOT customer", "points": 7},
    ],
    "actions": [
        {"label": "Page", "when": "event_type = 'page_viewed'", "points": 2.5, "per": "each", "cap": 6},
        {"label": "Paid", "when": "paid AND value / 0.1 > 0.5", "points": -3, "per": "each", "within": "30d"},
        {"label": "Called once", "when": "event_type ILIKE 'IT''S A CALL%'", "points": 20, "per": "once"},
    ],
    "disqualify": [{"label": "From Bern", "when": "city = 'Bern'"}],
    "thresholds": {"mql": 8, "sql": 20},
}


def test_a_sheet_scores_alike(engine: SparkEngine) -> None:
    tables = side_by_side(
        [random_history(seed) for seed in range(20)]
    )  # those of the promises: one engine holds one
    sheet, found = Sheet.model_validate(SHEET), []
    for each in (engine, DuckDBEngine()):
        history = load(each, tables)
        spine = build_spine(
            history, SpinePolicy(dates=(pd.Timestamp("2024-04-20").to_pydatetime(),), repeat=True)
        )
        found.append(score_sheet(sheet, history, spine))
    assert len(found[0].scores) > 20
    assert found[1].scores["stage"].nunique() == 4
    pd.testing.assert_frame_equal(found[0].scores, found[1].scores, rtol=0, atol=1e-9, check_dtype=False)
    pd.testing.assert_frame_equal(found[0].ledger, found[1].ledger, rtol=0, atol=1e-9, check_dtype=False)


def test_engines_do_not_see_each_others_tables(engine: SparkEngine) -> None:
    with SparkEngine("local[2]") as other:
        other.run([Step("mine", "SELECT 1 AS n")])
        with pytest.raises(DataError, match="'theirs' failed"):
            engine.run([Step("theirs", "SELECT * FROM mine")])
        folder = Path(other.work.removeprefix("file://"))
        assert folder.exists()
    assert not folder.parent.exists()
    other.close()  # twice is fine
    assert engine.value("SELECT 1") == 1, "the session that was there before was stopped"


def test_dropping_a_table_frees_its_files(engine: SparkEngine) -> None:
    def folders() -> int:
        return len(list(Path(engine.work.removeprefix("file://")).glob("*/_SUCCESS")))

    before = folders()
    engine.run([Step("freed", "SELECT 1 AS n"), Step("freed", "SELECT n + 1 AS n FROM freed")])
    assert folders() == before + 1
    engine.drop("FREED")
    assert folders() == before


def test_what_spark_writes_lies_where_it_was_told_and_duckdb_reads_it(
    engine: SparkEngine, tmp_path: Path
) -> None:
    path = tmp_path / "it's [a] 50% {folder} *"
    engine.write("SELECT 1 AS n, TIMESTAMP '2024-02-29 12:00:00.000001' AS moment", path)
    assert list(path.glob("*.parquet"))
    engine.read("back", path)
    assert engine.value("SELECT n FROM back") == 1
    with DuckDBEngine() as other:
        other.read("there", path)
        assert other.columns("there") == {"n": "INTEGER", "moment": "TIMESTAMP"}
        assert other.value("SELECT moment FROM there") == datetime(2024, 2, 29, 12, 0, 0, 1)


def test_a_second_master_is_refused(engine: SparkEngine) -> None:
    with pytest.raises(UsageError, match="already runs in this process"):
        SparkEngine("local[1]")


def test_a_failing_step_is_named(engine: SparkEngine) -> None:
    with pytest.raises(DataError, match="'cast' failed") as told:
        engine.run([Step("cast", "SELECT CAST('a' AS DOUBLE) AS n")])
    assert "CAST_INVALID_INPUT" in str(told.value)
    assert "Traceback" not in str(told.value)


def test_only_a_cluster_elsewhere_needs_a_shared_folder_and_an_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    need_spark()
    monkeypatch.delenv("SPARK_LOCAL_IP", raising=False)
    with pytest.raises(UsageError, match="needs a working folder"):
        SparkEngine("spark://spark.example.com:7077")
    assert on_this_machine("local[*]")
    assert on_this_machine("spark://127.0.0.1:7077")
    assert not on_this_machine("yarn")


JAVAS = {
    "none": (None, "there is none here"),
    "old": ('openjdk version "1.8.0_402"', "needs Java 17 or later"),
    "eleven": ('openjdk version "11.0.22" 2024-01-16', "needs Java 17 or later"),
    "odd": ("no Java at all", "needs Java 17 or later"),
}


@pytest.mark.parametrize("which", JAVAS)
def test_java_that_will_not_do_is_told_with_the_install_line(
    which: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    version, message = JAVAS[which]
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if version is not None:
        java = tmp_path / "java"
        java.write_text(f"#!/bin/sh\necho '{version}' >&2\n")
        java.chmod(0o755)
    with pytest.raises(UsageError, match=message) as told:
        find_java()
    assert "openjdk-17-jre-headless" in str(told.value)


def test_a_wrong_java_home_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match="nowhere"):
        find_java()


def test_without_pyspark_the_install_line_is_told() -> None:
    code = (
        "import sys; sys.modules['pyspark'] = None\n"
        "from leadlens.features.errors import UsageError\n"
        "from leadlens.features.engines.spark import SparkEngine\n"
        "try:\n    SparkEngine()\nexcept UsageError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert "pip install 'leadlens[spark]'" in done.stdout
    assert "make spark" in done.stdout


@pytest.mark.parametrize(
    "master",
    ["local", "local[4]", "local[*]", "local[2, 3]", "spark://h:7077", "spark://[::1]:7077", "spark://a:1,b:2", "yarn",
     "k8s://https://h:443", "sc://h", "sc://h:15002", "sc://[::1]:15002/;use_ssl=true"],
)  # fmt: skip
def test_masters_that_are_some(master: str) -> None:
    check_master(master)


@pytest.mark.parametrize(
    "master",
    ["", "localhost", "local[0]", "local[x]", "spark://h", "Yarn", "http://h:7077", "sc://", "sc://h/x"],
)
def test_masters_that_are_none(master: str) -> None:
    with pytest.raises(UsageError, match="not a Spark master"):
        SparkEngine(master)


@pytest.mark.parametrize(
    ("text", "literal"),
    [("it's", "'it\\'s'"), ("a\\b", "'a\\\\b'"), ("\\'", "'\\\\\\''"), ("${x}", "'${x}'"), ('"', "'\"'")],
)
def test_texts_are_written_with_backslashes(text: str, literal: str) -> None:
    assert SparkDialect().literal(text) == literal
    assert SparkDialect().quote("a`b") == "`a``b`"


def test_a_token_is_not_taken_from_an_address_nor_shown() -> None:
    with pytest.raises(UsageError, match="does not belong in its address") as refused:
        check_ready("sc://spark.example:443/;use_ssl=true;token=s3cr3t", "/shared", connect=True)
    assert "SPARK_CONNECT_AUTHENTICATE_TOKEN" in str(refused.value)
    assert "s3cr3t" not in str(refused.value)
