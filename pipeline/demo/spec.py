"""The specification of a demo world: people, habits and outcomes, without any random draws.

``b2b_software.py`` and ``car_dealer.py`` each hold one ``WorldSpec``; the other modules of this folder turn any
of them into tables. Effects are log-odds (of a hazard or of a rate): +0.7 doubles, -0.7 halves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

WANTED = "<wanted>"
"""As the value of an event property: the product that the lead wants."""


@dataclass(frozen=True)
class Level:
    """One value of a ``Choice``: its frequency, its fit, and other columns that it sets as well."""

    value: str
    weight: float = 1.0
    fit: float = 0.0
    trend: float = 0.0
    """Change of the log weight in a year: a mild drift."""
    sets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """A categorical attribute. ``late``: share of values that the CRM learns only weeks later."""

    name: str
    levels: tuple[Level, ...]
    missing: float = 0.0
    late: float = 0.0


@dataclass(frozen=True)
class Amount:
    """A log-normal attribute; ``fit`` is a broken line of (value, log-odds) corners, flat outside them."""

    name: str
    median: float
    spread: float
    low: float
    high: float
    step: float = 1.0
    fit: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    missing: float = 0.0
    late: float = 0.0


@dataclass(frozen=True)
class Contact:
    """How people can be reached: chance of a free-mail address, a disposable one, a phone number."""

    free_mail: float
    disposable: float
    phone: float
    phone_late: float = 0.1
    """Share of the phone numbers that are given only weeks later."""
    phone_prefix: str = "+1 555"


@dataclass(frozen=True)
class Persona:
    """A kind of person. ``rates`` multiplies processes by name, ``values`` replaces an attribute's weights."""

    name: str
    weight: float
    fit: float = 0.0
    lost: float = 0.0
    """Log-odds on the daily hazard of being closed as lost or disqualified."""
    rates: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    free_mail: float | None = None
    has_account: bool = True


@dataclass(frozen=True)
class Interest:
    """The latent intent: a constant part per person, warm spells that come and go, a project in the account.

    A cold person warms up with hazard ``rise`` a day, a warm one cools down with ``fall``; intent follows with
    ``inertia`` (0 = at once). ``project`` is the share of accounts that run a buying project of ``project_days``.
    """

    keenness: float = 0.6
    warm_start: float = 0.4
    rise: float = 0.015
    fall: float = 0.05
    warmth: float = 1.5
    inertia: float = 0.75
    project: float = 0.0
    project_days: int = 60
    project_warmth: float = 1.2


@dataclass(frozen=True)
class Process:
    """Events that a lead triggers (or receives) at a certain rate.

    Parameters
    ----------
    per_week : events a week of an average person without intent.
    intent, fit : effect of the latent variable on the log rate.
    boost, half_life : what one event adds to the log hazard of converting, and the half-life of that (days).
    at_start : chance of one such event when the lead is created.
    once : only the first one happens.
    anonymous : also happens before the lead is known; such events become known when the lead is created.
    stops : processes that end with the first such event (an unsubscription ends the mailing).
    late, late_hours : share of events that reach the CRM late, and by how much on average.
    trend : change of the log rate in a year.
    """

    name: str
    event_type: str
    per_week: float
    intent: float = 0.0
    fit: float = 0.0
    boost: float = 0.0
    half_life: float = 21.0
    properties: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    at_start: float = 0.0
    once: bool = False
    anonymous: bool = False
    stops: tuple[str, ...] = ()
    late: float = 0.0
    late_hours: float = 12.0
    trend: float = 0.0


def visit(name: str, pages: Mapping[str, float], per_week: float, **effects: float) -> Process:
    """A process of page views on some pages of the website, by weight."""
    properties = {"page": pages, "channel": {"web": 1.0}}
    return Process(name, "page_viewed", per_week, properties=properties, **effects)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Response:
    """A response to another event (an open to a mail). Mail scanners respond within seconds, whatever the intent.

    ``scanned`` is the chance that a scanner responds, ``scanner_repeats`` how often it then does (every link).
    """

    name: str
    event_type: str
    to: str
    chance: float
    intent: float = 0.0
    delay_hours: float = 6.0
    scanned: float = 0.0
    scanner_repeats: int = 1


@dataclass(frozen=True)
class Seasonality:
    """When things happen: 24 weights for the hours and 7 for the weekdays from Monday (average one)."""

    hours: tuple[float, ...]
    weekdays: tuple[float, ...]


@dataclass(frozen=True)
class Product:
    """A product: how many leads want it, how easily they decide, its median price."""

    name: str
    weight: float
    value: float
    fit: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """Conversion and loss as competing daily hazards; a lead that outlives the world's ``follow`` is closed."""

    kind: str
    per_day: float
    fit: float
    intent: float
    trend: float
    lost_per_day: float
    lost_intent: float
    products: tuple[Product, ...]
    lingers: float = 0.2
    """Chance that an event after the end (bought, closed) still happens."""


@dataclass(frozen=True)
class LeakingAttribute:
    """A column that sales fill in after the sale: ``filled`` for buyers, ``noise`` for the others."""

    name: str
    values: Mapping[str, float]
    filled: float
    noise: float


@dataclass(frozen=True)
class LeakingEvent:
    """An event recorded after the sale and backdated to the first contact, which nothing in its row reveals."""

    event_type: str
    share: float
    within_hours: float
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Driver:
    """A true driver of conversion: a condition over events (``on='action'``) or over attributes."""

    label: str
    when: str
    on: str
    sign: int
    why: str
    in_sheet: bool = True


@dataclass(frozen=True)
class Verdict:
    """The ground truth on one hand-written rule: right, too many points, too few points, useless or wrong direction."""

    rule: str
    verdict: str
    why: str


@dataclass(frozen=True)
class WorldSpec:
    """A whole world. ``follow``: days a lead is followed; ``discovery``: days of anonymous visits before."""

    name: str
    about: str
    start: date
    days: int
    leads: int
    accounts: float
    """Accounts per lead; 0 for a world of private people."""
    follow: int
    discovery: int
    personas: tuple[Persona, ...]
    lead_attributes: tuple[Choice | Amount, ...]
    account_attributes: tuple[Choice | Amount, ...]
    contact: Contact
    scanners: float
    """Share of accounts (or people) whose mail is opened by a machine."""
    interest: Interest
    seasonality: Seasonality
    processes: tuple[Process, ...]
    responses: tuple[Response, ...]
    outcome: Outcome
    leaking_attribute: LeakingAttribute
    leaking_event: LeakingEvent
    drivers: tuple[Driver, ...]
    verdicts: tuple[Verdict, ...]
