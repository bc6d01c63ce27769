"""What is sent of a lead: values of `lead_scores` under the names that the CRM has for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from leadlens.pipeline.config.crm import Crm, CrmField
from leadlens.pipeline.crm.destination import Kind
from leadlens.pipeline.writeback.columns import CLOSED
from leadlens.pipeline.writeback.layout import Layout, Place

FieldKind = Literal["number", "text", "date"]
Value = str | int | float | None

# Each value: its kind, the column of lead_scores that it comes from, whether it is long, and what people call it.
FIELDS: dict[CrmField, tuple[FieldKind, str, bool, str]] = {
    "score": ("number", "score", False, "Leadlens score"),
    "grade": ("text", "grade", False, "Leadlens grade"),
    "stage": ("text", "stage", False, "Leadlens stage"),
    "reasons": ("text", "reasons_text", True, "Leadlens reasons"),
    "trend": ("text", "trend", False, "Leadlens trend"),
    "route": ("text", "route", True, "Leadlens route"),
    "link": ("text", "explanation_url", True, "Leadlens link"),
    "as_of": ("date", "as_of", False, "Leadlens as of"),
    "status": ("text", "status", False, "Leadlens status"),
    "probability": ("number", "probability", False, "Leadlens probability"),
    "points": ("number", "rule_points", False, "Leadlens points"),
}
assert set(FIELDS) == set(get_args(CrmField))
_NOT_BY_DEFAULT = ("probability", "points")
COLUMNS = ("lead_id", "closed_reason", *dict.fromkeys(column for _, column, _, _ in FIELDS.values()))


@dataclass(frozen=True)
class Wanted:
    """A field of the CRM that something is written to."""

    field: CrmField
    name: str

    @property
    def kind(self) -> FieldKind:
        return FIELDS[self.field][0]

    @property
    def is_long(self) -> bool:
        """Whether a text may be longer than the 255 letters of a plain field."""
        return FIELDS[self.field][2]

    @property
    def label(self) -> str:
        """What people call it."""
        return FIELDS[self.field][3]


@dataclass(frozen=True)
class Record:
    """What one lead is to have in the CRM; ``digest`` is another one whenever any of it is. ``closed``: the lead left."""

    lead_id: str
    values: Mapping[str, Value]
    digest: str
    closed: bool = False

    @classmethod
    def of(cls, lead_id: str, values: Mapping[str, Value], *, closed: bool = False) -> Record:
        text = json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return cls(lead_id, values, hashlib.sha256(text.encode()).hexdigest()[:32], closed)


def default_name(field: CrmField, kind: Kind) -> str:
    """What a field is called where the project file does not say.

    >>> default_name("as_of", "salesforce"), default_name("as_of", "hubspot"), default_name("as_of", "https")
    ('Leadlens_As_Of__c', 'leadlens_as_of', 'as_of')
    """
    if kind == "https":
        return field
    if kind == "hubspot":
        return f"leadlens_{field}"
    return f"Leadlens_{field.title()}__c"


def wanted_fields(settings: Crm, kind: Kind) -> list[Wanted]:
    """The fields to write, in the order of ``FIELDS``."""
    names = {field: default_name(field, kind) for field in FIELDS if field not in _NOT_BY_DEFAULT}
    given = {**names, **settings.fields}
    return [Wanted(field, name) for field in FIELDS if (name := given.get(field)) is not None]


def import_layout(settings: Crm, kind: Kind) -> Layout:
    """The same fields as a file that the CRM imports; the first column is the record's id there, or ``crm.id``."""
    own = {"hubspot": "Record ID", "salesforce": "Id"}[kind]
    fields = (Place(each.name, FIELDS[each.field][1], each.kind) for each in wanted_fields(settings, kind))
    return Layout(kind, (Place(settings.id or own, "lead_id"), *fields))


class FieldMapping:
    """Turns rows of ``COLUMNS`` into records, and counts texts that were cut to what a field holds.

    Parameters
    ----------
    wanted : the fields.
    longest : characters that a field of the CRM holds, by its name.
    """

    def __init__(self, wanted: list[Wanted], longest: Mapping[str, int]) -> None:
        self._wanted, self._longest = wanted, longest
        self.cut: dict[str, int] = {}

    def record(self, row: Mapping[str, Any]) -> Record:
        """What the CRM is to have of a row.

        A closed lead keeps its last score and says so in ``status``; of one that objects to profiling nothing else is left.
        """
        objects = row["status"] == CLOSED and row["closed_reason"] == "objected"
        values: dict[str, Value] = {}
        for wanted in self._wanted:
            value = row[FIELDS[wanted.field][1]]
            if objects and wanted.field != "status":
                value = None
            values[wanted.name] = self._plain(wanted, value)
        return Record.of(str(row["lead_id"]), values, closed=row["status"] == CLOSED)

    def _plain(self, wanted: Wanted, value: Any) -> Value:
        if value is None:
            return None
        if wanted.kind == "date":
            return value.date().isoformat() if isinstance(value, datetime) else str(value)[:10]
        if wanted.kind == "number":
            return int(value) if float(value).is_integer() else round(float(value), 6)
        text, most = str(value), self._longest.get(wanted.name)
        if most is not None and len(text) > most:
            self.cut[wanted.name] = self.cut.get(wanted.name, 0) + 1
            text = f"{text[: most - 1]}…"
        return text
