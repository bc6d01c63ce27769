"""Leads that are scored far older than any that was learned from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from leadlens.features import History, humanize
from leadlens.features.spine import Spine
from leadlens.pipeline.config import Project

_MANY = 0.25  # share of the scored leads


@dataclass
class OldLeads:
    """Counts the leads that are more than twice as old as the oldest learned from, part by part.

    ``learned`` is the age of the oldest training row, whatever the policy; ``None`` where it is not known, or where leads
    have no age.
    """

    learned: timedelta | None
    horizon: timedelta
    leads: int = 0
    old: int = 0

    @classmethod
    def of(cls, project: Project, spine: dict[str, Any] | None) -> OldLeads:
        """For a model whose recipe has this ``spine``; of models before 0.5.0 the project's ages stand in."""
        if project.data.conversions is None:
            learned = None
        elif spine is not None:
            learned = timedelta(days=float(spine["oldest_days"]))
        else:
            learned = max(project.spine.at_ages, default=None)
        return cls(learned, project.outcome.horizon)

    @property
    def limit(self) -> timedelta | None:
        """The age beyond which a lead is old. Of leads on their first day the horizon: the model says nothing beyond."""
        return None if self.learned is None else 2 * self.learned or self.horizon

    def count(self, history: History, spine: Spine, as_of: datetime) -> None:
        """Count the leads of one part."""
        self.leads += spine.rows
        if self.limit is not None and self.limit < as_of - datetime.min:
            before = history.engine.dialect.literal(as_of - self.limit)
            self.old += history.engine.count(f"{spine} WHERE created_at < {before}")

    def add(self, part: OldLeads) -> None:
        """Add those of a part that was counted alone."""
        self.leads += part.leads
        self.old += part.old

    def warnings(self) -> list[str]:
        """What to say of them, if they are many."""
        if self.learned is None or self.limit is None or self.old <= _MANY * self.leads:
            return []
        many = f"{self.old:,} of {self.leads:,} open leads are"
        days = max(self.limit.days, 1)
        fix = f"mark those that are over by closed_at, or add ages to spine.at_ages, such as {days}d and {2 * days}d"
        if not self.learned:
            return [
                f"{many} older than {humanize(self.horizon)}, and the model learned only from leads at their creation: {fix}"
            ]
        oldest = humanize(timedelta(days=self.learned.days) if self.learned.days else self.learned)
        return [f"{many} more than twice as old as any age learned from ({oldest}): {fix}"]
