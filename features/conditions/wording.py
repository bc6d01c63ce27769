"""A condition in words, for those who read no SQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from sqlglot import exp

from leadlens.features.conditions.guards import parse_guarded
from leadlens.features.errors import UsageError
from leadlens.features.phrases import words

_IS: dict[type[exp.Expr], str] = {
    exp.EQ: "is",
    exp.NEQ: "is not",
    exp.LT: "is less than",
    exp.LTE: "is at most",
    exp.GT: "is more than",
    exp.GTE: "is at least",
}
_OPPOSITE = {
    "is": "is not", "is one of": "is none of", "is known": "is not known", "is not known": "is known",
    "is in": "is not in", "is true": "is not true", "matches": "does not match",
    "contains": "does not contain", "begins with": "does not begin with", "ends with": "does not end with",
}  # fmt: skip
_DATED = {
    "is less than": "is before",
    "is at most": "is on or before",
    "is more than": "is after",
    "is at least": "is on or after",
}
_OWNERS = {"": "{column}", "account": "the company's {column}"}
_NOT, _EITHER, _BOTH = "not ({condition})", "{first} or {second}", "{first} and {second}"
_RANGE, _IN_LIST = "{low} to {high}", "the list {name}"
_TRUE, _FALSE = "true", "false"
Say = Callable[[str], str]
_PLACE = re.compile(r"\{([a-z]+)\}")


def condition_messages() -> frozenset[str]:
    """All that ``condition_words`` puts together, for whoever translates it: ``{what}`` is a column, ``{value}`` a value."""
    verbs = {*_IS.values(), *_OPPOSITE, *_OPPOSITE.values(), *_DATED.values(), "is false", "is from"}
    statements = {_statement_of(verb) for verb in verbs}
    return frozenset(
        {*statements, *_OWNERS.values(), _NOT, _EITHER, _BOTH, _RANGE, _IN_LIST, _TRUE, _FALSE} - {"{column}"}
    )


@lru_cache(maxsize=2048)
def condition_words(text: str, say: Say = str) -> str | None:
    """The condition in words; ``None`` for one that words would not make plainer: calculations, functions, odd patterns.

    Values stand as they are in the data. Nothing is checked: the columns may not exist. ``say`` translates each of
    ``condition_messages``.

    >>> print(condition_words("account.employees >= 50 AND seniority IN ('director', 'manager')"))
    the company's employees is at least 50 and seniority is one of “director”, “manager”
    >>> condition_words("event_type = 'page_viewed' AND NOT (page ILIKE '%pricing%' OR page IS NULL)")
    'event type is “page_viewed” and not (page contains “pricing” or page is not known)'
    >>> condition_words("amount / 12 > 3") is None
    True
    """
    try:
        return _Wording(say).condition(parse_guarded(text, (), None))
    except (UsageError, _PlainEnoughError):
        return None


class _PlainEnoughError(Exception):
    """Words would not be plainer than what is written."""


_BARE = frozenset(
    {"is known", "is not known", "is true", "is not true", "is false", "matches", "does not match"}
)


def _statement_of(verb: str) -> str:
    return f"{{what}} {verb}" if verb in _BARE else f"{{what}} {verb} {{value}}"


class _Wording:
    """Words a parsed condition, message by message."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def _filled(self, message: str, **values: str) -> str:
        """The translated message with its values, in one pass: what a value holds is never read as a place."""
        return _PLACE.sub(lambda place: values[place[1]], self._say(message))

    def condition(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Paren):
            return self.condition(node.this)
        if isinstance(node, exp.And | exp.Or):
            message, other = (_BOTH, exp.Or) if isinstance(node, exp.And) else (_EITHER, exp.And)
            first, second = (self._grouped(part, other) for part in (node.this, node.expression))
            return self._filled(message, first=first, second=second)
        if isinstance(node, exp.Not):
            return self._negated(node.this)
        return self._stated(*self._statement(node))

    def _stated(self, what: str, verb: str, value: str) -> str:
        return self._filled(_statement_of(verb), what=what, value=value)

    def _grouped(self, node: exp.Expr, other: type[exp.Expr]) -> str:
        inner = node
        while isinstance(inner, exp.Paren):
            inner = inner.this
        return f"({self.condition(inner)})" if isinstance(inner, other) else self.condition(inner)

    def _negated(self, node: exp.Expr) -> str:
        while isinstance(node, exp.Paren):
            node = node.this
        if isinstance(node, exp.And | exp.Or | exp.Not):
            return self._filled(_NOT, condition=self.condition(node))
        what, verb, value = self._statement(node)
        if verb not in _OPPOSITE:
            return self._filled(_NOT, condition=self._stated(what, verb, value))
        return self._stated(what, _OPPOSITE[verb], value)

    def _statement(self, node: exp.Expr) -> tuple[str, str, str]:
        """Subject, verb and value of a comparison."""
        if isinstance(node, exp.Column):
            is_rule = bool(node.args.get("table")) and node.args["table"].name == "rule"
            return self._column(node), "matches" if is_rule else "is true", ""
        if type(node) in _IS:
            verb = _IS[type(node)]
            if isinstance(node.expression, exp.Cast):
                verb = _DATED.get(verb, verb)
            return self._column(node.this), verb, self._value(node.expression)
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return self._column(node.this), "is not known", ""
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Boolean):
            return self._column(node.this), "is true" if node.expression.this else "is false", ""
        if isinstance(node, exp.Between):
            low, high = self._value(node.args["low"]), self._value(node.args["high"])
            return self._column(node.this), "is from", self._filled(_RANGE, low=low, high=high)
        if isinstance(node, exp.In):
            if (named := node.args.get("field")) is not None:
                return self._column(node.this), "is in", self._filled(_IN_LIST, name=named.name)
            values = [self._value(item) for item in node.expressions]
            return self._column(node.this), "is" if len(values) == 1 else "is one of", ", ".join(values)
        if isinstance(node, exp.Like | exp.ILike) and isinstance(node.expression, exp.Literal):
            verb, part = _pattern(node.expression.this)
            if node.args.get("negate"):
                verb = _OPPOSITE[verb]
            return self._column(node.this), verb, f"“{part}”"
        raise _PlainEnoughError

    def _column(self, node: exp.Expr) -> str:
        if not isinstance(node, exp.Column) or not node.name:
            raise _PlainEnoughError
        owner = node.args["table"].name if node.args.get("table") else ""
        if owner not in _OWNERS:  # features and rules are called by their names
            return f"{owner} {node.name}"
        name = words(node.name)
        own = f"{name[:1].lower()}{name[1:]}"
        return own if not owner else self._filled(_OWNERS[owner], column=own)

    def _value(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Literal):
            return f"“{node.this}”" if node.is_string else str(node.this)
        if isinstance(node, exp.Boolean):
            return self._say(_TRUE if node.this else _FALSE)
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
            return f"-{node.this.this}"
        if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal):
            return str(node.this.this)
        raise _PlainEnoughError


def _pattern(pattern: str) -> tuple[str, str]:
    begin, end = pattern.startswith("%"), pattern.endswith("%")
    part = pattern.strip("%")
    if not part or "_" in part or "%" in part or "\\" in part or not (begin or end):
        raise _PlainEnoughError
    return ("contains" if begin and end else "ends with" if begin else "begins with"), part
