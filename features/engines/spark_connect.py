"""A session of Spark Connect: a server runs the tasks, and this process needs neither Java nor an address that workers reach."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from leadlens.features.errors import UnavailableError, UsageError, listed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_SCHEME, _PORT = "sc://", 15002
_PACKAGES = ("grpc", "grpc_status", "zstandard")
_TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"


def is_connect(master: str) -> bool:
    """Whether it is a server of Spark Connect."""
    return master.startswith(_SCHEME)


def connect_address(master: str) -> str:
    """Host and port of a server.

    >>> connect_address("sc://spark.example/;use_ssl=true"), connect_address("sc://[::1]:15003")
    ('spark.example:15002', '[::1]:15003')
    """
    place = urlsplit(master).netloc.partition(";")[0]
    return place if place.rpartition(":")[2].isdecimal() and not place.endswith("]") else f"{place}:{_PORT}"


def check_connect(master: str, *, will_do: bool) -> None:
    """Raise ``UsageError`` where Spark Connect cannot do what is asked for, lacks a package, or is given a token in writing."""
    if not will_do:
        raise UsageError(
            "steps of SQL do not run through Spark Connect",
            value=connect_address(master),
            why="tables are kept and dropped in ways that a server does not offer",
            fix="name the cluster's own master: --master spark://host:7077; score, train, check and audit take sc:// too",
        )
    if any(part.partition("=")[0].strip().lower() == "token" for part in master.split(";")[1:]):
        raise UsageError(
            "the token of a Spark Connect server does not belong in its address",
            value=connect_address(master),
            why="the address stands in files and logs",
            fix=f"leave it out, and set the environment variable {_TOKEN}",
        )
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise UsageError(
            "Spark Connect needs packages that are not installed",
            value=listed(missing),
            fix="pip install 'leadlens[spark]', or pip install 'pyspark[connect]'",
        )


def check_connect_settings(settings: Mapping[str, str]) -> None:
    """Raise ``UsageError`` for settings that only the server could have taken, when it was started."""
    if beyond := [name for name in settings if not name.startswith("spark.sql.")]:
        raise UsageError(
            "a Spark Connect server has its settings already",
            value=listed(beyond),
            where="engine.spark",
            why="executors were started with those of the server, and only spark.sql.… can differ from session to session",
            fix="leave them out here, and give them where the server is started: start-connect-server.sh --conf NAME=VALUE",
        )


def start_connect(master: str, settings: Mapping[str, str], own: Mapping[str, str]) -> SparkSession:
    """A session of its own at a server, with ``settings`` of the user and those that are ``own`` to us.

    Raises ``UnavailableError`` where it gives no session.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it does not know pandas 3, which takes no part here
            from pyspark.sql.connect.session import SparkSession as Connected

            session = Connected.builder.remote(master).create()
            for name, value in {**settings, **own}.items():
                session.conf.set(name, value)
    except Exception as error:
        raise UnavailableError(
            "the Spark Connect server gives no session",
            value=connect_address(master),
            why=str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__,
            fix=f"check that it is a Spark Connect server of Spark 4, its settings, and, where it asks for one, the token in {_TOKEN}",
        ) from None
    return session
