"""Tables of a Spark catalog as sources: Spark copies their rows into Parquet files of the state folder, which are read like any files."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadlens.features import UsageError
from leadlens.pipeline.config import ProjectFile, unexpanded
from leadlens.pipeline.state import state_folder

SCHEME = "catalog://"
COPIES = "spark_tables"  # the folder in the state folder
_NOTE = "copy.json"


def is_spark_table(address: str) -> bool:
    """Whether an address names a table of Spark.

    >>> is_spark_table("catalog://sales.leads"), is_spark_table("leads.csv")
    (True, False)
    """
    return address.startswith(SCHEME)


@dataclass(frozen=True)
class TableCopy:
    """The copy of one table: the files that belong to it, and up to which value of a cursor it reaches."""

    folder: Path

    @classmethod
    def of(cls, file: ProjectFile, address: str) -> TableCopy:
        """Where the copy of a table is, whether or not it is there."""
        digest = hashlib.sha256(address.encode()).hexdigest()[:16]
        return cls(state_folder() / COPIES / file.project.name / digest)

    def reached(self, cursor: str | None) -> str | None:
        """The largest value of this cursor that was copied; ``None`` where nothing was, or by another cursor."""
        note = self._note()
        return note.get("reached") if cursor is not None and note.get("cursor") == cursor else None

    @property
    def files(self) -> list[str]:
        """Paths of the files, in the order in which they were copied; none where nothing was."""
        return [str(self.folder / name) for name in self._note().get("files", ())]

    def replace(self, files: list[str], cursor: str | None, reached: str | None) -> None:
        """From now on the copy is these files, by their names in the folder, and others are removed."""
        unfinished = self.folder / f"{_NOTE}.new"
        unfinished.write_text(
            json.dumps({"files": files, "cursor": cursor, "reached": reached}), encoding="utf-8"
        )
        os.replace(unfinished, self.folder / _NOTE)
        for path in self.folder.glob("*.parquet"):
            if path.name not in files:
                path.unlink()

    def _note(self) -> dict[str, Any]:
        try:
            note: dict[str, Any] = json.loads((self.folder / _NOTE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return note


def copied_files(file: ProjectFile, address: str, where: str) -> list[str]:
    """The files of a table's copy. Raises ``UsageError`` where Spark has made none."""
    files = TableCopy.of(file, address).files
    if not files:
        raise UsageError(
            "this table is read by Spark, and no command has read it yet",
            value=unexpanded(address),
            where=where,
            fix="--engine spark, or engine: {name: spark} in the project file",
        )
    return files
