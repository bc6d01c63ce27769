"""The catalogues of messages beside this file, one ``.po`` for each language but English, which the messages are in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from leadlens.pipeline.languages.recogniser import Message, Recogniser

TRANSLATED = ("de", "fr", "id")


@cache
def catalogue(code: str) -> Catalog:
    """The catalogue of a language as it is in its file."""
    with (files("leadlens.pipeline.languages") / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)


@cache
def translations(code: str) -> NullTranslations:
    """The same for gettext. English has none: its messages are what is written in the code."""
    return NullTranslations() if code == "en" else compiled(catalogue(code))


def compiled(catalog: Catalog) -> GNUTranslations:
    """A catalogue for gettext, in memory; messages that are not translated yet stay English."""
    binary = BytesIO()
    write_mo(binary, catalog)
    binary.seek(0)
    return GNUTranslations(binary)


@cache
def recogniser() -> Recogniser:
    """Of all messages but those of conditions, which are translated while they are put together."""
    known = messages(catalogue(TRANSLATED[0]))
    return Recogniser(message for message in known if message.context != "condition")


def messages(catalog: Catalog) -> Iterator[Message]:
    """The messages of a catalogue."""
    for each in catalog:
        if each.id:
            texts = (each.id,) if isinstance(each.id, str) else each.id
            yield Message(each.context or "", *map(str, texts))
