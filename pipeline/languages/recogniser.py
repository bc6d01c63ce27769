"""English sentences that were stored, taken apart into the message that they were made of and its values.

A night stores its reasons, and a comparison its findings, as English text. A message with named values, such as
``Viewed {what} {times} in {length}``, is a pattern too: its text between the values stands there as it is, and the name of a
value says what may stand in its place. So the catalogue of messages is all that is needed to read a sentence back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

PLACE = re.compile(r"\{([a-z]+(?:_[a-z0-9]+)?)\}")
LONGEST = 2_000  # characters of a sentence: a longer one is no sentence of ours
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = rf"[0-9]{{1,2}} (?:{'|'.join(MONTHS)}) [0-9]{{4}}"
_NUMBER = r"[0-9][0-9,]*(?:\.[0-9]+)?"
LEAVES = {
    "n": rf"-?{_NUMBER}",
    "signed": rf"[+−-]?{_NUMBER}",
    "share": rf"{_NUMBER}(?: %)?",  # as scores of earlier nights have it, 0.67, and as later ones do, 67 %
    "percent": rf"-?{_NUMBER} %",
    "date": _DATE,
    "minute": rf"{_DATE} [0-9]{{2}}:[0-9]{{2}}",
    "short": rf"[0-9]{{1,2}} (?:{'|'.join(MONTHS)})",
    "iso": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
}
LIST, QUOTED, SENTENCE = "list", "quoted", "sentence"  # several parts, names in quotes, anything that is said
# Where these stand, a user's own words may stand as well.
OPEN = frozenset(
    {
        "phrase",
        "reason",
        "value",
        "detail",
        "band",
        "event",
        "change",
        "difference",
        "field",
        "sheet",
        "logged",
        "logged value",
        "closed",
        "ledger",
        "rule",
        "span",
    }
)


class Message(NamedTuple):
    """A message as catalogues have it; ``plural`` is empty where there is one form."""

    context: str
    text: str
    plural: str = ""


@dataclass(frozen=True)
class Recognised:
    """A ``text``, its message and the values: texts as they stood there, and messages; ``end`` is a full stop beyond it."""

    text: str
    message: Message
    values: Mapping[str, Value] = field(default_factory=dict)
    count: int | None = None
    end: str = ""


Value = str | Recognised | tuple[str | Recognised, ...]


class _Shape(NamedTuple):
    message: Message
    pattern: re.Pattern[str]
    longest: str  # text that a sentence of it holds in any case
    names: Sequence[str]
    weight: int


class Recogniser:
    """Reads sentences by the messages of a catalogue. It keeps what it read lately: the same few thousand texts recur."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self._messages: dict[str, list[Message]] = {}
        for message in messages:
            self._messages.setdefault(message.context, []).append(message)
        self._fixed = {
            (message.context, text): message
            for context in self._messages.values()
            for message in context
            for text in (message.text, message.plural)
            if text and not PLACE.search(text)
        }
        self._patterns: dict[str, str] = {}
        self._shapes = {
            context: sorted(
                (shape for message in messages for shape in self._shapes_of(message)),
                key=lambda shape: -shape.weight,
            )
            for context, messages in self._messages.items()
        }
        self.read = lru_cache(maxsize=16_384)(self._read)

    def _read(self, text: str, context: str = "") -> Recognised | None:
        """The message that a text of this context was made of; ``None`` for one of nobody's or a user's."""
        if len(text) > LONGEST:
            return None
        fixed = self._fixed.get((context, text))
        if fixed is not None:
            return _counted(text, fixed, {})
        for shape in self._shapes.get(context, ()):
            if shape.longest in text and (match := shape.pattern.fullmatch(text)) is not None:
                values = self._values(shape, match)
                if values is not None:
                    return _counted(text, shape.message, values)
        if text.endswith(".") and (inner := self._read(text[:-1], context)) is not None:
            return replace(inner, text=text, end=inner.end + ".")
        return None

    def _values(self, shape: _Shape, match: re.Match[str]) -> dict[str, Value] | None:
        values: dict[str, Value] = {}
        for name in shape.names:
            value = self._value(name, match[name])
            if value is None:
                return None
            values[name] = value
        return values

    def _value(self, name: str, text: str) -> Value | None:
        kind, _, rest = name.partition("_")
        if kind == LIST:
            items = tuple(self.read(item, rest) for item in text.split(", "))
            return None if None in items else items  # type: ignore[return-value]
        if kind in LEAVES or (kind not in self._messages and kind != SENTENCE):
            return text
        context = "" if kind == SENTENCE else kind
        # A part may begin with a small letter where its message has a capital.
        if (found := self.read(text, context)) is not None:
            return found
        if (found := self.read(text[:1].upper() + text[1:], context)) is not None:
            return replace(found, text=text)
        return text if kind == SENTENCE or kind in OPEN else None

    def _shapes_of(self, message: Message) -> Iterable[_Shape]:
        for text in dict.fromkeys((message.text, message.plural)):
            if PLACE.search(text):
                pieces = PLACE.split(text)
                names = list(dict.fromkeys(pieces[1::2]))
                pattern = re.compile(self._pattern_of(text, named=True), re.DOTALL)
                # The more of its own a message has, and the fewer places for anything, the earlier it is tried.
                anything = sum(self._pattern(name) == ".+" for name in pieces[1::2])
                weight = sum(map(len, pieces[::2])) - 4 * anything
                yield _Shape(message, pattern, max(pieces[::2], key=len), names, weight)

    def _pattern_of(self, text: str, *, named: bool) -> str:
        parts, seen = [], set[str]()
        for at, piece in enumerate(PLACE.split(text)):
            if at % 2 == 0:
                parts.append(re.escape(piece))
            elif not named:
                parts.append(f"(?:{self._pattern(piece)})")
            elif piece in seen:
                parts.append(f"(?P={piece})")
            else:
                parts.append(f"(?P<{piece}>{self._pattern(piece)})")
                seen.add(piece)
        return "".join(parts)

    def _pattern(self, name: str) -> str:
        """What may stand in a place: a number, a date, one of the messages of its context, else anything."""
        kind = name.partition("_")[0]
        if kind in LEAVES:
            return LEAVES[kind]
        if kind not in self._messages or kind in OPEN:
            return ".+"
        if kind not in self._patterns:
            texts = [text for message in self._messages[kind] for text in (message.text, message.plural)]
            inner = [self._pattern_of(text, named=False) for text in dict.fromkeys(texts) if text]
            either = "|".join(sorted(inner, key=len, reverse=True))
            self._patterns[kind] = f"(?i:{either})"
        return self._patterns[kind]


def _counted(text: str, message: Message, values: dict[str, Value]) -> Recognised:
    """With the number that decides the form: the first of the plural, and 1 where the singular is without it."""
    if not message.plural:
        return Recognised(text, message, values)
    name = next(name for name in PLACE.findall(message.plural) if name.partition("_")[0] == "n")
    number = values.setdefault(name, "1")
    assert isinstance(number, str)
    return Recognised(text, message, values, int(float(number.replace(",", ""))))
