"""What is stored of a person, and what was removed, and where."""

from __future__ import annotations

from typing import Any, NamedTuple


class Removal(NamedTuple):
    """``number`` is of rows or files, as ``what`` says; ``where`` is a place for people."""

    where: str
    what: str
    number: int


class Stored(NamedTuple):
    """``rows`` are what a place has of a person, each as what it knows; of a text that mentions them, the lines that do."""

    where: str
    what: str
    rows: tuple[dict[str, Any], ...]
