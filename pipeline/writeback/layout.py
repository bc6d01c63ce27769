"""Which columns of a run a file for people or for an import has, in which order, and what they are called there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import pyarrow as pa

CellKind = Literal["text", "number", "percent", "date"]
Cell = str | int | float | None
_LONGEST = 32_767  # characters of a cell, in every spreadsheet


class Place(NamedTuple):
    """A column of the file: its heading, the column of ``lead_scores`` that it shows, how, and how wide it is."""

    heading: str
    column: str
    kind: CellKind = "text"
    width: int = 14


@dataclass(frozen=True)
class Layout:
    """The columns of a file that ends so; the first holds the lead."""

    name: str
    places: tuple[Place, ...]
    ending: Literal["csv", "xlsx"] = "csv"

    @property
    def headings(self) -> list[str]:
        return [place.heading for place in self.places]

    @property
    def columns(self) -> list[str]:
        """What it needs of ``lead_scores``."""
        return list(dict.fromkeys(place.column for place in self.places))

    def rows(self, rows: pa.Table) -> Iterator[list[Cell]]:
        """The cells of each row, the highest score first."""
        order = rows.sort_by([("score", "descending"), ("lead_id", "ascending")])
        for batch in order.to_batches(max_chunksize=10_000):
            columns = [batch.column(place.column).to_pylist() for place in self.places]
            for values in zip(*columns, strict=True):
                yield [_cell(place, value) for place, value in zip(self.places, values, strict=True)]


def _cell(place: Place, value: Any) -> Cell:
    if value is None:
        return None
    if place.kind == "date":
        return value.date().isoformat() if isinstance(value, datetime) else str(value)[:10]
    if place.kind == "percent":
        return round(float(value), 4)
    if place.kind == "number":
        return int(value) if float(value).is_integer() else round(float(value), 3)
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def for_people(known_by: Iterable[str] = ()) -> Layout:
    """What people read, with the columns of ``PEOPLE`` by which they know leads."""
    shown = [Place(heading, name, width=width) for name, heading, width in _KNOWN_BY if name in known_by]
    lead, *others = _FOR_PEOPLE.places
    return Layout(_FOR_PEOPLE.name, (lead, *shown, *others), "xlsx")


_KNOWN_BY = (
    ("lead_name", "Name", 24),
    ("lead_company", "Company", 24),
    ("lead_email", "E-mail", 28),
    ("lead_owner", "Owner", 18),
)
_FOR_PEOPLE = Layout(
    "people",
    (
        Place("Lead", "lead_id", width=20),
        Place("Score", "score", "number", 8),
        Place("Grade", "grade", width=8),
        Place("Stage", "stage", width=12),
        Place("Why", "reasons_text", width=70),
        Place("What to do", "route", width=40),
        Place("Trend", "trend", width=10),
        Place("Chance", "probability", "percent", 9),
        Place("Sheet points", "rule_points", "number", 12),
        Place("Sheet grade", "rule_grade", width=11),
        Place("Page", "explanation_url", width=30),
        Place("As of", "as_of", "date", 12),
        Place("Model", "model_version", width=20),
        Place("Sheet", "scorecard_version", width=24),
    ),
    "xlsx",
)
