"""A condition in words, for those who read no SQL."""

from __future__ import annotations

from functools import lru_cache

from sqlglot import exp

from features.conditions.guards import parse_guarded
from features.errors import UsageError
from features.phrases import words

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
_OWNERS = {"": "", "account": "the company's "}


@lru_cache(maxsize=2048)
def condition_words(text: str) -> str | None:
    """The condition in words; ``None`` for one that words would not make plainer: calculations, functions, odd patterns.

    Values stand as they are in the data. Nothing is checked: the columns may not exist.

    >>> print(condition_words("account.employees >= 50 AND seniority IN ('director', 'manager')"))
    the company's employees is at least 50 and seniority is one of “director”, “manager”
    >>> condition_words("event_type = 'page_viewed' AND NOT (page ILIKE '%pricing%' OR page IS NULL)")
    'event type is “page_viewed” and not (page contains “pricing” or page is not known)'
    >>> condition_words("amount / 12 > 3") is None
    True
    """
    try:
        return _said(parse_guarded(text, (), None))
    except (UsageError, _PlainEnoughError):
        return None


class _PlainEnoughError(Exception):
    """Words would not be plainer than what is written."""


def _said(node: exp.Expr) -> str:
    if isinstance(node, exp.Paren):
        return _said(node.this)
    if isinstance(node, exp.And | exp.Or):
        word, other = ("and", exp.Or) if isinstance(node, exp.And) else ("or", exp.And)
        return f" {word} ".join(_grouped(part, other) for part in (node.this, node.expression))
    if isinstance(node, exp.Not):
        return _negated(node.this)
    subject, verb, rest = _statement(node)
    return f"{subject} {verb} {rest}".rstrip()


def _grouped(node: exp.Expr, other: type[exp.Expr]) -> str:
    inner = node
    while isinstance(inner, exp.Paren):
        inner = inner.this
    return f"({_said(inner)})" if isinstance(inner, other) else _said(inner)


def _negated(node: exp.Expr) -> str:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And | exp.Or | exp.Not):
        return f"not ({_said(node)})"
    subject, verb, rest = _statement(node)
    if verb not in _OPPOSITE:
        return f"not ({_said(node)})"
    return f"{subject} {_OPPOSITE[verb]} {rest}".rstrip()


def _statement(node: exp.Expr) -> tuple[str, str, str]:
    """Subject, verb and the rest of a comparison."""
    if isinstance(node, exp.Column):
        is_rule = bool(node.args.get("table")) and node.args["table"].name == "rule"
        return _column(node), "matches" if is_rule else "is true", ""
    if type(node) in _IS:
        verb = _IS[type(node)]
        if isinstance(node.expression, exp.Cast):
            verb = _DATED.get(verb, verb)
        return _column(node.this), verb, _value(node.expression)
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
        return _column(node.this), "is not known", ""
    if isinstance(node, exp.Is) and isinstance(node.expression, exp.Boolean):
        return _column(node.this), "is true" if node.expression.this else "is false", ""
    if isinstance(node, exp.Between):
        low, high = _value(node.args["low"]), _value(node.args["high"])
        return _column(node.this), "is from", f"{low} to {high}"
    if isinstance(node, exp.In):
        if (named := node.args.get("field")) is not None:
            return _column(node.this), "is in", f"the list {named.name}"
        values = [_value(item) for item in node.expressions]
        return _column(node.this), "is" if len(values) == 1 else "is one of", ", ".join(values)
    if isinstance(node, exp.Like | exp.ILike) and isinstance(node.expression, exp.Literal):
        verb, part = _pattern(node.expression.this)
        if node.args.get("negate"):
            verb = _OPPOSITE[verb]
        return _column(node.this), verb, f"“{part}”"
    raise _PlainEnoughError


def _pattern(pattern: str) -> tuple[str, str]:
    begin, end = pattern.startswith("%"), pattern.endswith("%")
    part = pattern.strip("%")
    if not part or "_" in part or "%" in part or "\\" in part or not (begin or end):
        raise _PlainEnoughError
    return ("contains" if begin and end else "ends with" if begin else "begins with"), part


def _column(node: exp.Expr) -> str:
    if not isinstance(node, exp.Column) or not node.name:
        raise _PlainEnoughError
    owner = node.args["table"].name if node.args.get("table") else ""
    if owner not in _OWNERS:  # features and rules are called by their names
        return f"{owner} {node.name}"
    name = words(node.name)
    return f"{_OWNERS[owner]}{name[:1].lower()}{name[1:]}"


def _value(node: exp.Expr) -> str:
    if isinstance(node, exp.Literal):
        return f"“{node.this}”" if node.is_string else str(node.this)
    if isinstance(node, exp.Boolean):
        return "true" if node.this else "false"
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return f"-{node.this.this}"
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal):
        return str(node.this.this)
    raise _PlainEnoughError
