"""A person in a workbook: the lines of any sheet with an id in a cell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leadlens.features import DataError


def rows_of_workbook(path: Path, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Lines with one of the ids as the whole of a cell, each by the headings above it. Raises ``DataError`` for what is no workbook."""
    from python_calamine import CalamineError, CalamineWorkbook

    known, found = set(ids), list[dict[str, Any]]()
    try:
        book = CalamineWorkbook.from_path(path)
        for name in book.sheet_names:
            head, *lines = book.get_sheet_by_name(name).to_python() or [[]]
            for line in lines:
                if not known.isdisjoint(map(_text, line)):
                    cells = zip(head, line, strict=False)
                    found.append({str(heading): cell for heading, cell in cells if cell not in ("", None)})
    except (CalamineError, OSError) as error:
        raise DataError("this workbook cannot be read", value=str(error), where=str(path)) from None
    return found


def _text(cell: object) -> str:
    """As an id is written: a number without a decimal point."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
