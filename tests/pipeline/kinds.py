"""A kind of bad input: how a healthy project is broken, and what the user must be reported about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.pipeline.little_project import LittleProject

Break = Callable[[LittleProject], Any]


@dataclass(frozen=True)
class Kind:
    """One row of the table.

    ``says`` are texts that the answer must hold. ``code`` 2 is wrong use, 1 refused data; with 0 the check is
    done, ``says`` stands among its warnings, and ``counts`` are some of the counts it must report.
    """

    name: str
    breaks: Break
    says: tuple[str, ...]
    code: int
    counts: dict[str, int] = field(default_factory=dict)


class Table(list[Kind]):
    """Kinds, each added by the function that breaks the project."""

    def wrong_use(self, name: str, *says: str) -> Callable[[Break], Break]:
        return self._adder(name, says, 2, {})

    def refused(self, name: str, *says: str) -> Callable[[Break], Break]:
        return self._adder(name, says, 1, {})

    def reported(self, name: str, *says: str, **counts: int) -> Callable[[Break], Break]:
        return self._adder(name, says, 0, counts)

    def _adder(
        self, name: str, says: tuple[str, ...], code: int, counts: dict[str, int]
    ) -> Callable[[Break], Break]:
        def add(breaks: Break) -> Break:
            self.append(Kind(name, breaks, says, code, counts))
            return breaks

        return add


def setting(*path: str, to: Any) -> Break:
    """Change one setting of the project file."""

    def change(project: LittleProject) -> None:
        section = project.settings
        for key in path[:-1]:
            section = section.setdefault(key, {})
        section[path[-1]] = to

    return change


def text(reported: str | bytes) -> Break:
    """Replace the whole project file."""
    return lambda project: setattr(project, "text", reported)
