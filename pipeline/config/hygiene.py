"""Settings for rows that do not come from real leads: tests, colleagues, bots."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from leadlens.pipeline.config.parts import PositiveDuration
from leadlens.pipeline.config.section import OldValue, Section

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
Pattern = Literal["burst", "every_link", "before_open"]


def _off(value: object) -> object:
    return "off" if value is False else value  # YAML reads a bare off as false


def _choice(*names: str) -> Any:
    return WithJsonSchema({"enum": [*names, False], "type": ["string", "boolean"]})


_OLD_REPORT = OldValue("tell", "report")


class Bots(Section):
    """Clicks made by bots: link scanners of mail servers, crawlers."""

    mode: Annotated[
        Literal["report", "filter", "feature", "off"],
        BeforeValidator(_off),
        _OLD_REPORT,
        _choice("report", "filter", "feature", "off", "tell"),
    ] = Field(
        "report",
        description="report: count them, change nothing. filter: retract them from when they are recognised. "
        "feature: keep them and mark them by the event property `machine`. off: do not search for them.",
    )
    patterns: tuple[Pattern, ...] = Field(
        ("burst", "every_link", "before_open"),
        description="Patterns that identify a bot. Leave before_open out if the mail programs of many of your readers "
        "block images: their opens are not recorded, their clicks are.",
    )
    clicks: tuple[str, ...] = Field((), description="Event types that are clicks; found by name by default.")
    opens: tuple[str, ...] = Field((), description="Event types that are opens; found by name by default.")
    mail: str | None = Field(
        None, description="The event property that identifies the mail; found by name by default."
    )
    link: str | None = Field(
        None, description="The event property that identifies the link; found by name by default."
    )
    burst: int = Field(3, ge=2, le=10_000, description="This many clicks of a lead `within` are a burst.")
    links: int = Field(
        3,
        ge=2,
        le=10_000,
        description="This many different links of one mail, first clicked `within`, count as every link.",
    )
    within: PositiveDuration = Field(
        timedelta(seconds=20), description="Time span that counts as simultaneous, e.g. 20s."
    )

    @model_validator(mode="after")
    def _either_or(self) -> Bots:
        if both := sorted(set(self.clicks) & set(self.opens)):
            raise ValueError(f"an event type is either a click or an open: {', '.join(both)}")
        return self


class Hygiene(Section):
    """Rows that do not come from real leads. Nothing is removed unless a setting here says so."""

    exclude_leads: str | None = Field(
        None, description="Leads to leave out, with all their rows: a condition on the columns of `leads`."
    )
    internal_domains: tuple[str, ...] = Field(
        (),
        description="Your own e-mail domains, subdomains included: leads with such an address or domain in any column are "
        "left out.",
    )
    test_leads: Annotated[
        Literal["report", "filter", "off"],
        BeforeValidator(_off),
        _OLD_REPORT,
        _choice("report", "filter", "off", "tell"),
    ] = Field(
        "report",
        description="Leads whose e-mail address is an obvious test (test@…, …@example.com). report: count them. "
        "filter: leave them out. off: do not search for them.",
    )
    bots: Bots = Bots()

    @field_validator("internal_domains")
    @classmethod
    def _domains(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        domains = tuple(text.strip().lower().removeprefix("@") for text in texts)
        for text, domain in zip(texts, domains, strict=True):
            if not _DOMAIN.fullmatch(domain):
                raise ValueError(f"a domain is written ours.com, not {text!r}")
        return domains
