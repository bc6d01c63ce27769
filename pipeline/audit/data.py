"""What the probes examine: one row per lead with its outcome, event types against outcomes, edits, the split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from leadlens.features.history import Kind
from leadlens.pipeline.audit.evidence import Subject
from leadlens.pipeline.audit.measures import Flags

FEWEST = 20  # conversions, and leads without one, below which a probe reports nothing
GOOD = 0.9  # ROC AUC of all columns together, below which none is too good beside the others
_NO_EVENTS = pd.DataFrame(
    columns=[
        "event_type", "value", "leads", "converted", "days_ahead", "ended", "ended_leads", "at_end", "at_end_leads",
        "at_end_converted", "before", "late", "after", "others_after",
    ]
)  # fmt: skip
_NO_EDITS = pd.DataFrame(
    columns=["kind", "name", "edited", "edited_after", "hidden", "hidden_converted", "rest", "rest_converted"]
)
_NO_COUNTS = pd.DataFrame(columns=["lead_id", "event_type", "seen", "until", "total"])


@dataclass(frozen=True)
class Gain:
    """Cross-fitted ROC AUC over all rows of the unsuspected features, with and without those of one subject."""

    subject: Subject
    with_it: float
    without: float


@dataclass(frozen=True, kw_only=True)
class SplitOverlap:
    """What the training and the test part of a project share.

    ``leads`` are those of the test part, ``shared`` of them are trained on too; of ``rows`` training rows ``immature``
    have an outcome that was not yet known when the test part begins; ``repeat`` says that converted leads stay in.
    """

    leads: int = 0
    shared: int = 0
    rows: int = 0
    immature: int = 0
    repeat: bool = False


@dataclass(frozen=True, kw_only=True)
class AuditData:
    """The input of every probe, as plain tables.

    Attributes
    ----------
    leads : one row per lead, indexed by lead_id, in order of creation: ``converted`` (at any time after its first
        as-of date; with ``repeat`` within the horizon of the last one), ``out_of_time`` (it is in the test part),
        ``created_at``, ``first_as_of`` and ``as_of`` (its first and last mature as-of date), ``converted_at``,
        ``closed_at``.
    columns : the attributes of lead and account as of ``as_of``, by subject, in the same order.
    kinds : their kinds.
    changed : attributes with a history in ``changes``.
    clock : the history's; without any order in time, stretches of time mean nothing.
    data_end : end of the data.
    events : one row per event type, and below it per property value (``value`` is ``"page=Pricing"``):
        ``leads`` that have it before their outcome, ``converted`` of them, ``days_ahead`` (median days from
        its first to the conversion); for leads that ended (converted or closed) an hour or more after creation:
        ``ended`` events and ``ended_leads``, ``at_end`` events within a minute of the end, in ``at_end_leads``,
        of them ``at_end_converted``; of converted leads ``before`` events dated before the conversion, ``late`` of
        them recorded only at or after it, ``after`` events more than a minute after it, and ``others_after`` leads
        that have the type and then events of other types.
    edits : one row per attribute with a history in ``changes``: converted leads with an edit (``edited``), all of
        whose edits are at or after the conversion (``edited_after``); leads whose value is NULL as of ``as_of``
        because it is recorded only later (``hidden``), and the ``rest``, with how many of each converted.
    counts : per lead and event type (``""`` = all) how many events are visible as of ``as_of`` (``seen``), are dated
        before the conversion (``until``), and exist in all (``total``).
    gains : what the strongest sources add to all the others, for late probes.
    """

    leads: pd.DataFrame
    columns: Mapping[Subject, pd.Series] = field(default_factory=dict)
    kinds: Mapping[Subject, Kind] = field(default_factory=dict)
    changed: frozenset[Subject] = frozenset()
    clock: str = "time"
    data_end: pd.Timestamp = field(default_factory=lambda: pd.Timestamp("2100-01-01"))
    events: pd.DataFrame = field(default_factory=lambda: _NO_EVENTS)
    edits: pd.DataFrame = field(default_factory=lambda: _NO_EDITS)
    counts: pd.DataFrame = field(default_factory=lambda: _NO_COUNTS)
    split: SplitOverlap = field(default_factory=SplitOverlap)
    gains: tuple[Gain, ...] = ()

    @property
    def converted(self) -> Flags:
        """Which leads converted."""
        converted: Flags = self.leads["converted"].to_numpy(dtype=bool)
        return converted

    @property
    def base_rate(self) -> float:
        """Share of leads that convert."""
        return float(self.converted.mean()) if len(self.leads) else 0.0

    @property
    def enough(self) -> bool:
        """Whether both outcomes are frequent enough to judge any column."""
        return _both_outcomes(self.converted)

    @property
    def parts(self) -> list[tuple[str, Flags]]:
        """The training and the out-of-time leads, where both outcomes are frequent enough, or else all leads."""
        out_of_time = self.leads["out_of_time"].to_numpy(dtype=bool)
        parts = [("on training leads", ~out_of_time), ("on out-of-time leads", out_of_time)]
        usable = [(name, part) for name, part in parts if _both_outcomes(self.converted[part])]
        return usable or [("on all leads", np.ones(len(self.leads), dtype=bool))]


def _both_outcomes(converted: Flags) -> bool:
    conversions = int(converted.sum())
    return min(conversions, len(converted) - conversions) >= FEWEST
