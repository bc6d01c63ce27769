"""The registry of leak probes: functions over the audit data, each under a stable code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from leadlens.pipeline.audit.data import AuditData
from leadlens.pipeline.audit.evidence import Evidence

Run = Callable[[AuditData], Iterable[Evidence]]


class Probe(NamedTuple):
    """A registered probe.

    ``code`` is stable, for machines; ``looks_for`` is one sentence; ``late`` probes run after the others, since
    their data leave out what is already suspected.
    """

    code: str
    looks_for: str
    run: Run
    late: bool = False


PROBES: dict[str, Probe] = {}
"""All probes by code, in the order of definition; importing ``leadlens.pipeline.audit.probes`` fills it."""


def probe(code: str, looks_for: str, *, late: bool = False) -> Callable[[Run], Run]:
    """Register a function as the probe ``code``. Raises ``ValueError`` for a code that is taken."""

    def register(run: Run) -> Run:
        if code in PROBES:
            raise ValueError(f"two probes have the code {code!r}")
        PROBES[code] = Probe(code, looks_for, run, late)
        return run

    return register
