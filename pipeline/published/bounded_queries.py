"""Queries of the page that may not take long: one reader must not hold up the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

_SECONDS = 2.0


class SlowQueryError(Exception):
    """A query was interrupted."""


class _Watch:
    """Interrupts queries that take too long. One thread for all of them: one for each would cost more than most queries do."""

    def __init__(self) -> None:
        self._ends: dict[duckdb.DuckDBPyConnection, float] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._idle = False

    @contextmanager
    def bounded(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """While inside, the cursor has two seconds. Raises ``SlowQueryError``."""
        with self._changed:
            self._ends[cursor] = time.monotonic() + _SECONDS
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, daemon=True)
                self._thread.start()
            elif self._idle:  # else it looks again before this one has to end
                self._changed.notify()
        try:
            yield
        except duckdb.InterruptException:
            raise SlowQueryError from None
        finally:
            with self._changed:
                self._ends.pop(cursor, None)
            cursor.close()

    def _look(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for cursor in [cursor for cursor, end in self._ends.items() if end <= now]:
                    del self._ends[cursor]
                    cursor.interrupt()
                self._idle = not self._ends
                self._changed.wait(None if self._idle else min(self._ends.values()) - now)


_watch = _Watch()
bounded = _watch.bounded
