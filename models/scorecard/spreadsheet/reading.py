"""From the rows of a table to a sheet; every mistake is reported with its line, label and column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from leadlens.features.errors import UsageError, counted, listed
from leadlens.models.scorecard.language.outcomes import Route, Scale, Stage, Thresholds
from leadlens.models.scorecard.language.rules import ActionRule, AttributeRule, Disqualifier, Group
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.spreadsheet.cells import cell_text, decimal_marks
from leadlens.models.scorecard.spreadsheet.rows import Row, Table, header_name
from leadlens.models.scorecard.spreadsheet.values import read_cell

# The columns that say something in each section; those of rules are their settings.
SECTIONS: dict[str, tuple[str, ...]] = {
    "sheet": ("label",),
    "about": ("label",),
    "for": ("when",),
    "base": ("label", "points"),
    "dimensions": ("label",),
    "products": ("label",),
    "total": ("label",),
    "scale": ("label", "points"),
    "groups": ("label", "cap"),
    "attributes": tuple(AttributeRule.model_fields),
    "actions": tuple(ActionRule.model_fields),
    "disqualify": tuple(Disqualifier.model_fields),
    "thresholds": ("label", *Stage.model_fields),
    "grades": ("label", "points"),
    "routes": tuple(Route.model_fields),
    "list": ("label",),
}
# Label of a line of grades → the cut it is
GRADES = {
    **{f"fit {grade}": ("fit", index) for index, grade in enumerate("ABC")},
    **{f"engagement {grade}": ("engagement", index) for index, grade in enumerate("432")},
}
_LABELS: dict[str, tuple[str, ...]] = {
    "scale": tuple(Scale.model_fields),
    "thresholds": tuple(Thresholds.model_fields),
    "grades": tuple(GRADES),
}
_MODELS: dict[str, type[BaseModel]] = {
    "attributes": AttributeRule,
    "actions": ActionRule,
    "disqualify": Disqualifier,
    "routes": Route,
    "groups": Group,
    "thresholds": Stage,
}
_NUMBERS = ("points", "cap", "keep")
_MOST_TOLD = 10
_Place = tuple[str | int, ...]


@dataclass(frozen=True)
class _Line:
    where: str
    label: str
    number: int


def read_sheet(table: Table, name: str, columns: Sequence[str]) -> Sheet:
    """The sheet in the rows of ``table``. Raises ``UsageError`` that lists every mistake."""
    return _Reading(table, name, columns).sheet()


class _Reading:
    def __init__(self, table: Table, name: str, columns: Sequence[str]) -> None:
        self.table, self.name = table, name
        self.document: dict[str, Any] = {}
        self.lines: dict[_Place, _Line] = {}  # by place in the document
        self.problems: list[UsageError] = []
        self.header = self._header(columns)
        lines_read = [(row, self._cells(row)) for row in table.rows]
        lines_read = [
            (row, cells) for row, cells in lines_read if not cells.get("section", "").startswith("#")
        ]
        self.marks = decimal_marks(
            [cells[key] for _, cells in lines_read for key in _NUMBERS if key in cells]
        )
        if table.delimiter == "," and not self.marks:
            self.marks = {"."}  # a comma that parts cells is hardly a decimal comma too
        for row, cells in lines_read:
            self._read(row, cells)

    def sheet(self) -> Sheet:
        self._raise()
        try:
            sheet = Sheet.model_validate(self._tidied())
        except ValidationError as error:
            problems: dict[_Place, UsageError] = {}
            for item in error.errors():
                problems.setdefault(tuple(item["loc"][:3]), self._explained(item))
            self.problems = list(problems.values())
            self._raise()
            raise
        for place, line in self.lines.items():
            sheet._places[place] = f"{self.name}:{line.number}"
            for column in SECTIONS.get(str(place[0]), ()):
                sheet._places[(*place, column)] = f"{self.name}:{line.number}"
        return sheet

    def _header(self, columns: Sequence[str]) -> list[str]:
        row = self.table.header
        where = f"{self.name}:{row.number}"
        names = [header_name(cell) for cell in row.cells]
        for shown, name in zip(row.cells, names, strict=True):
            if name and name not in columns:
                what = "there is no such column in a score sheet"
                fix = f"known here: {listed(columns, 30)}"
                raise UsageError(what, where=where, value=shown, known=columns, fix=fix)
            if name and names.count(name) > 1:
                raise UsageError("this column is repeated", where=where, value=shown, fix="keep one of them")
        if "section" not in names:
            raise UsageError(
                "the column section is missing",
                where=where,
                why="it says what a line is: attributes, actions, thresholds …",
                fix="put it back; an exported sheet shows how it looks",
            )
        return names

    def _cells(self, row: Row) -> dict[str, str]:
        """What the row says, by column."""
        return {name: cell for name, cell in zip(self.header, row.cells, strict=False) if name and cell}

    def _read(self, row: Row, cells: dict[str, str]) -> None:
        label = cell_text(cells.get("label", ""))
        line = _Line(f"{self.name}:{row.number}" + (f" ({label!r})" if label else ""), label, row.number)
        for i, cell in enumerate(row.cells):
            if cell and (i >= len(self.header) or not self.header[i]):
                self._problem(line, "this cell is in a column without a name", cell, "is it a cell too far?")
        section, list_name = self._section(line, cells.pop("section", ""))
        if not section:
            return
        before = len(self.problems)
        values = {}
        for column, cell in cells.items():
            if column not in SECTIONS[section]:
                fix = f"a line of {section} has {', '.join(SECTIONS[section])}: empty this cell"
                self._problem(line, f"{column} says nothing in {section}", cell, fix)
                continue
            try:
                values[column] = read_cell(column, cell, self.marks)
            except ValueError as error:
                self._problem(line, f"{column}: {error}", cell, _meaning(section, column))
        if len(self.problems) == before:
            self._place(section, list_name, line, values)

    def _section(self, line: _Line, cell: str) -> tuple[str, str]:
        """The section, ``""`` where there is no such, and the name of the list."""
        first, _, rest = cell_text(cell).casefold().replace(":", " ").strip().partition(" ")
        if first in ("list", "lists"):
            if rest.strip():
                return "list", rest.strip()
            self._problem(line, "a list has a name", cell, "write it into the same cell: list competitors")
            return "", ""
        for name in SECTIONS:
            if not rest and first in (name, name.removesuffix("s"), f"{name}s"):
                return name, ""
        what = "there is no such section" if cell else "the section of this line is missing"
        known = ", ".join(SECTIONS).replace("list", "list NAME")
        self._problem(line, what, cell or None, f"known here: {known}", SECTIONS)
        return "", ""

    def _place(self, section: str, list_name: str, line: _Line, values: dict[str, Any]) -> None:
        """Put what a line says where it belongs in the document."""
        label = values.get("label", "")
        if section in ("sheet", "about", "for"):
            self._put((section,), values.get("when" if section == "for" else "label", ""), line)
        elif section == "list":
            self.lines.setdefault(("lists", list_name), line)
            values_of_list = self.document.setdefault("lists", {}).setdefault(list_name, [])
            values_of_list += [label] if label else []
        elif section in ("base", "scale", "thresholds", "grades"):
            self._put_named(section, line, values)
        else:
            items = self.document.setdefault(section, [])
            self.lines[(section, len(items))] = line
            if section == "groups":
                values = {("name" if key == "label" else key): value for key, value in values.items()}
            items.append(label if section in ("dimensions", "products", "total") else values)

    def _put_named(self, section: str, line: _Line, values: dict[str, Any]) -> None:
        """A line whose label says which setting of the section it is."""
        known = _LABELS.get(section)
        name = str(values.pop("label", "")).casefold()
        names = {label.casefold(): label for label in known or (name,)}
        if not name or name not in names:
            what = f"the label of a line of {section} says which one it is"
            self._problem(line, what, line.label or None, None, known or ("fit", "engagement"))
        elif section == "thresholds":
            self._put((section, name), values, line)
        elif "points" not in values:
            self._problem(line, "points is missing", None, "a number, such as 15, -10 or 2.5")
        else:
            self._put((section, names[name]), values["points"], line)

    def _put(self, place: _Place, value: Any, line: _Line) -> None:
        if place in self.lines:
            fix = f"keep one (the first is in line {self.lines[place].number})"
            self._problem(line, f"{' '.join(map(str, place))} is repeated", None, fix)
            return
        self.lines[place] = line
        if len(place) == 1:
            self.document[str(place[0])] = value
        else:
            self.document.setdefault(str(place[0]), {})[place[1]] = value

    def _tidied(self) -> dict[str, Any]:
        """The document as YAML would give it: cuts in their order, nothing where nothing is said."""
        document = {key: value for key, value in self.document.items() if value != ""}
        given = document.pop("grades", {})
        for label, (kind, _) in GRADES.items():
            if label in given:
                document.setdefault("grades", {}).setdefault(kind, []).append(given[label])
                self.lines.setdefault(("grades", kind), self.lines["grades", label])
        return document

    def _explained(self, item: Any) -> UsageError:
        """A mistake found by the sheet itself, at its line."""
        loc: _Place = tuple(item["loc"])
        place = loc
        while place and place not in self.lines:
            place = place[:-1]
        line = self.lines.get(place)
        section = str(loc[0]) if loc else ""
        column = next((part for part in loc[len(place) :] if isinstance(part, str)), "") if line else section
        fix = _meaning(section, column)
        if item["type"] == "missing" and line is None:
            label = loc[1] if len(loc) > 1 else "its text"
            fix = f"a line with {section} in the column section and {label} under label"
            return UsageError(f"{' '.join(map(str, loc))} is missing", where=self.name, fix=fix)
        if item["type"] == "missing":
            return UsageError(f"{column} is missing", where=line.where if line else None, fix=fix)
        message = item["msg"].removeprefix("Value error, ").replace("Input", "this")
        value = item["input"] if isinstance(item["input"], str | int | float) else None
        known = (item.get("ctx") or {}).get("expected", "") if item["type"] == "literal_error" else ""
        return UsageError(
            f"{column}: {message}" if column else message,
            where=line.where if line else f"{self.name} ({section})",
            value=value,
            known=re.findall(r"'(\w+)'", known),
            fix=fix,
        )

    def _problem(
        self, line: _Line, what: str, value: object, fix: str | None, known: Iterable[str] = ()
    ) -> None:
        self.problems.append(UsageError(what, where=line.where, value=value, fix=fix, known=known))

    def _raise(self) -> None:
        if len(self.problems) == 1:
            raise self.problems[0]
        if self.problems:
            messages = "\n".join(str(problem) for problem in self.problems[:_MOST_TOLD])
            more = len(self.problems) - _MOST_TOLD
            end = f"\n… and {more:,} more" if more > 0 else ""
            what = f"this table has {counted(len(self.problems), 'mistake')}\n{messages}{end}"
            raise UsageError(what, where=self.name)


def _meaning(section: str, column: str) -> str | None:
    model = _MODELS.get(section)
    field = model.model_fields.get(column) if model else None
    return f"what goes here: {field.description}" if field and field.description else None
