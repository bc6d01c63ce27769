"""What features are wanted: one frozen object without an engine, saved with the model and replayed to score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

from leadlens.features.columns import Family
from leadlens.features.durations import format_duration, parse_duration
from leadlens.features.errors import DataError
from leadlens.features.withheld import Withheld

Reading = Literal[
    "number", "category", "flag", "filled", "age", "years", "range", "size_band", "revenue_band", "age_band",
    "email_kind", "email_valid", "email_country", "phone_valid", "phone_kind", "phone_country", "seniority",
    "function", "postcode_area",
]  # fmt: skip

# Registered models and saved matrices keep the names of 0.3.0, so that any version can read them.
_STORED_AS = {"cadence": "rhythm", "numerator": "hits", "denominator": "tries"}
_NAMES = {stored: name for name, stored in _STORED_AS.items()}


@dataclass(frozen=True)
class EventKey:
    """A behaviour that is counted: every event, an event type, one property's value in a type, or a condition.

    ``name`` is unique and stable; ``phrase`` says what happened; ``amounts`` are number properties to add up;
    ``cadence`` also asks for sessions, trend and habits, ``share`` for its share of all events.
    """

    name: str
    phrase: str
    event_type: str | None = None
    prop: str | None = None
    value: str | None = None
    when: str | None = None
    amounts: tuple[str, ...] = ()
    cadence: bool = False
    share: bool = False

    @property
    def condition(self) -> str:
        """The condition as SQL, for people."""
        if self.when:
            return self.when
        parts = [f"event_type = '{self.event_type}'"] if self.event_type is not None else []
        if self.prop:
            parts.append(f"{self.prop} = '{self.value}'")
        return " AND ".join(parts) or "any event"


@dataclass(frozen=True)
class AttributeFeature:
    """How one column of ``leads`` or ``accounts`` becomes a feature.

    ``categories`` are the values kept as they are (others become ``(other)``), of ranges the texts that people are shown
    for the numbers; ``beside`` is another column of the
    same row that the reading needs: the country of a phone number.
    """

    source: Literal["lead", "account"]
    column: str
    reading: Reading
    label: str
    family: Family
    categories: tuple[str, ...] = ()
    beside: str = ""

    @property
    def name(self) -> str:
        """Unique name of the feature."""
        base = self.column if self.source == "lead" else f"account.{self.column}"
        return base if self.reading in ("number", "category", "flag") else f"{base}.{self.reading}"


@dataclass(frozen=True)
class Rate:
    """One behaviour per another, such as e-mails opened per e-mail sent: two names of keys."""

    name: str
    label: str
    numerator: str
    denominator: str


@dataclass(frozen=True)
class Touch:
    """What the first or the last event was: its type, or a property's value. Others are ``(other)``."""

    which: Literal["first", "last"]
    column: str
    label: str
    categories: tuple[str, ...]

    @property
    def name(self) -> str:
        """Unique name of the feature."""
        return f"{self.which}_{'action' if self.column == 'event_type' else self.column}"


@dataclass(frozen=True)
class FeaturePlan:
    """The whole feature set. Equal plans over equal histories give equal matrices.

    ``hours`` asks for sessions and times of day, which need events with a time; ``purchases`` for the lead's own
    past conversions; ``colleagues`` for roll-ups of the account, by name (True: all of them). ``withheld`` are the columns
    of names, free text and ids whose content no feature reads.
    """

    keys: tuple[EventKey, ...] = ()
    windows: tuple[timedelta, ...] = ()
    half_life: timedelta = timedelta(days=14)
    attributes: tuple[AttributeFeature, ...] = ()
    touches: tuple[Touch, ...] = ()
    rates: tuple[Rate, ...] = ()
    hours: bool = False
    purchases: bool = False
    lead_age: bool = False
    colleagues: bool | tuple[str, ...] = False
    withheld: tuple[Withheld, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, in the names of stored plans; without ``withheld``, which came later, where nothing is."""
        plain = asdict(self, dict_factory=_as_stored)
        del plain["withheld"]
        return {
            **plain,
            **({"withheld": [item._asdict() for item in self.withheld]} if self.withheld else {}),
            "windows": [format_duration(window) for window in self.windows],
            "half_life": format_duration(self.half_life),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FeaturePlan:
        """The inverse of ``to_dict``. Raises ``DataError`` for a plan of another version of Leadlens."""
        try:
            return cls._from_dict(data)
        except (KeyError, TypeError) as error:
            raise DataError(
                "these features were chosen by another version of Leadlens",
                value=str(error),
                why="they can be computed exactly as they were then, or not at all",
                fix="train again: leadlens train CONFIG",
            ) from error

    @classmethod
    def _from_dict(cls, data: Mapping[str, Any]) -> FeaturePlan:
        return cls(
            keys=tuple(EventKey(**_from_stored(key, amounts=tuple(key["amounts"]))) for key in data["keys"]),
            windows=tuple(parse_duration(window) for window in data["windows"]),
            half_life=parse_duration(data["half_life"]),
            attributes=tuple(
                AttributeFeature(**{**item, "categories": tuple(item["categories"])})
                for item in data["attributes"]
            ),
            touches=tuple(
                Touch(**{**item, "categories": tuple(item["categories"])}) for item in data["touches"]
            ),
            rates=tuple(Rate(**_from_stored(item)) for item in data["rates"]),
            hours=data["hours"],
            purchases=data["purchases"],
            lead_age=data["lead_age"],
            colleagues=tuple(rollups) if isinstance(rollups := data["colleagues"], list | tuple) else rollups,
            withheld=tuple(Withheld(**item) for item in data.get("withheld", ())),
        )


def _as_stored(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {_STORED_AS.get(name, name): value for name, value in items}


def _from_stored(stored: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    """The arguments of a stored object, with some values replaced."""
    return {_NAMES.get(name, name): value for name, value in stored.items()} | values
