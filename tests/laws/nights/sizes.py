"""Limits of the prepared history, made so small that a few events reach them: several runs, parts, row groups, batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from random import Random
from unittest import mock

USUAL: dict[str, int] = {}


_OF_ROWS = ("_MOST_ROWS", "_ENOUGH_ROWS", "_SMALL_RUN", "_BATCH", "_BLOCK_ROWS")


def small(rng: Random, times: int = 1) -> dict[str, int]:
    """Some limits, by name of module and constant; for ``times`` as many rows."""
    limits = _small(rng)
    if times == 1:
        return limits
    limits = {name: limit * times if name.endswith(_OF_ROWS) else limit for name, limit in limits.items()}
    parts = {"_EVENTS_A_PART": 10 * times, "_LEADS_A_PART": times, "_MOST_PARTS": rng.randint(2, 4)}
    limits["sources.SMALL"] = 0 if rng.random() < 0.05 else 1 << 20  # one by one is slow
    limits["small_files._MOST_HEADERS"] = rng.choice((6, 16))
    return limits | {f"event_update.{name}": limit for name, limit in parts.items()}


def _small(rng: Random) -> dict[str, int]:
    group = rng.choice((2, 3, 7))
    runs = rng.randint(2, 4)
    return {
        "event_files._BATCH": rng.choice((2, 5)),
        "event_files._MOST_RUNS": runs,
        "event_files._RUNS_LEFT": runs - 1,
        "event_files._SMALL_RUN": rng.choice((0, 2, 6)),
        "event_pass._BATCH": (batch := rng.choice((1, 3, 8))),
        "event_pass._SMALL_BATCH": batch,
        "event_pass._MOST_ROWS": rng.choice((3, 8, 20)),
        "event_pass._ENOUGH_ROWS": rng.choice((2, 6, 20)),
        "event_arrays._LARGE_DICTIONARY": rng.choice((1, 2)),
        "event_arrays.ROW_GROUP": group,
        "folder.ROW_GROUP": group,
        "event_update._EVENTS_A_PART": rng.choice((3, 8, 50)),
        "event_update._LEADS_A_PART": rng.choice((1, 2, 50)),
        "event_update._MOST_PARTS": rng.choice((2, 3, 256)),
        "event_update._MOST_VALUE_FILES": 2,
        "records._BATCH": rng.choice((1, 3)),
        "event_pass.WORTH_COMPILING": rng.choice((0, 1 << 20)),
        "event_files.WORTH_COMPILING": rng.choice((0, 1 << 20)),
        "sources.SMALL": rng.choice((0, 300, 1 << 20)),
        "small_files._BLOCK_ROWS": rng.choice((2, 7)),
        "small_files._MOST_HEADERS": rng.choice((1, 2, 16)),
        "sorted_files._BATCH": rng.choice((2, 5)),
        "repeated_keys._FEW": rng.choice((1, 5, 1 << 20)),
        "click_marking._MOST_TOUCHED": rng.choice((0, 1, 1)),
    }


@contextmanager
def sized(limits: dict[str, int]) -> Iterator[None]:
    """With these limits in place."""
    with ExitStack() as stack:
        for name, limit in limits.items():
            module, _, constant = name.partition(".")
            home = import_module(f"leadlens.pipeline.prepared.{module}")
            stack.enter_context(mock.patch.object(home, constant, limit))
        yield
