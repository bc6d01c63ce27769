"""A language of the page: its words, its numbers and dates, and what stored sentences read like in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from gettext import NullTranslations
from itertools import islice

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_decimal

from leadlens.models.judging.wording import percent
from leadlens.pipeline.languages.catalogue import recogniser, translations
from leadlens.pipeline.languages.marks import N_
from leadlens.pipeline.languages.recogniser import (
    LEAVES,
    LONGEST,
    MONTHS,
    OPEN,
    PLACE,
    QUOTED,
    Recognised,
    Recogniser,
    Value,
)

NAMES = {"en": "English", "de": "Deutsch", "fr": "Français", "id": "Bahasa Indonesia"}
_SHORT = {"de": "d. MMM"}
_DAY = {"de": "d. MMM y"}  # as it stands in a sentence or a table; others as in English
_NOUNS = frozenset({"de"})  # where a capital inside a sentence says something
_ENDS = re.compile(r"\.\s+")
_MOST_SENTENCES = 4  # of one message
_COLON = N_(": ")  # between a title and what is said under it
_QUOTE = re.compile("“([^“”]*)”")


@dataclass(frozen=True, eq=False)
class Language:
    """One language. All that it is given in words is English, and stays so where the language is."""

    code: str
    locale: Locale
    translations: NullTranslations
    recogniser: Callable[[], Recogniser] = recogniser

    def gettext(self, message: str) -> str:
        """A message in this language."""
        return self.translations.gettext(message)

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """The form of a message for this count."""
        return self.translations.ngettext(singular, plural, count)

    def say(
        self, text: str, context: str = "", own: Collection[str] = frozenset()
    ) -> Iterator[tuple[str, bool]]:
        """A text that was made in English, part by part; ``False`` with a part that stays English.

        ``own`` are phrases that the project words itself. Sentences that follow each other are read one by one.
        """
        if self.code == "en" or len(text) > LONGEST:
            yield text, self.code == "en" or context in OPEN
            return
        while text:
            said, known, text = self._begin(text, context, own)
            yield said, known

    def _begin(self, text: str, context: str, own: Collection[str]) -> tuple[str, bool, str]:
        """How a text begins, in this language; whether it is, and what is left of the text."""
        read = self.recogniser().read
        if (found := read(text, context)) is not None:
            return self._filled(found, own), True, ""
        ends = list(islice(_ENDS.finditer(text), _MOST_SENTENCES))
        for end in ends:
            if (found := read(text[: end.start() + 1], context)) is not None:
                return self._filled(found, own) + end[0][1:], True, text[end.end() :]
        if context in OPEN:
            return text, True, ""
        title, colon, rest = text.partition(": ")
        if colon and (found := read(title)) is not None:
            return self._filled(found, own) + self.gettext(_COLON), True, rest
        end_of_unknown = ends[0].end() if ends else len(text)
        return text[:end_of_unknown], False, text[end_of_unknown:]

    def word(self, text: str, context: str = "", own: Collection[str] = frozenset()) -> str:
        """The same as one text, for where parts cannot be marked."""
        return "".join(part for part, _ in self.say(text, context, own))

    def condition(self, message: str) -> str:
        """What a condition in words is made of."""
        return self.translations.pgettext("condition", message)

    def local(self, kind: str, text: str) -> str:
        """A number or a date, written as in English, as it is written here; anything else stays."""
        return text if self.code == "en" else _local(self, kind, text)

    def _filled(self, found: Recognised, own: Collection[str]) -> str:
        context, text, plural = found.message
        say = self.translations
        if plural and found.count is not None:
            template = (
                say.npgettext(context, text, plural, found.count)
                if context
                else say.ngettext(text, plural, found.count)
            )
        else:
            template = say.pgettext(context, text) if context else say.gettext(text)
        pieces = [
            self._value(piece, found.values[piece], own) if at % 2 else piece
            for at, piece in enumerate(_pieces(template))
        ]
        return "".join(pieces) + found.end

    def _value(self, name: str, value: Value, own: Collection[str]) -> str:
        kind = name.partition("_")[0]
        if isinstance(value, tuple):
            return ", ".join(self._value(kind, item, own) for item in value)
        if isinstance(value, Recognised):
            if value.text in own:
                return value.text
            filled, inside = self._filled(value, own), value.text[:1].islower()
            if inside and value.message.text[:1].isupper() and self.code not in _NOUNS:
                return filled[:1].lower() + filled[1:]
            return filled
        if kind == QUOTED:
            start, end = _quotes(self.locale)
            return _QUOTE.sub(lambda match: f"{start}{match[1]}{end}", value)
        return self.local(kind, value)


@cache
def language(code: str) -> Language:
    """A language by its code, one of ``NAMES``."""
    return Language(code, Locale.parse(code), translations(code))


def own_phrases(labels: Collection[str]) -> frozenset[str]:
    """Phrases that a project words itself, as they stand at the beginning of a sentence and within one."""
    return frozenset(text for label in labels for text in (label, label[:1].lower() + label[1:]))


@lru_cache(maxsize=32_768)
def _local(language: Language, kind: str, text: str) -> str:
    if kind not in LEAVES or re.fullmatch(LEAVES[kind], text) is None:
        return text
    if kind == "iso":
        return _day(language, date.fromisoformat(text))
    if kind == "date":
        return _day(language, _date(text))
    if kind == "short":  # any leap year will do
        return format_date(_date(f"{text} 2000"), _SHORT.get(language.code, "d MMM"), locale=language.locale)
    if kind == "minute":
        day, _, time = text.rpartition(" ")
        at = datetime.combine(_date(day), datetime.strptime(time, "%H:%M").time())
        return f"{_day(language, at.date())} {format_time(at.time(), 'short', locale=language.locale)}"
    if kind == "share":
        kind, text = "percent", text if text.endswith("%") else percent(float(text.replace(",", "")))
    sign, digits = (text[:1], text[1:]) if text[:1] in "+−-" else ("", text)
    if kind == "percent":
        share = _number(language, digits.removesuffix(" %"))
        return sign + str(language.locale.percent_formats[None].pattern).replace("#,##0", share)
    number = _number(language, digits)
    return f"{sign.replace('-', '−')}{number}" if kind == "signed" else f"{sign}{number}"


def _number(language: Language, digits: str) -> str:
    _, _, decimals = digits.partition(".")
    pattern = "#,##0" + ("." + "0" * len(decimals) if decimals else "")
    return format_decimal(Decimal(digits.replace(",", "")), format=pattern, locale=language.locale)


def _day(language: Language, day: date) -> str:
    return format_date(day, _DAY.get(language.code, "d MMM y"), locale=language.locale)


def _date(text: str) -> date:
    day, month, year = text.split()
    return date(int(year), MONTHS.index(month) + 1, int(day))


@cache
def _pieces(template: str) -> tuple[str, ...]:
    """Text and names of values, in turn."""
    return tuple(PLACE.split(template))


def _quotes(locale: Locale) -> tuple[str, str]:
    return {"de": ("„", "“"), "fr": ("« ", " »")}.get(locale.language, ("“", "”"))
