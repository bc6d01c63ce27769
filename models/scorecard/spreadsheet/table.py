"""A score sheet as one table for Excel, LibreOffice or Google Sheets, and back without loss."""

from __future__ import annotations

from collections.abc import Iterator

from leadlens.features.errors import UsageError
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.spreadsheet.cells import MOST_TEXT, number_cell, text_cell
from leadlens.models.scorecard.spreadsheet.reading import GRADES, read_sheet
from leadlens.models.scorecard.spreadsheet.rows import read_table
from leadlens.models.scorecard.spreadsheet.values import cell_of

_IN_ORDER = "section label key when points per of within cap decay at_least after inactive_for group dimension also keep "
_IN_ORDER += "on action queue reason"
COLUMNS = tuple(_IN_ORDER.split())
_NOTES = {
    "sheet": "One line per rule or setting. Lines that begin with # are not read, nor are empty ones",
    "base": "Points that every lead starts with",
    "dimensions": "Dimensions besides fit and engagement, and which of them are product lines",
    "total": "Dimensions that add up to the total",
    "scale": "Totals that are shown as 0 and as 100",
    "groups": "Rules of a group give and take at most this many points together",
    "attributes": "Who the lead is: moves fit",
    "actions": "What the lead did: moves engagement",
    "disqualify": "Takes a lead out, whatever its points",
    "thresholds": "Stages: from how many points on and/or when",
    "grades": "Lowest points for a grade",
    "routes": "What to do with whom: the first line that matches",
    "list": "Values for `x IN name` in conditions, one a line",
}
_Cells = dict[str, str | int | float | None]


def to_csv(sheet: Sheet, *, decimal_comma: bool = False) -> str:
    """The sheet as a table with one line per rule and setting; :func:`from_csv` brings the same version back.

    Save it as UTF-8 with a byte-order mark (``encoding="utf-8-sig", newline=""``), or Excel spoils accents.
    ``decimal_comma`` writes ``2,5`` and semicolons, as Excel expects in German, French, Spanish … settings.
    No cell is a formula to a spreadsheet program, nor one that it rewrites as a date or a number.
    Raises ``UsageError`` for a text that is longer than a cell holds.

    >>> small = Sheet.model_validate(
    ...     {"sheet": "small", "disqualify": [{"label": "=Student", "when": "age < 20"}]})
    >>> print(to_csv(small).splitlines()[-8])
    disqualify,'=Student,,age < 20,,,,,,,,,,,,,,attribute,,,
    >>> from_csv(to_csv(small), "small.csv").version == small.version
    True
    """
    delimiter, decimal = (";", ",") if decimal_comma else (",", ".")
    lines = [delimiter.join(COLUMNS)]
    for section, cells in _rows(sheet):
        line: list[str] = [section]
        for column in COLUMNS[1:]:
            value = cells.get(column)
            if isinstance(value, int | float):
                line.append(number_cell(value, decimal))
            else:
                line.append(_quoted(text_cell(value or "", delimiter)))
        lines.append(delimiter.join(line) if cells else _quoted(section))
    return "\r\n".join(lines) + "\r\n"


def from_csv(text: str | bytes, name: str = "table") -> Sheet:
    """The sheet in a table that :func:`to_csv` wrote and a person may have edited and saved.

    ``text`` may be the file's bytes: UTF-8, UTF-16 or cp1252, with commas, semicolons or tabs. ``name`` is what
    messages call it. Raises ``UsageError`` with line and label of every mistake.
    """
    return read_sheet(read_table(text, name, COLUMNS), name, COLUMNS)


def _rows(sheet: Sheet) -> Iterator[tuple[str, _Cells]]:
    """Section and cells of every line; no cells: a note."""
    noted = ""
    for section, cells in _settings(sheet):
        kind = "list" if section.startswith("list ") else section
        if kind != noted and kind in _NOTES:
            yield f"# {_NOTES[kind]}", {}
        noted = kind
        yield section, cells


def _settings(sheet: Sheet) -> Iterator[tuple[str, _Cells]]:
    content = sheet.model_dump(mode="json", by_alias=True)
    yield "sheet", {"label": content["sheet"]}
    if content["about"]:
        yield "about", {"label": content["about"]}
    if content["for"]:
        yield "for", {"when": content["for"]}
    for name, points in content["base"].items():
        yield "base", {"label": name, "points": points}
    for section in ("dimensions", "products", "total"):
        for name in content[section]:
            yield section, {"label": name}
    for name, points in content["scale"].items():
        yield "scale", {"label": name, "points": points}
    for group in content["groups"]:
        yield "groups", {"label": group["name"], "cap": group["cap"]}
    for section in ("attributes", "actions", "disqualify"):
        for rule in content[section]:
            yield section, {key: cell_of(value) for key, value in rule.items()}
    for name, stage in (content["thresholds"] or {}).items():
        if stage is not None:
            yield "thresholds", {"label": name, **(stage if isinstance(stage, dict) else {"points": stage})}
    for label, (dimension, index) in GRADES.items():
        yield "grades", {"label": label, "points": content["grades"][dimension][index]}
    for route in content["routes"]:
        yield "routes", route
    for name, values in content["lists"].items():
        for value in values:
            yield f"list {name}", {"label": value}


def _quoted(cell: str) -> str:
    if len(cell) > MOST_TEXT:
        raise UsageError(
            f"a cell of a spreadsheet holds at most {MOST_TEXT:,} characters, and this text has {len(cell):,}",
            value=cell[:100],
            why="a program would cut it silently",
            fix="shorten it, or edit the sheet as YAML",
        )
    return '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in ',;\t|"\n') else cell
