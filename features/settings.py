"""What a user may refine in the choice of features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from leadlens.features.plan import Reading


@dataclass(frozen=True)
class FeatureSettings:
    """What the user may refine; see the ``features`` section of the project file for each.

    ``windows=None`` takes those of 1, 7, 30, 90 and 365 days that the data support; ``min_support=0`` takes whatever
    there is, up to ``max_event_keys``. ``protected`` are columns of leads and accounts that are kept out of features.
    """

    windows: tuple[timedelta, ...] | None = None
    half_life: timedelta = timedelta(days=14)
    max_event_keys: int = 30
    min_support: float = 0.01
    max_categories: int = 40
    counts: tuple[tuple[str, str], ...] = ()
    drop: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()
    behavioural: tuple[str, ...] = ()
    firmographic: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)

    @property
    def left_out(self) -> frozenset[str]:
        """Columns of which no feature is made."""
        return frozenset((*self.drop, *self.protected))
