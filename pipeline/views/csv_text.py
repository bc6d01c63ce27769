"""Lists as CSV that a spreadsheet opens as they are, and runs nothing of."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

_LATER = re.compile(r"([;\t\r\n][\"' ]*)(?=[=+@-])")
BEGINS = "\ufeff"  # spreadsheets take the file for UTF-8 by it


def csv_lines(rows: Iterable[Sequence[Any]]) -> str:
    """A line each; what a spreadsheet would take for a formula begins with a quote."""
    text = io.StringIO()
    csv.writer(text).writerows([safe_cell(value) for value in row] for row in rows)
    return text.getvalue()


def csv_line(row: Sequence[Any]) -> str:
    """One line."""
    return csv_lines([row])


def safe_cell(value: Any) -> Any:
    """A text that no spreadsheet runs, also none that takes a semicolon or a tab inside a text for the end of a cell.

    >>> safe_cell("=1+1"), safe_cell("Ann"), safe_cell(-3), safe_cell("Ann;=1+1")
    ("'=1+1", 'Ann', -3, "Ann;'=1+1")
    """
    if not isinstance(value, str):
        return value
    text = _LATER.sub(r"\1'", value)
    return f"'{text}" if text[:1] in tuple("=+-@\t\r\n") else text
