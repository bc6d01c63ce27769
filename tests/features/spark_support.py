"""Spark for tests: settings for tiny tables, a real cluster on loopback, and when there is none."""

from __future__ import annotations

import os
import queue
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from leadlens.features.engines.spark_session import find_java
from leadlens.features.errors import UsageError

# The work of these tables is nothing beside planning and compiling it.
_JAVA = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"
TINY = {
    "spark.driver.extraJavaOptions": _JAVA,
    "spark.executor.extraJavaOptions": _JAVA,
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
}
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
_DEADLINE = 90.0


def need_spark() -> None:
    """Skip where pyspark or Java is missing; on the project's own checks they must be there."""
    try:
        import pyspark  # noqa: F401

        find_java()
    except (ImportError, UsageError) as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"Spark's tests cannot run: {error}")
        pytest.skip(str(error).splitlines()[0])


@contextmanager
def standalone_cluster(
    folder: Path, workers: int = 2, memory: str = "1g"
) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """One master and some workers of one core, each a process of its own; yields the master's address and the workers."""
    import pyspark

    home = Path(pyspark.__file__).parent
    env = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
    }
    started: list[subprocess.Popen[str]] = []

    def start(*command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(home / "bin" / "spark-class"), *command, "--host", "127.0.0.1", "--port", "0", "--webui-port", "0"]
            if "Master" in command[0]
            else [str(home / "bin" / "spark-class"), *command],
            env=env, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        return process

    try:
        master = _Log(start("org.apache.spark.deploy.master.Master"))
        url = master.wait_for(r"Starting Spark master at (spark://\S+)")
        for number in range(workers):
            worker = start(
                "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--webui-port", "0", "--cores", "1",
                "--memory", memory, "--work-dir", str(folder / f"worker-{number}"), url,
            )  # fmt: skip
            _Log(worker)  # read, too: a process whose pipe is full of its log stands still
        for _ in range(workers):
            master.wait_for(r"(Registering worker) 127\.0\.0\.1")
        yield url, started[1:]
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def connect_server(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """A server of Spark Connect on loopback, with two threads for workers; yields its address. ``folder`` is for what it writes."""
    import pyspark

    home = Path(pyspark.__file__).parent
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    options = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    process = subprocess.Popen(
        [str(home / "bin" / "spark-submit"), "--class", "org.apache.spark.sql.connect.service.SparkConnectServer",
         "--master", "local[2]", "--driver-java-options", _JAVA, *options, "spark-internal"],
        env={**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", **environment},
        cwd=folder, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        _Log(process).wait_for(r"(Spark Connect server started)")
        yield f"sc://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


class _Log:
    """The lines a process writes, read as they come."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: queue.Queue[str] = queue.Queue()
        self.seen: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.put(line)

    def wait_for(self, pattern: str) -> str:
        """The first group of the next line that matches; fails with the log after the deadline."""
        until = time.monotonic() + _DEADLINE
        while (left := until - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            self.seen.append(line)
            if found := re.search(pattern, line):
                return found[1]
        pytest.fail(f"no line with {pattern!r} in {_DEADLINE:.0f} s:\n{''.join(self.seen[-20:])}")
