"""The checked tree of a condition: a handful of node types, and the SQL that is written from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from leadlens.features.engines.dialect import Dialect

NodeKind = Literal["number", "text", "boolean", "time"]


@dataclass(frozen=True)
class Column:
    """A known column; ``table`` is the prefix it was written with, ``""`` for none."""

    name: str
    kind: NodeKind
    table: str = ""

    def __str__(self) -> str:
        return f"{self.table}.{self.name}" if self.table else self.name


@dataclass(frozen=True)
class Value:
    """A number, a text, TRUE / FALSE or a date written in the condition."""

    value: str | int | float | bool | datetime
    kind: NodeKind

    def __str__(self) -> str:
        if isinstance(self.value, str):
            return "'" + self.value.replace("'", "''") + "'"
        return str(self.value).upper() if isinstance(self.value, bool) else str(self.value)


@dataclass(frozen=True)
class Call:
    """An operation of ``TEMPLATES``, or of the dialect, on other nodes."""

    op: str
    args: tuple[Node, ...]
    kind: NodeKind

    def __str__(self) -> str:
        """As one would write it, for messages."""
        first, *rest = map(str, self.args)
        match self.op:
            case "not":
                return f"NOT {first}"
            case "minus":
                return f"-{first}"
            case "is null" | "is true" | "is false":
                return f"{first} {self.op.upper()}"
            case "in" | "in list":
                return f"{first} IN (…)"
            case "between":
                return f"{first} BETWEEN {rest[0]} AND {rest[1]}"
            case "lower" | "upper" | "trim" | "length" | "coalesce":
                return f"{self.op}({', '.join([first, *rest])})"
        return f" {self.op.upper()} ".join([first, *rest])


Node = Column | Value | Call

# {0}, {1} … are the arguments; {all} is all of them, joined with the text in JOINED or a comma; {double} is the
# dialect's type. What engines spell differently (LIKE, lower …) is written by the dialect.
# Arithmetic runs in doubles and x / 0 is NULL, so that no row of data can make a condition fail.
TEMPLATES: dict[str, str] = {
    "=": "({0} = {1})",
    "<>": "({0} <> {1})",
    "<": "({0} < {1})",
    "<=": "({0} <= {1})",
    ">": "({0} > {1})",
    ">=": "({0} >= {1})",
    "and": "({all})",
    "or": "({all})",
    "not": "(NOT {0})",
    "is null": "({0} IS NULL)",
    "is true": "({0} IS TRUE)",
    "is false": "({0} IS FALSE)",
    "in": "({0} IN ({rest}))",
    "in list": "({0} IN ({rest}))",
    "between": "({0} BETWEEN {1} AND {2})",
    "length": "length({0})",
    "coalesce": "coalesce({all})",
    "+": "(CAST({0} AS {double}) + CAST({1} AS {double}))",
    "-": "(CAST({0} AS {double}) - CAST({1} AS {double}))",
    "*": "(CAST({0} AS {double}) * CAST({1} AS {double}))",
    "/": "(CAST({0} AS {double}) / nullif(CAST({1} AS {double}), 0))",
    "minus": "(-CAST({0} AS {double}))",
}
JOINED = {"and": " AND ", "or": " OR "}
_ORDERING = ("<", "<=", ">", ">=", "between")


def write(node: Node, dialect: Dialect, aliases: Mapping[str, str]) -> str:
    """The node as SQL; ``aliases`` maps each prefix (``""`` = none) to a table alias, ``""`` for none."""
    if isinstance(node, Column):
        alias = aliases.get(node.table, "")
        column = dialect.quote(node.name)
        return f"{dialect.quote(alias)}.{column}" if alias else column
    if isinstance(node, Value):
        literal = dialect.literal(node.value)
        # an untyped 0.1 is a DECIMAL, whose precision would follow the way it was typed
        return dialect.as_double(literal) if isinstance(node.value, float) else literal
    args = [write(arg, dialect, aliases) for arg in node.args]
    match node:
        case Call("like", (_, Value(str(pattern)))):
            return dialect.like(args[0], pattern)
        case Call("ilike", (_, Value(str(pattern)))):
            return dialect.ilike(args[0], pattern)
        case Call("lower"):
            return dialect.lower(args[0])
        case Call("upper"):
            return dialect.upper(args[0])
        case Call("trim"):
            return dialect.trim(args[0])
    if node.op in _ORDERING and node.args[0].kind == "text":
        args[0] = dialect.ordered(args[0])
    joined = JOINED.get(node.op, ", ").join(args)
    rest = ", ".join(args[1:])
    return TEMPLATES[node.op].format(*args, all=joined, rest=rest, double=dialect.double_type)


def moved(node: Node, change: Callable[[Column], Column]) -> Node:
    """The same node with every column replaced by ``change``."""
    if isinstance(node, Column):
        return change(node)
    if isinstance(node, Call):
        return replace(node, args=tuple(moved(arg, change) for arg in node.args))
    return node


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    yield node
    if isinstance(node, Call):
        for arg in node.args:
            yield from walk(arg)
