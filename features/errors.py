"""The errors a user may meet: each says what is wrong, the value, why it matters and how to fix it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from unicodedata import normalize

from leadlens.features.printable import printable
from leadlens.features.secrets import masked

_LONGEST = 200
_READ = 10_000  # of a value that may be a whole file


class LeadlensError(Exception):
    """Root of every error that Leadlens raises on purpose.

    Parameters
    ----------
    what : what is wrong, one sentence without a full stop at the end.
    value : the value received; a long one is cut, and control characters are escaped.
    why : why it matters.
    fix : how to fix it.
    known : the names that would have been accepted; those nearest to ``value`` are shown, and without a
        ``fix`` the first ones too.
    where : file, line, table or column with the error.

    Passwords are masked in every part. ``exit_code`` is what the command line returns: 1 = refused by the data
    or a gate, 2 = wrong use, 3 = unreachable or busy, 4 = no disk space or memory left (docs/commands.md).

    >>> print(UsageError("this cannot be opened", value="postgresql://ann:p@ss@host/crm"))
    this cannot be opened
      received: postgresql://ann:***@host/crm
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
        known = list(known)
        if fix is None and known:
            fix = f"known here: {listed(known)}"
        self.what = masked(printable(what, breaks=True))
        self.why, self.fix, self.where = (
            None if text is None else masked(printable(text, breaks=True)) for text in (why, fix, where)
        )
        self.value = None if value is None else _shown(value)
        self.nearest = nearest(str(value), known) if value is not None else []
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.value is not None:
            lines.append(f"  received: {self.value}")
        if self.nearest:
            remark = lookalike(str(self.value), self.nearest[0])
            lines.append(f"  did you mean: {', '.join(map(_shown, self.nearest))}?{remark}")
        if self.why:
            lines.append(f"  why it matters: {self.why}")
        if self.fix:
            lines.append(f"  how to fix it: {self.fix}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, object]:
        """JSON-ready, for ``--json``."""
        payload = {
            "error": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "value": self.value,
            "nearest": self.nearest,
            "why": self.why,
            "fix": self.fix,
        }
        return {key: value for key, value in payload.items() if value not in (None, [])}


class UsageError(LeadlensError):
    """A wrong configuration, sheet or command: exit code 2."""

    exit_code = 2


class DataError(LeadlensError):
    """The data cannot be used as it is: exit code 1."""


class UnavailableError(LeadlensError):
    """A source or target cannot be reached or is busy; the same command may do later: exit code 3."""

    exit_code = 3


class RoomError(LeadlensError):
    """There is no disk space or memory left: exit code 4."""

    exit_code = 4


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Up to ``count`` known names that are most similar to ``name``, best first.

    >>> nearest("evnts", ["leads", "events", "accounts"])
    ['events']
    """
    by_shape = {normalize("NFC", item.lower()): item for item in known}
    shape = normalize("NFC", name.lower()[:200])
    return [by_shape[match] for match in get_close_matches(shape, by_shape, n=count, cutoff=0.6)]


def lookalike(name: str, meant: str) -> str:
    """A remark where two names look the same and are not: ü may be one character, or u with two dots upon it.

    >>> lookalike("Z\u00fcrich", "Zu\u0308rich")
    ' (it looks the same, in other Unicode characters: copy it from the data)'
    """
    alike = name != meant and normalize("NFC", name) == normalize("NFC", meant)
    return " (it looks the same, in other Unicode characters: copy it from the data)" if alike else ""


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for a message: the first ones, each cut to a readable length, and how many more there are.

    >>> listed(["lead_id", "city", "income"], most=2)
    'lead_id, city and 1 more'
    """
    names = list(names)
    shown = ", ".join(_shown(name, 60) for name in names[:most]) or "none"
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def counted(count: int, thing: str) -> str:
    """A number and its noun.

    >>> counted(1, "lead"), counted(2500, "lead")
    ('1 lead', '2,500 leads')
    """
    return f"{count:,} {thing}" + ("" if count == 1 else "s")


def _shown(value: object, limit: int = _LONGEST) -> str:
    plain = value.item() if hasattr(value, "item") else value  # a NumPy number
    text = masked((plain if isinstance(plain, str) else repr(plain))[:_READ])
    text = printable(text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"
