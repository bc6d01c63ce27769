"""How figures and texts stand on a terminal: columns, bars, moments, numbers, and nothing that could steer it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

BAR, LABEL = 30, 34


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = (), widest: int = 60
) -> list[str]:
    """Columns of text, the last one as long as it is; ``right`` are the columns set to the right."""
    cells = [
        list(head),
        *([cut(cell, widest if i + 1 < len(head) else 160) for i, cell in enumerate(row)] for row in rows),
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return [
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def bars(rows: Sequence[tuple[str, int]], whole: int) -> list[str]:
    """One bar a row, the longest as long as the page allows."""
    most, width = (
        max((count for _, count in rows), default=0) or 1,
        max((len(name) for name, _ in rows), default=0),
    )
    return [
        f"  {name:>{width}}  {'█' * max(round(BAR * count / most), 1 if count else 0):{BAR}}  "
        f"{count:>9,}  {count / whole:>4.0%}"
        for name, count in rows
    ]


def pairs(rows: Iterable[tuple[str, str]]) -> list[str]:
    found = [(cut(label, LABEL), cut(why, 70)) for label, why in rows]
    width = max(len(label) for label, _ in found)
    return [f"  {label:{width}}  {why}".rstrip() for label, why in found]


def band(low: float | None, high: float | None) -> str:
    if low is None:
        return f"below {number(high or 0)}"
    return f"{number(low)} or more" if high is None else f"{number(low)} to below {number(high)}"


def maybe(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def number(value: float) -> str:
    return f"{round(value, 2) + 0.0:,.10g}"


def signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+,.10g}"


def safe(text: object) -> str:
    # what leads typed must not steer the terminal
    return "".join(character if character.isprintable() else " " for character in str(text))


def cut(text: object, widest: int) -> str:
    plain = safe(text)
    return plain if len(plain) <= widest else plain[: widest - 1] + "…"
