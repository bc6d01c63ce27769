"""Tables, bars, timestamps and numbers as plain text, without anything that could control the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

BAR, LABEL = 30, 34
_WIDTH = 10_000  # no table is as wide


def table(
    rows: Iterable[Sequence[str]], headers: Sequence[str] = (), align: str = "", widest: int = 60
) -> str:
    """Columns of text, two spaces apart: plain, never wrapped, as wide as their cells; the last one is cut at 160.

    ``align`` has ``l`` or ``r`` per column, ``l`` where it ends.

    >>> print(table([("Bern", "1,000"), ("Rome", "7")], ("city", "leads"), "lr"))
    city  leads
    Bern  1,000
    Rome      7
    """
    cells = [[cut(cell, widest if i + 1 < len(row) else 160) for i, cell in enumerate(row)] for row in rows]
    return _rendered(cells, align.ljust(len(headers), "l"), headers)


def bars(rows: Sequence[tuple[str, int]], whole: int) -> list[str]:
    """One bar per row, the longest ``BAR`` wide, with its count and share."""
    most = max((count for _, count in rows), default=0) or 1
    cells = [
        (name, "█" * max(round(BAR * count / most), 1 if count else 0), f"{count:,}", f"{count / whole:.0%}")
        for name, count in rows
    ]
    return indented(_rendered(cells, "rlrr", least=(0, BAR, 9, 4)))


def pairs(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Two columns: a label, and what is said of it."""
    return indented(_rendered([(cut(label, LABEL), cut(why, 70)) for label, why in rows], "ll"))


def indented(text: str) -> list[str]:
    """The lines of a table, two spaces in."""
    return [f"  {line}".rstrip() for line in text.split("\n")] if text else []


def _rendered(
    rows: Iterable[Sequence[str]], align: str, headers: Sequence[str] = (), least: Sequence[int] = ()
) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, show_header=bool(headers), header_style="")
    for place, side in enumerate(align):
        grid.add_column(
            Text(headers[place] if headers else ""),
            justify="right" if side == "r" else "left",
            min_width=least[place] if least else None,
            no_wrap=True,
        )
    for row in rows:
        grid.add_row(*map(Text, row))
    # a width of its own, and no terminal: the same text wherever it is printed
    console = Console(file=StringIO(), width=_WIDTH, color_system=None, force_terminal=False)
    with console.capture() as printed:
        console.print(grid)
    return "\n".join(line.rstrip() for line in printed.get().rstrip("\n").split("\n"))


def band(low: float | None, high: float | None) -> str:
    if low is None:
        return f"below {number(high or 0)}"
    return f"{number(low)} or more" if high is None else f"{number(low)} to below {number(high)}"


def maybe(value: Any) -> float | None:
    import pandas as pd

    return None if pd.isna(value) else float(value)


def as_of(at: datetime | None) -> str:
    """Of when something is; nothing where the data have no dates."""
    return "" if at is None else f" as of {minute(at)} UTC"


def minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def number(value: float) -> str:
    return f"{round(value, 2) + 0.0:,.10g}"


def signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+,.10g}"


def safe(text: object) -> str:
    # in a cell, where an escaped character would only be in the way
    return "".join(character if character.isprintable() else " " for character in str(text))


def cut(text: object, widest: int) -> str:
    plain = safe(text)
    return plain if len(plain) <= widest else plain[: widest - 1] + "…"
