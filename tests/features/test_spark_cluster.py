"""Spark on a real cluster: a master and two workers, each a process of its own, on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from leadlens.features import Step
from leadlens.features.conformance import CASES, Case
from leadlens.features.engines.spark import SparkEngine
from leadlens.features.errors import UsageError
from tests.features.spark_support import INTERPRETED, TINY, need_spark, standalone_cluster

# The first job waits for both workers.
BOTH = {**TINY, **INTERPRETED, "spark.scheduler.minRegisteredResourcesRatio": "1.0"}


class Cluster(NamedTuple):
    engine: SparkEngine
    workers: list[subprocess.Popen[str]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    need_spark()
    folder = tmp_path_factory.mktemp("cluster")
    with (
        standalone_cluster(folder) as (url, workers),
        SparkEngine(url, work=folder / "work", memory="512m", settings=BOTH) as engine,
    ):
        yield Cluster(engine, workers)


def _executors(engine: SparkEngine) -> int:
    """Executors that are there, without this process."""
    spark: Any = engine.session
    return int(spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size()) - 1


# Planning asks a great many small questions, which one process answers as a cluster does (test_spark.py).
@pytest.mark.parametrize("case", [case for case in CASES if case.name != "planning"], ids=str)
def test_a_cluster_keeps_every_promise(cluster: Cluster, case: Case) -> None:
    case.check(cluster.engine, histories=15)


def test_a_folder_that_workers_cannot_write_is_refused_before_anything_is_lost(cluster: Cluster) -> None:
    with pytest.raises(UsageError, match="do not see this folder"):
        cluster.engine.write("SELECT 1 AS n", "/proc/nowhere/rows")


def test_both_workers_take_part_and_tables_outlive_one(cluster: Cluster) -> None:
    """The one test that kills a worker; the others need no second one."""
    engine = cluster.engine
    assert engine.value("SELECT count(*) FROM range(0, 1000, 1, 16)") == 1000
    assert _executors(engine) == 2
    engine.run([Step("numbers", "SELECT id AS n FROM range(0, 100000, 1, 8)")])
    cluster.workers[0].kill()  # its executor ends with it
    cluster.workers[0].wait(30)
    engine.run([Step("sums", "SELECT n % 7 AS k, sum(n) AS total FROM numbers GROUP BY n % 7")])
    assert engine.value("SELECT sum(total) FROM sums") == 99_999 * 100_000 // 2
