"""What can be refused in a condition before it is parsed, by looking at its characters and tokens alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from sqlglot import Dialect, TokenType, exp
from sqlglot.errors import SqlglotError, TokenError

from features.errors import UsageError

if TYPE_CHECKING:
    from sqlglot.tokenizer_core import Token

LONGEST = 2_000
DEEPEST = 32
ALLOWED = (
    "conditions know columns, numbers, 'text', TRUE, FALSE, DATE '2026-01-31', = <> < <= > >=, IN (…), "
    "BETWEEN, LIKE, ILIKE, IS NULL, AND, OR, NOT, + - * / and lower, upper, trim, length, coalesce"
)

_T = TokenType
_SIGNS = {_T.L_PAREN, _T.R_PAREN, _T.COMMA, _T.DOT, _T.EQ, _T.NEQ, _T.LT, _T.LTE, _T.GT, _T.GTE}
_SIGNS |= {_T.PLUS, _T.DASH, _T.STAR, _T.SLASH}
_WORDS = {_T.AND, _T.OR, _T.NOT, _T.IN, _T.BETWEEN, _T.LIKE, _T.ILIKE, _T.IS, _T.NULL, _T.TRUE, _T.FALSE}
_WORDS |= {_T.DATE, _T.TIMESTAMP, _T.TIMESTAMPNTZ, _T.TIMESTAMPTZ, _T.ISNULL, _T.NOTNULL}
_TOKENS = _SIGNS | _WORDS | {_T.VAR, _T.IDENTIFIER, _T.STRING, _T.NUMBER}
_PREFIXES = {_T.NOT, _T.DASH, _T.PLUS}
_CONTROLS = ("Cc", "Cs", "Zl", "Zp")
_TURNING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def parse_guarded(text: str, names: Iterable[str], where: str | None) -> exp.Expr:
    """SQLGlot's tree of ``text``; ``names`` are words that may stand in it although SQL reserves them.

    Characters and tokens are checked first, so that the parser (recursive, and written for all of SQL) meets
    only short, flat texts of harmless tokens. Raises ``UsageError`` for everything else.
    """
    _check_characters(text, where)
    try:
        tokens = _duckdb().tokenize(text)
        _check_tokens(tokens, {name.lower() for name in names}, text, where)
        trees = _duckdb().parser().parse_into(exp.Condition, tokens, text)
    except TokenError:
        _refuse(
            "a quote is opened and not closed",
            text,
            where,
            "close it; a quote inside a text is doubled: 'it''s'",
        )
    except (
        SqlglotError,
        RecursionError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
    ):  # its parser's own slips
        smart = re.search("[\u2018\u2019\u201c\u201d\u00b4`]", text)
        hint = "write text in straight quotes: 'like this'" if smart else ALLOWED
        _refuse("this is not a condition that can be read", text, where, hint)
    if len(trees) != 1 or trees[0] is None:
        _refuse("a condition is one single statement", text, where)
    return trees[0]


@cache
def _duckdb() -> Dialect:
    return Dialect.get_or_raise("duckdb")


def _check_characters(text: str, where: str | None) -> None:
    if not isinstance(text, str) or not text.strip():
        _refuse("the condition is empty", text, where, "write for example: event_type = 'email_opened'")
    if len(text) > LONGEST:
        _refuse(
            f"the condition is longer than {LONGEST:,} characters",
            text[:LONGEST],
            where,
            "use IN (…), or several rules",
        )
    for char in text:
        if char in _TURNING or (unicodedata.category(char) in _CONTROLS and char not in "\t\r\n"):
            _refuse("the condition holds an invisible control character", repr(char), where, "delete it")


def _check_tokens(tokens: list[Token], names: set[str], text: str, where: str | None) -> None:
    depth = prefixes = 0
    for token in tokens:
        if token.comments:
            _refuse("a condition holds no comments", text, where, "use the label, or a # line in the YAML")
        if token.token_type not in _TOKENS and token.text.lower() not in names:
            _refuse(f"{token.text!r} has no place in a condition", text, where)
        depth += (token.token_type is _T.L_PAREN) - (token.token_type is _T.R_PAREN)
        prefixes = prefixes + 1 if token.token_type in _PREFIXES else 0
        if depth < 0:
            _refuse(
                "a parenthesis is closed and was never opened", text, where, "remove it, or open it earlier"
            )
        if max(depth, prefixes) > DEEPEST:
            _refuse("this condition is nested too deeply", text, where, "split it into several rules")
    if depth:
        _refuse("a parenthesis is opened and not closed", text, where, "close it")


def _refuse(what: str, value: object, where: str | None, fix: str = ALLOWED) -> NoReturn:
    raise UsageError(what, value=value, fix=fix, where=where) from None
