"""Choose a good default feature set from the data alone, refined by a few settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from features.attributes.columns import attribute_columns
from features.attributes.planning import plan_attributes, plan_rollups
from features.behaviour.columns import behaviour_columns
from features.behaviour.planning import plan_events
from features.errors import UsageError, listed
from features.history import History
from features.plan import FeaturePlan, Reading


@dataclass(frozen=True)
class FeatureSettings:
    """What the user may refine; see the ``features`` section of the project file for each.

    ``windows=None`` takes those of 1, 7, 30, 90 and 365 days that the data support; ``min_support=0`` takes whatever
    there is, up to ``max_event_keys``.
    """

    windows: tuple[timedelta, ...] | None = None
    half_life: timedelta = timedelta(days=14)
    max_event_keys: int = 30
    min_support: float = 0.01
    max_categories: int = 40
    counts: tuple[tuple[str, str], ...] = ()
    drop: tuple[str, ...] = ()
    behavioural: tuple[str, ...] = ()
    firmographic: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    read: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)


def plan_features(
    history: History, settings: FeatureSettings | None = None, spine: str = "spine"
) -> FeaturePlan:
    """Choose features by what the spine's leads had done by then: nothing later is looked at.

    Event types and property values are taken by support (share of spine rows that saw one), most frequent
    first. Raises ``UsageError`` for settings that name unknown columns.
    """
    settings = settings or FeatureSettings()
    _check_names(history, settings)
    ages = history.engine.value(f"SELECT count(DISTINCT as_of - created_at) FROM {spine}")
    plan = FeaturePlan(
        **plan_events(history, settings, spine),
        half_life=settings.half_life,
        attributes=plan_attributes(history, settings, spine),
        lead_age=history.clock == "time" and int(ages or 0) > 1,
        colleagues=plan_rollups(history, spine),
    )
    _check_distinct(plan)
    return plan


def narrowed(plan: FeaturePlan, names: Iterable[str]) -> FeaturePlan:
    """The plan with no more in it than these columns need; their values are the same."""
    wanted = set(names)

    def enough(smaller: FeaturePlan) -> bool:
        return wanted <= {
            column.name for column in (*behaviour_columns(smaller), *attribute_columns(smaller))
        }

    # Rates are told by keys, so they go first; keys by number, so each is left out by itself.
    for part in ("attributes", "touches", "rates", "keys"):
        for item in getattr(plan, part):
            rest = tuple(other for other in getattr(plan, part) if other != item)
            if part == "keys" and any(item.name in (rate.hits, rate.tries) for rate in plan.rates):
                continue
            smaller = _with(plan, part, rest)
            plan = smaller if enough(smaller) else plan
    for part in ("hours", "purchases", "lead_age", "colleagues"):
        smaller = _with(plan, part, False)
        plan = smaller if enough(smaller) else plan
    return plan


def _with(plan: FeaturePlan, part: str, value: Any) -> FeaturePlan:
    return replace(plan, **{part: value})


def _check_distinct(plan: FeaturePlan) -> None:
    names = [column.name for column in (*behaviour_columns(plan), *attribute_columns(plan))]
    # SQL does not tell names apart by case.
    if repeated := [name for name, count in Counter(map(str.lower, names)).items() if count > 1]:
        raise UsageError(
            "two features have the same name",
            value=listed(repeated),
            fix="rename the column with `columns`, leave it out with features.drop, or change the label in features.counts",
        )


def _check_names(history: History, settings: FeatureSettings) -> None:
    known = [*history.lead_attributes, *history.account_attributes, *history.event_properties]
    for setting in ("drop", "behavioural", "firmographic"):
        for name in getattr(settings, setting):
            if name not in known:
                raise UsageError(
                    "this column is not in the data", value=name, known=known, where=f"features.{setting}"
                )
