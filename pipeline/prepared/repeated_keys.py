"""Which keys of events stand twice or more in files that no machine could hold together: sorted by workers, compared range by range.

Two passes, so that each key is read once and no task holds more than some 30 million of them: some files' keys, sorted, as one file; then one
range of values out of each of these. Spark runs these as any other tasks, and shuffles nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow.parquet as pq

from leadlens.pipeline.cluster.workers import Workers
from leadlens.pipeline.prepared.event_layout import Array
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.manifest import StoredFile

KEY = "_event_key"
_ENDS = 1 << 63  # keys are hashes from 0 up to it, spread evenly
_FEW, _MANY = 4_000_000, 30_000_000  # keys of one task: a few hundred MB at most
_RANGES = 64  # as long as tasks stay within these


def repeated_keys(workers: Workers, folder: PreparedFolder, files: Iterable[StoredFile]) -> Array:
    """Every key that stands twice or more in some files, in rising order."""
    groups = _groups(list(files))
    shared = workers.folder / f"keys-{uuid4().hex[:12]}"
    shared.mkdir()
    tasks = [
        {"paths": [folder.file(file) for file in group], "ranges": len(groups), "to": str(shared)}
        for group in groups
    ]
    sorted_keys = workers.run(sort_keys, tasks)
    tasks = [
        {"slices": [[answer["file"], *answer["bounds"][place]] for answer in sorted_keys], "to": str(shared)}
        for place in range(len(groups))
    ]
    twice = [np.load(answer["file"]) for answer in workers.run(compare_range, tasks)]
    return np.concatenate([np.empty(0, np.int64), *twice])


def _groups(files: Sequence[StoredFile]) -> list[list[StoredFile]]:
    """The files in groups of about as many keys; there are as many ranges as groups."""
    keys = sum(file.rows for file in files)
    together = min(max(keys // _RANGES, _FEW), _MANY)
    groups: list[list[StoredFile]] = []
    rows = 0
    for file in files:
        if not groups or rows + file.rows > together:
            groups.append([])
            rows = 0
        groups[-1].append(file)
        rows += file.rows
    return groups


def sort_keys(task: dict[str, Any]) -> dict[str, Any]:
    """On a worker: the keys of some files, sorted, and where in it each range begins and ends."""
    columns = [pq.read_table(path, columns=[KEY])[KEY].to_numpy() for path in task["paths"]]
    keys = np.sort(np.concatenate(columns).astype(np.int64, copy=False))
    ranges = task["ranges"]
    starts = np.array([_ENDS * place // ranges for place in range(ranges)], np.int64)
    bounds = [*np.searchsorted(keys, starts).tolist(), len(keys)]
    return {
        "file": _saved(task["to"], keys),
        "bounds": [[bounds[place], bounds[place + 1]] for place in range(ranges)],
    }


def compare_range(task: dict[str, Any]) -> dict[str, Any]:
    """On a worker: the keys of one range that stand twice or more."""
    slices = [np.load(file, mmap_mode="r")[first:last] for file, first, last in task["slices"]]
    keys = np.sort(np.concatenate(slices))
    return {"file": _saved(task["to"], np.unique(keys[1:][keys[1:] == keys[:-1]]))}


def _saved(folder: str, keys: Array) -> str:
    """Under a name of this attempt."""
    path = Path(folder) / f"{uuid4().hex}.npy"
    np.save(path, keys)
    return str(path)
