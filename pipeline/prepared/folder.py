"""The folder of a prepared history: Delta tables of Parquet files, and a manifest that says what belongs together."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from leadlens.features import DataError
from leadlens.pipeline.prepared.identity import digest_of
from leadlens.pipeline.prepared.manifest import FORMAT, Manifest, StoredFile, StoredTable

ROW_GROUP = 1 << 16
_KEPT_VERSIONS = 8
_MANIFEST = "manifest.json"


class PreparedFolder:
    """Reads and replaces the versions of one prepared history. Safe to kill at any time, and to use twice at once.

    Files are never changed once written. A version is what its manifest names; the manifest is replaced last, so that
    a reader sees the one before or the one after.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time may prepare; a second one waits, and then mostly finds its work done."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "lock").open("w")
        except OSError as error:
            raise self.unwritable(error) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            except OSError as error:
                raise self.unwritable(error) from error

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While inside, no file of any version is removed."""
        path = self.path / "in_use"
        try:
            lock = path.open("a")
        except OSError:  # a folder that can only be read
            if not path.exists():
                yield
                return
            lock = path.open()
        with lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield

    def unwritable(self, error: OSError) -> DataError:
        return DataError(
            "the prepared history cannot be kept here",
            value=str(self.path),
            why=error.strerror or str(error),
            fix="free some space, or make it a folder that you may write to; everything in it can be rebuilt",
        )

    def read(self, version: int | None = None) -> Manifest | None:
        """The newest manifest, or that of a version; ``None`` where there is none that this release can read."""
        path = self.path / (_MANIFEST if version is None else f"versions/{version}.json")
        try:
            text = path.read_text(encoding="utf-8")
            if json.loads(text).get("format") != FORMAT:
                return None
            return Manifest.model_validate_json(text)
        except (OSError, ValueError, ValidationError, AttributeError):
            return None

    def give_up(self) -> None:
        """Forget the newest version, so that the next command prepares the history anew."""
        with self.locked():
            (self.path / _MANIFEST).unlink(missing_ok=True)

    def file(self, stored: StoredFile) -> str:
        """The path of a file."""
        return str(self.path / stored.path)

    def damaged(self, manifest: Manifest, thorough: bool = False) -> list[str]:
        """Files that are not what was written: gone, of another size, or touched since and of another checksum."""
        return [
            file.path
            for table in manifest.tables.values()
            for file in table.files
            if not self._whole(file, thorough)
        ]

    def _whole(self, file: StoredFile, thorough: bool) -> bool:
        try:
            state = (self.path / file.path).stat()
            if state.st_size != file.size:
                return False
            return (state.st_mtime_ns == file.modified_ns and not thorough) or (
                digest_of(self.path / file.path) == file.digest
            )
        except OSError:
            return False

    def write(
        self, table: str, batches: Iterable[pa.RecordBatch], schema: pa.Schema, run: int = 0, part: int = 0
    ) -> StoredFile | None:
        """Write one file of a table; ``None`` where there is no row."""
        folder = self.path / table
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{table}/{run}-{part}-{uuid.uuid4().hex[:12]}.parquet"
        path, rows, run_of_events = self.path / name, 0, table == "events"
        texts = [
            field.name
            for field in schema
            if pa.types.is_dictionary(field.type) or pa.types.is_string(field.type)
        ]
        narrow = [name for name in ("_lead_no", "_source") if name in schema.names]
        dense = {  # an attribute of a lead may have such a name as well, and be anything
            field.name: "DELTA_BINARY_PACKED"
            for field in schema
            if field.name in ("_lead_no", "occurred_at", "_source") and _is_whole(field.type)
        }
        # Nearly all that compresses is in dictionaries; one lead is found by the bounds of the leads' numbers.
        with pq.ParquetWriter(
            path,
            schema,
            compression="none" if run_of_events else "lz4",
            use_dictionary=texts or False,
            column_encoding=dense or None,
            write_statistics=narrow[:1] if run_of_events else True,
        ) as writer:
            for batch in batches:
                writer.write_table(pa.Table.from_batches([batch]), row_group_size=ROW_GROUP)
                rows += batch.num_rows
        if not rows:
            path.unlink()
            return None
        state = path.stat()
        return StoredFile(
            path=name,
            rows=rows,
            size=state.st_size,
            modified_ns=state.st_mtime_ns,
            digest=digest_of(path),
            run=run,
            part=part,
        )

    def commit(self, manifest: Manifest) -> Manifest:
        """Log the files of every table, replace the manifest, and remove what no kept version names."""
        tables = {name: self._logged(name, table) for name, table in manifest.tables.items()}
        manifest = manifest.model_copy(update={"tables": tables})
        text = manifest.model_dump_json()
        (self.path / "versions").mkdir(exist_ok=True)
        for path in (self.path / "versions" / f"{manifest.version}.json", self.path / _MANIFEST):
            unfinished = path.with_suffix(".new")
            with unfinished.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        self._clean(manifest)
        return manifest

    def _logged(self, name: str, table: StoredTable) -> StoredTable:
        """Bring the Delta log of a table to the files of this version, whatever a killed run left there."""
        root = self.path / name
        if table.version >= 0 and _newest_entry(root) == table.version:
            return table  # as the version before has it
        root.mkdir(exist_ok=True)
        with _readable_by_delta(root) as where:
            return self._log(table, where)

    def _log(self, table: StoredTable, root: Path) -> StoredTable:
        from deltalake import DeltaTable, Schema
        from deltalake.exceptions import DeltaError
        from deltalake.transaction import AddAction, RemoveAction, create_table_with_add_actions

        where = str(root)
        schema = Schema.from_arrow(_schema_of(table))
        wanted = {Path(file.path).name: file for file in table.files}

        def add(files: Iterable[str]) -> list[AddAction]:
            return [
                AddAction(
                    file,
                    wanted[file].size,
                    {},
                    wanted[file].modified_ns // 1_000_000,
                    True,
                    json.dumps({"numRecords": wanted[file].rows}),
                )
                for file in files
            ]

        try:
            log = DeltaTable(where) if DeltaTable.is_deltatable(where) else None
        except (DeltaError, OSError, ValueError):
            shutil.rmtree(
                root / "_delta_log", ignore_errors=True
            )  # it says nothing that cannot be said again
            log = None
        if log is None or log.schema() != schema:
            mode = "error" if log is None else "overwrite"
            create_table_with_add_actions(where, schema, add(wanted), mode=mode)  # type: ignore[arg-type]
        else:
            logged = {Path(uri).name for uri in log.file_uris()}
            now = int(time.time() * 1000)
            changes: list[AddAction | RemoveAction] = [
                *add(sorted(set(wanted) - logged)),
                *(RemoveAction(file, True, now) for file in sorted(logged - set(wanted))),
            ]
            if not changes:
                return table.model_copy(update={"version": log.version()})
            log.create_write_transaction(changes, "append", schema)
        return table.model_copy(update={"version": DeltaTable(where).version()})

    def _clean(self, manifest: Manifest) -> None:
        """Remove files of versions beyond the kept ones, and of runs that were killed, unless somebody reads."""
        with (self.path / "in_use").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return  # the next run will
            kept = {file.path for table in manifest.tables.values() for file in table.files}
            for path in (self.path / "versions").iterdir():
                with suppress(ValueError):
                    number = int(path.stem)
                    old = self.read(number)
                    if (
                        number <= manifest.version - _KEPT_VERSIONS
                        or number > manifest.version
                        or old is None
                    ):
                        path.unlink()
                    else:
                        kept |= {file.path for table in old.tables.values() for file in table.files}
            for folder in self.path.iterdir():
                if folder.name == "spool":
                    shutil.rmtree(folder, ignore_errors=True)
                for path in folder.glob("*.parquet") if folder.is_dir() else ():
                    if f"{folder.name}/{path.name}" not in kept:
                        path.unlink()


# Delta's library takes a path for a URL: it would look for a%20b in the folder "a b", and panics at [.
_UNREADABLE = re.compile(r"[%\[\]^|\\]")


@contextmanager
def _readable_by_delta(root: Path) -> Iterator[Path]:
    """A folder with the log of a table that Delta can open; what it adds to the log is added to the table's own."""
    if not _UNREADABLE.search(str(root)):
        yield root
        return
    with TemporaryDirectory(prefix="leadlens-") as folder:
        copy, log = Path(folder) / root.name, root / "_delta_log"
        if log.exists():
            shutil.copytree(log, copy / "_delta_log")
        copy.mkdir(exist_ok=True)
        yield copy
        shutil.rmtree(log, ignore_errors=True)
        shutil.copytree(copy / "_delta_log", log)


def _newest_entry(root: Path) -> int:
    """The number of the newest entry in the Delta log of a table, or -1."""
    entries = (path.stem for path in root.glob("_delta_log/*.json"))
    return max((int(stem) for stem in entries if stem.isdecimal()), default=-1)


def _is_whole(kind: pa.DataType) -> bool:
    """Whether values are kept as whole numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_timestamp(kind))


def _schema_of(table: StoredTable) -> pa.Schema:
    return pa.schema([(name, _ARROW[kind]) for name, kind in table.columns.items()])


_ARROW = {
    "VARCHAR": pa.string(),
    "TIMESTAMP": pa.timestamp("us"),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "SMALLINT": pa.int16(),
}
