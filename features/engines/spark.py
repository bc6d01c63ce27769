"""Spark as an engine: the same steps as in DuckDB, on one machine or many."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from leadlens.features.engines.engine import Engine, Step, StepReport
from leadlens.features.engines.spark_addresses import address, without_globs
from leadlens.features.engines.spark_dialect import SparkDialect
from leadlens.features.engines.spark_frames import arrow_for_spark, frame_from_arrow
from leadlens.features.engines.spark_session import check_ready, is_local, spark_message, start_session
from leadlens.features.errors import DataError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_TYPES = {
    "string": "VARCHAR",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "float": "FLOAT",
    "timestamp_ntz": "TIMESTAMP",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "binary": "BLOB",
    "void": "NULL",
}
_PROBED = 100


class SparkEngine(Engine):
    """Apache Spark 4 (extra ``leadlens[spark]``, Java 17 or later).

    Every step's result is written as Parquet into a working folder and read back from there. So a table is
    computed once, a lost executor costs the running step alone, no plan grows with the number of steps, and
    nothing has to fit in memory.

    Parameters
    ----------
    master : ``local[2]`` (this process, two threads), ``spark://host:7077``, ``yarn``, ``k8s://…``.
    work : folder (or an address that Spark can write to) for the tables; emptied of them at the end. On a
        cluster every worker must see it under this name; on this machine a temporary folder by default.
    memory : of this process where Spark runs in it, else of each executor: ``"4g"``.
    settings : further Spark settings; those that the SQL relies on cannot be changed. In a process in which
        Spark runs already, ``memory`` and what is not about SQL stay as they are.

    Raises ``UsageError`` where pyspark, Java, the working folder or this machine's address is missing.
    """

    def __init__(
        self,
        master: str = "local[2]",
        *,
        work: str | Path | None = None,
        memory: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        check_ready(master, work)
        self.master = master
        self.dialect = SparkDialect()
        folder = tempfile.mkdtemp(prefix="leadlens-") if work is None else str(work)
        self._own_folder = folder if work is None else None
        self.work = f"{address(folder)}/spark-{uuid.uuid4().hex[:12]}"
        try:
            self.session, self._started = start_session(
                master, memory, settings or {}, f"{self.work}/warehouse"
            )
        except UsageError:
            if self._own_folder:
                shutil.rmtree(self._own_folder)
            raise
        self._paths: dict[str, str] = {}  # folder of each table that is ours, by lower-case name
        self._seen: set[str] = set()
        self._closed = False
        atexit.register(self.close)
        self._check_shared(self.work)

    def run(self, steps: Iterable[Step], watch: Callable[[StepReport], None] | None = None) -> None:
        for step in steps:
            started = time.perf_counter()
            try:
                self._keep(step.name, self.session.sql(step.sql))
                rows = self.session.table(self.dialect.quote(step.name)).count() if watch else 0
            except _spark_errors() as error:
                raise DataError(
                    f"the step {step.name!r} failed",
                    value=spark_message(error),
                    fix="see the SQL of each step: leadlens features CONFIG --explain",
                ) from error
            if watch is not None:
                watch(StepReport(step.name, rows, time.perf_counter() - started))

    def frame(self, sql: str) -> pd.DataFrame:
        return frame_from_arrow(self.session.sql(sql).toArrow())

    def value(self, sql: str) -> Any:
        rows = self.session.sql(sql).collect()
        return rows[0][0] if rows else None

    def register(self, name: str, frame: pd.DataFrame) -> None:
        self._keep(name, self.session.createDataFrame(arrow_for_spark(frame)))

    def read(self, name: str, path: str | Path) -> None:
        try:
            self._show(name, str(path))
        except _spark_errors() as error:
            raise DataError(
                f"the table {name!r} cannot be read", value=path, why=spark_message(error)
            ) from error

    def write(self, sql: str, path: str | Path) -> None:
        target = address(str(path))
        self._check_shared(target.rpartition("/")[0])
        try:
            self.session.sql(sql).write.mode("overwrite").parquet(target)
        except _spark_errors() as error:
            raise DataError("a result could not be written", value=path, why=spark_message(error)) from error

    def columns(self, table: str) -> dict[str, str]:
        types = self.session.table(self.dialect.quote(table)).dtypes
        return {name: _TYPES.get(kind, kind.upper()) for name, kind in types}

    def drop(self, *names: str) -> None:
        for name in names:
            self.session.sql(f"DROP VIEW IF EXISTS {self.dialect.quote(name)}")
            self._forget(name)

    def close(self) -> None:
        """Remove the tables; stop Spark if it was started for this engine."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        try:
            self._delete(self._own_folder or self.work)
        finally:
            if self._started:
                self.session.stop()

    def _keep(self, name: str, frame: DataFrame) -> None:
        """Compute the rows once, into a folder of their own, and show them as table ``name``."""
        path = f"{self.work}/{len(self._paths)}-{uuid.uuid4().hex[:8]}"
        # Parquet knows no column without a type; DuckDB takes whole numbers then.
        untyped = [column for column, kind in frame.dtypes if kind == "void"]
        for column in untyped:
            frame = frame.withColumn(column, frame[self.dialect.quote(column)].cast("int"))
        frame.write.parquet(path)
        self._show(name, path)
        self._paths[name.lower()] = path

    def _show(self, name: str, path: str) -> None:
        frame = self.session.read.parquet(without_globs(address(path)))
        frame.createOrReplaceTempView(self.dialect.quote(name))
        self._forget(name)  # the new rows may have been made from the old ones

    def _forget(self, name: str) -> None:
        if path := self._paths.pop(name.lower(), None):
            self._delete(path)

    def _delete(self, path: str) -> None:
        """By Hadoop's file systems, so that it works wherever Spark can write."""
        spark: Any = self.session
        target = spark._jvm.org.apache.hadoop.fs.Path(address(path))
        target.getFileSystem(spark._jsc.hadoopConfiguration()).delete(target, True)

    def _check_shared(self, folder: str) -> None:
        """On a cluster, rows written by a worker into a folder that it alone sees would silently be lost."""
        if is_local(self.master) or folder in self._seen:
            return
        probe = f"{folder}/.probe-{uuid.uuid4().hex[:12]}"
        try:
            self.session.range(_PROBED).write.parquet(probe)
            rows = self.session.read.parquet(without_globs(probe)).count()
        except _spark_errors():
            rows = 0
        self._delete(probe)
        if rows != _PROBED:
            raise UsageError(
                "the workers do not see this folder as this machine does",
                value=folder,
                why="what they write there would be lost",
                fix="name a folder that is shared (a network disk, HDFS, an object store) under one name",
            )
        self._seen.add(folder)


def _spark_errors() -> tuple[type[Exception], ...]:
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    return PySparkException, Py4JJavaError
