"""Keys that stand twice, by workers: equal to counting them, whatever the files, groups and ranges."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from leadlens.pipeline.prepared import repeated_keys as keys_twice
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.manifest import StoredFile
from tests.laws.nights.odd_workers import OddWorkers

LARGEST = (1 << 63) - 1


@pytest.mark.parametrize("seed", range(25))
def test_they_are_those_that_are_counted_twice(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(keys_twice, "_FEW", int(rng.integers(1, 400)))
    monkeypatch.setattr(keys_twice, "_RANGES", int(rng.integers(1, 9)))
    pool = np.append(rng.integers(0, LARGEST, 300), (0, LARGEST, LARGEST // 2, LARGEST // 2 + 1))
    files, counted = [], Counter[int]()
    for number in range(rng.integers(0, 12)):
        keys = rng.choice(pool, rng.integers(0, 90))
        counted.update(keys.tolist())
        pq.write_table(pa.table({"_event_key": keys.astype("int64")}), tmp_path / f"{number}.parquet")
        files.append(
            StoredFile(
                path=f"{number}.parquet", rows=len(keys), size=0, modified_ns=0, digest="", part=number
            )
        )
    (tmp_path / "shared").mkdir()

    twice = keys_twice.repeated_keys(OddWorkers(tmp_path / "shared", seed), PreparedFolder(tmp_path), files)

    assert twice.tolist() == sorted(key for key, times in counted.items() if times > 1)
