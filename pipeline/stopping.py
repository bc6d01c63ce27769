"""Ends a command cleanly when it is told to stop: by Ctrl-C, or by SIGTERM as schedulers and containers send it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_received: list[int] = []  # at most one


class Stopped(BaseException):
    """The command was told to stop; no ``Exception``, so that nobody takes it for an error and goes on."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise ``Stopped`` where the program is when a signal comes; more signals do not disturb the clean-up.

    Signals reach the main thread alone; elsewhere nothing changes.
    """
    _received.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received.clear()


def stopped_by() -> int | None:
    """The signal that stopped this command: libraries that were interrupted raise errors of their own instead."""
    return _received[0] if _received else None


def _stop(number: int, frame: FrameType | None) -> None:
    if not _received:
        _received.append(number)
        raise Stopped(signal.Signals(number).name)
