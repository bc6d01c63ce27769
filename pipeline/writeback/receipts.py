"""What PostgreSQL was sent last night, as numbers: so that an unchanged lead need not be sent again.

PostgreSQL does not keep JSON as it was sent, so its rows cannot be compared with ours unless it parses ours again,
which is most of the work of a night on which little changed. A receipt pairs two numbers: our digest of a row, and
PostgreSQL's hash of the row that this became. Where the row that stands in the table today has the hash of the
receipt, it says what we would send; where it has not, for whatever reason, or there is no receipt, the row is sent.
So receipts only ever save work: they may be deleted, be of another table, or be older than the table.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt

Digests = npt.NDArray[np.uint64]
Hashes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Receipts:
    """Pairs of digest and hash, in the order of the digests: 16 bytes a lead."""

    digests: Digests
    hashes: Hashes

    @classmethod
    def none(cls) -> Receipts:
        return cls(np.empty(0, np.uint64), np.empty(0, np.int64))

    @classmethod
    def of(cls, digests: Digests, hashes: Hashes) -> Receipts:
        order = np.argsort(digests)
        return cls(digests[order], hashes[order])

    @classmethod
    def load(cls, path: Path | None) -> Receipts:
        """The receipts in a file; none if it is missing or not whole."""
        try:
            pairs = np.load(path, allow_pickle=False) if path else None
        except (OSError, ValueError, EOFError):
            pairs = None
        if pairs is None or pairs.dtype != np.uint64 or pairs.ndim != 2 or len(pairs) != 2:
            return cls.none()
        return cls.of(pairs[0], pairs[1].view(np.int64))

    def save(self, path: Path) -> None:
        """Replace the file; raises ``OSError``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
        try:
            with temporary.open("xb") as file:
                np.save(file, np.stack([self.digests, self.hashes.view(np.uint64)]))
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def find(self, digests: Digests) -> tuple[npt.NDArray[np.bool_], Hashes]:
        """Which of the digests have a receipt, and the hashes of those (0 elsewhere)."""
        if not len(self.digests):
            return np.zeros(len(digests), bool), np.zeros(len(digests), np.int64)
        places = np.minimum(np.searchsorted(self.digests, digests), len(self.digests) - 1)
        found = self.digests[places] == digests
        return found, np.where(found, self.hashes[places], 0)


def receipts_file(folder: Path | None, target: str, table: str) -> Path | None:
    """Where the receipts of a table lie."""
    if folder is None:
        return None
    return folder / f"{hashlib.sha256(f'{target} {table}'.encode()).hexdigest()[:16]}.npy"
