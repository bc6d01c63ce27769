"""The words of `words.yaml`: what the name of a column, a table or a value says, in many languages."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from leadlens.features.attributes.personal import snake_case

_PREFIX = re.compile(r"^\s*(?:\w+\s+-\s+)(?=\S)")


@cache
def _lists() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(
        files("leadlens.pipeline.starting").joinpath("words.yaml").read_text(encoding="utf-8")
    )
    return loaded


@cache
def _pattern(group: str, name: str) -> re.Pattern[str]:
    words = _lists()[group] if not name else _lists()[group][name]
    return re.compile(rf"(?:{'|'.join(words)})")


def names(group: str) -> tuple[str, ...]:
    """The names in a group, in the order in which they are tried.

    >>> names("history")
    ('field', 'old', 'new')
    """
    return tuple(_lists()[group])


def says(group: str, name: str, text: str) -> bool:
    """Whether a name is wholly one of the words; of ``Deal - Won time`` what stands behind the dash is enough.

    >>> says("columns", "created", "Erstellt am"), says("columns", "converted_date", "Deal - Won time")
    (True, True)
    >>> says("columns", "created", "Created by")
    False
    """
    pattern = _pattern(group, name)
    return any(pattern.fullmatch(part) for part in forms(text))


def holds(group: str, name: str, text: str) -> bool:
    """Whether whole words of a name are one of the words.

    >>> holds("columns", "last_activity", "Datum letzte Aktivität"), holds("columns", "last_activity", "Blast")
    (True, False)
    """
    pattern = re.compile(rf"(?:^|_)(?:{_pattern(group, name).pattern})(?:_|$)")
    return bool(pattern.search(forms(text)[0]))


def is_value(group: str, value: str) -> bool:
    """Whether a value is one of the words of a list such as ``won``, whole.

    >>> is_value("won", "Closed - Converted"), is_value("won", "Abgeschlossen und gewonnen"), is_value("won", "Unwon")
    (True, True, False)
    """
    plain = re.sub(r"_(?:and|und|et|y|e|en|i)_", "_", snake_case(value))
    return bool(_pattern(group, "").fullmatch(plain))


@cache
def forms(text: str) -> tuple[str, ...]:
    """A name in snake case; and without the record that it belongs to, as in ``Deal - Won time`` and ``lead.status``."""
    whole = snake_case(text)
    short = {snake_case(_PREFIX.sub("", text)), snake_case(text.rsplit(".", 1)[-1])}
    for part in (whole, *short):
        first, _, rest = part.partition("_")
        if rest and _pattern("records", "").fullmatch(first):
            short.add(rest)
    return (whole, *sorted(short - {whole, ""}))
