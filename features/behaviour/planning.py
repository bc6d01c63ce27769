"""Choose the behavioural features by support: the share of spine rows with such an event as of then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd

from leadlens.features.attributes.personal import personal_text
from leadlens.features.behaviour.aggregates import days_between
from leadlens.features.conditions.condition import Condition
from leadlens.features.engines import Step
from leadlens.features.history import History, Kind
from leadlens.features.phrases import event_phrase, words
from leadlens.features.plan import EventKey, Rate, Touch
from leadlens.features.settings import FeatureSettings
from leadlens.features.spine import Spine
from leadlens.features.visibility import visible
from leadlens.features.withheld import Withheld

_WINDOWS = tuple(timedelta(days=days) for days in (1, 7, 30, 90, 365))
MOST_AMOUNTS = 4
_MOST_TOUCHES = 4
_LEAST_ROWS = 5
# Support is a share; this many rows estimate it well enough.
_SAMPLE = 20_000
_VALUES = 300  # of a property, to see whether they are names or free text
_CHANNEL = re.compile(r"channel|source|medium|utm", re.IGNORECASE)
# Names of numbers that identify, not measure: ``clerk``, ``userId``, ``offer_no``; not ``no_of_cds``.
_ONE_OF_MANY = re.compile(
    r"(?:^|[^A-Za-z]|(?<=[a-z])(?=[A-Z]))(?i:id|uid|uuid|code|ref|sku|ean|gtin|isbn|zip|plz|postcode|phone|user"
    r"|agent|clerk|operator|employee|owner|rep|resource|seller|advisor|manager|member|customer|client|product"
    r"|campaign|category|session|(?<=.)(?:no|nr|number|nummer|numero))$"
)
_MAIL = {
    "sent": re.compile(r"mail.*(sent|delivered)|(sent|delivered).*mail", re.IGNORECASE),
    "opened": re.compile(r"mail.*open|open.*mail", re.IGNORECASE),
    "clicked": re.compile(r"mail.*click|click.*mail", re.IGNORECASE),
}


def plan_events(history: History, settings: FeatureSettings, spine: Spine) -> dict[str, Any]:
    """The behavioural part of a ``FeaturePlan``, as its keyword arguments.

    At most ``settings.max_event_keys`` event types and property values are taken, most frequent first.
    """
    columns: dict[str, Kind] = {"event_type": "category", **history.event_properties}
    own = []
    for number, (label, when) in enumerate(settings.counts):
        Condition.parse(when, columns, where=f"features.counts[{number}] ({label!r})")
        own.append(EventKey(f"own:{label}", label, when=when))
    try:
        support = _Support(history, settings, spine)
        if not support.types:
            windows = tuple(sorted(set(settings.windows or _WINDOWS)))
            return {"keys": tuple(own), "windows": windows, "withheld": ()}
        keys = support.keys()
        return {
            "keys": (*keys, *own),
            "windows": support.windows(),
            "touches": support.touches(),
            "rates": _rates(keys),
            "hours": support.hours(),
            "purchases": support.purchases(),
            "withheld": tuple(support.withheld),
        }
    finally:
        history.engine.drop("plan_rows", "plan_seen")


class _Support:
    """Counts over a sample of spine rows, each as of then. Makes ``plan_rows`` and ``plan_seen``."""

    def __init__(self, history: History, settings: FeatureSettings, spine: Spine) -> None:
        self.history, self.settings, self.engine = history, settings, history.engine
        dialect = self.engine.dialect
        rows = spine.rows
        # By lead, so that all rows of one are in or out; the same leads on every engine.
        sampled = (
            f"{dialect.hash_number('lead_id')} < {_SAMPLE * 1_000_000 // rows}" if rows > _SAMPLE else "TRUE"
        )
        properties = "".join(f", e.{dialect.quote(name)}" for name in history.event_properties)
        self.engine.run(
            [
                Step("plan_rows", f"SELECT row_id, lead_id, as_of FROM {spine} WHERE {sampled}"),
                Step(
                    "plan_seen",
                    f"""
                    SELECT s.row_id, s.as_of AS _as_of, e.occurred_at, e.event_type{properties}
                    FROM plan_rows AS s
                    JOIN events AS e ON {visible()}
                    """,
                ),
            ]
        )
        share = settings.min_support
        # Without a minimum: whatever there is, for those who name features instead of learning from them.
        self.least = max(share * self.engine.count("plan_rows"), _LEAST_ROWS) if share else 1
        types = self._support("event_type")
        self.by_type = dict(zip(types["value"], types["n"], strict=True))
        self.types = [name for name, count in self.by_type.items() if count >= self.least]
        self.withheld = list(self._withheld()) if self.types else []

    def _support(self, columns: str, where: str = "TRUE", limit: int | None = None) -> pd.DataFrame:
        """(value, n): rows with each value, most frequent first."""
        return self.engine.frame(
            f"""
            SELECT {columns} AS value, count(DISTINCT row_id) AS n
            FROM plan_seen
            WHERE {where}
            GROUP BY {columns}
            ORDER BY n DESC, value
            {f"LIMIT {limit}" if limit else ""}
            """
        )

    def keys(self) -> tuple[EventKey, ...]:
        labels, cap = self.settings.labels, self.settings.max_event_keys
        amounts = self._amounts()
        any_activity = labels.get("any", "Any activity")
        keys = [EventKey(name="any", phrase=any_activity, amounts=tuple(amounts), cadence=True)]
        ranked: list[tuple[int, EventKey]] = []
        if len(self.by_type) > 1:
            for kind in self.types:
                mine = tuple(name for name, types in amounts.items() if len(types) > 1 and kind in types)
                phrase = event_phrase(kind, labels)
                key = EventKey(name=kind, phrase=phrase, event_type=kind, amounts=mine)
                ranked.append((self.by_type[kind], key))
        for name in self._categories():
            ranked += self._channel(name) if self._is_channel(name) else self._values(name)
        ranked.sort(key=lambda item: (-item[0], item[1].name))
        taken = {key.name.lower() for key in keys}
        keys += [replace(key, name=_free(key.name, taken)) for _, key in ranked[:cap]]
        return tuple(keys)

    def _categories(self) -> list[str]:
        return [
            name
            for name, kind in self.history.event_properties.items()
            if kind in ("category", "boolean")
            and name not in self.settings.drop
            and name not in {item.column for item in self.withheld}
        ]

    def _withheld(self) -> Iterator[Withheld]:
        """Properties that hold names of people or free text: no value of theirs is counted unless asked for."""
        dialect = self.engine.dialect
        for name, kind in self.history.event_properties.items():
            if kind != "category" or name in self.settings.drop or name in self.settings.read:
                continue
            sample = self.engine.frame(
                f"""
                SELECT v.value
                FROM (
                  SELECT DISTINCT {dialect.text(dialect.quote(name))} AS value
                  FROM plan_seen
                  WHERE {dialect.quote(name)} IS NOT NULL
                ) AS v
                ORDER BY {dialect.hash_number("v.value")}, v.value
                LIMIT {_VALUES}
                """
            )
            if why := personal_text(name, list(sample["value"])):
                yield Withheld("events", name, why, "category")

    def _values(self, name: str) -> list[tuple[int, EventKey]]:
        """Each value of a property within each event type."""
        dialect = self.engine.dialect
        quoted, text = dialect.quote(name), dialect.text(dialect.quote(name))
        values = self.engine.frame(
            f"""
            SELECT event_type AS type, {text} AS value, count(DISTINCT row_id) AS n
            FROM plan_seen
            WHERE {quoted} IS NOT NULL
            GROUP BY event_type, {text}
            ORDER BY n DESC, type, value
            LIMIT {10 * self.settings.max_event_keys + 1}
            """
        )

        def key(kind: str, value: str) -> EventKey:
            phrase = event_phrase(kind, self.settings.labels, value)
            return EventKey(
                name=f"{kind}:{name}={value}", phrase=phrase, event_type=kind, prop=name, value=value
            )

        return [
            (count, key(kind, value))
            for kind, value, count in values.itertuples(index=False)
            # A value that every event of the type has adds nothing.
            if count >= self.least and self.by_type[kind] != count
        ]

    def _is_channel(self, name: str) -> bool:
        """Whether a property is a marketing channel, on events of several types."""
        if not _CHANNEL.search(name):
            return False
        given = f"{self.engine.dialect.quote(name)} IS NOT NULL"
        types = self.engine.value(f"SELECT count(DISTINCT event_type) FROM plan_seen WHERE {given}")
        return int(types) > 1

    def _channel(self, name: str) -> list[tuple[int, EventKey]]:
        """Each value of a channel over all event types, with its share."""
        dialect = self.engine.dialect
        values = self._support(dialect.text(dialect.quote(name)), f"{dialect.quote(name)} IS NOT NULL")
        label = self.settings.labels.get(name, words(name))

        def key(value: str) -> EventKey:
            return EventKey(
                name=f"{name}={value}", phrase=f"{label}: {value}", prop=name, value=value, share=True
            )

        return [(count, key(value)) for value, count in values.itertuples(index=False) if count >= self.least]

    def _amounts(self) -> dict[str, list[str]]:
        """Number properties that are filled often enough, each with the event types that have it."""
        amounts: dict[str, list[str]] = {}
        for name, kind in self.history.event_properties.items():
            if kind != "number" or name in self.settings.drop or self._is_code(name):
                continue
            if len(amounts) < MOST_AMOUNTS:
                types = self._support("event_type", f"{self.engine.dialect.quote(name)} IS NOT NULL")
                if len(common := types.loc[types["n"] >= self.least, "value"]):
                    amounts[name] = list(common)
        return amounts

    def _is_code(self, name: str) -> bool:
        """Whether a number is an identifier, such as a clerk's: by its name, where all values are whole."""
        quoted = self.engine.dialect.quote(name)
        return names_one_of_many(name) and not self.engine.count(
            f"plan_seen WHERE {quoted} <> floor({quoted})"
        )

    def windows(self) -> tuple[timedelta, ...]:
        """The user's own, else those that some rows have events in and some have older events than."""
        if self.settings.windows is not None:
            return tuple(sorted(set(self.settings.windows)))
        age = days_between(self.engine.dialect, "_as_of", "occurred_at")
        span = f"SELECT row_id, min({age}) AS nearest, max({age}) AS farthest FROM plan_seen GROUP BY row_id"
        ages = self.engine.frame(span)
        return tuple(
            window
            for window in _WINDOWS
            if (ages["nearest"] <= window.days).sum() >= self.least
            and (ages["farthest"] > window.days).sum() >= self.least
        )

    def touches(self) -> tuple[Touch, ...]:
        """The last event's type, the last value of each property, and by which channel the lead first came."""
        touches: list[Touch] = []
        if len(self.by_type) > 1:
            types = tuple(self.by_type)[: self.settings.max_categories]
            touches.append(Touch("last", "event_type", "Last action", types))
        for name in self._categories():
            dialect = self.engine.dialect
            values = self._support(
                dialect.text(dialect.quote(name)),
                f"{dialect.quote(name)} IS NOT NULL",
                self.settings.max_categories,
            )
            categories = tuple(values.loc[values["n"] >= self.least, "value"])
            if len(categories) > 1 and self.history.event_properties[name] == "category":
                label = self.settings.labels.get(name, words(name))
                low = label[:1].lower() + label[1:]
                touches.append(Touch("last", name, f"Last {low}", categories))
                if self._is_channel(name):
                    touches.append(Touch("first", name, f"First {low}", categories))
        return tuple(touches[: 1 + _MOST_TOUCHES])

    def hours(self) -> bool:
        """Whether events have a time of day: dates alone make no sessions."""
        midnight = self.engine.dialect.start_of_day("occurred_at")
        timed = self.engine.count(f"plan_seen WHERE occurred_at <> {midnight}")
        return timed > 0.05 * self.engine.count("plan_seen")

    def purchases(self) -> bool:
        """Whether leads had bought before, and the conversions are not all events as well."""
        bought = self.engine.value(
            """
            SELECT count(DISTINCT s.row_id)
            FROM plan_rows AS s
            JOIN conversions AS c ON c.lead_id = s.lead_id AND c.converted_at < s.as_of
            """
        )
        if int(bought or 0) < self.least:
            return False
        not_events = self.engine.count(
            """
            conversions AS c
            WHERE NOT EXISTS (
              SELECT 1 FROM events AS e WHERE e.lead_id = c.lead_id AND e.occurred_at = c.converted_at
            )
            """
        )
        return not_events > 0


def names_one_of_many(column: str) -> bool:
    """Whether the name of a number says that it identifies, not measures.

    >>> names_one_of_many("userId"), names_one_of_many("no_of_cds")
    (True, False)
    """
    return bool(_ONE_OF_MANY.search(column))


def _rates(keys: tuple[EventKey, ...]) -> tuple[Rate, ...]:
    """E-mail engagement, where there are such event types."""
    mails = {
        part: next(
            (key for key in keys if key.event_type and key.prop is None and pattern.search(key.event_type)),
            None,
        )
        for part, pattern in _MAIL.items()
    }
    rates = []
    for above, below in (("opened", "sent"), ("clicked", "sent"), ("clicked", "opened")):
        numerator, denominator = mails[above], mails[below]
        if numerator and denominator:
            label = f"E-mails {above} per e-mail {below}"
            rates.append(Rate(f"mail_{above}_per_{below}", label, numerator.name, denominator.name))
    return tuple(rates)


def _free(name: str, taken: set[str]) -> str:
    """The name, or with a number behind it where SQL, which ignores case, could confuse it with another."""
    names = (name, *(f"{name} ({number})" for number in range(2, len(taken) + 3)))
    free = next(candidate for candidate in names if candidate.lower() not in taken)
    taken.add(free.lower())
    return free
