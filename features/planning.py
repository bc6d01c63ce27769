"""Choose a good default feature set from the data alone, refined by a few settings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from features.attribute_planning import plan_attributes
from features.attributes import attribute_columns
from features.behaviour import behaviour_columns
from features.conditions import Condition
from features.errors import UsageError, listed
from features.history import History, Kind
from features.phrases import event_phrase
from features.plan import EventKey, FeaturePlan
from features.visibility import visible

_MOST_AMOUNTS = 4


@dataclass(frozen=True)
class FeatureSettings:
    """What the user may refine; see the ``features`` section of the project file for each."""

    windows: tuple[timedelta, ...] = (timedelta(days=7), timedelta(days=30), timedelta(days=90))
    half_life: timedelta = timedelta(days=14)
    max_event_keys: int = 30
    min_support: float = 0.01
    max_categories: int = 40
    counts: tuple[tuple[str, str], ...] = ()
    drop: tuple[str, ...] = ()
    behavioural: tuple[str, ...] = ()
    firmographic: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def plan_features(
    history: History, settings: FeatureSettings | None = None, spine: str = "spine"
) -> FeaturePlan:
    """Choose features by what the spine's leads had done by then: nothing later is looked at.

    Event types and property values are taken by support (share of spine rows that saw one), most frequent
    first. Raises ``UsageError`` for settings that name unknown columns.
    """
    settings = settings or FeatureSettings()
    _check_names(history, settings)
    keys = _event_keys(history, settings, spine)
    last = history.engine.frame(
        f"SELECT e.event_type AS t, count(*) AS n FROM {spine} AS s JOIN events AS e ON {visible()} "
        "GROUP BY 1 ORDER BY n DESC, t"
    )
    ages = history.engine.value(f"SELECT count(DISTINCT as_of - created_at) FROM {spine}")
    plan = FeaturePlan(
        keys=keys,
        windows=tuple(sorted(set(settings.windows))),
        half_life=settings.half_life,
        attributes=plan_attributes(history, settings, spine),
        last_actions=tuple(last["t"].head(settings.max_categories)) if len(last) > 1 else (),
        lead_age=history.clock == "time" and int(ages or 0) > 1,
        colleagues=bool(
            history.engine.value(
                "SELECT count(*) FROM (SELECT account_id FROM leads WHERE account_id IS NOT NULL "
                "GROUP BY 1 HAVING count(*) > 1)"
            )
        ),
    )
    _check_distinct(plan)
    return plan


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


def _event_keys(history: History, settings: FeatureSettings, spine: str) -> tuple[EventKey, ...]:
    engine, labels = history.engine, settings.labels
    rows = engine.count(spine)
    seen = f"FROM {spine} AS s JOIN events AS e ON {visible()}"
    found = engine.frame(
        f"SELECT e.event_type AS type, count(DISTINCT s.row_id) AS n {seen} GROUP BY 1 ORDER BY n DESC, type"
    )
    least = max(settings.min_support * rows, 5)
    types = list(found.loc[found["n"] >= least, "type"])
    amounts = tuple(
        name
        for name, kind in history.event_properties.items()
        if kind == "number" and name not in settings.drop
    )[:_MOST_AMOUNTS]  # fmt: skip
    keys = [EventKey("any", labels.get("any", "Any activity"), amounts=amounts, rhythm=True)] if types else []
    ranked: list[tuple[int, EventKey]] = []
    for kind, count in zip(found["type"], found["n"], strict=True):
        if kind in types and len(found) > 1:
            ranked.append((int(count), EventKey(kind, event_phrase(kind, labels), event_type=kind)))
    for name, kind_of in history.event_properties.items():
        if kind_of not in ("category", "boolean") or name in settings.drop:
            continue
        quoted = engine.dialect.quote(name)
        values = engine.frame(
            f"SELECT e.event_type AS type, CAST(e.{quoted} AS VARCHAR) AS value, count(DISTINCT s.row_id) AS n "
            f"{seen} WHERE e.{quoted} IS NOT NULL GROUP BY 1, 2 ORDER BY n DESC, type, value LIMIT {10 * settings.max_event_keys + 1}"
        )
        for kind, value, count in values.itertuples(index=False):
            alone = len(found) > 0 and int(found.set_index("type")["n"].get(kind, 0)) == int(count)
            if count >= least and not alone:  # a value that every event of the type has says nothing new
                ranked.append(
                    (
                        int(count),
                        EventKey(
                            f"{kind}:{name}={value}", event_phrase(kind, labels, value), kind, name, value
                        ),
                    )
                )
    ranked.sort(key=lambda item: (-item[0], item[1].name))
    taken = {key.name.lower() for key in keys}
    for _, key in ranked[: settings.max_event_keys]:
        keys.append(replace(key, name=_free(key.name, taken)))
    columns: dict[str, Kind] = {"event_type": "category", **history.event_properties}
    for number, (label, when) in enumerate(settings.counts):
        Condition.parse(when, columns, where=f"features.counts[{number}] ({label!r})")
        keys.append(EventKey(f"own:{label}", label, when=when))
    return tuple(keys)


def _free(name: str, taken: set[str]) -> str:
    """The name, or with a number behind it where SQL, which is blind to case, could mistake it for another."""
    free = next(
        found
        for found in (name, *(f"{name} ({number})" for number in range(2, len(taken) + 3)))
        if found.lower() not in taken
    )
    taken.add(free.lower())
    return free
