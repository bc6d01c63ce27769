"""Numbers in the fields of a form, in a language: what is shown is read back as the same number.

A thousands separator of one language is the decimal mark of another, so nothing is guessed: what the language of the form
does not settle is refused.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache

from babel import Locale

from leadlens.pipeline.languages.language import Language
from leadlens.pipeline.languages.marks import N_

_LONGEST = 40
_SPACES = re.compile("[\u00a0\u2009\u202f]")
_EXPONENT = r"(?P<exponent>e[+-]?[0-9]{1,3})?"
# A point between thousands somewhere, a decimal point elsewhere.
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
_PLAIN = re.compile(rf"(?P<whole>[+-]?[0-9]*)\.(?P<part>[0-9]+){_EXPONENT}", re.IGNORECASE)


def read_number(text: str, language: Language) -> int | float:
    """The number that was typed into a form of this language. Raises ``ValueError`` in words.

    A point is a decimal point in each language, where it cannot stand between thousands.

    >>> from leadlens.pipeline.languages.language import language
    >>> read_number("1.500", language("de")), read_number("1.472,2", language("de")), read_number("12.5", language("de"))
    (1500, 1472.2, 12.5)
    >>> read_number("1 500", language("fr")), read_number("1,500.5", language("en"))
    (1500, 1500.5)
    """
    if len(text) > _LONGEST:
        raise ValueError(N_("This is too long for a number."))
    tidy = _SPACES.sub(" ", text).strip().replace("−", "-")
    found = _own(language.locale).fullmatch(tidy)
    if found is None and not _THOUSANDS.fullmatch(tidy):
        found = _PLAIN.fullmatch(tidy)
    if found is None:
        words = N_("This cannot be read as a number: write it like 1500 or {n}.")
        raise ValueError(words.format(n="1,500.5"))  # as English has it: translated like any number
    whole = re.sub("[^0-9+-]", "", found["whole"])
    if found["part"] is None and found["exponent"] is None:
        return int(whole)
    number = float(f"{whole}.{found['part'] or '0'}{found['exponent'] or ''}")
    return int(number) if abs(number) < 1e15 and number == int(number) else number


def field_number(number: float, language: Language) -> str:
    """A number as a field shows it: every digit, the language's decimal mark, nothing between thousands.

    >>> from leadlens.pipeline.languages.language import language
    >>> field_number(1500, language("de")), field_number(-2.5, language("fr")), field_number(0.00001, language("en"))
    ('1500', '-2,5', '0.00001')
    """
    text = str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(float(number))
    if "e-" in text and len(plain := f"{Decimal(text):f}") <= _LONGEST:
        text = plain
    return text.replace(".", str(_symbols(language.locale)["decimal"]))


@cache
def _own(locale: Locale) -> re.Pattern[str]:
    """A number of this language, its thousands in threes if they are set apart; a space sets them apart in each."""
    decimal, group = (re.escape(str(_symbols(locale)[mark])) for mark in ("decimal", "group"))
    apart = " " if _SPACES.fullmatch(str(_symbols(locale)["group"])) else f"{group}| "
    thousands = rf"[1-9][0-9]{{0,2}}(?P<mark>{apart})[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*"
    return re.compile(
        rf"(?P<whole>[+-]?(?:{thousands}|[0-9]+|(?={decimal}[0-9])))(?:{decimal}(?P<part>[0-9]+))?{_EXPONENT}",
        re.IGNORECASE,
    )


def _symbols(locale: Locale) -> dict[str, str]:
    return dict(locale.number_symbols["latn"])
