"""DuckDB connections that load nothing from the network; for files and statements of others, ones that read nothing either."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

# DuckDB would fetch an extension by itself for a path like md:…, http://… or a file that is SQLite inside.
_NO_EXTENSIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}
_NO_FILES = {**_NO_EXTENSIONS, "enable_external_access": False}


def connect_in_memory(*, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A database in memory for statements of our own: it reads and writes the files that they name."""
    return duckdb.connect(config=_NO_EXTENSIONS | ({} if threads is None else {"threads": threads}))


def connect_closed(path: str | Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """The DuckDB file ``path``, whoever made it: a view or macro in it reaches no other file and no network.

    The path is taken as it is, never as an address such as ``md:name``.
    """
    return duckdb.connect(os.path.abspath(path), read_only=read_only, config=_NO_FILES)


def connect_own(path: str | Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A DuckDB file in the state folder, which nobody but Leadlens writes: it may attach others there."""
    return duckdb.connect(os.path.abspath(path), read_only=read_only, config=_NO_EXTENSIONS)
