"""The leak probes: small functions that look at the facts; each registers itself under a stable code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pipeline.audit.evidence import Evidence
    from pipeline.audit.payload import Facts

Look = Callable[["Facts"], Iterable["Evidence"]]


class Probe(NamedTuple):
    """A registered probe.

    ``code`` is stable, for machines; ``looks_for`` is one sentence; ``late`` probes run after the others, since
    their facts leave out what already stands accused.
    """

    code: str
    looks_for: str
    look: Look
    late: bool = False


PROBES: dict[str, Probe] = {}
"""All probes by code, in the order they are defined; ``pipeline.audit.probes`` fills it."""


def probe(code: str, looks_for: str, *, late: bool = False) -> Callable[[Look], Look]:
    """Register a function as the probe ``code``. Raises ``ValueError`` for a code that is taken."""

    def register(look: Look) -> Look:
        if code in PROBES:
            raise ValueError(f"two probes have the code {code!r}")
        PROBES[code] = Probe(code, looks_for, look, late)
        return look

    return register
