"""Text for a terminal or a log: what leads typed and files are called cannot move a cursor, colour or hide anything."""

from __future__ import annotations

_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029"


def printable(text: object, *, breaks: bool = False) -> str:
    """The text with everything escaped that is not shown as it is; line breaks too, unless ``breaks`` may stay.

    >>> printable("Ann\\x1b[31m\\nforged"), printable("SELECT 1\\nFROM t", breaks=True)
    ('Ann\\\\x1b[31m\\\\nforged', 'SELECT 1\\nFROM t')
    """
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(
        char if char.isprintable() or (breaks and char == "\n") else _escaped(char) for char in plain
    )


def _escaped(char: str) -> str:
    return " " if char.isspace() and char not in _BREAKS else repr(char)[1:-1]
