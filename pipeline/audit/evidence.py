"""What a probe reports about a column or an event type, and how the evidence adds up to a verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Strength = Literal["proof", "strong", "weak", "note"]
Verdict = Literal["proven", "suspect", "noted"]


@dataclass(frozen=True, order=True)
class Subject:
    """What is audited: a column of ``leads`` or ``accounts``, an event type (or one value in it), the split.

    >>> print(Subject("lead", "tags"), Subject("event", "mail", "campaign=welcome"))
    leads.tags events.mail (campaign=welcome)
    """

    kind: Literal["lead", "account", "event", "split"]
    name: str
    value: str = ""

    def __str__(self) -> str:
        if self.kind == "split":
            return self.name
        return f"{self.kind}s.{self.name}" + (f" ({self.value})" if self.value else "")


@dataclass(frozen=True)
class Evidence:
    """One probe's finding about one subject.

    ``strength``: ``"proof"`` leaves no other explanation, or only absurdly improbable ones; ``"strong"`` has hardly
    an innocent explanation; ``"weak"`` has several; ``"note"`` is for information. ``message`` completes a
    sentence that begins with the subject; ``figures`` are JSON-ready.
    """

    probe: str
    subject: Subject
    strength: Strength
    message: str
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Flagged:
    """A subject with all evidence against it.

    Attributes
    ----------
    verdict : ``"proven"``, ``"suspect"``, or ``"noted"`` where the evidence is too weak for suspicion.
    kept_out : declared by ``known_after``, or kept out by ``data.events.where``: no model sees it.
    used : the project as it stands makes a feature of it.
    auc : out-of-time ROC AUC of a quick model of all unsuspected columns plus this one; ``None`` where it makes no
        feature.
    """

    subject: Subject
    verdict: Verdict
    evidence: tuple[Evidence, ...]
    kept_out: bool = False
    used: bool = False
    auc: float | None = None

    @property
    def suspected(self) -> bool:
        """Whether it is suspected to be a leak, or proven to be one."""
        return self.verdict != "noted"

    @property
    def fix(self) -> str:
        """How to keep it from the model."""
        if self.subject.kind == "event":
            return "leave these events out by data.events.where"
        if self.subject.kind == "split":
            return "score leads at fixed ages (spine.at_ages), or set a later judge.test_from"
        return f"list {self.subject.name} under known_after, or give its history in `changes`"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "subject": str(self.subject),
            "kind": self.subject.kind,
            "name": self.subject.name,
            "value": self.subject.value or None,
            "verdict": self.verdict,
            "kept_out": self.kept_out,
            "used": self.used,
            "auc_with": self.auc,
            "evidence": [
                {"probe": e.probe, "strength": e.strength, "message": e.message, "figures": e.figures}
                for e in self.evidence
            ],
        }


def flag(evidence: Iterable[Evidence]) -> list[Flagged]:
    """Group the evidence by subject; the worst first.

    Proven: one proof, or a strong finding that another probe supports. Suspect: a strong one alone, or weak
    ones of two probes. Anything less is noted.
    """
    by_subject: dict[Subject, list[Evidence]] = {}
    for item in evidence:
        by_subject.setdefault(item.subject, []).append(item)
    order: tuple[Verdict, ...] = ("proven", "suspect", "noted")
    flagged = [
        Flagged(
            subject=subject,
            verdict=verdict(items),
            evidence=tuple(sorted(items, key=lambda e: _RANK[e.strength])),
        )
        for subject, items in by_subject.items()
    ]
    return sorted(flagged, key=lambda item: (order.index(item.verdict), item.subject))


_RANK: dict[Strength, int] = {"proof": 0, "strong": 1, "weak": 2, "note": 3}


def verdict(items: Iterable[Evidence]) -> Verdict:
    """The verdict on one subject.

    >>> tags = Subject("lead", "tags")
    >>> verdict([Evidence("a", tags, "weak", ""), Evidence("b", tags, "strong", "")])
    'proven'
    >>> verdict([Evidence("a", tags, "weak", ""), Evidence("a", tags, "weak", "")])
    'noted'
    """
    best: dict[str, Strength] = {}  # per probe the strongest: two findings of one probe are not independent
    for item in items:
        if item.probe not in best or _RANK[item.strength] < _RANK[best[item.probe]]:
            best[item.probe] = item.strength
    strengths = [strength for strength in best.values() if strength != "note"]
    if "proof" in strengths or ("strong" in strengths and len(strengths) > 1):
        return "proven"
    return "suspect" if "strong" in strengths or len(strengths) > 1 else "noted"
