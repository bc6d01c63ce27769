"""Passwords are stripped from whatever is shown, logged or stored: by the form of a URL, and by the values that were met."""

from __future__ import annotations

import os
import re
from typing import overload
from urllib.parse import quote, quote_plus, unquote, unquote_plus

_PLACEHOLDER = r"(?:password|\*\*\*|\$\{\w+\})"  # of an example, of an earlier masking, of the environment
# Every repetition is bounded: a megabyte of one letter must not take an hour.
_NAMED = r"(?:password|passwd|passphrase|pwd|secret|token|api_?key|access_?key|private_?key)\w{0,40}"
_FORMS = (
    # scheme://user:password@host: up to the last @ of the text, since a password may hold one
    (re.compile(rf"(://[^\s:/]{{0,200}}:)(?!{_PLACEHOLDER}@)\S{{1,1000}}(?=@)"), r"\1***"),
    # a token in the place of the user
    (re.compile(rf"(https?://)(?!{_PLACEHOLDER}@)[^\s:/@]{{1,1000}}(?=@)", re.IGNORECASE), r"\1***"),
    # anything called so in a query, a connection string, JSON; also percent-encoded, as in odbc_connect=…
    (
        re.compile(
            rf"""({_NAMED}["']?\s{{0,9}}(?:=|%3D|(?<=["']):)\s{{0,9}})(?!{_PLACEHOLDER})"""
            rf"""("(?:[^"\\]|\\.){{0,4000}}"|'(?:[^'\\]|\\.){{0,4000}}'|\{{[^}}]{{0,4000}}\}}|(?:(?!%3B|%26)[^\s&;"']){{1,4000}})""",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
)
_PLACES = re.compile(r"^(?:OLD)?PWD$|_(?:FILE|PATH|DIR|URL)$", re.IGNORECASE)  # named alike, and no secrets
_SHORTEST = 4  # of a value that is masked wherever it stands: shorter ones are parts of words
_met: dict[str, str] = {}


def remember_secret(value: str | None, shown: str = "***") -> None:
    """Print ``shown`` from now on wherever ``value`` stands, percent-encoded or not."""
    if not value:
        return
    for form in (value, quote(value, safe=""), quote_plus(value), unquote(value), unquote_plus(value)):
        if len(form) >= _SHORTEST and not re.fullmatch(_PLACEHOLDER, form):
            _met.setdefault(form, shown)


def remember_environment() -> None:
    """Mask the value of every environment variable that is called like a secret, such as ``PGPASSWORD``."""
    for name, value in os.environ.items():
        if re.search(_NAMED, name, re.IGNORECASE) and not _PLACES.search(name):
            remember_secret(value)


def remember_secrets_of(url: str) -> None:
    """Mask the password of ``url`` from now on, whatever a driver makes of it in its messages."""
    _, _, rest = url.partition("://")
    user, _, _ = rest.rpartition("@")
    password = user.partition(":")[2]
    remember_secret(password)
    if "@" in password:  # a driver takes what follows the first @ for the host, and prints that
        for part in password.split("@"):
            remember_secret(part)
    for match in _FORMS[2][0].finditer(rest):
        remember_secret(match[2].strip("\"'{}"))


@overload
def masked(text: str) -> str: ...
@overload
def masked(text: None) -> None: ...
def masked(text: str | None) -> str | None:
    """The text with its passwords masked.

    >>> masked("host=db user=ann password=hunter2")
    'host=db user=ann password=***'
    >>> masked("postgresql://ann@corp:p@ss@host/crm?sslmode=require&sslpassword=x")
    'postgresql://ann@corp:***@host/crm?sslmode=require&sslpassword=***'
    """
    if text is None:
        return None
    if _met:  # the longest first: one may be part of another
        values = "|".join(re.escape(value) for value in sorted(_met, key=len, reverse=True))
        text = re.sub(rf"(?<!\w)(?:{values})(?!\w)", lambda match: _met[match[0]], text)
    for form, instead in _FORMS:
        text = form.sub(instead, text)
    return text


def without_secrets(address: str) -> str:
    """A source or target as it may be stored: ``${NAME}`` stays, a password that was written out does not.

    >>> without_secrets("postgresql://ann:hunter2@host/crm"), without_secrets("postgresql://ann:${PW}@host/crm")
    ('postgresql://ann:***@host/crm', 'postgresql://ann:${PW}@host/crm')
    """
    if "://" not in address:
        return address
    head, at, tail = address.rpartition("@")
    scheme, mark, user = head.partition("://")
    name, colon, password = user.partition(":")
    if at and mark and colon and not re.fullmatch(r"\$\{\w+\}", password):
        address = f"{scheme}://{name}:***@{tail}"
    for form, instead in _FORMS[1:]:
        address = form.sub(instead, address)
    return address


def has_literal_secret(address: str) -> bool:
    """Whether a password stands in ``address`` itself."""
    return without_secrets(address) != address
