"""Parses where scores are pushed to: `hubspot://contacts`, `salesforce://company.my.salesforce.com/Lead`, `https://…`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from leadlens.features.errors import UsageError
from leadlens.features.secrets import masked, remember_secrets_of

Kind = Literal["hubspot", "salesforce", "https"]
FORMS = "hubspot://contacts, salesforce://company.my.salesforce.com/Lead or https://leads.example.com/scores"
VENDORS: dict[Kind, str] = {"hubspot": "HubSpot", "salesforce": "Salesforce", "https": "the server"}
_SCHEMES = ("hubspot", "salesforce", "https", "http")
_HUBSPOT = "api.hubapi.com"
# A token is sent to the vendor's own hosts alone, whatever is typed.
_OWN_HOSTS: dict[Kind, tuple[str, ...]] = {
    "hubspot": ("hubapi.com",),
    "salesforce": ("salesforce.com", "force.com", "salesforce.mil"),
}
_OBJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,80}")
# The vendors' own kinds of records, as their addresses spell them, and what those look like that an account has made.
_OBJECTS: dict[Kind, tuple[str, ...]] = {
    "hubspot": (
        "contacts", "companies", "deals", "leads", "tickets", "products", "line_items", "quotes", "orders", "carts", "invoices",
        "subscriptions", "appointments", "courses", "listings", "services", "calls", "emails", "meetings", "notes", "tasks",
        "communications", "postal_mail",
    ),
    "salesforce": (
        "Lead", "Contact", "Account", "Opportunity", "Campaign", "CampaignMember", "Case", "Asset", "Contract", "Order", "Quote",
        "Individual", "User", "Task", "Event",
    ),
}  # fmt: skip
_MADE: dict[Kind, tuple[re.Pattern[str], str]] = {
    "hubspot": (re.compile(r"[0-9]+-[0-9]+|p[0-9]*_\w+"), "2-1234567 or p1234567_cars"),
    "salesforce": (re.compile(r"[A-Za-z]\w*__c"), "Car__c"),
}


@dataclass(frozen=True)
class Destination:
    """Where scores are pushed to.

    Attributes
    ----------
    kind : which protocol is spoken.
    origin : scheme, host and port of the server, such as ``https://api.hubapi.com``.
    place : the kind of record there (``contacts``, ``Lead``); of ``https`` the path and query, which may hold a secret.
    shown : safe to print, and what the journal is called after.
    """

    kind: Kind
    origin: str
    place: str = field(repr=False)
    shown: str = ""


def is_destination(to: str | None) -> bool:
    """Whether this names a CRM, rather than a table or a file.

    >>> is_destination("hubspot://contacts"), is_destination("duckdb:///scores.duckdb"), is_destination(None)
    (True, False, False)
    """
    return to is not None and to.partition("://")[0].lower() in _SCHEMES and "://" in to


def parse_destination(to: str) -> Destination:
    """Parse it without connecting. Raises ``UsageError``.

    >>> parse_destination("hubspot://contacts").origin
    'https://api.hubapi.com'
    >>> parse_destination("salesforce://acme.my.salesforce.com/Lead").place
    'Lead'
    """
    if not is_destination(to):
        raise UsageError("scores are not pushed there", value=to, fix=f"write {FORMS}", where="--to")
    remember_secrets_of(to)
    try:
        url = urlsplit(to)
        port = url.port
    except ValueError:
        raise UsageError("this is not an address", fix=f"write {FORMS}", where="--to") from None
    if url.username or url.password:
        raise UsageError(
            "the address of a CRM must not contain a user or a password",
            why="addresses are stored and shown; tokens are not",
            fix="remove what comes before the @, and set the token in the environment (docs/crm.md)",
            where="--to",
        )
    scheme = url.scheme.lower()
    if scheme in ("https", "http"):
        return _https(url, port)
    kind: Kind = "hubspot" if scheme == "hubspot" else "salesforce"
    host, place = url.hostname or "", url.path.strip("/")
    if kind == "hubspot" and not place and "." not in host and port is None:
        host, place = _HUBSPOT, url.netloc  # hubspot://contacts
    default = "contacts" if kind == "hubspot" else "Lead"
    if not _OBJECT.fullmatch(place):
        raise UsageError(
            "this does not say which kind of record the scores go to",
            value=masked(to),
            fix=f"name it at the end: {FORMS}",
            known=[default],
            where="--to",
        )
    _refuse_unknown(kind, place)
    origin = _origin(kind, host, port)
    return Destination(kind, origin, place, f"{kind}://{origin.partition('://')[2]}/{place}")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, where a token crosses no network."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_unknown(kind: Kind, place: str) -> None:
    made, example = _MADE[kind]
    if place not in _OBJECTS[kind] and not made.fullmatch(place):
        raise UsageError(
            f"{VENDORS[kind]} has no such kind of record",
            value=place,
            known=_OBJECTS[kind],
            why="nothing could be sent to it",
            fix=f"write it as {VENDORS[kind]} does: {_OBJECTS[kind][0]}; one of your own as {example}",
            where="--to",
        )


def _origin(kind: Kind, host: str, port: int | None) -> str:
    ending = "" if port is None else f":{port}"
    if is_loopback(host):
        return f"http://{_bracketed(host)}{ending}"
    own = _OWN_HOSTS[kind]
    if not any(host == each or host.endswith(f".{each}") for each in own):
        raise UsageError(
            f"this is not a server of {VENDORS[kind]}",
            value=host,
            why="the token would be sent to it",
            fix=f"name a host that ends in {' or '.join(own)}; for another server write https://…",
            where="--to",
        )
    return f"https://{host}{ending}"


def _https(url: SplitResult, port: int | None) -> Destination:
    host = url.hostname or ""
    if not host:
        raise UsageError("this address names no host", fix=f"write {FORMS}", where="--to")
    if url.scheme.lower() == "http" and not is_loopback(host):
        raise UsageError(
            "scores are not sent over http",
            value=host,
            why="anyone on the way could read who is scored, and the token",
            fix="write https://…",
            where="--to",
        )
    origin = f"{url.scheme.lower()}://{_bracketed(host)}" + ("" if port is None else f":{port}")
    path = url.path or "/"
    place = f"{path}?{url.query}" if url.query else path
    return Destination("https", origin, place, masked(f"{origin}{path}"))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
