"""One promise of an engine, and the report of a broken one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from leadlens.features.engines import Engine

TOLERANCE = 1e-9
_SHOWN = 12


class NonConformance(AssertionError):
    """An engine does not do what it must; the message lists what was got and what was wanted."""


@dataclass(frozen=True)
class Case:
    """One promise.

    ``run`` takes the engine and how many random histories to try, and yields a line for everything that is
    wrong.
    """

    name: str
    about: str
    run: Callable[[Engine, int], Iterable[str]]

    def __str__(self) -> str:
        return self.name

    def check(self, engine: Engine, histories: int = 40) -> None:
        """Raises ``NonConformance`` if the engine breaks the promise."""
        wrong = list(self.run(engine, histories))
        if wrong:
            more = f"\n  … and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
            raise NonConformance(f"{self.name}: {self.about}\n  " + "\n  ".join(wrong[:_SHOWN]) + more)


def plain(value: Any) -> Any:
    """A cell of a pandas frame as a plain Python value; ``None`` for every kind of missing."""
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value


def same(got: Any, want: Any) -> bool:
    """Equal, or within ``TOLERANCE`` where ``want`` is a float; whole numbers, texts and timestamps exactly."""
    got, want = plain(got), plain(want)
    if got is None or want is None:
        return got is want
    if isinstance(want, float):
        return isinstance(got, int | float) and math.isclose(got, want, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if isinstance(want, bool | str | datetime):
        return type(got) is type(want) and bool(got == want)
    return bool(got == want)


def differences(
    frame: pd.DataFrame, wanted: Iterable[dict[str, Any]], keys: tuple[str, ...]
) -> Iterable[str]:
    """A line for each cell that is not as wanted; rows are paired in order and named by ``keys``."""
    rows, wishes = frame.to_dict("records"), list(wanted)
    if len(rows) != len(wishes):
        yield f"{len(rows)} rows instead of {len(wishes)}"
    for row, wish in zip(rows, wishes, strict=False):
        for name, want in wish.items():
            if name not in row:
                yield f"the column {name!r} is missing"
            elif not same(row[name], want):
                at = ", ".join(f"{key}={wish.get(key, row.get(key))!r}" for key in keys)
                yield f"{name} at {at}: got {plain(row[name])!r}, wanted {want!r}"
