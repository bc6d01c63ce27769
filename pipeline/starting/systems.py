"""The systems whose exports are recognised: one YAML file each in `systems/`, with the names that its tables and columns have."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from leadlens.pipeline.starting.words import forms

Holds = Literal["leads", "people", "deals", "accounts", "activities", "history", "conversions", "other"]


class KnownTable(BaseModel):
    """One table of a system: recognised where at least ``least`` of its ``signs`` are names of columns, all of ``needs`` and none of ``unless``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    holds: Holds
    system: str | None = Field(None, description="Where a file describes tables of several systems.")
    signs: tuple[str, ...]
    least: int = Field(ge=1)
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    columns: dict[str, tuple[str, ...]] = {}
    known: tuple[str, ...] = ()
    won: tuple[str, ...] = Field(
        (), description="Values of a stage or status that mean converted in this system alone."
    )
    event: str | None = Field(None, description="What a row is called, where no column says it.")

    def matches(self, names: Iterable[str]) -> int:
        """How many of the signs stand among the names of columns, each in a column of its own; 0 if one stands there that must not."""
        each = [forms(name) for name in names]
        if not all(any(_fits(part, some) for some in each) for part in self.needs):
            return 0
        if any(_fits(part, some) for part in self.unless for some in each):
            return 0
        signs = sum(any(_fits(sign, some) for some in each) for sign in self.signs)
        return min(signs, sum(any(_fits(sign, some) for sign in self.signs) for some in each))

    def is_won(self, value: str) -> bool:
        """Whether a value of a stage or status means that the lead converted."""
        return any(_fits(part, forms(value)) for part in self.won)

    def role(self, name: str) -> str | None:
        """The role of a column by its name; ``known`` for one that is known at creation, whatever its name."""
        some = forms(name)
        if any(_fits(part, some) for part in self.known):
            return "known"
        return next(
            (role for role, parts in self.columns.items() if any(_fits(part, some) for part in parts)), None
        )


class System(BaseModel):
    """A CRM or tracker: its name, the ready sheet that is nearest, its tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: str
    sheet: str
    tables: tuple[KnownTable, ...]


@cache
def systems() -> tuple[System, ...]:
    """All systems, in the order of their files' names."""
    folder = files("leadlens.pipeline.starting") / "systems"
    each = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name
    )
    return tuple(System.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in each)


def recognise(names: Iterable[str]) -> tuple[str, KnownTable] | None:
    """The system and table that the names of columns are of, by the largest share of its signs; ``None`` where none fits.

    >>> system, table = recognise(["Id", "LeadId", "Field", "OldValue", "NewValue", "CreatedDate"])
    >>> system, table.holds
    ('Salesforce', 'history')
    """
    names = list(names)
    fitting = [
        (table.matches(names), table.system or system.system, table)
        for system in systems()
        for table in system.tables
    ]
    fitting = [each for each in fitting if each[0] >= each[2].least]
    if not fitting:
        return None
    _, system, table = max(fitting, key=lambda each: (each[0] / len(each[2].signs), each[0]))
    return system, table


def _fits(pattern: str, names: Iterable[str]) -> bool:
    return any(_compiled(pattern).fullmatch(name) for name in names)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
