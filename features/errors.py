"""The errors a user may meet: each says what is wrong, the value, why it matters and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class LeadlensError(Exception):
    """Root of every error that Leadlens raises on purpose.

    Parameters
    ----------
    what : what is wrong, one sentence without a full stop at the end.
    value : the value received, shown with ``repr`` (long ones are cut).
    why : why it matters.
    fix : how to mend it.
    known : the names that would have been accepted; the nearest ones to ``value`` are shown.
    where : file, line, table or column the error was found in.

    ``exit_code`` is what the command line returns: 1 = refused by the data or a gate, 2 = wrong use.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        value: object = None,
        why: str | None = None,
        fix: str | None = None,
        known: Iterable[str] = (),
        where: str | None = None,
    ) -> None:
        self.what, self.value, self.why, self.fix, self.where = what, value, why, fix, where
        self.nearest = nearest(str(value), known) if value is not None else []
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.value is not None:
            lines.append(f"  received: {_shown(self.value)}")
        if self.nearest:
            lines.append(f"  did you mean: {', '.join(self.nearest)}?")
        if self.why:
            lines.append(f"  why it matters: {self.why}")
        if self.fix:
            lines.append(f"  how to mend it: {self.fix}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, object]:
        """The same facts for ``--json``."""
        facts = {
            "error": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "value": None if self.value is None else _shown(self.value),
            "nearest": self.nearest,
            "why": self.why,
            "fix": self.fix,
        }
        return {key: value for key, value in facts.items() if value not in (None, [])}


class UsageError(LeadlensError):
    """A wrong configuration, sheet or command: exit code 2."""

    exit_code = 2


class DataError(LeadlensError):
    """The data cannot be used as it is: exit code 1."""


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The up to ``count`` known names that look most like ``name``, best first.

    >>> nearest("evnts", ["leads", "events", "accounts"])
    ['events']
    """
    names = list(known)
    by_lower = {item.lower(): item for item in names}
    return [by_lower[hit] for hit in get_close_matches(name.lower()[:200], by_lower, n=count, cutoff=0.6)]


def _shown(value: object, limit: int = 200) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
