"""What features are wanted: one frozen object without an engine, saved with the model and replayed to score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

from features.columns import Family
from features.durations import compact, parse_duration

Reading = Literal["number", "category", "flag", "filled", "age", "email_kind", "seniority"]


@dataclass(frozen=True)
class EventKey:
    """A behaviour that is counted: every event, an event type, one property's value in a type, or a condition.

    ``name`` is unique and stable; ``phrase`` says what happened; ``amounts`` are number properties to add up.
    """

    name: str
    phrase: str
    event_type: str | None = None
    prop: str | None = None
    value: str | None = None
    when: str | None = None
    amounts: tuple[str, ...] = ()
    rhythm: bool = False

    @property
    def condition(self) -> str:
        """The condition in SQL words, for people."""
        if self.when:
            return self.when
        parts = [f"event_type = '{self.event_type}'"] if self.event_type is not None else []
        if self.prop:
            parts.append(f"{self.prop} = '{self.value}'")
        return " AND ".join(parts) or "any event"


@dataclass(frozen=True)
class AttributeFeature:
    """How one column of ``leads`` or ``accounts`` becomes a feature."""

    source: Literal["lead", "account"]
    column: str
    reading: Reading
    label: str
    family: Family
    categories: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Unique name of the feature."""
        base = self.column if self.source == "lead" else f"account.{self.column}"
        return base if self.reading in ("number", "category", "flag") else f"{base}.{self.reading}"


@dataclass(frozen=True)
class FeaturePlan:
    """The whole feature set. Equal plans over equal histories give equal matrices."""

    keys: tuple[EventKey, ...] = ()
    windows: tuple[timedelta, ...] = ()
    half_life: timedelta = timedelta(days=14)
    attributes: tuple[AttributeFeature, ...] = ()
    last_actions: tuple[str, ...] = ()
    lead_age: bool = False
    colleagues: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            **asdict(self),
            "windows": [compact(window) for window in self.windows],
            "half_life": compact(self.half_life),
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> FeaturePlan:
        """The inverse of ``to_dict``."""
        return cls(
            keys=tuple(EventKey(**{**key, "amounts": tuple(key["amounts"])}) for key in told["keys"]),
            windows=tuple(parse_duration(window) for window in told["windows"]),
            half_life=parse_duration(told["half_life"]),
            attributes=tuple(
                AttributeFeature(**{**item, "categories": tuple(item["categories"])})
                for item in told["attributes"]
            ),
            last_actions=tuple(told["last_actions"]),
            lead_age=told["lead_age"],
            colleagues=told["colleagues"],
        )
