"""Statements that the package has written itself, as text for people: tokens, other table names, lines.

No SQL parser is needed for it: words, literals and brackets are told apart, and lines are broken where clauses
begin. What is between two tokens is never changed but for spaces and line ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

WIDTH = 100
_STRINGS = {
    "duckdb": r"'(?:[^']|'')*'",
    "postgres": r"[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'",
    "spark": r"'(?:[^'\\]|\\.)*'",
}
_NAMES = r'"(?:[^"]|"")*"|`(?:[^`]|``)*`'
_PLAIN = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?|\w+|<>|<=|>=|\|\||::|:=|."
_CLAUSES = {"SELECT", "FROM", "JOIN", "LEFT", "CROSS", "WHERE", "GROUP", "UNION"}
_LEADING = ({"AND", "OR"}, {"||"}, {"+", "-"})


@dataclass(frozen=True)
class Token:
    """A word, number, literal, name or sign; ``spaced`` if a space is before it."""

    text: str
    spaced: bool

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Group:
    """What stands between brackets, or between CASE and END."""

    opening: str
    items: tuple[Item, ...]
    closing: str
    spaced: bool

    @property
    def is_query(self) -> bool:
        return self.opening == "(" and str(self.items[0] if self.items else "") == "SELECT"

    @cached_property
    def holds_query(self) -> bool:
        inside = (item for item in self.items if isinstance(item, Group))
        return self.is_query or any(item.holds_query for item in inside)

    @cached_property
    def _flat(self) -> str:
        return self.opening + flat(self.items, bare=self.opening != "CASE") + self.closing

    def __str__(self) -> str:
        return self._flat


Item = Token | Group


def tokens(sql: str, dialect: str) -> list[Token]:
    """The tokens of a statement in the dialect of that name; texts and quoted names are one token each."""
    pattern = re.compile(f"({_STRINGS[dialect]}|{_NAMES}|{_PLAIN})", re.DOTALL)
    found: list[Token] = []
    spaced = False
    for match in pattern.finditer(sql):
        if match[0].isspace():
            spaced = True
        else:
            found.append(Token(match[0], spaced))
            spaced = False
    return found


def with_tables(found: Sequence[Token], name: Callable[[str], str]) -> list[Token]:
    """The tokens with every table that is read (after FROM or JOIN) called what ``name`` says of it."""
    told = list(found)
    for place in _tables(found):
        token = found[place]
        told[place] = Token(name(token.text.strip('"`')), token.spaced)
    return told


def tables_read(found: Sequence[Token]) -> set[str]:
    """The tables after FROM and JOIN."""
    return {found[place].text.strip('"`') for place in _tables(found)}


def _tables(found: Sequence[Token]) -> Iterator[int]:
    for place in range(1, len(found)):
        after = found[place + 1].text if place + 1 < len(found) else ""
        # not a table: extract(epoch FROM s.as_of), trim(BOTH ' ' FROM lower(…)), a subquery
        if found[place - 1].text in ("FROM", "JOIN") and found[place].text != "(" and after not in (".", "("):
            yield place


def without_idle_joins(found: Sequence[Token]) -> list[Token]:
    """The tokens without ``LEFT JOIN x AS a ON a.row_id = …row_id`` where nothing is read from ``a``."""
    told, place = [], 0
    while place < len(found):
        words = [token.text for token in found[place : place + 13]]
        idle = False
        if len(words) == 13 and words[:2] == ["LEFT", "JOIN"] and words[3] == "AS" and words[5] == "ON":
            alias = words[4]
            on = words[6:10] == [alias, ".", "row_id", "="] and words[12] == "row_id"
            on = on and (place + 13 == len(found) or found[place + 13].text != "AND")
            rest = [*found[:place], *found[place + 13 :]]
            idle = on and not any(_is_read(rest, n, alias) for n in range(len(rest) - 1))
        if idle:
            place += 13
        else:
            told.append(found[place])
            place += 1
    return told


def _is_read(found: Sequence[Token], place: int, alias: str) -> bool:
    return found[place].text.strip('"`') == alias and found[place + 1].text == "."


def flat(items: Sequence[Item], bare: bool = False) -> str:
    """One line; ``bare`` without the space before the first."""
    told = "".join(f"{' ' if item.spaced else ''}{item}" for item in items)
    return told[1:] if bare and told.startswith(" ") else told


def nested(found: Sequence[Token]) -> tuple[Item, ...]:
    """Tokens as a tree of brackets and CASE … END."""
    stack: list[tuple[Token, list[Item]]] = [(Token("", False), [])]
    for token in found:
        if token.text in ("(", "[", "CASE"):
            stack.append((token, []))
        elif token.text in (")", "]", "END") and len(stack) > 1:
            opening, items = stack.pop()
            closing = " END" if token.text == "END" else token.text
            stack[-1][1].append(Group(opening.text, tuple(items), closing, opening.spaced))
        else:
            stack[-1][1].append(token)
    return tuple(stack[0][1])


def lines_of(found: Sequence[Token], indent: int = 0) -> list[str]:
    """A SELECT with each clause on lines of its own."""
    return [" " * indent + line if line else "" for line in _query(nested(found), indent)]


def _query(items: Sequence[Item], indent: int) -> list[str]:
    told: list[str] = []
    for clause in _clauses(items):
        told += _clause(clause, indent)
    return told


def _clauses(items: Sequence[Item]) -> Iterator[list[Item]]:
    part: list[Item] = []
    for place, item in enumerate(items):
        before = str(items[place - 1]) if place else ""
        joined = str(item) == "JOIN" and before in ("LEFT", "CROSS")
        starts = isinstance(item, Token) and item.text in _CLAUSES and not joined
        if part and (starts or before == "ALL"):
            yield part
            part = []
        part.append(item)
    if part:
        yield part


def _clause(items: Sequence[Item], indent: int) -> list[str]:
    word = str(items[0])
    if word == "SELECT":
        head = 2 if len(items) > 1 and str(items[1]) == "DISTINCT" else 1
        columns = _split(items[head:], {","})
        if _fits(items, indent) and len(columns) <= 8:
            return [flat(items, bare=True)]
        told = [flat(items[:head], bare=True)]
        for place, column in enumerate(columns):
            body = _broken(column, indent + 2)
            told += [f"  {line}" for line in body]
            told[-1] += "," if place + 1 < len(columns) else ""
        return told
    if word == "WHERE":
        parts = _split(items[1:], {"AND"})
        if _fits(items, indent) and len(parts) < 3:
            return [flat(items, bare=True)]
        told = []
        for place, part in enumerate(parts):
            body = _broken(part if not place else part[1:], indent + 6)
            lead = "WHERE " if not place else "  AND "
            told += [lead + body[0], *(f"  {line}" for line in body[1:])]
        return told
    return _broken(items, indent)


def _fits(items: Sequence[Item], indent: int) -> bool:
    if any(isinstance(item, Group) and item.holds_query for item in items):
        return False
    return indent + len(flat(items, bare=True)) <= WIDTH


def _split(items: Sequence[Item], signs: set[str]) -> list[list[Item]]:
    """The parts between the signs; a comma is dropped, another sign leads its part."""
    parts: list[list[Item]] = [[]]
    for place, item in enumerate(items):
        sign = isinstance(item, Token) and item.text in signs and place > 0
        if sign:
            parts.append([] if str(item) == "," else [item])
        else:
            parts[-1].append(item)
    return parts


def _broken(items: Sequence[Item], indent: int) -> list[str]:
    """An expression, or a table that is read, on one line or on as many as it takes."""
    if _fits(items, indent):
        return [flat(items, bare=True)]
    for signs in _LEADING:
        parts = _split(items, signs)
        if len(parts) > 1:
            told = _broken(parts[0], indent)
            for part in parts[1:]:
                body = _broken(part[1:], indent + len(str(part[0])) + 3)
                told.append(f"  {part[0]} {body[0]}")
                told += [f"  {line}" for line in body[1:]]
            return told
    told = [""]
    for item in items:
        gap = " " if item.spaced and told[-1].strip() else ""
        short = len(told[-1]) + len(str(item)) + indent <= WIDTH and not (
            isinstance(item, Group) and item.holds_query
        )
        if isinstance(item, Token) or short or not item.items:
            told[-1] += f"{gap}{item}"
            continue
        told[-1] += gap + item.opening + _operand(item)
        told += [f"  {line}" for line in _inside(item, indent + 2)]
        told.append(item.closing.strip())
    return told


def _operand(group: Group) -> str:
    """What stands between CASE and the first WHEN."""
    words = [str(item) for item in group.items]
    return flat(group.items[: words.index("WHEN")]) if group.opening == "CASE" and "WHEN" in words else ""


def _inside(group: Group, indent: int) -> list[str]:
    if group.is_query:
        return _query(group.items, indent)
    if group.opening == "CASE":
        told: list[str] = []
        for part in _split(group.items, {"WHEN", "ELSE"}):
            told += _case(part, indent) if str(part[0]) in ("WHEN", "ELSE") else []
        return told
    parts = _split(group.items, {","})
    if len(parts) > 1 and all(isinstance(item, Token) for part in parts for item in part):
        return _filled([flat(part, bare=True) for part in parts], indent)
    told = []
    for place, part in enumerate(parts):
        told += _broken(part, indent)
        told[-1] += "," if place + 1 < len(parts) else ""
    return told


def _case(part: Sequence[Item], indent: int) -> list[str]:
    """WHEN … THEN …, on two lines or more where it is long."""
    if _fits(part, indent):
        return [flat(part, bare=True)]
    told: list[str] = []
    for place, piece in enumerate(_split(part, {"THEN"})):
        body = _broken(piece[1:], indent + 7)
        lead = f"{'  ' if place else ''}{piece[0]} "
        told += [lead + body[0], *(f"{'  ' if place else ''}{line}" for line in body[1:])]
    return told


def _filled(parts: Sequence[str], indent: int) -> list[str]:
    """Many short values, as many to a line as go there."""
    told = [""]
    for place, part in enumerate(parts):
        piece = part + ("," if place + 1 < len(parts) else "")
        if told[-1] and indent + len(told[-1]) + 1 + len(piece) > WIDTH:
            told.append("")
        told[-1] += f" {piece}" if told[-1] else piece
    return told
