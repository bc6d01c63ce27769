"""What may stand beside what in a condition: numbers with numbers, text with text, and messages when not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NoReturn

from leadlens.features.conditions.guards import ALLOWED
from leadlens.features.conditions.tree import Call, Column, Node, NodeKind, Value, walk
from leadlens.features.errors import UsageError, listed
from leadlens.features.history import Kind

NODE_KINDS: dict[Kind, NodeKind] = {
    "number": "number",
    "category": "text",
    "text": "text",
    "boolean": "boolean",
    "time": "time",
}
KIND_NAMES: dict[NodeKind, str] = {
    "number": "a number",
    "text": "text",
    "boolean": "true or false",
    "time": "a date",
}


class KindChecker:
    """Checks the kinds of nodes of one condition; each method returns what it was given, or refuses.

    ``text`` and ``where`` are for the ``UsageError``; ``names`` are the known columns.
    """

    def __init__(self, text: str, names: Sequence[str], where: str | None) -> None:
        self.text, self.names, self.where = text, names, where

    def refuse(
        self, what: str, value: object = None, fix: str | None = ALLOWED, known: Iterable[str] = ()
    ) -> NoReturn:
        value = self.text if value is None else value
        raise UsageError(what, value=value, fix=fix, known=known, where=self.where) from None

    def alike(self, op: str, left: Node, right: Node) -> tuple[Node, Node]:
        """Both sides, of one kind; a text beside a date column is read as a date."""
        if left.kind == right.kind:
            return left, right
        if left.kind == "time" and isinstance(right, Value) and isinstance(right.value, str):
            return left, self.timestamp(right.value)
        if right.kind == "time" and isinstance(left, Value) and isinstance(left.value, str):
            return self.timestamp(left.value), right
        typed, value = (left, right) if isinstance(right, Value) else (right, left)
        name, other = short(typed), short(value)
        fix = "compare like with like"
        if typed.kind == "number" and value.kind == "text":
            fix = f"{name} is a number; write {name} {op} 30 without quotes"
        elif typed.kind == "text" and isinstance(value, Value):
            fix = f"{name} is text here, or empty in every row; a text is compared in quotes: {name} {op} '{other}'"
        elif typed.kind == "boolean":
            fix = f"write {name} or NOT {name}"
        self.refuse(f"{name} is {KIND_NAMES[typed.kind]}, but {other} is {KIND_NAMES[value.kind]}", fix=fix)

    def about_a_column(self, node: Call) -> Call:
        if not any(isinstance(part, Column) for part in walk(node)):
            what = "this comparison reads no column, so its result is always the same"
            self.refuse(what, fix=self.known_names())
        return node

    def boolean(self, node: Node) -> Node:
        if node.kind != "boolean":
            what = f"{short(node)} is {KIND_NAMES[node.kind]}, not a condition"
            self.refuse(what, fix="compare it with something: = < > IN")
        return node

    def number(self, node: Node) -> Node:
        if node.kind != "number":
            self.refuse(
                f"{short(node)} is {KIND_NAMES[node.kind]}, and + - * / need numbers", fix="use = < > or IN"
            )
        return node

    def textual(self, node: Node) -> Node:
        if node.kind != "text":
            what = (
                f"{short(node)} is {KIND_NAMES[node.kind]}, and LIKE, lower, upper, trim and length need text"
            )
            self.refuse(what, fix="use = < > or IN")
        return node

    def timestamp(self, text: str) -> Value:
        """A date or timestamp; one with an offset is turned to UTC."""
        try:
            timestamp = datetime.fromisoformat(text)
            if timestamp.tzinfo is not None:
                timestamp = timestamp.astimezone(UTC).replace(tzinfo=None)
        except (ValueError, OverflowError):
            fix = "write DATE '2026-01-31' or TIMESTAMP '2026-01-31 17:00'"
            self.refuse("this is not a date", value=text, fix=fix)
        if timestamp.year < 1000:
            self.refuse("this date is too early", value=text, fix="write a year from 1000 to 9999")
        return Value(timestamp, "time")

    def known_names(self) -> str:
        return f"known columns: {listed(self.names)}" if self.names else "there are no columns"


def short(node: Node) -> str:
    """The node as one would write it, cut to a readable length."""
    return listed([str(node)])
