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
    """The content of brackets, or between CASE and END."""

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
    result: list[Token] = []
    spaced = False
    for match in pattern.finditer(sql):
        if match[0].isspace():
            spaced = True
        else:
            result.append(Token(match[0], spaced))
            spaced = False
    return result


def with_tables(sql_tokens: Sequence[Token], name: Callable[[str], str]) -> list[Token]:
    """The tokens with every table that is read (after FROM or JOIN) called what ``name`` says of it."""
    renamed = list(sql_tokens)
    for place in _tables(sql_tokens):
        token = sql_tokens[place]
        renamed[place] = Token(name(token.text.strip('"`')), token.spaced)
    return renamed


def tables_read(sql_tokens: Sequence[Token]) -> set[str]:
    """The tables after FROM and JOIN."""
    return {sql_tokens[place].text.strip('"`') for place in _tables(sql_tokens)}


def _tables(sql_tokens: Sequence[Token]) -> Iterator[int]:
    for place in range(1, len(sql_tokens)):
        after = sql_tokens[place + 1].text if place + 1 < len(sql_tokens) else ""
        # not a table: extract(epoch FROM s.as_of), trim(BOTH ' ' FROM lower(…)), a subquery
        if (
            sql_tokens[place - 1].text in ("FROM", "JOIN")
            and sql_tokens[place].text != "("
            and after not in (".", "(")
        ):
            yield place


def without_idle_joins(sql_tokens: Sequence[Token]) -> list[Token]:
    """The tokens without ``LEFT JOIN x AS a ON a.row_id = …row_id`` where nothing is read from ``a``."""
    kept, place = [], 0
    while place < len(sql_tokens):
        texts = [token.text for token in sql_tokens[place : place + 13]]
        idle = False
        if len(texts) == 13 and texts[:2] == ["LEFT", "JOIN"] and texts[3] == "AS" and texts[5] == "ON":
            alias = texts[4]
            on = texts[6:10] == [alias, ".", "row_id", "="] and texts[12] == "row_id"
            on = on and (place + 13 == len(sql_tokens) or sql_tokens[place + 13].text != "AND")
            rest = [*sql_tokens[:place], *sql_tokens[place + 13 :]]
            idle = on and not any(_is_read(rest, n, alias) for n in range(len(rest) - 1))
        if idle:
            place += 13
        else:
            kept.append(sql_tokens[place])
            place += 1
    return kept


def _is_read(sql_tokens: Sequence[Token], place: int, alias: str) -> bool:
    return sql_tokens[place].text.strip('"`') == alias and sql_tokens[place + 1].text == "."


def flat(items: Sequence[Item], bare: bool = False) -> str:
    """One line; ``bare`` without the space before the first."""
    line = "".join(f"{' ' if item.spaced else ''}{item}" for item in items)
    return line[1:] if bare and line.startswith(" ") else line


def nested(sql_tokens: Sequence[Token]) -> tuple[Item, ...]:
    """Tokens as a tree of brackets and CASE … END."""
    stack: list[tuple[Token, list[Item]]] = [(Token("", False), [])]
    for token in sql_tokens:
        if token.text in ("(", "[", "CASE"):
            stack.append((token, []))
        elif token.text in (")", "]", "END") and len(stack) > 1:
            opening, items = stack.pop()
            closing = " END" if token.text == "END" else token.text
            stack[-1][1].append(Group(opening.text, tuple(items), closing, opening.spaced))
        else:
            stack[-1][1].append(token)
    return tuple(stack[0][1])


def lines_of(sql_tokens: Sequence[Token], indent: int = 0) -> list[str]:
    """A SELECT with each clause on lines of its own."""
    return [" " * indent + line if line else "" for line in _query(nested(sql_tokens), indent)]


def _query(items: Sequence[Item], indent: int) -> list[str]:
    lines: list[str] = []
    for clause in _clauses(items):
        lines += _clause(clause, indent)
    return lines


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
        lines = [flat(items[:head], bare=True)]
        for place, column in enumerate(columns):
            body = _broken(column, indent + 2)
            lines += [f"  {line}" for line in body]
            lines[-1] += "," if place + 1 < len(columns) else ""
        return lines
    if word == "WHERE":
        parts = _split(items[1:], {"AND"})
        if _fits(items, indent) and len(parts) < 3:
            return [flat(items, bare=True)]
        lines = []
        for place, part in enumerate(parts):
            body = _broken(part if not place else part[1:], indent + 6)
            lead = "WHERE " if not place else "  AND "
            lines += [lead + body[0], *(f"  {line}" for line in body[1:])]
        return lines
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
            lines = _broken(parts[0], indent)
            for part in parts[1:]:
                body = _broken(part[1:], indent + len(str(part[0])) + 3)
                lines.append(f"  {part[0]} {body[0]}")
                lines += [f"  {line}" for line in body[1:]]
            return lines
    lines = [""]
    for item in items:
        gap = " " if item.spaced and lines[-1].strip() else ""
        short = len(lines[-1]) + len(str(item)) + indent <= WIDTH and not (
            isinstance(item, Group) and item.holds_query
        )
        if isinstance(item, Token) or short or not item.items:
            lines[-1] += f"{gap}{item}"
            continue
        lines[-1] += gap + item.opening + _operand(item)
        lines += [f"  {line}" for line in _inside(item, indent + 2)]
        lines.append(item.closing.strip())
    return lines


def _operand(group: Group) -> str:
    """What is between CASE and the first WHEN."""
    texts = [str(item) for item in group.items]
    return flat(group.items[: texts.index("WHEN")]) if group.opening == "CASE" and "WHEN" in texts else ""


def _inside(group: Group, indent: int) -> list[str]:
    if group.is_query:
        return _query(group.items, indent)
    if group.opening == "CASE":
        lines: list[str] = []
        for part in _split(group.items, {"WHEN", "ELSE"}):
            lines += _case(part, indent) if str(part[0]) in ("WHEN", "ELSE") else []
        return lines
    parts = _split(group.items, {","})
    if len(parts) > 1 and all(isinstance(item, Token) for part in parts for item in part):
        return _filled([flat(part, bare=True) for part in parts], indent)
    lines = []
    for place, part in enumerate(parts):
        lines += _broken(part, indent)
        lines[-1] += "," if place + 1 < len(parts) else ""
    return lines


def _case(part: Sequence[Item], indent: int) -> list[str]:
    """WHEN … THEN …, on two lines or more where it is long."""
    if _fits(part, indent):
        return [flat(part, bare=True)]
    lines: list[str] = []
    for place, piece in enumerate(_split(part, {"THEN"})):
        body = _broken(piece[1:], indent + 7)
        lead = f"{'  ' if place else ''}{piece[0]} "
        lines += [lead + body[0], *(f"{'  ' if place else ''}{line}" for line in body[1:])]
    return lines


def _filled(parts: Sequence[str], indent: int) -> list[str]:
    """Many short values, as many to a line as go there."""
    lines = [""]
    for place, part in enumerate(parts):
        piece = part + ("," if place + 1 < len(parts) else "")
        if lines[-1] and indent + len(lines[-1]) + 1 + len(piece) > WIDTH:
            lines.append("")
        lines[-1] += f" {piece}" if lines[-1] else piece
    return lines
