"""The tables of a pull as Parquet files: rows that changed take the place of those before, and those that are gone go."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from leadlens.features import DataError
from leadlens.features.engines.dialect import DuckDBDialect
from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.pipeline.pulling.source import KEYS, Page, Rows
from leadlens.pipeline.writeback.unfinished import replacing

_quote, _literal = DuckDBDialect().quote, DuckDBDialect().literal
_STATE = "pull.json"


@dataclass
class PulledFiles:
    """The files of one pull in a folder, and up to when each kind of record is read.

    Tables are written first and cursors last, each as a whole: a pull that is killed in between reads some rows once more, and rows with
    equal keys are one.
    """

    folder: Path
    source: str
    cursors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, source: str) -> PulledFiles:
        """Those in a folder. Raises ``DataError`` where another source, or something else, is in it."""
        path = folder / _STATE
        if not path.exists():
            return cls(folder, source)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            before, cursors = str(found["source"]), dict(found["cursors"])
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise DataError(
                "the record of the last pull cannot be read",
                value=str(error),
                where=str(path),
                fix="delete it: the next pull then reads everything once more",
            ) from None
        if before != source:
            raise DataError(
                "this folder holds what was pulled from somewhere else",
                value=before,
                where=str(folder),
                why="ids of two systems would be mixed",
                fix="name another folder",
            )
        return cls(folder, source, cursors)

    def add(self, pages: list[Page]) -> dict[str, int]:
        """Merge pages into the files; returns the rows of each table that changed.

        A lead that was deleted goes with all it did. Of one that was merged into another only its row as a lead goes.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        gone = {each for page in pages for each in page.gone.get("leads", ())}
        merged = {row["old_id"] for page in pages for row in page.rows.get("aliases", ())}
        deleted = gone - merged - self._known_aliases()
        removed = {
            "leads": [("lead_id", gone)],
            "events": [
                ("event_id", {each for page in pages for each in page.gone.get("events", ())}),
                ("lead_id", deleted),
            ],
            "changes": [("id", deleted)],
        }
        counts: dict[str, int] = {}
        for table, key in KEYS.items():
            rows = [row for page in pages for row in page.rows.get(table, ())]
            first = self._since_created([row for page in pages for row in page.first.get(table, ())])
            out = {column: ids for column, ids in removed.get(table, ()) if ids}
            if rows or first or (out and self._path(table).exists()):
                counts[table] = self._merge(table, key, rows, first, out)
        for page in pages:
            self.cursors |= page.cursors
        with replacing(self.folder / _STATE) as file:
            file.write(json.dumps({"source": self.source, "cursors": self.cursors}, indent=1).encode())
        return {table: rows for table, rows in counts.items() if rows}

    def _since_created(self, first: Rows) -> Rows:
        """Values that hold since their lead was created; of leads that are gone it is not known when that was."""
        path = self._path("leads")
        if not first or not path.exists():
            return []
        leads = pq.read_table(path, columns=["lead_id", "created_at"]).to_pydict()
        created = dict(zip(leads["lead_id"], leads["created_at"], strict=True))
        return [row | {"known_at": created[row["id"]]} for row in first if row["id"] in created]

    def _known_aliases(self) -> set[str]:
        path = self._path("aliases")
        return set(pq.read_table(path, columns=["old_id"])["old_id"].to_pylist()) if path.exists() else set()

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        path = self._path(table)
        return pq.read_metadata(path).num_rows if path.exists() else 0

    def _path(self, table: str) -> Path:
        return self.folder / f"{table}.parquet"

    def _merge(
        self, table: str, key: tuple[str, ...], rows: Rows, first: Rows, out: Mapping[str, set[str]]
    ) -> int:
        path = self._path(table)
        # Of equal keys the newest row stays; of the first values that are known, the oldest.
        parts = [_arrow(rows, key, 2), _arrow(list(reversed(first)), key, 0)]
        before = pq.read_table(path) if path.exists() else None
        if before is not None:
            parts.insert(1, before.append_column("_age", pa.array([1] * len(before), pa.int8())))
        together = pa.concat_tables(parts, promote_options="default")
        with connect_in_memory() as connection:
            connection.register("every_row", together)
            conditions = []
            for number, (column, ids) in enumerate(out.items()):
                connection.register(f"out_{number}", pa.table({"id": pa.array(sorted(ids), pa.string())}))
                conditions.append(f"{_quote(column)} NOT IN (SELECT id FROM out_{number})")
            keys = ", ".join(map(_quote, key))
            kept = connection.sql(
                f"""
                SELECT * EXCLUDE (_age)
                FROM every_row
                WHERE {" AND ".join(conditions) or "TRUE"}
                QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _age DESC) = 1
                ORDER BY {keys}
                """
            ).to_arrow_table()
        if before is not None and kept.equals(before):
            return 0
        with replacing(path) as file:
            pq.write_table(kept, file, compression="zstd")
        return len(kept) if before is None else _unlike(before, kept)


def _unlike(before: pa.Table, after: pa.Table) -> int:
    """Rows that came, went or changed."""
    if before.column_names != after.column_names:
        return len(after)
    with connect_in_memory() as connection:
        connection.register("before", before)
        connection.register("after", after)
        new, old = "(FROM after EXCEPT FROM before)", "(FROM before EXCEPT FROM after)"
        counts = connection.execute(
            f"SELECT (SELECT count(*) FROM {new}), (SELECT count(*) FROM {old})"
        ).fetchall()
    return int(max(counts[0]))


def _arrow(rows: Rows, key: tuple[str, ...], age: int) -> pa.Table:
    """Rows as text; of equal keys the last."""
    names = dict.fromkeys((*key, *(name for row in rows for name in row)))
    last = list({tuple(row.get(name) for name in key): row for row in rows}.values())
    columns = {
        name: pa.array([None if row.get(name) in (None, "") else str(row[name]) for row in last], pa.string())
        for name in names
    }
    return pa.table({**columns, "_age": pa.array([age] * len(last), pa.int8())})


def pulled_tables(folder: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The files of a pull in a folder, each with its columns of lead ids; none where nothing was pulled."""
    if (folder / _STATE).is_file():
        columns = {
            "leads": ("lead_id",),
            "events": ("lead_id",),
            "changes": ("id",),
            "aliases": ("old_id", "lead_id"),
        }
        for table, ids in columns.items():
            if (path := folder / f"{table}.parquet").is_file():
                yield path, ids


def pulled_from(folder: Path) -> str | None:
    """Where the files in a folder were pulled from; ``None`` where they were not."""
    try:
        return str(json.loads((folder / _STATE).read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def project_text(folder: str, tables: Mapping[str, int]) -> str:
    """What of a project file reads the tables that have rows."""
    lines = [f"  {table}: {{read: {folder}/{table}.parquet}}" for table, rows in tables.items() if rows]
    return "\n".join(["data:", *lines])
