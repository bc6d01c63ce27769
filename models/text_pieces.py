"""Texts of many rows put together from pieces that recur, without a Python object per row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Numbers = NDArray[np.integer[Any]]
_MOST_BYTES = 1 << 30  # of one Arrow array of text, which can hold twice as many
# No database accepts these, and one odd page title must not stop a scoring run.
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_ENCODER = json.JSONEncoder(ensure_ascii=False)


class Pieces:
    """Pieces by number; a row's text is a sequence of numbers.

    >>> pieces = Pieces()
    >>> first = pieces.add(["a", "b", "c"])
    >>> pieces.join(np.array([0, 2, 1]), np.array([0, 1, 3])).to_pylist()
    ['a', 'cb']
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def add(self, pieces: Iterable[str]) -> int:
        """The number of the first of these pieces; the others follow."""
        first = len(self._pieces)
        self._pieces.extend(pieces)
        return first

    def join(self, numbers: Numbers, starts: Numbers) -> pa.ChunkedArray:
        """A text per row: row ``i`` is made of ``numbers[starts[i]:starts[i + 1]]``."""
        pieces = pa.array(self._pieces, pa.string())
        chunks = _joined(pieces, pc.binary_length(pieces).to_numpy(), numbers, starts)
        return pa.chunked_array(chunks, pa.string())


def _joined(
    pieces: pa.Array, size: NDArray[np.int32], numbers: Numbers, starts: Numbers
) -> Iterator[pa.Array]:
    first, last, middle = int(starts[0]), int(starts[-1]), len(starts) // 2
    if len(starts) > 2 and int(size[numbers[first:last]].sum(dtype=np.int64)) > _MOST_BYTES:
        yield from _joined(pieces, size, numbers, starts[: middle + 1])
        yield from _joined(pieces, size, numbers, starts[middle:])
        return
    taken = pieces.take(pa.array(numbers[first:last]))
    yield pc.binary_join(pa.ListArray.from_arrays(pa.array((starts - first).astype(np.int32)), taken), "")


def writable(text: str) -> str:
    """The text with U+FFFD for what no database accepts: NUL and halves of surrogate pairs."""
    return _UNWRITABLE.sub("\ufffd", text)


def json_texts(texts: Iterable[str | None]) -> list[str]:
    """Each text as a JSON string, or null."""
    return ["null" if text is None else _ENCODER.encode(writable(text)) for text in texts]


def json_numbers(numbers: NDArray[np.float64]) -> list[str]:
    """Each number as JSON. Raises ``ValueError`` for NaN and infinity, which have no JSON."""
    return json.dumps(numbers.tolist(), allow_nan=False)[1:-1].split(", ") if len(numbers) else []
