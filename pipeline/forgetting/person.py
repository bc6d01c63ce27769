"""Who is to be forgotten, as long as that is at work: their ids, and the words by which files mention them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from pipeline.private import private_files
from pipeline.sources.forgotten import write_whole
from pipeline.state import state_folder

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

    def mentioned_in(self, text: str) -> bool:
        """Whether a text has one of the ids as a word, or one of the distinct words, also as JSON or HTML writes them."""
        sought = {re.escape(written) for word in (*self.ids, *self.distinct) for written in spellings(word)}
        return bool(re.search(rf"(?<![\w.@-])({'|'.join(sorted(sought))})(?![\w@-])", text))

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


def spellings(word: str) -> set[str]:
    """A word as files write it.

    >>> sorted(spellings("Ann <ä>"))
    ['Ann &lt;ä&gt;', 'Ann <\\\\u00e4>', 'Ann <ä>']
    """
    return {word, json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1], escape(word)}


def unfinished(project: str) -> Person | None:
    """Who was being forgotten when the run was killed."""
    try:
        found = json.loads(_place(project).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Person(tuple(found["ids"]), tuple(found["words"]))


def _place(project: str) -> Path:
    return state_folder() / "forgotten" / f"{project}.unfinished"
