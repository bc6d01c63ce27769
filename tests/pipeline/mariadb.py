"""A real MariaDB server for the tests, from the system's package ``mariadb-server``."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pymysql
import pytest

PASSWORD = "p/ss:w@rd%41 & more"
DATABASE = "crm"
_SECONDS = 60
_ZONE = "+05:30"  # of the server: what it shows as local time is not UTC


@dataclass(frozen=True)
class MariaServer:
    """``crm`` is a user who may read the database of that name, and write into it."""

    port: int
    socket: Path

    def url(self, database: str = DATABASE, user: str = "crm", password: str = PASSWORD) -> str:
        return f"mysql+pymysql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def execute(self, *statements: str, database: str | None = DATABASE) -> None:
        """Run statements as the superuser, in the server's own time zone."""
        with (
            pymysql.connect(
                unix_socket=str(self.socket), user="root", database=database, autocommit=True
            ) as own,
            own.cursor() as cursor,
        ):
            for statement in statements:
                cursor.execute(statement)


def missing() -> str | None:
    """Why no server can be started here."""
    names = ("mariadbd", "mariadb-install-db")
    absent = [name for name in names if _program(name) is None]
    return f"no {absent[0]} on this machine (apt-get install mariadb-server)" if absent else None


@contextmanager
def running() -> Iterator[MariaServer]:
    """A server of its own on loopback. Skips the test where there is none, and fails in CI."""
    if (why := missing()) is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="maria-"))
    data, log, path = folder / "data", folder / "log", folder / "s"
    user = ["--user=root"] if os.geteuid() == 0 else []
    made = subprocess.run(
        [str(_program("mariadb-install-db")), "--no-defaults", f"--datadir={data}", "--skip-test-db", *user,
         "--auth-root-authentication-method=normal"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise RuntimeError(f"mariadb-install-db: {made.stderr[-500:]}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(_program("mariadbd")), "--no-defaults", f"--datadir={data}", f"--port={port}", f"--socket={path}",
             "--bind-address=127.0.0.1", f"--default-time-zone={_ZONE}", "--innodb-flush-log-at-trx-commit=0",
             f"--pid-file={folder / 'pid'}", *user],
            stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    server = MariaServer(port, path)
    try:
        _wait(server, process, log)
        server.execute(
            f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4",
            f"CREATE USER 'crm'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT ALL ON {DATABASE}.* TO 'crm'@'127.0.0.1'",
            database=None,
        )
        yield server
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: MariaServer, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            server.execute("SELECT 1", database=None)
            return
        except pymysql.err.OperationalError as error:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{error}; the server's log: {log.read_text()[-500:]}") from None
            time.sleep(0.05)


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
