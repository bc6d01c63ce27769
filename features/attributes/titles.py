"""Job titles: rank and line of work, by short word lists in seven languages; the first list that fits decides."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from leadlens.features.attributes.word_lists import word_lists

STAFF, OTHER = "staff", "other"


def names(topic: str) -> tuple[str, ...]:
    """What ``seniority`` or ``function`` (the topic) may return, in the order of asking.

    >>> names("seniority")
    ('staff', 'student', 'vice president', 'executive', 'director', 'manager')
    """
    return tuple(dict.fromkeys((*word_lists("titles")[topic], STAFF if topic == "seniority" else OTHER)))


@cache
def _patterns(topic: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (name, re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)"))
        for name, words in word_lists("titles")[topic].items()
    )


def seniority(title: str) -> str:
    """The rank in a title; ``staff`` where there is none.

    >>> [seniority(title) for title in ("CFO", "Assistentin der Geschäftsführung", "Directrice des ventes", "Clerk")]
    ['executive', 'staff', 'director', 'staff']
    """
    return _first(title, "seniority", STAFF)


def function(title: str) -> str:
    """The line of work in a title, ``other`` where there is none.

    >>> [function(title) for title in ("Head of Product Marketing", "Leiterin Einkauf", "Founder", "Astronaut")]
    ['marketing', 'purchasing', 'general management', 'other']
    """
    return _first(title, "function", OTHER)


def _first(title: str, topic: str, otherwise: str) -> str:
    words = plain(title)
    return next((name for name, pattern in _patterns(topic) if pattern.search(words)), otherwise)


def plain(text: str) -> str:
    """Small letters without accents, points or double spaces: ``"V.P., Führung"`` becomes ``"vp, fuhrung"``.

    >>> plain("V.P.  Führung")
    'vp fuhrung'
    """
    spread = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in spread if not unicodedata.combining(c) and c != ".").split())
