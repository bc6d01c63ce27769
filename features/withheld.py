"""Columns whose content no feature reads, and how people are told."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

Why = Literal["personal-name", "free-text", "id"]


class Withheld(NamedTuple):
    """A column whose content is not used: ``table`` is leads, accounts or events, ``reading`` what brings it back."""

    table: str
    column: str
    why: Why
    reading: str

    @property
    def what(self) -> str:
        """What it holds, in words."""
        return {"personal-name": "names of people", "free-text": "free text", "id": "an id"}[self.why]

    @property
    def reason(self) -> str:
        """Why it is left out, and how to use it all the same."""
        return f"{self.what}, left out unless asked for: {self.setting}"

    @property
    def setting(self) -> str:
        """The setting that brings it back."""
        plain = re.fullmatch(r"\w[\w ]*", self.column)
        key = self.column if plain else json.dumps(self.column, ensure_ascii=False)
        return f"features.read: {{{key}: [{self.reading}]}}"


def withheld_note(withheld: Sequence[Withheld]) -> str | None:
    """One line on all columns that are left out; ``None`` where none is."""
    if not withheld:
        return None
    named = [f"{_shown(item)} ({item.what})" for item in withheld[:10]]
    more = f" and {len(withheld) - 10} more" if len(withheld) > 10 else ""
    return (
        f"left out, because they say who a lead is and not what it is like: {', '.join(named)}{more}; "
        f"to use one: {withheld[0].setting}"
    )


def _shown(item: Withheld) -> str:
    return item.column if item.table == "leads" else f"{item.table}.{item.column}"
