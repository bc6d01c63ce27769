"""What can be refused in a condition before it is parsed, by its characters and tokens alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from sqlglot import Dialect, TokenType, exp
from sqlglot.errors import SqlglotError, TokenError

from leadlens.features.errors import UsageError, listed

if TYPE_CHECKING:
    from sqlglot.tokenizer_core import Token

LONGEST = 2_000
DEEPEST = 32
ALLOWED = (
    "conditions know columns, numbers, 'text', TRUE, FALSE, DATE '2026-01-31', = <> < <= > >=, IN (…), "
    "BETWEEN, LIKE, ILIKE, IS NULL, AND, OR, NOT, + - * / and lower, upper, trim, length, coalesce"
)

_NO_COMMENTS = "use the label, or a # line in the YAML"

_T = TokenType
_SIGNS = {_T.L_PAREN, _T.R_PAREN, _T.COMMA, _T.DOT, _T.EQ, _T.NEQ, _T.LT, _T.LTE, _T.GT, _T.GTE}
_SIGNS |= {_T.PLUS, _T.DASH, _T.STAR, _T.SLASH}
_WORDS = {_T.AND, _T.OR, _T.NOT, _T.IN, _T.BETWEEN, _T.LIKE, _T.ILIKE, _T.IS, _T.NULL, _T.TRUE, _T.FALSE}
_WORDS |= {_T.DATE, _T.TIMESTAMP, _T.TIMESTAMPNTZ, _T.TIMESTAMPTZ, _T.ISNULL, _T.NOTNULL}
_PLAIN = {_T.VAR, _T.IDENTIFIER, _T.STRING, _T.NUMBER}
_TOKENS = _SIGNS | _WORDS | _PLAIN
# what SQLGlot raises: not only its own errors, for it slips itself
_SLIPS = (SqlglotError, RecursionError, ValueError, LookupError, AttributeError, TypeError)
_PREFIXES = {_T.NOT, _T.DASH, _T.PLUS}
_FUNCTIONS = {"lower", "lcase", "upper", "ucase", "trim", "coalesce", "ifnull", "nvl"}
_FUNCTIONS |= {"length", "len", "char_length", "character_length"}
_NAMES = {_T.VAR, _T.IDENTIFIER, _T.DATE, _T.TIMESTAMP, _T.TIMESTAMPNTZ, _T.TIMESTAMPTZ}
_CONTROLS = ("Cc", "Cf", "Cs", "Zl", "Zp")
# Of the invisible ones, what writing needs: line ends, the joiners of Persian and of emoji, the soft hyphen
_NEEDED = set("\t\r\n\u200c\u200d\u00ad")


def parse_guarded(text: str, names: Iterable[str], where: str | None) -> exp.Expr:
    """SQLGlot's tree of ``text``; ``names`` are words that may stand in it although SQL reserves them.

    Characters and tokens are checked first, so that the parser (recursive, and written for all of SQL) meets
    only short, flat texts of harmless tokens. Raises ``UsageError`` for everything else.
    """
    check_characters(text, where)
    try:
        tokens = _duckdb().tokenize(text)
    except TokenError:
        _refuse(
            "a quote is opened and not closed",
            text,
            where,
            "close it; a quote inside a text is doubled: 'it''s'",
        )
    except _SLIPS:
        _refuse("this is not a condition that can be read", text, where)
    reserved = _free_names(tokens, {name.lower() for name in names})
    _check_tokens(tokens, text, where)
    try:
        trees = _duckdb().parser().parse_into(exp.Condition, tokens, text)
    except _SLIPS as error:
        marked = [item["highlight"] for item in getattr(error, "errors", ()) if item.get("highlight")]
        near = f", near {quoted(marked[0])}" if marked else ""
        hint = ALLOWED
        if re.search("[\u2018\u2019\u201c\u201d\u00b4`]", text):
            hint = "write text in straight quotes: 'like this'"
        elif reserved:
            hint = f'SQL reserves the word {reserved[0]}: where it is the column, write "{reserved[0]}"'
        _refuse(f"this is not a condition that can be read{near}", text, where, hint)
    if len(trees) != 1 or trees[0] is None:
        _refuse("a condition is one single statement", text, where)
    return trees[0]


@cache
def _duckdb() -> Dialect:
    return Dialect.get_or_raise("duckdb")


def check_characters(text: str, where: str | None) -> None:
    if not isinstance(text, str) or not text.strip():
        _refuse("the condition is empty", text, where, "write for example: event_type = 'email_opened'")
    if len(text) > LONGEST:
        _refuse(
            f"the condition is longer than {LONGEST:,} characters",
            text[:LONGEST],
            where,
            "use IN (…), or several rules",
        )
    if (char := invisible(text)) is not None:
        _refuse(f"the condition holds an invisible control character, {char}", text, where, "delete it")


def invisible(text: str) -> str | None:
    """The first character that is invisible but changes how the text is read, by number and name."""
    for char in text:
        if unicodedata.category(char) in _CONTROLS and char not in _NEEDED:
            return f"U+{ord(char):04X} {unicodedata.name(char, '')}".strip()
    return None


def _free_names(tokens: list[Token], names: set[str]) -> list[str]:
    """Words that SQL reserves but that are columns here (``case``, ``order``) become names, as if quoted, so that
    they can no longer begin anything. The reserved words among the names are returned."""
    freed = []
    for token in tokens:
        if token.token_type not in _PLAIN and token.text.lower() in names:
            freed.append(token.text)
            if token.token_type not in _TOKENS:
                token.token_type = _T.IDENTIFIER
    return freed


def _check_tokens(tokens: list[Token], text: str, where: str | None) -> None:
    if not tokens:  # nothing but a comment
        _refuse("a condition cannot contain comments", text, where, _NO_COMMENTS)
    depth = prefixes = 0
    for before, token in zip([None, *tokens[:-1]], tokens, strict=True):
        if token.comments:
            _refuse("a condition cannot contain comments", text, where, _NO_COMMENTS)
        if token.token_type not in _TOKENS:
            written = text[token.start : token.end + 1]
            _refuse(f"{quoted(written)} is not allowed in a condition", text, where)
        if before is not None:
            _check_pair(before, token, text, where)
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


def _check_pair(before: Token, token: Token, text: str, where: str | None) -> None:
    known = before.token_type is _T.VAR and before.text.lower() in _FUNCTIONS
    if token.token_type is _T.L_PAREN and before.token_type in _NAMES and not known:
        message = f"{quoted(before.text)} is not a function that conditions know"
        fix = "there are lower, upper, trim, length and coalesce; else AND or OR is missing before the parenthesis"
        _refuse(message, text, where, fix)
    if (before.token_type in (_T.COMMA, _T.L_PAREN) and token.token_type is _T.COMMA) or (
        before.token_type is _T.COMMA and token.token_type is _T.R_PAREN
    ):
        _refuse("there is nothing before or after a comma", text, where, "write x IN ('a', 'b')")
    if token.token_type is _T.STRING and before.token_type is _T.STRING:
        _refuse(
            "a comma or an operator is missing between two texts",
            text,
            where,
            "write x IN ('a', 'b'); a quote inside a text is doubled: 'it''s'",
        )


def quoted(name: str) -> str:
    """A word of the user's in quotes, cut to a readable length."""
    return f"'{listed([name])}'"


def _refuse(what: str, value: object, where: str | None, fix: str = ALLOWED) -> NoReturn:
    raise UsageError(what, value=value, fix=fix, where=where) from None
