"""What was removed of a person, and where."""

from __future__ import annotations

from typing import NamedTuple


class Removal(NamedTuple):
    """``number`` is of rows or files, as ``what`` says; ``where`` is a place for people."""

    where: str
    what: str
    number: int
