"""The gates before a champion: what a challenger must show, and the error that says what it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from leadlens.features import DataError
from leadlens.features.errors import counted, listed
from leadlens.models.judging.signal import Signal

Gate = Literal["rolled_back", "seen", "audit", "leak", "signal", "rival"]


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a gate refuses.

    ``gate`` is stable, for machines: ``"rolled_back"`` (it was champion and was taken out of service), ``"seen"`` (it has learned from the rows it is to be judged on), ``"audit"`` (its
    training data were not audited), ``"leak"`` (it uses a proven leak), ``"signal"`` (it is not shown to know more than the
    base rate), ``"rival"`` (it is worse than the champion, or the sheet). ``figures`` are JSON-ready.
    """

    gate: Gate
    what: str
    value: str
    why: str
    fix: str
    figures: dict[str, Any] = field(default_factory=dict)


class PromotionRefused(DataError):
    """One gate or several refuse a challenger; ``refusals`` says which, and why. Exit code 1."""

    def __init__(self, version: str, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        first, forced = refusals[0], 'promote it anyway: --force "the reason", which is kept'
        if len(refusals) == 1:
            what, value, why, fix = first.what, first.value, first.why, f"{first.fix}; or {forced}"
        else:
            what = f"{len(refusals)} gates refuse {version}:" + "".join(
                f"\n  - {each.what}\n    {each.value}\n    {each.fix}" for each in refusals
            )
            value, why, fix = (
                None,
                "a model is promoted for what it knows, never because it merely ran",
                forced,
            )
        super().__init__(what, value=value, why=why, fix=fix)

    def as_dict(self) -> dict[str, object]:
        """JSON-ready, with every refusal and its figures."""
        return {**super().as_dict(), "refusals": [asdict(refusal) for refusal in self.refusals]}


def rolled_back_refusal(version: str, reason: str | None) -> Refusal | None:
    """The refusal of a version that was champion once and was taken out of service for this reason."""
    if reason is None:
        return None
    return Refusal(
        gate="rolled_back",
        what=f"{version} was champion and was rolled back",
        value=reason,
        why="the reason why it was taken out of service has not changed",
        fix="train another: leadlens train CONFIG",
    )


def audit_refusal(audit: dict[str, Any] | None) -> Refusal | None:
    """The refusal of a model that uses proven leaks, by what was found when it was trained (``Recipe.audit``)."""
    if audit is None:
        return Refusal(
            gate="audit",
            what="the data that the model learned from were not audited",
            value="it was trained before 0.5.0",
            why="a column that was filled in after the outcome makes every figure look good and every score useless",
            fix="train again",
        )
    leaks = [item for item in audit["flagged"] if item["verdict"] == "proven"]
    if not leaks and not audit["not_reproducible"]:
        return None
    found = [f"{item['subject']} {item['evidence'][0]['message']}" for item in leaks]
    if audit["not_reproducible"]:
        found.append(f"{audit['not_reproducible']:,} values of {audit['rebuilt_rows']:,} past rows")
    what = f"the model uses {counted(len(leaks), 'proven leak')}: {listed(item['subject'] for item in leaks)}"
    return Refusal(
        gate="leak",
        what=what
        if leaks
        else "the model learned from values that cannot be reproduced from what was known then",
        value="; ".join(found),
        why="what was known only after the outcome is unknown for every lead that is scored",
        fix="keep it out (known_after, or data.events.where; leadlens audit says how), and train again",
        figures={"leaks": [item["subject"] for item in leaks], "not_reproducible": audit["not_reproducible"]},
    )


def signal_refusal(signal: Signal) -> Refusal | None:
    """The refusal of a model that is not shown to know more than the base rate."""
    if signal.learned:
        return None
    return Refusal(
        gate="signal",
        what=signal.verdict,
        value=signal.figures,
        why=f"scores that only repeat the base rate send sales nowhere; {signal.ranking.power}",
        fix=(
            "see that outcome and data belong together (leadlens check), and train again"
            if signal.ranking.enough
            else "wait for more conversions, and train again"
        ),
        figures=signal.to_dict(),
    )
