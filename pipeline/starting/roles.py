"""What each column and table of an export is for: by the system that is recognised, else by name and kind of values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from leadlens.pipeline.starting.columns import Column
from leadlens.pipeline.starting.systems import Holds, KnownTable, recognise
from leadlens.pipeline.starting.tables import ExportTable
from leadlens.pipeline.starting.words import holds, names, says

# Roles whose columns hold times; without times they are none of these.
_TIMES = (
    "lost_date",
    "expected_date",
    "converted_date",
    "closed_date",
    "stage_date",
    "created",
    "birth_date",
    "known_at",
    "activity_time",
)
_NUMBERS = ("counter", "deal_value")
_ANYWHERE = ("next_activity", "modified", "last_activity")  # one word in the name is enough
# Filled in or kept up to date after the lead came in, each with the reason that the project file gives.
LATE = {
    "converted_date": "the conversion itself",
    "converted_flag": "the conversion itself",
    "converted_id": "what the lead became",
    "closed_date": "dates and reasons of closing",
    "lost_date": "dates and reasons of closing",
    "lost_reason": "dates and reasons of closing",
    "expected_date": "what sales expect while they work on the lead",
    "deal_value": "what sales expect while they work on the lead",
    "stage": "stages and states as of the export",
    "stage_date": "dates of stages (events are made of them where they are dated)",
    "email_state": "stages and states as of the export",
    "counter": "counters over the whole history",
    "last_activity": "last and next activities as of the export",
    "next_activity": "last and next activities as of the export",
    "modified": "last and next activities as of the export",
    "score": "scores and judgements of the vendor or of sales",
    "owner": "who owns the lead, and what they noted",
    "notes": "who owns the lead, and what they noted",
}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of an export with what it is for. ``why`` says what that rests on."""

    export: ExportTable
    holds: Holds
    why: str
    roles: Mapping[str, str]
    system: str | None = None
    known: KnownTable | None = None

    @property
    def label(self) -> str:
        return self.export.label

    def column(self, name: str) -> Column:
        return self.export.columns[name]

    def having(self, *roles: str) -> list[Column]:
        """The columns of some roles, in the order of the roles and then of the table."""
        return [
            self.export.columns[name] for role in roles for name, own in self.roles.items() if own == role
        ]


def understand(export: ExportTable) -> Table:
    """What a table and its columns are for."""
    found = recognise(export.columns)
    system, known = found if found else (None, None)
    roles = {name: _role(column, known) for name, column in export.columns.items()}
    holds_, why = (
        (known.holds, f"its columns are those of {system}") if known else _kind_of_table(export, roles)
    )
    return Table(export=export, holds=holds_, why=why, roles=roles, system=system, known=known)


def _role(column: Column, known: KnownTable | None) -> str:
    own = known.role(column.name) if known else None
    if own == "known":
        return "attribute"
    if own is not None and _fits(own, column):
        return own
    if column.kind == "email":
        return "email" if not holds("columns", "owner", column.name) else "owner"
    for role in names("columns"):
        named = (
            holds("columns", role, column.name) if role in _ANYWHERE else says("columns", role, column.name)
        )
        if named and _fits(role, column):
            if role == "not_conversion" or (role in _ANYWHERE and _is_name(column.name)):
                return "last_activity" if role == "not_conversion" else "attribute"
            return role
    return "attribute"


def _is_name(name: str) -> bool:
    return says("columns", "last_name", name) or says("columns", "first_name", name)


def _fits(role: str, column: Column) -> bool:
    """Whether the values of a column are of the kind that a role needs; of an empty one that cannot be said."""
    if column.kind == "empty":
        return role not in ("created", "id", "ref")
    if role in _TIMES:
        return column.kind == "time"
    if role in _NUMBERS:
        return column.kind in ("number", "flag")
    if role == "converted_flag":
        return column.kind == "flag" or (column.kind in ("number", "text") and column.distinct <= 4)
    if role == "stage":
        return column.kind in ("text", "flag", "number") and column.distinct <= 60
    if role == "email":
        return False  # said by its values
    if role in (
        "score",
        "owner",
        "notes",
        "converted_id",
        "phone",
        "company",
        "title",
        "source",
        "id",
        "ref",
    ):
        return column.kind != "time"
    return True


def _kind_of_table(export: ExportTable, roles: Mapping[str, str]) -> tuple[Holds, str]:
    """What a table holds, by its columns where they leave no doubt, else by its name."""
    columns = list(export.columns)
    field = any(says("history", "field", name) and export.columns[name].distinct <= 500 for name in columns)
    values = sum(any(says("history", part, name) for name in columns) for part in ("old", "new"))
    if field and values and export.of_kind("time"):
        return "history", "it has a field, its new value and a time"
    for kind in ("history", "leads", "activities", "deals", "accounts", "people", "conversions"):
        if kind == "history" and not (field and values):
            continue  # a log of what leads did is called so, too
        if says("tables", kind, export.stem) or holds("tables", kind, export.stem):
            return kind, f"it is called {export.stem}"
    types = [
        name
        for name in columns
        if says("activities", "type", name) and 1 < export.columns[name].distinct <= 200
    ]
    unique = any(column.unique and column.kind != "time" for column in export.columns.values())
    person = any(
        role in ("first_name", "last_name")
        or (
            role in ("email", "phone")
            and export.columns[name].distinct > 0.7 * export.rows * export.columns[name].filled
        )
        for name, role in roles.items()
    )
    if types and export.of_kind("time") and not person:
        return "activities", f"it has a type ({types[0]}) and a time"
    if person and unique:
        return "people", "its rows have addresses or names of people"
    return "other", "by its content alone"
