"""What the probes look at: one row per lead with its outcome, event types against outcomes, edits, the split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from features.history import Kind
from pipeline.audit.evidence import Subject
from pipeline.audit.measures import Flags

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
    """ROC AUC by cross-fitting over all rows, with a source's features and without, beside all unaccused ones."""

    subject: Subject
    with_it: float
    without: float


@dataclass(frozen=True)
class Split:
    """How the project's two parts hang together.

    ``shared`` leads stand on both sides of the fence; ``untold`` training rows have an outcome that was not yet
    known at the fence; ``repeat`` says that converted leads stay in.
    """

    leads: int = 0
    shared: int = 0
    rows: int = 0
    untold: int = 0
    repeat: bool = False


@dataclass(frozen=True)
class Facts:
    """Everything that probes may look at, as plain tables.

    Attributes
    ----------
    leads : one row per lead that was looked at, indexed by lead_id, in the order of creation: ``converted``
        (ever from the first look on; with ``repeat`` within the horizon of the last one), ``later`` (stands in the
        later part), ``created_at``, ``first_as_of`` and ``as_of`` (its first and last mature look), ``converted_at``,
        ``closed_at``.
    columns : the lead's and account's attributes as of that look, by subject, in the same order.
    kinds : their kinds.
    changed : attributes that ``changes`` tells.
    clock : the history's; blocks of time mean nothing without any order.
    data_end : where the data end.
    events : one row per event type and, below it, per property value (``value`` is ``"page=Pricing"``):
        ``leads`` that have it before their outcome, ``converted`` of them, ``days_ahead`` (median days from
        its first to the conversion); for leads that lived an hour or more and ended (converted or closed):
        ``ended`` events and ``ended_leads``, ``at_end`` events within a minute of it, in ``at_end_leads``, of them
        ``at_end_converted``; of converted leads ``before`` events dated before the conversion, ``late`` of them
        recorded only at or after it, ``after`` events later than a minute after it, and ``others_after`` leads that
        have the type and events of others then.
    edits : one row per attribute that ``changes`` tells: converted leads with an edit (``edited``), all of whose
        edits lie at or after the conversion (``edited_after``); leads whose value is NULL at the look because it
        is told only later (``hidden``), and the ``rest``, with how many of each converted.
    counts : per lead and event type (``""`` = all) how many events are seen at the look, lie before the
        conversion, and are there in all.
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
    split: Split = field(default_factory=Split)
    gains: tuple[Gain, ...] = ()

    @property
    def hit(self) -> Flags:
        """Which leads converted."""
        found: Flags = self.leads["converted"].to_numpy(dtype=bool)
        return found

    @property
    def base(self) -> float:
        """Share of leads that convert."""
        return float(self.hit.mean()) if len(self.leads) else 0.0

    @property
    def enough(self) -> bool:
        """Whether there are conversions and others enough for any column to be judged."""
        hits = int(self.hit.sum())
        return min(hits, len(self.leads) - hits) >= FEWEST

    @property
    def parts(self) -> list[tuple[str, Flags]]:
        """The earlier and the later leads, where either has both outcomes often enough, or else all."""
        later = self.leads["later"].to_numpy(dtype=bool)
        found = [("on earlier leads", ~later), ("on later leads", later)]
        told = [
            (name, part)
            for name, part in found
            if min(int(self.hit[part].sum()), int((~self.hit[part]).sum())) >= FEWEST
        ]
        return told or [("on all leads", np.ones(len(self.leads), dtype=bool))]


FEWEST = 20  # conversions, and leads without one, below which nothing is said
