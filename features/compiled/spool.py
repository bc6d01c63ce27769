"""Events on their way from the engine to the loops: cut by lead, in memory or, beyond a limit, in files."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from leadlens.features.compiled.kernel import group_by
from leadlens.features.compiled.shape import Array


class Spool:
    """Takes columns of events batch by batch and gives them back part by part.

    Parameters
    ----------
    size, parts : leads ``[i * size, (i + 1) * size)`` are part ``i``, of so many parts.
    limit : bytes that may be held in memory; the rest goes to files of a temporary folder under ``folder``.
    """

    def __init__(self, size: int, parts: int, limit: int, folder: Path | None = None) -> None:
        self.size, self.parts, self.limit, self._bytes = size, parts, limit, 0
        self._batches: list[list[dict[str, Array]]] = [[] for _ in range(parts)]
        self._types: dict[str, np.dtype[Any]] = {}
        self._folder, self._temporary = folder, None  # type: tuple[Path | None, tempfile.TemporaryDirectory[str] | None]

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._batches = []
        if self._temporary is not None:
            self._temporary.cleanup()

    def add(self, columns: Mapping[str, Array]) -> None:
        """Take a batch: columns of one length, among them ``lead``."""
        self._types = {name: column.dtype for name, column in columns.items()}
        order, offsets = group_by(columns["lead"], self.size, self.parts)
        moved = {name: np.take(column, order) for name, column in columns.items()}
        for number in range(self.parts):
            start, end = offsets[number], offsets[number + 1]
            if end > start:
                self._batches[number].append({name: column[start:end] for name, column in moved.items()})
        self._bytes += sum(column.nbytes for column in moved.values())
        if self._bytes > self.limit:
            self._spill()

    def take(self, number: int) -> dict[str, Array]:
        """All columns of one part, which is forgotten."""
        batches, self._batches[number] = self._batches[number], []
        columns = {}
        for name, kind in self._types.items():
            pieces = [batch[name] for batch in batches]
            if self._temporary is not None and (path := self._path(number, name)).exists():
                pieces.insert(0, np.fromfile(path, dtype=kind))
                path.unlink()
            columns[name] = np.concatenate(pieces) if pieces else np.empty(0, kind)
        return columns

    def _spill(self) -> None:
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="leadlens-spill-", dir=self._folder)
        for number, batches in enumerate(self._batches):
            for name in self._types if batches else ():
                with self._path(number, name).open("ab") as file:
                    for batch in batches:
                        batch[name].tofile(file)
            self._batches[number] = []
        self._bytes = 0

    def _path(self, number: int, name: str) -> Path:
        assert self._temporary is not None
        return Path(self._temporary.name) / f"{number}.{name}"
