"""Connections to SQL databases by SQLAlchemy URL: nothing is written through them, and timestamps are in UTC."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import sqlalchemy as sa

from leadlens.features import UsageError

_FILES_BY_NET = ("http", "https", "ftp", "s3", "gs", "gcs", "az", "abfss", "hdfs", "file")
_LIKE_MYSQL = ("mysql", "mariadb")
_SCHEMES = ("postgresql", "mysql+pymysql", "mssql+pyodbc", "oracle+oracledb", "sqlite", "snowflake")


def engine_of(url: str, shown: str, where: str) -> sa.Engine:
    """Connections to a database by its URL; ``shown`` is the URL for messages. Raises ``UsageError`` for what is no such URL."""
    scheme = url.partition("://")[0]
    if scheme == "duckdb":
        raise UsageError("a DuckDB file is given as a path", value=shown, where=where, fix="read: crm.duckdb")
    if scheme.lower() in _FILES_BY_NET:
        raise UsageError(
            "files are not read over the network",
            value=shown,
            where=where,
            fix="download it and give its path",
        )
    if url.count("@") > 1 and not scheme.startswith("sqlite"):
        # what follows the first one would be taken for the host's name, and printed
        raise UsageError(
            "this database URL contains more than one @",
            value=shown,
            where=where,
            fix="write a password that holds one as ${NAME}, or percent-encode it: @ is %40, : is %3A, / is %2F",
        )
    try:
        address = sa.make_url(url)
        if address.drivername in ("postgresql", "postgres"):
            address = address.set(drivername="postgresql+psycopg")
        if address.drivername in _LIKE_MYSQL and find_spec("MySQLdb") is None:
            address = address.set(drivername=f"{address.drivername}+pymysql")
        if address.drivername.startswith("postgresql") and "connect_timeout" not in address.query:
            address = address.update_query_dict({"connect_timeout": "10"})
        if address.get_backend_name() == "sqlite":
            return sa.create_engine(address, creator=_sqlite_reader(address, shown, where))
        if address.get_backend_name() in _LIKE_MYSQL:
            return _mysql_engine(address)
        return sa.create_engine(address)
    except sa.exc.NoSuchModuleError:
        raise UsageError(
            "unknown kind of database",
            value=scheme,
            known=_SCHEMES,
            where=where,
            fix="postgresql://user:${PASSWORD}@host/database",
        ) from None
    except ModuleNotFoundError as error:
        raise UsageError(
            f"this kind of database needs the Python package {error.name}",
            value=scheme,
            where=where,
            fix=f"pip install {error.name}",
        ) from None
    except (sa.exc.ArgumentError, ValueError):
        raise UsageError(
            "this is not a valid database URL",
            value=shown,
            where=where,
            fix="postgresql://user:${PASSWORD}@host/database",
        ) from None


def _sqlite_reader(address: sa.URL, shown: str, where: str) -> Callable[[], sqlite3.Connection]:
    """Opens an SQLite file for reading: by itself SQLite makes a file that is not there."""
    named = address.database or ""
    path = Path(unquote(urlsplit(named).path) if named.startswith("file:") else named)
    if not path.is_file():
        raise UsageError(
            "there is no such file",
            value=shown,
            where=where,
            fix="sqlite:///file.db is a path from where the command runs, sqlite:////a/file.db an absolute one",
        )
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    return lambda: sqlite3.connect(uri, uri=True)


def _mysql_engine(address: sa.URL) -> sa.Engine:
    engine = sa.create_engine(address)
    if engine.driver == "pymysql":
        from pymysql.constants import FIELD_TYPE
        from pymysql.converters import conversions

        # BIT, which many programs take for yes or no, would be bytes.
        bits = {FIELD_TYPE.BIT: lambda value: int.from_bytes(value, "big")}
        engine = sa.create_engine(address, connect_args={"conv": conversions | bits})
    sa.event.listen(engine, "connect", _begin_mysql)
    return engine


def _begin_mysql(connection: Any, _: Any) -> None:
    """Timestamps in UTC, and no writing: a query may call a function that writes.

    A TIMESTAMP is shown in the time zone of the session, which is the server's own unless somebody says so.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute("SET SESSION TRANSACTION READ ONLY")


def read_only(engine: sa.Engine, one_view: bool = False) -> dict[str, Any]:
    """Options of a connection that does not write; of PostgreSQL, all it reads may be of ``one_view``."""
    if engine.dialect.name != "postgresql":
        return {}
    return {"postgresql_readonly": True} | ({"isolation_level": "REPEATABLE READ"} if one_view else {})


def driver_error(engine: sa.Engine) -> type[Exception]:
    """The driver's own error class, which may be raised while rows are fetched."""
    error: type[Exception] = getattr(engine.dialect.dbapi, "Error", sa.exc.SQLAlchemyError)
    return error
