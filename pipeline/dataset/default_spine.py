"""The ages that leads are learned at where the project file names none: those at which leads convert."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from leadlens.features import History, humanize
from leadlens.features.durations import format_duration
from leadlens.features.errors import counted
from leadlens.features.spine import SpinePolicy, kind_filter
from leadlens.pipeline.config import Project
from leadlens.pipeline.dataset.policies import outcome_horizon, spine_policy

# Ages that people would name; a share of the conversions is rounded down to one of them.
_AGES = (
    timedelta(0), timedelta(hours=1), timedelta(hours=6),
    *(timedelta(days=days) for days in (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365, 545, 730)),
)  # fmt: skip
_SHARES = (0.25, 0.5, 0.75, 0.95)
_FEWEST = 5  # conversions; of fewer no share means anything


@dataclass(frozen=True)
class TrainingSpine:
    """The policy that training rows are made by, and what to say of it where the project file does not name one."""

    policy: SpinePolicy
    note: str | None = None


def training_spine(history: History, project: Project) -> TrainingSpine:
    """The project's own policy or, of leads with events whose project names none, the ages at which leads convert.

    Those are age 0 and the ages by which 25, 50, 75 and 95 % of the converting leads had converted, rounded down to
    ages that people would name. Conversions of the test period are not looked at. Without events, or in flat data,
    each lead is one row at its creation, and there is nothing to say.
    """
    policy, named = spine_policy(project), project.spine
    if named.at_ages or named.every or named.dates or named.column or history.clock != "time":
        return TrainingSpine(policy)
    if not history.engine.count("events"):
        return TrainingSpine(policy)
    until = project.judge.test_from or _before_test(history, project)
    later = _converted_after(history, project, until)
    if later[0] < _FEWEST:
        return TrainingSpine(
            policy,
            f"no `spine` is given, and only {counted(later[0], 'lead')} converted before {until:%Y-%m-%d}, too few to "
            "say at which ages: rows are leads at their creation, so that hardly an event is seen; name ages, such as "
            "spine: {at_ages: [1d, 7d, 30d]}",
        )
    by_share = [_age_by(later, share) for share in _SHARES]
    ages = tuple(sorted({timedelta(0), *by_share}))
    listed_ages = ", ".join(map(format_duration, ages))
    return TrainingSpine(
        replace(policy, at_ages=ages),
        f"no `spine` is given: rows are leads at ages {listed_ages}, chosen by when leads convert (half of "
        f"{counted(later[0], 'lead')} within {humanize(_next(by_share[1]))}, 95 % within {humanize(_next(by_share[3]))}); "
        f"to keep them, or to choose others: spine: {{at_ages: [{listed_ages}]}}",
    )


def _before_test(history: History, project: Project) -> datetime:
    """About where the test period will begin: it depends on the rows, which depend on the ages."""
    mature = history.engine.dialect.literal(history.data_end - outcome_horizon(project))
    leads = f"SELECT created_at FROM leads WHERE created_at <= {mature}"
    count = history.engine.count(f"({leads}) AS mature")
    nth = max(1, round((1 - project.judge.test_share) * count))
    at = history.engine.value(
        f"SELECT max(created_at) FROM ({leads} ORDER BY created_at LIMIT {nth}) AS early"
    )
    return history.data_end if at is None else datetime.fromisoformat(str(at))


def _converted_after(history: History, project: Project, until: datetime) -> list[int]:
    """How many leads first converted at each of the ages or later, and before ``until``."""
    dialect = history.engine.dialect
    counts = ", ".join(
        f"count(CASE WHEN {dialect.minus('converted_at', age)} >= created_at THEN 1 END) AS a{place}"
        for place, age in enumerate(_AGES)
    )
    row = history.engine.frame(
        f"""
        SELECT {counts}
        FROM (
          SELECT l.created_at, min(c.converted_at) AS converted_at
          FROM conversions AS c
          JOIN leads AS l ON l.lead_id = c.lead_id
          WHERE c.converted_at < {dialect.literal(until)}{kind_filter(history, project.outcome.kind, "c")}
          GROUP BY l.lead_id, l.created_at
        ) AS firsts
        """
    ).iloc[0]
    return [int(row[f"a{place}"]) for place in range(len(_AGES))]


def _age_by(later: list[int], share: float) -> timedelta:
    """The last age before which no more than ``share`` of the leads had converted."""
    return max(age for age, left in zip(_AGES, later, strict=True) if left >= (1 - share) * later[0])


def _next(age: timedelta) -> timedelta:
    """The age that a share was reached before: it lies between two that people would name."""
    return dict(pairwise(_AGES)).get(age, age)
