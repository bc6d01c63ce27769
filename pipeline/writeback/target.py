"""Parses ``--to``: where scores go."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from leadlens.features.errors import UsageError, nearest
from leadlens.features.secrets import masked

if TYPE_CHECKING:
    from sqlalchemy import URL

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_+.-]+):/")  # at least two letters: C:\ is a Windows path
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9_+.-]+):")  # md:name, http://…: DuckDB would connect to them
_KNOWN = ("postgresql", "duckdb")
_FORMS = "duckdb:///scores.duckdb, postgresql://user:password@host/database, scores.parquet, scores.csv or scores.xlsx"


@dataclass(frozen=True)
class Target:
    """Where scores go. ``shown`` is safe to print; ``url``, which may contain a password, is not."""

    kind: Literal["duckdb", "postgresql", "parquet", "csv", "xlsx"]
    shown: str
    path: Path = field(default=Path(), repr=False)
    url: URL | None = field(default=None, repr=False)


def parse_target(to: str) -> Target:
    """Parse ``--to`` without opening it; call it first, so that a typo costs no scoring run.

    >>> parse_target("duckdb:///scores.duckdb").kind
    'duckdb'
    >>> parse_target("postgresql://crm:secret@db.example/crm").shown
    'postgresql://crm:***@db.example/crm'
    """
    if "\x00" in to or not to.strip():
        raise UsageError("the target is empty", value=to, fix=f"write {_FORMS}")
    scheme = _SCHEME.match(to)
    if scheme is None:
        return _parse_path(to)
    backend, _, driver = scheme[1].lower().partition("+")
    if backend == "duckdb" and not driver:
        return _parse_duckdb(to)
    if backend == "postgresql" and driver in ("", "psycopg"):
        return _parse_postgres(to)
    known = _KNOWN if nearest(backend, _KNOWN) else ()
    if backend in ("hubspot", "salesforce", "https", "http"):
        raise UsageError(
            "a CRM is no target of its own: scores are written to a table, and pushed from there",
            value=f"{backend}://…",
            fix="name it as crm.to in the project file, or after --to of leadlens score and leadlens push",
            where="scores.to",
        )
    if backend == "postgresql":
        what, fix = f"the driver {driver} is not supported", "write postgresql:// (it uses psycopg 3)"
    else:
        what, fix = f"scores cannot be written to {backend}", f"write {_FORMS}"
    raise UsageError(what, value=scheme[1], known=known, fix=fix, where="--to")


def _parse_path(to: str) -> Target:
    path = Path(to).expanduser()
    ending = path.suffix.lower()
    if ending == ".parquet":
        return Target("parquet", str(path), path)
    if ending == ".csv":
        return Target("csv", str(path), path)
    if ending == ".xlsx":
        return Target("xlsx", str(path), path)
    if "@" in to:  # a URL without its scheme may contain a password
        raise UsageError("this is neither a URL nor a file", fix=f"write {_FORMS}", where="--to")
    fix = f"write {_FORMS}"
    if ending in (".duckdb", ".db", ".ddb"):
        fix = f"write duckdb:///{path.as_posix()}"
    elif ending in (".xlsm", ".xls", ".ods"):
        fix = f"write {path.with_suffix('.xlsx')}"
    raise UsageError(
        f"scores cannot be written to a file that ends in {ending!r}"
        if ending
        else "this is neither a database nor a file with a known suffix",
        value=to,
        known=[".parquet", ".csv", ".xlsx"] if ending else _KNOWN,
        fix=fix,
        where="--to",
    )


def _parse_duckdb(to: str) -> Target:
    match = re.fullmatch(r"duckdb:///([^?]+)", to, flags=re.IGNORECASE)
    if match is None or match[1] == ":memory:":
        raise UsageError(
            "a DuckDB target must be a file",
            value=None if "@" in to else to,
            why="a database in memory is lost when the run ends" if match else None,
            fix="write duckdb:///scores.duckdb (three slashes), or four slashes and an absolute path",
            where="--to",
        )
    if address := _ADDRESS.match(match[1]):
        raise UsageError(
            f"scores are not written to {address[1]}: a DuckDB target must be a file on this machine",
            fix="write duckdb:///scores.duckdb, or four slashes and an absolute path",
            where="--to",
        )
    path = Path(match[1]).expanduser()
    return Target("duckdb", f"duckdb:///{path}", path)


def _parse_postgres(to: str) -> Target:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    # An unescaped @ would make the rest of the password the host's name, which is printed.
    if to.count("@") > 1:
        raise UsageError(
            "this PostgreSQL URL contains more than one @ (it is not shown: it may contain a password)",
            fix="write the password as ${NAME}, as it is, or percent-encode its special characters here: @ is %40, : is %3A, / is %2F",
            where="--to",
        )
    url = None
    with suppress(ArgumentError, ValueError):  # their messages may quote the URL
        url = make_url(to).set(drivername="postgresql+psycopg")
    if url is None or not (url.host or url.database or url.query):
        raise UsageError(
            "this PostgreSQL URL is invalid (it is not shown: it may contain a password)",
            fix="write postgresql://user:password@host:5432/database, the port as a number",
            where="--to",
        )
    secret = {"password", "sslpassword", "passfile", "oauth_client_secret"} & set(url.query)
    if secret:
        raise UsageError(
            f"{', '.join(sorted(secret))} is not allowed after the ? of a PostgreSQL URL",
            fix="write the password before the @, or use PGPASSWORD or ~/.pgpass",
            where="--to",
        )
    shown = url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
    return Target("postgresql", masked(shown), url=url)
