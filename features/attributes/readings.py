"""Which readings fit a kind of column, and which of them a column's name and values suggest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from leadlens.features.attributes.ranges import is_range, range_number
from leadlens.features.attributes.titles import OTHER, STAFF, function, seniority
from leadlens.features.attributes.wording import BORN, FOUNDED
from leadlens.features.history import Kind
from leadlens.features.plan import Reading

_TEXTS: tuple[Kind, ...] = ("category", "text")
FITS: dict[Reading, tuple[Kind, ...]] = {
    "number": ("number",),
    "category": _TEXTS,
    "flag": ("boolean",),
    "filled": ("number", "boolean", "category", "time", "text"),
    "age": ("time",),
    "years": ("time", "number"),
    "range": _TEXTS,
    "size_band": ("number", *_TEXTS),
    "revenue_band": ("number", *_TEXTS),
    "age_band": ("number", "time", *_TEXTS),
    "email_kind": _TEXTS,
    "email_valid": _TEXTS,
    "email_country": _TEXTS,
    "phone_valid": ("number", *_TEXTS),
    "phone_kind": ("number", *_TEXTS),
    "phone_country": ("number", *_TEXTS),
    "seniority": _TEXTS,
    "function": _TEXTS,
    "postcode_area": _TEXTS,
}
_PLAIN: dict[Kind, tuple[Reading, ...]] = {
    "number": ("number",), "boolean": ("flag",), "category": ("category",), "time": ("age",), "text": ("filled",),
}  # fmt: skip

LONGEST_SAMPLED = (
    300  # characters of a value: an address has 254 at most, and what is longer is no phone and no title
)

_PHONE = re.compile(r"phone|mobile|handy|(^|_)(tel|cell)")
_TITLE = re.compile(
    r"(^|_|job)title$|job_?(role|position)|^position$|berufsbezeichnung|fonction|puesto|cargo"
)
_POSTCODE = re.compile(r"(^|_)zip|post_?(al_?)?code|(^|_)plz($|_)|code_?postal|codigo_?postal|postnummer")
_COUNTRY = re.compile(r"(^|_)(country|land|pays|pais|paese)(_?(code|name|iso\d?))?$")
_AMOUNT = re.compile(
    r"size|employee|staff|headcount|revenue|turnover|sales_volume|income|salary|budget|amount|range|bracket|(^|_)band"
    r"|(^|_)age($|_)|volume|mitarbeiter|umsatz|einkommen|effectif|chiffre|empleados|dipendenti|fatturato"
)
_MAIL_DOMAIN = re.compile(r"mail.*domain|domain.*mail|^domain$")
_IS_DOMAIN = re.compile(r"@?[^\s@]+\.[^\s@.]+")
_IS_MAIL = re.compile(
    r"(?<=[^\s@])@[^\s@]+\.[^\s@]+"
)  # from the @ on: from every letter on, it would cost length squared
_IS_PHONE = re.compile(r"[+(]*(\d[\s().\-/]*){7,15}(\s*(x|ext\.?)\s*\d+)?", re.IGNORECASE)


def default_readings(
    column: str, kind: Kind, sample: Sequence[str], beside: Mapping[str, Kind], clock: bool
) -> tuple[Reading, ...]:
    """How a column is read unless the project file says otherwise.

    ``sample`` are some of its distinct values as text, ``beside`` the columns of the same table; without a
    ``clock`` nothing has an age.

    >>> default_readings("company_size", "category", ["51-200", "10k+", "1-10"], {}, True)
    ('range',)
    """
    name = column.lower()
    if kind == "time":
        return ("years",) if BORN.search(name) or FOUNDED.search(name) else ("age",)
    if kind == "number":
        if clock and (BORN.search(name) or FOUNDED.search(name)) and _mostly(_is_year, sample):
            return ("years",)
        return _phone(beside) if _PHONE.search(name) and _mostly(_IS_PHONE.fullmatch, sample) else ("number",)
    if kind not in _TEXTS:
        return _PLAIN[kind]
    if _mostly(_IS_MAIL.search, sample):
        return ("email_kind", "email_valid")
    if _MAIL_DOMAIN.search(name) and _mostly(_IS_DOMAIN.fullmatch, sample):
        return ("email_kind",) if kind == "text" else ("email_kind", "category")
    if _PHONE.search(name) and _mostly(_IS_PHONE.fullmatch, sample):
        return _phone(beside)
    if _TITLE.search(name) and _mostly(_is_a_job, sample, 0.2):
        return ("seniority", "function") if kind == "text" else ("seniority", "function", "category")
    if (
        _AMOUNT.search(name)
        and _mostly(lambda text: range_number(text) is not None, sample)
        and _mostly(is_range, sample, 0.5)
    ):
        return ("range",)
    if _POSTCODE.search(name):
        return ("postcode_area",) if kind == "text" else ("postcode_area", "category")
    return _PLAIN[kind]


def beside_of(reading: Reading, attributes: Mapping[str, Kind]) -> str:
    """The column beside it that a reading needs: the country of a phone number, if there is one."""
    if not reading.startswith("phone_"):
        return ""
    return next(
        (name for name, kind in attributes.items() if kind in _TEXTS and _COUNTRY.search(name.lower())), ""
    )


def _phone(beside: Mapping[str, Kind]) -> tuple[Reading, ...]:
    known = beside_of("phone_country", beside)
    country: tuple[Reading, ...] = () if known else ("phone_country",)
    return ("filled", "phone_valid", "phone_kind", *country)


def _mostly(test: object, sample: Sequence[str], share: float = 0.8) -> bool:
    """Whether a test holds for so many of the values."""
    assert callable(test)
    return bool(sample) and sum(bool(test(value)) for value in sample) >= share * len(sample)


def _is_a_job(text: str) -> bool:
    return seniority(text) != STAFF or function(text) != OTHER


def _is_year(text: str) -> bool:
    return text.isdecimal() and 1000 <= int(text) <= 2100
