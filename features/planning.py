"""Choose a good default feature set from the data alone, refined by a few settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from leadlens.features.attributes.columns import attribute_columns
from leadlens.features.attributes.planning import plan_attributes, plan_rollups
from leadlens.features.behaviour.columns import behaviour_columns
from leadlens.features.behaviour.planning import plan_events
from leadlens.features.errors import UsageError, listed
from leadlens.features.history import History
from leadlens.features.plan import FeaturePlan
from leadlens.features.settings import FeatureSettings
from leadlens.features.spine import Spine, TrainingRows


def plan_features(
    history: History, rows: TrainingRows, settings: FeatureSettings | None = None
) -> FeaturePlan:
    """Choose features by what the leads of the training rows had done as of each row: nothing later is read.

    Event types and property values are chosen by support (share of rows with one), most frequent first. Only
    training rows are accepted, and only a time split makes them: choosing columns by out-of-time rows is a leak.
    Raises ``UsageError`` for settings that name unknown columns, ``TypeError`` for any other spine.
    """
    if not isinstance(rows, TrainingRows):
        raise TypeError(f"features are planned on training rows alone, not on {type(rows).__name__} {rows}")
    return plan_vocabulary(history, rows, settings)


def plan_vocabulary(history: History, spine: Spine, settings: FeatureSettings | None = None) -> FeaturePlan:
    """The features that any rows give: for people who name features, never for a model to learn from."""
    settings = settings or FeatureSettings()
    _check_names(history, settings)
    ages = history.engine.value(f"SELECT count(DISTINCT as_of - created_at) FROM {spine}")
    attributes, events = plan_attributes(history, settings, spine), plan_events(history, settings, spine)
    plan = FeaturePlan(
        **{**attributes, **events, "withheld": (*attributes["withheld"], *events["withheld"])},
        half_life=settings.half_life,
        lead_age=history.clock == "time" and int(ages or 0) > 1,
        colleagues=plan_rollups(history, spine),
    )
    _check_distinct(plan)
    return plan


def narrowed(plan: FeaturePlan, names: Iterable[str]) -> FeaturePlan:
    """The smallest plan that makes these columns, with the same values."""
    wanted = set(names)

    def enough(smaller: FeaturePlan) -> bool:
        return wanted <= {
            column.name for column in (*behaviour_columns(smaller), *attribute_columns(smaller))
        }

    # Rates refer to keys, so they go first; keys are numbered, so each is left out by itself.
    for part in ("attributes", "touches", "rates", "keys"):
        for item in getattr(plan, part):
            rest = tuple(other for other in getattr(plan, part) if other != item)
            if part == "keys" and any(item.name in (rate.numerator, rate.denominator) for rate in plan.rates):
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
    # SQL ignores case in names.
    if repeated := [name for name, count in Counter(map(str.lower, names)).items() if count > 1]:
        raise UsageError(
            "two features have the same name",
            value=listed(repeated),
            fix="rename the column with `columns`, leave it out with features.drop, or change the label in features.counts",
        )


def _check_names(history: History, settings: FeatureSettings) -> None:
    own = [*history.lead_attributes, *history.account_attributes]
    for name in settings.protected:
        if name not in own:
            raise UsageError(
                "this is a column of events"
                if name in history.event_properties
                else "this column is not in the data",
                value=name,
                why="groups are those of people and firms: what leads and accounts have",
                known=own,
                fix=f"features.drop: [{name}] keeps a column of events out"
                if name in history.event_properties
                else None,
                where="protected",
            )
    known = [*own, *history.event_properties]
    for setting in ("drop", "behavioural", "firmographic"):
        for name in getattr(settings, setting):
            if name not in known:
                raise UsageError(
                    "this column is not in the data", value=name, known=known, where=f"features.{setting}"
                )
