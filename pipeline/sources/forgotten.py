"""People who are forgotten: their ids as keyed hashes, by which their rows are left out of whatever is read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from leadlens.features import DataError, Finding
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.pipeline.private import private_files
from leadlens.pipeline.sources.ids import id_text
from leadlens.pipeline.state import state_folder, writable_state

_dialect = DuckDBDialect()
_quote, _literal = _dialect.quote, _dialect.literal
_IDS: dict[str, tuple[str, ...]] = {"accounts": (), "aliases": ("old_id", "lead_id"), "changes": ("id",)}


@dataclass(frozen=True)
class Forgotten:
    """The people of a project who are forgotten: hashes of their ids with a key of the project's own.

    Whoever has the state folder and an id can tell whether it was forgotten, and nobody can read who was.
    """

    key: str = ""
    hashes: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, project: str) -> Forgotten:
        """Those of the state folder. Raises ``DataError`` where the file cannot be read: people would come back."""
        path = _path(project)
        try:
            found = json.loads(path.read_text(encoding="ascii"))
            return cls(found["key"], frozenset(found["hashes"]))
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                "the list of forgotten people cannot be read",
                value=str(error),
                where=str(path),
                why="they would be scored again",
                fix="restore the file from a backup of the state folder; deleting it brings them back",
            ) from None

    def __bool__(self) -> bool:
        return bool(self.hashes)

    def holds(self, lead_id: str) -> bool:
        """Whether an id was forgotten."""
        older = f"{lead_id}.0" if re.fullmatch("[0-9]{1,15}", lead_id) else lead_id
        return not self.hashes.isdisjoint((self._hash(lead_id), self._hash(older)))

    @property
    def mark(self) -> str:
        """Changes with whoever is forgotten."""
        return hashlib.sha256("".join(sorted(self.hashes)).encode()).hexdigest()[:16]

    def sql(self, lead_id: str) -> str:
        """SQL: whether an id, given as SQL of a text, was forgotten."""
        hashes = ", ".join(map(_literal, sorted(self.hashes)))
        # Of before 12.0 was read as 12, as which it is forgotten.
        older = f"CASE WHEN regexp_full_match({lead_id}, '[0-9]{{1,15}}') THEN {lead_id} || '.0' END"
        return (
            f"(sha256({_literal(self.key)} || {lead_id}) IN ({hashes})"
            f" OR coalesce(sha256({_literal(self.key)} || {older}) IN ({hashes}), FALSE))"
        )

    def _hash(self, lead_id: str) -> str:
        return hashlib.sha256((self.key + lead_id).encode()).hexdigest()


def add_forgotten(project: str, ids: Iterable[str]) -> None:
    """Keep that people are forgotten; once this returns, nothing that is read has them."""
    path = writable_state() / "forgotten" / _path(project).name
    before = Forgotten.of(project)
    after = Forgotten(before.key or secrets.token_hex(32), before.hashes)
    hashes = sorted(after.hashes | {after._hash(lead_id) for lead_id in ids})
    with private_files():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"key": after.key, "hashes": hashes}))


def write_whole(path: Path, text: str) -> None:
    """Replace a small file, so that it is never half written."""
    unfinished = path.with_suffix(".new")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def _path(project: str) -> Path:
    return state_folder() / "forgotten" / f"{project}.json"


def find_forgotten(
    connection: duckdb.DuckDBPyConnection,
    forgotten: Forgotten,
    table: str,
    rows: str,
    types: Mapping[str, str],
) -> str | None:
    """Add to the table ``forgotten_ids`` the ids in some rows that were forgotten; returns SQL of whether a row is theirs.

    ``rows`` is what may stand behind FROM, ``types`` its columns. ``None`` where no row of such a table is of a person.
    """
    names = [name for name in _IDS.get(table, ("lead_id",)) if name in types]
    if not names:
        return None
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS forgotten_ids (lead_id VARCHAR)")
    theirs = []
    for name in names:
        own = id_text(_quote(name), types[name])
        connection.execute(
            f"""
            INSERT INTO forgotten_ids
            SELECT lead_id
            FROM (SELECT DISTINCT {own} AS lead_id FROM {rows})
            WHERE {forgotten.sql("lead_id")} AND lead_id NOT IN (SELECT lead_id FROM forgotten_ids)
            """
        )
        is_theirs = f"coalesce({own} IN (SELECT lead_id FROM forgotten_ids), FALSE)"
        if table == "changes" and "entity" in types:
            is_theirs = f"({is_theirs} AND lower(trim(CAST(entity AS VARCHAR))) = 'lead')"
        theirs.append(is_theirs)
    return f"({' OR '.join(theirs)})"


def forgotten_finding(table: str, rows: int) -> Finding:
    """How many rows of forgotten people a table would have."""
    were = "row of a forgotten person" if rows == 1 else "rows of forgotten people"
    message = f"{table}: {rows:,} {were} left out (leadlens forget)"
    return Finding("forgotten", message, "note", rows)
