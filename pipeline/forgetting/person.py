"""Who is to be forgotten, as long as that is at work: their ids, and the words by which files mention them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import markupsafe

from leadlens.pipeline.private import private_files
from leadlens.pipeline.sources.forgotten import write_whole
from leadlens.pipeline.state import state_folder

_SHORTEST = 6  # a shorter word stands for many things


@dataclass(frozen=True)
class Person:
    """``ids`` are the lead's and the old ids that were merged into it; ``words`` its addresses, names and phone numbers."""

    ids: tuple[str, ...]
    words: tuple[str, ...] = ()

    @property
    def distinct(self) -> tuple[str, ...]:
        """What means this person wherever it stands: long enough, and no small number."""
        return tuple(
            word
            for word in (*self.ids, *self.words)
            if len(word) >= _SHORTEST and not re.fullmatch(r"[0-9]{1,7}", word)
        )

    @property
    def by_distinct_words(self) -> Person:
        """The same, known by what means nobody else: for texts that cannot be made again."""
        return Person((), self.distinct)

    def mentioned_in(self, text: str) -> bool:
        """Whether a text has one of the ids as a word, or one of the distinct words, also as JSON, HTML, CSV or an address writes them."""
        return next(self.mentions(text), None) is not None

    def mentions(self, text: str) -> Iterator[re.Match[str]]:
        """Where it does."""
        return self._pattern.finditer(text) if self.ids or self.distinct else iter(())

    def is_in_message(self, text: str) -> bool:
        """Whether JSON has one of the ids as a whole text, or mentions one of the distinct words: a number in it is no id."""
        try:
            texts = set(_texts_in(json.loads(text)))
        except ValueError:
            texts = set()
        return not texts.isdisjoint(self.ids) or self.by_distinct_words.mentioned_in(text)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        sought = {re.escape(written) for word in (*self.ids, *self.distinct) for written in spellings(word)}
        # A longer one first: of a name in quotes both are sought.
        words = "|".join(sorted(sought, key=lambda each: (-len(each), each)))
        # JSON has a letter before it where a line ends there.
        return re.compile(rf"(?:(?<![\w.@-])|(?<=\\[nrt]))({words})(?![\w@-])")

    # kept while it is at work

    def save(self, project: str) -> None:
        """Keep what is to be done, for the run after a killed one."""
        with private_files():
            _place(project).parent.mkdir(parents=True, exist_ok=True)
            write_whole(_place(project), json.dumps(asdict(self), ensure_ascii=False))

    @staticmethod
    def done(project: str) -> None:
        """Nothing is to be done any more: the last place with the person in clear goes."""
        _place(project).unlink(missing_ok=True)
        _place(project).with_suffix(".new").unlink(missing_ok=True)


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(each)


def spellings(word: str) -> set[str]:
    """A word as files write it: as it is, as JSON, HTML (of two libraries), CSV and part of an address have it.

    >>> sorted(spellings("Ann <ä>"))
    ['Ann &lt;ä&gt;', 'Ann <\\\\u00e4>', 'Ann <ä>', 'Ann%20%3C%C3%A4%3E']
    """
    return {
        word,
        json.dumps(word)[1:-1],
        json.dumps(word, ensure_ascii=False)[1:-1],
        escape(word),
        str(markupsafe.escape(word)),
        word.replace('"', '""'),
        quote(word, safe=""),
    }


def unfinished(project: str) -> Person | None:
    """Who was being forgotten when the run was killed."""
    try:
        found = json.loads(_place(project).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Person(tuple(found["ids"]), tuple(found["words"]))


def _place(project: str) -> Path:
    return state_folder() / "forgotten" / f"{project}.unfinished"
