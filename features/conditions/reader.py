"""From the text of a condition to its checked tree: a whitelist of SQLGlot nodes, everything else refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from sqlglot import exp

from leadlens.features.conditions.guards import DEEPEST, check_characters, parse_guarded, quoted
from leadlens.features.conditions.kinds import KIND_NAMES, NODE_KINDS, KindChecker, short
from leadlens.features.conditions.tree import Call, Column, Node, Value
from leadlens.features.errors import listed
from leadlens.features.history import Kind

Tables = Mapping[str, Mapping[str, Kind]]
Lists = Mapping[str, Sequence[str]]

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_TEXT_FUNCTIONS: dict[type[exp.Expr], str] = {exp.Lower: "lower", exp.Upper: "upper", exp.Trim: "trim"}
# names, for messages, of the nodes that pass the guards and are refused here
_WORDS: dict[type[exp.Expr], str] = {
    exp.Star: "the * for all columns",
    exp.Tuple: "a list that does not follow IN",
    exp.Null: "NULL without IS",
    exp.Dot: "a name of so many parts",
    exp.Column: "a name of so many parts",
    exp.Between: "BETWEEN in this form",
    exp.In: "IN in this form",
    exp.Length: "length with more than one text",
    exp.Trim: "trim in this form",
    exp.Anonymous: "another function",
    exp.Alias: "a name for a result",
    exp.BitwiseLeftShift: "<<",
    exp.BitwiseRightShift: ">>",
}
_DATES = (exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ)


def read_condition(text: str, tables: Tables, where: str | None = None, lists: Lists | None = None) -> Node:
    """The checked tree of ``text``; ``tables`` maps each prefix (``""`` = none) to its columns, ``lists`` the
    names that may follow IN to their values.

    Raises ``UsageError`` for everything that is not on the whitelist.
    """
    check_characters(text, where)  # first: what is no text cannot be kept
    columns = tuple((prefix, tuple(kinds.items())) for prefix, kinds in tables.items())
    values = tuple((name, tuple(items)) for name, items in (lists or {}).items())
    return _read(text, columns, where, values)


@lru_cache(maxsize=1024)
def _read(
    text: str,
    tables: tuple[tuple[str, tuple[tuple[str, Kind], ...]], ...],
    where: str | None,
    lists: tuple[tuple[str, tuple[str, ...]], ...],
) -> Node:
    """Kept by all that it depends on: a running process reads the same rules for every lead."""
    columns = {prefix: dict(kinds) for prefix, kinds in tables}
    return _Reader(text, columns, where, dict(lists)).read()


class _Reader(KindChecker):
    """One reading of one text: every ``_…`` method turns one allowed kind of SQLGlot node into ours."""

    def __init__(self, text: str, tables: Tables, where: str | None, lists: Lists) -> None:
        names = [f"{prefix}.{name}" if prefix else name for prefix in tables for name in tables[prefix]]
        super().__init__(text, names, where)
        self.tables, self.lists = tables, lists

    def read(self) -> Node:
        words = {part for name in self.names for part in (name, *name.split("."))} | set(self.lists)
        return self.boolean(self._node(parse_guarded(self.text, words, self.where), 0))

    def _node(self, tree: exp.Expr, depth: int) -> Node:
        if depth > 2 * DEEPEST:
            self.refuse("this condition is nested too deeply", fix="split it into several rules")
        if type(tree) not in _READERS:
            self.refuse(f"{_WORDS.get(type(tree), 'this')} is not allowed in a condition")
        read, arguments = _READERS[type(tree)]
        if any(value for key, value in tree.args.items() if key not in arguments):
            self.refuse(f"{_WORDS.get(type(tree), 'this')} is not allowed in a condition")
        return read(self, tree, depth + 1)

    def _connector(self, tree: exp.Expr, depth: int) -> Node:
        parts: list[exp.Expr] = []
        left = tree
        while type(left) is type(tree):  # a AND b AND c … leans to the left, as deep as it is long
            parts.append(left.args["expression"])
            left = left.this
        nodes = tuple(self.boolean(self._node(part, depth)) for part in [left, *reversed(parts)])
        return Call("and" if type(tree) is exp.And else "or", nodes, "boolean")

    def _not(self, tree: exp.Expr, depth: int) -> Node:
        return Call("not", (self.boolean(self._node(tree.this, depth)),), "boolean")

    def _paren(self, tree: exp.Expr, depth: int) -> Node:
        return self._node(tree.this, depth)

    def _comparison(self, tree: exp.Expr, depth: int) -> Node:
        if exp.Null in (type(tree.this), type(tree.expression)):
            self.refuse("nothing equals NULL", fix="write IS NULL or IS NOT NULL")
        op = _COMPARISONS[type(tree)]
        sides = self.alike(op, self._node(tree.this, depth), self._node(tree.expression, depth))
        return self.about_a_column(Call(op, sides, "boolean"))

    def _between(self, tree: exp.Expr, depth: int) -> Node:
        node, low, high = (self._node(tree.args[key], depth) for key in ("this", "low", "high"))
        node, low = self.alike(">=", node, low)
        node, high = self.alike("<=", node, high)
        node, low = self.alike(">=", node, low)  # again: a text beside a date may have become a date
        return self.about_a_column(Call("between", (node, low, high), "boolean"))

    def _in(self, tree: exp.Expr, depth: int) -> Node:
        node, items = self._node(tree.this, depth), []
        if (named := tree.args.get("field")) is not None:
            return self._in_list(node, named)
        for item in tree.expressions:
            if type(item) is exp.Column and item.name in self.lists:
                name = item.name
                self.refuse("the name of a list follows IN without parentheses", name, f"write x IN {name}")
            node, value = self.alike("=", node, self._node(item, depth))
            items.append(value)
        if not items or not all(isinstance(item, Value) for item in items):
            self.refuse("IN takes a list of plain values", fix="write x IN ('a', 'b')")
        return self.about_a_column(Call("in", (node, *items), "boolean"))

    def _in_list(self, node: Node, named: exp.Expr) -> Node:
        plain = isinstance(named, exp.Identifier | exp.Column) and not named.args.get("table")
        name = _lookup(named.name, self.lists) if plain else None
        if name is None:
            known = (
                f"lists of this sheet: {listed(sorted(self.lists))}"
                if self.lists
                else "this sheet has no `lists`"
            )
            self.refuse(
                f"there is no list {quoted(named.name)} here" if plain else "there is no such list",
                value=named.name or None,
                fix=f"write x IN ('a', 'b'), or x IN name with a name of `lists`; {known}",
                known=tuple(self.lists),
            )
        if node.kind != "text":
            what = f"{short(node)} is {KIND_NAMES[node.kind]}, and lists hold texts"
            self.refuse(what, fix="write the values: x IN (1, 2)")
        values = tuple(Value(value, "text") for value in self.lists[name])
        return self.about_a_column(Call("in list", (node, *values), "boolean"))

    def _like(self, tree: exp.Expr, depth: int) -> Node:
        pattern = tree.expression
        if type(pattern) is not exp.Literal or not pattern.is_string:
            self.refuse("LIKE takes a pattern in quotes", fix="write page ILIKE '%pricing%'")
        args = (self.textual(self._node(tree.this, depth)), Value(pattern.this, "text"))
        op = "ilike" if type(tree) is exp.ILike else "like"
        match = self.about_a_column(Call(op, args, "boolean"))
        return Call("not", (match,), "boolean") if tree.args.get("negate") else match

    def _is(self, tree: exp.Expr, depth: int) -> Node:
        node, tested = self._node(tree.this, depth), tree.expression
        if type(tested) is exp.Null:
            return self.about_a_column(Call("is null", (node,), "boolean"))
        if type(tested) is not exp.Boolean:
            fix = f"{short(node)} IS NOT NULL where it is known, {short(node)} IS NULL where not; to compare: {short(node)} = …"
            self.refuse("IS is followed by NULL, TRUE or FALSE", fix=fix)
        test = Call("is true" if tested.this else "is false", (self.boolean(node),), "boolean")
        return self.about_a_column(test)

    def _arithmetic(self, tree: exp.Expr, depth: int) -> Node:
        args = tuple(self.number(self._node(part, depth)) for part in (tree.this, tree.expression))
        return Call(_ARITHMETIC[type(tree)], args, "number")

    def _minus(self, tree: exp.Expr, depth: int) -> Node:
        node = self.number(self._node(tree.this, depth))
        if isinstance(node, Value) and isinstance(node.value, int | float):
            return Value(-node.value, "number")
        return Call("minus", (node,), "number")

    def _text_function(self, tree: exp.Expr, depth: int) -> Node:
        return Call(_TEXT_FUNCTIONS[type(tree)], (self.textual(self._node(tree.this, depth)),), "text")

    def _length(self, tree: exp.Expr, depth: int) -> Node:
        return Call("length", (self.textual(self._node(tree.this, depth)),), "number")

    def _coalesce(self, tree: exp.Expr, depth: int) -> Node:
        nodes = [self._node(tree.this, depth)]
        for part in tree.expressions:
            nodes[0], node = self.alike("=", nodes[0], self._node(part, depth))
            nodes.append(node)
        # again: the first may have become a date
        nodes = [self.alike("=", nodes[0], node)[1] for node in nodes]
        return Call("coalesce", tuple(nodes), nodes[0].kind)

    def _boolean(self, tree: exp.Expr, depth: int) -> Node:
        return Value(bool(tree.this), "boolean")

    def _literal(self, tree: exp.Expr, depth: int) -> Node:
        if tree.is_string:
            return Value(tree.this, "text")
        digits = tree.this.isdecimal() and len(tree.this) < 20
        try:
            number = int(tree.this) if digits else float(tree.this)
        except ValueError:  # 1.2.3
            self.refuse("this is not a number", value=tree.this, fix="write 1000 or 0.5")
        if not math.isfinite(number) or abs(number) >= 2**63:
            self.refuse("this number is too large", value=tree.this, fix="numbers stay below 2^63")
        return Value(number, "number")

    def _cast(self, tree: exp.Expr, depth: int) -> Node:
        plain = type(tree.this) is exp.Literal and tree.this.is_string
        if not plain or tree.args["to"].this not in _DATES or tree.args["to"].expressions:
            self.refuse("a condition cannot cast types, except to a date", fix="write DATE '2026-01-31'")
        return self.timestamp(tree.this.this)

    def _column(self, tree: exp.Expr, depth: int) -> Node:
        prefix = tree.args["table"].name if tree.args.get("table") else ""
        table = _lookup(prefix, self.tables)
        name = None if table is None else _lookup(tree.name, self.tables[table])
        if table is not None and name is not None:
            return Column(name, NODE_KINDS[self.tables[table][name]], table)
        written = f"{prefix}.{tree.name}" if prefix else tree.name
        in_quotes = tree.this.args.get("quoted") and not prefix
        whole = [name for name in self.names if "." in name and name == tree.name]
        if whole:  # "account.Staff Count" quoted as one name
            prefix, _, bare = whole[0].partition(".")
            fix = f'quote the column alone: {prefix}."{bare}"'
        elif in_quotes:
            fix = f"text is written in single quotes: {quoted(tree.name)}"
        elif prefix == "rule":
            keys = [name for name in self.names if name.startswith("rule.")]
            fix = f"rules are named by their `key`: {', '.join(keys) or 'no rule has one yet'}"
        else:
            fix = self.known_names() + (
                "" if prefix else f"; text is written in single quotes: {quoted(tree.name)}"
            )
        self.refuse(f"there is no column {quoted(written)} here", value=written, fix=fix, known=self.names)


def _lookup(name: str, known: Mapping[str, object]) -> str | None:
    """The name as it is, else the only one that differs by case."""
    if name in known:
        return name
    alike = [item for item in known if item.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None


_Read = Callable[[_Reader, exp.Expr, int], Node]
_TWO = {"this", "expression"}
# node type -> (reader, the arguments it may have); any other argument that is set is refused
_READERS: dict[type[exp.Expr], tuple[_Read, set[str]]] = {
    exp.And: (_Reader._connector, _TWO),
    exp.Or: (_Reader._connector, _TWO),
    exp.Not: (_Reader._not, {"this"}),
    exp.Paren: (_Reader._paren, {"this"}),
    exp.Between: (_Reader._between, {"this", "low", "high"}),
    exp.In: (_Reader._in, {"this", "expressions", "field"}),
    exp.Like: (_Reader._like, _TWO | {"negate"}),
    exp.ILike: (_Reader._like, _TWO | {"negate"}),
    exp.Is: (_Reader._is, _TWO),
    exp.Neg: (_Reader._minus, {"this"}),
    exp.Length: (_Reader._length, {"this"}),
    exp.Coalesce: (_Reader._coalesce, {"this", "expressions"}),
    exp.Boolean: (_Reader._boolean, {"this"}),
    exp.Literal: (_Reader._literal, {"this", "is_string"}),
    exp.Cast: (_Reader._cast, {"this", "to", "_type"}),
    exp.Column: (_Reader._column, {"this", "table"}),
}
_READERS |= dict.fromkeys(_COMPARISONS, (_Reader._comparison, _TWO))
_READERS |= dict.fromkeys(_ARITHMETIC, (_Reader._arithmetic, _TWO))
_READERS |= dict.fromkeys(_TEXT_FUNCTIONS, (_Reader._text_function, {"this"}))
