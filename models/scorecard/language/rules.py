"""The rules of a sheet: what gives points, when, how often, how long, and what takes a lead out."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AliasChoices, BeforeValidator, Field, model_serializer, model_validator

from leadlens.models.scorecard.language.settings import (
    Count,
    DimensionName,
    Duration,
    Name,
    Number,
    Optional,
    PositiveNumber,
    Section,
    Text,
)


class Decay(Section):
    """How points decay: by a half-life, or linearly to zero. Give one of the two."""

    half_life: Duration | None = Field(
        default=None, description="Half of the points are left after this time: 30d"
    )
    to_zero: Duration | None = Field(
        default=None, description="Nothing is left after this time, linearly: 60d"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [length for length in (self.half_life, self.to_zero) if length is not None]
        if len(given) != 1:
            raise ValueError(
                "give one kind of decay: half_life (30d: half is left after 30 days) or to_zero (60d: nothing "
                "is left after 60 days)"
            )
        if given[0] == timedelta(0):
            raise ValueError("points that decay in no time never count: write a length such as 30d")
        return self


def _bare_is_events(value: Any) -> Any:
    return value if isinstance(value, dict | AtLeast) else {"events": value}


class AtLeast(Section):
    """How many it takes: matching events, different days of them, or different values of ``of``."""

    events: Count | None = Field(default=None, description="This many matching events")
    days: Count | None = Field(default=None, description="Matching events on this many different days (UTC)")
    values: Count | None = Field(default=None, description="This many different values of the column `of`")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len([n for n in (self.events, self.days, self.values) if n is not None]) != 1:
            raise ValueError("say once how many it takes: at_least: 3, {days: 3} or {values: 3}")
        return self

    @property
    def unit(self) -> Literal["each", "day", "value"]:
        """What is counted, as in ``per``."""
        return "each" if self.events else "day" if self.days else "value"

    @property
    def number(self) -> int:
        """How many."""
        return self.events or self.days or self.values or 0

    @model_serializer(mode="wrap")
    def _plain(self, plain: Any) -> Any:
        return self.events if self.events else plain(self)


class Rule(Section):
    """What every rule has that gives points."""

    _main: ClassVar[str]

    label: Text = Field(description="What a sales rep reads; unique in the sheet")
    key: Name | None = Field(
        default=None, description="Short name for stages and routes, which ask rule.<key>"
    )
    points: Number = Field(
        description="Points given, or taken when negative; 0 for a signal that only routes and stages use"
    )
    group: Name | None = Field(default=None, description="The group whose cap it shares")
    dimension: DimensionName | None = Field(
        default=None,
        description="The dimension it moves, instead of fit (attributes) or engagement (actions)",
    )
    also: Optional[DimensionName] = Field(
        default=(), description="Further dimensions that move by the same points"
    )

    @property
    def moves(self) -> tuple[str, ...]:
        """The dimensions it moves, the main one first."""
        return tuple(dict.fromkeys((self.dimension or self._main, *self.also)))


class AttributeRule(Rule):
    """Points for who the lead is; they move fit."""

    _main = "fit"
    when: Text = Field(
        description="SQL condition over lead columns, account.columns and feature.<name> of `leadlens features`"
    )


class ActionRule(Rule):
    """Points for what the lead did; they move engagement.

    ``per: once`` gives the points once, ``each`` for every matching event, ``day`` for every day with one,
    ``value`` for every value of ``of``. What counts once counts from the first time on, or, where it expires by
    ``within`` or ``decay``, from the most recent, because that one lasts longest.
    """

    _main = "engagement"
    when: Text = Field(description="SQL condition over event_type, occurred_at and the events' properties")
    per: Literal["once", "each", "day", "value"] = Field(
        default="once", description="Points once, for each event, for each day, for each value of `of`"
    )
    of: Text | None = Field(
        default=None,
        description="The events' column whose values count, with per: value or at_least {values}",
    )
    within: Duration | None = Field(default=None, description="Only events of the last … count: 30d, 12h")
    cap: PositiveNumber | None = Field(
        default=None, description="At most this many points in all, up or down; not with per: once"
    )
    decay: Decay | None = Field(default=None, description="Points decay: {half_life: 30d} or {to_zero: 60d}")
    at_least: Annotated[
        AtLeast | None, BeforeValidator(lambda v: None if v is None else _bare_is_events(v))
    ] = Field(
        default=None,
        description="Only if this many match: 3, {days: 3} or {values: 3}; with per: once",
    )
    after: Text | None = Field(
        default=None, description="Only events later than the first one of this condition"
    )
    inactive_for: Duration | None = Field(
        default=None,
        validation_alias=AliasChoices("inactive_for", "silent"),  # silent: its name up to release 0.3
        description="Matches when no such event happened for this long: 30d",
    )

    @property
    def expires(self) -> bool:
        """Whether a later event counts for longer than an earlier one."""
        return self.within is not None or self.decay is not None


class Disqualifier(Section):
    """A condition that takes the lead out, whatever its points; the label is kept as the reason."""

    label: Text = Field(description="The reason, as a sales rep reads it")
    when: Text = Field(description="SQL condition over lead columns, or over event columns with on: action")
    on: Literal["attribute", "action"] = Field(
        default="attribute", description="Who the lead is, or what it ever did"
    )


class Group(Section):
    """Rules that share a cap: together they give at most so many points, and take at most so many."""

    name: Name = Field(description="What rules call it in `group`")
    cap: PositiveNumber = Field(description="Most points, up and down")
