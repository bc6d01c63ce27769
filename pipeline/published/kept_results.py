"""Results of a published copy that are kept: it never changes, and the same lists are asked for all day."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

Result = TypeVar("Result")


class KeptResults:
    """The last ``most`` results by what was asked for; several threads may use it at once."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._results: OrderedDict[Hashable, object] = OrderedDict()

    def get(self, asked: Hashable, work_out: Callable[[], Result]) -> Result:
        """The result that is kept, else a new one. What ``work_out`` raises is raised, and nothing is kept."""
        with self._lock:
            if asked in self._results:
                self._results.move_to_end(asked)
                return self._results[asked]  # type: ignore[return-value]  # kept by the same question
        result = work_out()
        with self._lock:
            self._results[asked] = result
            while len(self._results) > self._most:
                self._results.popitem(last=False)
        return result
