"""What the cell of a column says, in the form in which YAML would give it."""

from __future__ import annotations

import re
from typing import Any

from leadlens.models.scorecard.spreadsheet.cells import cell_number, cell_text, condition_text

_DECAY = re.compile(r"(half[ _-]?life|to[ _-]?zero)[\s:]*(\S.*)", re.IGNORECASE)
_HOW_MANY = (
    re.compile(r"(?P<number>[\d.,]+)\s*(?:(?P<unit>event|day|value)s?)?", re.IGNORECASE),
    re.compile(r"(?P<unit>event|day|value)s?[\s:]+(?P<number>[\d.,]+)", re.IGNORECASE),
)


def read_cell(column: str, cell: str, marks: set[str]) -> Any:
    """The value of a cell; ``marks`` are the decimal marks of the table. Raises ``ValueError``."""
    if column in ("points", "cap", "keep"):
        return cell_number(cell, marks)
    if column in ("when", "after"):
        return condition_text(cell)
    text = cell_text(cell)
    if column in ("per", "on"):
        return text.casefold()
    if column == "also":
        return [name for name in re.split(r"[\s,;]+", text) if name]
    if column == "at_least":
        return _at_least(text, marks)
    return _decay(text) if column == "decay" else text


def cell_of(value: Any) -> str | int | float | None:
    """The other way round: the cell for a setting of ``Sheet.content``."""
    if isinstance(value, dict):  # decay, at_least: one of their settings is given
        key, setting = next((key, setting) for key, setting in value.items() if setting is not None)
        return f"{setting} {key}" if isinstance(setting, int) else f"{key} {setting}"
    return ", ".join(value) if isinstance(value, list) else value


def _at_least(text: str, marks: set[str]) -> Any:
    match = next((whole for pattern in _HOW_MANY if (whole := pattern.fullmatch(text))), None)
    if match is None:
        raise ValueError("how many it takes is written 3, `3 days` or `3 values`")
    number = cell_number(match["number"], marks)
    return {f"{match['unit'].lower()}s": number} if match["unit"] else number


def _decay(text: str) -> dict[str, str]:
    match = _DECAY.fullmatch(text)
    if match is None:
        raise ValueError("points decay by `half_life 30d` or `to_zero 60d`")
    return {"half_life" if match[1][0] in "hH" else "to_zero": match[2]}
