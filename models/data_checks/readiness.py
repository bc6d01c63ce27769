"""Is there enough to learn from? Stable codes with messages, and how many more conversions would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from leadlens.models.data_checks.quick_look import QuickLook

# Peduzzi et al. 1996 ask for ten events per variable; a small model of five, and one of 20 variables.
_USABLE, _READY = 50, 200
_LEADS_USABLE, _LEADS_READY = 200, 1000
_STRANGERS = 0.5  # from here on the ids, and not single events, are wrong

Level = Literal["ready", "usable", "not ready"]


@dataclass(frozen=True)
class Reason:
    """Why the data are not readier: a stable code, a message, and how many more conversions or leads would help."""

    code: str
    message: str
    level: Level
    more: int | None = None


@dataclass(frozen=True)
class Readiness:
    """The worst level of all reasons; ``ready`` without any."""

    level: Level
    reasons: tuple[Reason, ...]


def judge_readiness(
    *,
    leads: int,
    conversions: int,
    first: datetime,
    data_end: datetime,
    horizon: timedelta,
    now: datetime | None,
    vanished: Sequence[str] = (),
    one_class: bool = False,
    look: QuickLook | None = None,
    strangers: float = 0.0,
) -> Readiness:
    """Weigh what the mature rows offer.

    Parameters
    ----------
    leads, conversions : mature leads, and those of them that converted within the horizon.
    first, data_end : span of the history. ``now`` is ``None`` where only the order in time is known.
    vanished : event types seen in the training part but not in the latest part.
    look : a quick look for signal, where there was one: without any the data are not ready.
    strangers : share of the events that belong to no lead.
    """
    reasons: list[Reason] = []
    if conversions < _READY:
        level: Level = "usable" if conversions >= _USABLE else "not ready"
        target = _READY if level == "usable" else _USABLE
        benefit = "a model of its own" if level == "usable" else "more than the score sheet"
        reasons.append(
            Reason(
                "few-conversions",
                f"{conversions:,} conversions to learn from; {target - conversions:,} more would allow {benefit}",
                level,
                target - conversions,
            )
        )
    if leads < _LEADS_READY:
        level = "usable" if leads >= _LEADS_USABLE else "not ready"
        target = _LEADS_READY if level == "usable" else _LEADS_USABLE
        reasons.append(
            Reason(
                "few-leads",
                f"{leads:,} mature leads; {target - leads:,} more would help",
                level,
                target - leads,
            )
        )
    if one_class:
        reasons.append(
            Reason("one-class", "all mature leads have the same outcome: nothing to learn from", "not ready")
        )
    if now is not None:
        span = data_end - first
        if span < 3 * horizon:
            level = "not ready" if span <= horizon else "usable"
            reasons.append(
                Reason(
                    "short-history",
                    f"the history spans {span.days} days: three horizons ({3 * horizon.days} days) are needed to "
                    "test a model out of time",
                    level,
                )
            )
        if now - data_end > max(3 * horizon, timedelta(days=30)):
            reasons.append(
                Reason(
                    "stale",
                    f"the data end {(now - data_end).days:,} days ago: today's leads may differ",
                    "usable",
                )
            )
    if vanished:
        shown = ", ".join(vanished[:5]) + (" …" if len(vanished) > 5 else "")
        reasons.append(
            Reason(
                "vanished-events",
                f"{len(vanished)} event types of earlier data no longer occur: {shown}",
                "usable",
            )
        )
    if strangers >= _STRANGERS:
        which = "no event belongs" if strangers == 1 else f"{strangers:.0%} of the events do not belong"
        reasons.append(
            Reason(
                "events-of-strangers",
                f"{which} to a lead: what leads did is {'unknown' if strangers == 1 else 'known of few'}, and neither model nor "
                "sheet can count it",
                "not ready" if strangers == 1 else "usable",
            )
        )
    if look is not None and not look.found:
        reasons.append(Reason("no-signal", look.message, "usable"))
    order: Mapping[Level, int] = {"ready": 0, "usable": 1, "not ready": 2}
    worst: Level = max((reason.level for reason in reasons), key=order.__getitem__, default="ready")
    return Readiness(worst, tuple(reasons))
