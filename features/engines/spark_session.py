"""Start Spark with the settings that Leadlens relies on, or report what is missing."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import subprocess
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from leadlens.features.engines.spark_connect import check_connect, connect_address, is_connect
from leadlens.features.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OLDEST_JAVA = 17
INSTALL_SPARK = "in a checkout of Leadlens: make spark; elsewhere: pip install 'leadlens[spark]'"
INSTALL_JAVA = (
    "install Java 17 or later (Debian, Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install "
    "openjdk@17), or point JAVA_HOME to it"
)
_MASTER = re.compile(
    r"local|local\[(\*|[1-9][0-9]*)(, *[1-9][0-9]*)?\]|spark://[^\s/]+:[0-9]+(,[^\s/]+:[0-9]+)*|yarn|k8s://\S+"
    r"|sc://[^\s/;]+(/?|/;\S*)"
)
MASTERS = (
    "local",
    "local[4]",
    "local[*]",
    "spark://host:7077",
    "yarn",
    "k8s://https://host:443",
    "sc://host:15002",
)
_LOOPBACK = "127.0.0.1"
_SECONDS = 10.0  # for a master to answer
_LOGGING = Path(__file__).with_name("spark_log4j2.properties").absolute()

# What the steps mean by their SQL: these hold in every session, whatever the user sets.
SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",  # TIMESTAMP carries no zone, as in DuckDB
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    # A cast that fails or a sum that overflows is an error, as in DuckDB, and no silent NULL.
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.caseSensitive": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.variable.substitute": "false",  # a text that holds ${…} is a text
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}


def is_local(master: str) -> bool:
    """Whether Spark runs inside this process's own Java machine."""
    return master == "local" or master.startswith("local[")


def on_this_machine(master: str) -> bool:
    """Whether everything runs on this machine: local, or a cluster on loopback."""
    host = urlsplit(master).hostname
    return is_local(master) or host == "localhost" or host == "::1" or bool(host and host.startswith("127."))


def check_master(master: str) -> None:
    """Raise ``UsageError`` for what is no master: Java would fail later, with a page of stack trace."""
    if not _MASTER.fullmatch(master):
        raise UsageError(
            "this is not a Spark master",
            value=master,
            known=MASTERS,
            fix=f"{', '.join(MASTERS[:-1])} or {MASTERS[-1]}",
        )


def check_ready(master: str, work: object = None, *, connect: bool = False) -> None:
    """Everything that can be checked before Spark is started or data are read.

    ``work`` is the folder for tables, if one was named; ``connect`` says that Spark Connect will do. Raises ``UsageError`` for a
    master that is none, where pyspark or Java is missing, and on a cluster where there is no folder or no address that workers could
    reach.
    """
    check_master(master)
    try:
        import pyspark  # noqa: F401
    except ImportError as error:
        raise _no_pyspark(error) from None
    if is_connect(master):
        check_connect(master, will_do=connect)
    elif _any_session() is None:
        find_java()
    if work is None and not on_this_machine(master):
        raise UsageError(
            "Spark on a cluster needs a working folder",
            value=master,
            why="tables go to the workers, and from step to step, as Parquet",
            fix="engine: {work: /a/shared/folder} in the project file, one that every worker sees under this name",
        )
    if needs_address(master):
        raise UsageError(
            "the cluster's workers must be able to reach this machine",
            value=master,
            why="Spark's driver listens on this machine, and only on addresses that were asked for",
            fix="set the environment variable SPARK_LOCAL_IP to the address that the workers know it by: "
            "export SPARK_LOCAL_IP=my-machine",
        )


def check_answers(master: str) -> None:
    """Raise ``UnavailableError`` where no standalone master or Connect server is there: Spark would ask for more than a minute."""
    if is_connect(master):
        places = [connect_address(master)]
    elif master.startswith("spark://"):
        places = master.removeprefix("spark://").split(",")
    else:
        return
    failures = []
    for place in places:
        host, _, port = place.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS).close()
            return
        except OSError as error:
            failures.append(f"{place}: {error.strerror or error}")
    raise UnavailableError(
        "no Spark master answers here",
        value=master,
        why="; ".join(failures),
        fix="check the address, as the master's first lines or its page name it, and that it is running",
    )


def needs_address(master: str) -> bool:
    """Whether workers elsewhere must reach this machine, and no address is set for that."""
    remote = master.startswith("spark://") and not on_this_machine(master)
    return remote and not os.environ.get("SPARK_LOCAL_IP")


def _no_pyspark(error: ImportError) -> UsageError:
    return UsageError("the Spark engine needs the package pyspark", why=str(error), fix=INSTALL_SPARK)


def find_java() -> Path:
    """The Java that Spark will start. Raises ``UsageError`` where there is none, or one that is too old."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not os.access(java, os.X_OK):
        raise UsageError(
            "the Spark engine needs Java, and there is none here",
            value=f"JAVA_HOME={home}" if home else None,
            why=f"Spark runs on Java {OLDEST_JAVA} or later",
            fix=INSTALL_JAVA,
        )
    banner = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', banner)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise UsageError(
            f"the Spark engine needs Java {OLDEST_JAVA} or later",
            value=(banner.splitlines() or [java])[0],
            where=java,
            fix=INSTALL_JAVA,
        )
    return Path(java)


def start_session(
    master: str, memory: str | None, settings: Mapping[str, str], warehouse: str
) -> tuple[SparkSession, bool]:
    """A session of its own (temporary tables, SQL settings), and whether Spark was started for it.

    ``warehouse`` is where Spark would keep tables that stay, of which there are none.
    ``check_ready`` comes first. Raises ``UnavailableError`` where no master answers, ``UsageError`` where pyspark or a reachable cluster is missing, or where
    Spark already runs in this process with another master.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise _no_pyspark(error) from None
    running = SparkSession.getActiveSession() or _any_session()
    if running is None:
        check_answers(master)
    if running is not None and running.sparkContext.master != master:
        raise UsageError(
            "Spark already runs in this process with another master",
            value=master,
            known=[str(running.sparkContext.master)],
            fix="use that master, or stop the other session first",
        )
    builder = SparkSession.builder.master(master).appName("leadlens")
    options = "spark.driver.extraJavaOptions"
    asked = {**_defaults(master, memory), "spark.sql.warehouse.dir": warehouse, **settings}
    asked[options] = f"-Dlog4j2.configurationFile={_LOGGING.as_uri()} {settings.get(options, '')}".strip()
    for name, value in asked.items():
        builder = builder.config(name, value)
    try:
        with warnings.catch_warnings():
            # pyspark warns that it does not know pandas 3; we pass it Arrow tables
            warnings.simplefilter("ignore")
            # Started by the main thread, Spark takes Ctrl-C for itself: it asks its jobs to end in the middle of another
            # question, and leaves two pages of tracebacks.
            with ThreadPoolExecutor(1) as apart:
                session = (running or apart.submit(builder.getOrCreate).result()).newSession()
    except Exception as error:
        _stop_half_started()
        raise UsageError(
            "Spark could not be started",
            value=master,
            why=spark_message(error),
            fix="check the master's address and the settings; Spark's own messages are above",
        ) from error
    # It logs a page of Java's stack for every statement that fails.
    logging.getLogger("SQLQueryContextLogger").disabled = True
    for name, value in {**{k: v for k, v in settings.items() if _is_sql(k)}, **SESSION}.items():
        session.conf.set(name, value)
    return session, running is None


def _any_session() -> SparkSession | None:
    """A session that another thread of this process started."""
    from pyspark.sql import SparkSession

    session: SparkSession | None = SparkSession._instantiatedSession
    alive = session is not None and session.sparkContext._jsc is not None
    return session if alive else None


def _stop_half_started() -> None:
    """So that another attempt in this process begins anew."""
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    if context is not None:
        context.stop()


def spark_message(error: Exception) -> str:
    """What went wrong, in one line: without the name of the call, and without Java's stack."""
    lines = [line.strip(" :") for line in str(error).splitlines() if line.strip(" :")]
    useful = [line for line in lines if not line.startswith("An error occurred while calling")]
    return (useful or lines or [type(error).__name__])[0]


def _is_sql(name: str) -> bool:
    return name.startswith("spark.sql.") and name not in SESSION


def _defaults(master: str, memory: str | None) -> dict[str, str]:
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.maxResultSize": "0",
    }
    if memory is not None:
        settings["spark.driver.memory" if is_local(master) else "spark.executor.memory"] = memory
    if is_local(master):
        # One shuffle file per core and a few more: 200, Spark's default, is made for clusters.
        settings["spark.sql.shuffle.partitions"] = str(max(4, 2 * _threads(master)))
    if on_this_machine(master):
        # Keep the driver's ports on this machine.
        settings |= {"spark.driver.host": _LOOPBACK, "spark.driver.bindAddress": _LOOPBACK}
        os.environ.setdefault("SPARK_LOCAL_IP", _LOOPBACK)
    return settings


def _threads(master: str) -> int:
    """The n of ``local[n]``; all cores for ``local[*]``, one for ``local``."""
    asked = re.fullmatch(r"local(?:\[(\d+|\*)(?:,\s*\d+)?\])?", master)
    number = asked[1] if asked else "*"
    return 1 if number is None else os.cpu_count() or 1 if number == "*" else int(number)
