"""What a project file may say about rows that are not what they seem: tests, colleagues, machines."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from pipeline.config.parts import PositiveDuration, Section

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
Pattern = Literal["burst", "every_link", "before_open"]


def _off(value: object) -> object:
    return "off" if value is False else value  # YAML reads a bare off as false


def _choice(*names: str) -> Any:
    return WithJsonSchema({"enum": [*names, False], "type": ["string", "boolean"]})


class Bots(Section):
    """Clicks that a machine made: link scanners of mail servers, crawlers."""

    mode: Annotated[
        Literal["tell", "filter", "feature", "off"],
        BeforeValidator(_off),
        _choice("tell", "filter", "feature", "off"),
    ] = Field(
        "tell",
        description="tell: count them, change nothing. filter: take them back from the moment they are recognised. "
        "feature: leave them and tell by the event property `machine`. off: do not look.",
    )
    patterns: tuple[Pattern, ...] = Field(
        ("burst", "every_link", "before_open"),
        description="What gives a machine away. Leave before_open out if many of your readers' mail programs load no "
        "images: they click without ever being seen to open.",
    )
    clicks: tuple[str, ...] = Field((), description="Event types that are clicks; found by name by default.")
    opens: tuple[str, ...] = Field((), description="Event types that are opens; found by name by default.")
    mail: str | None = Field(
        None, description="The event property that tells which mail it was; found by name by default."
    )
    link: str | None = Field(
        None, description="The event property that tells which link it was; found by name by default."
    )
    burst: int = Field(3, ge=2, le=10_000, description="So many clicks of a lead `within` are a burst.")
    links: int = Field(
        3,
        ge=2,
        le=10_000,
        description="So many different links of one mail, first clicked `within`, are all of them.",
    )
    within: PositiveDuration = Field(timedelta(seconds=20), description="What counts as at once, e.g. 20s.")

    @model_validator(mode="after")
    def _either_or(self) -> Bots:
        if both := sorted(set(self.clicks) & set(self.opens)):
            raise ValueError(f"an event type is a click or an open, not both: {', '.join(both)}")
        return self


class Hygiene(Section):
    """Rows that are not what they seem. Nothing is taken out unless it is asked for here."""

    exclude_leads: str | None = Field(
        None, description="Leads to leave out with all they did: a condition over the columns of `leads`."
    )
    internal_domains: tuple[str, ...] = Field(
        (),
        description="Your own e-mail domains; their leads, those of subdomains too, are left out, by every column of "
        "addresses or of domains.",
    )
    test_leads: Annotated[
        Literal["tell", "filter", "off"], BeforeValidator(_off), _choice("tell", "filter", "off")
    ] = Field(
        "tell",
        description="Leads whose e-mail address is an obvious test (test@…, …@example.com). tell: count them. "
        "filter: leave them out. off: do not look.",
    )
    bots: Bots = Bots()

    @field_validator("internal_domains")
    @classmethod
    def _domains(cls, told: tuple[str, ...]) -> tuple[str, ...]:
        domains = tuple(text.strip().lower().removeprefix("@") for text in told)
        for text, domain in zip(told, domains, strict=True):
            if not _DOMAIN.fullmatch(domain):
                raise ValueError(f"a domain is written ours.com, not {text!r}")
        return domains
