"""The small errors that `tests.mutants` puts into Python: in its comparisons, sums, returns, calls, and its SQL."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator

Change = tuple[
    int, str, str, str, str
]  # line, kind, the whole changed text, what stood there, what stands there now

_COMPARE = {ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
            ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
            ast.In: (ast.NotIn,), ast.NotIn: (ast.In,)}  # fmt: skip
_SUM = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
_IS_SQL = re.compile(r"\b(SELECT|FROM|WHERE|AND|CASE|WHEN|ORDER BY|COALESCE)\b|[\w')] (<|>|<=|>=) ")
_SQL = {r" < ": " <= ", r" <= ": " < ", r" > ": " >= ", r" >= ": " > ", r" AND ": " OR ", r" OR ": " AND ",
        r"IS NOT NULL": "IS NULL", r"IS NULL": "IS NOT NULL", r"\bmin\(": "max(", r"\bmax\(": "min(", r" DESC\b": "",
        r"\bLEFT JOIN\b": "JOIN", r"UNION ALL": "UNION", r"SELECT DISTINCT": "SELECT", r" \+ ": " - "}  # fmt: skip
_UNSEEN = ("progress", "isinstance")  # a loss that no result shows, and a swap that never runs


def changes(text: str) -> Iterator[Change]:
    """Every single change of a module's text, in its order. Annotations, docstrings and messages stay as they are."""
    raw, starts = text.encode(), [0]
    for line in raw.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, kind, new in _walk(ast.parse(text)):
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        written = ast.unparse(ast.fix_missing_locations(new))
        if isinstance(new, ast.expr):
            written = f"({written})"
        whole = (raw[:begin] + written.encode() + raw[end:]).decode()
        yield node.lineno, kind, whole, raw[begin:end].decode(), written


def _walk(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str, ast.AST]]:
    if isinstance(node, ast.expr | ast.stmt):
        for kind, new in _mutated(node):
            yield node, kind, new
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
        return  # the words of a refusal; places inside an f-string are not those of the file before Python 3.12
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or (name == "test" and _typing(value)):
            continue
        for child in value if isinstance(value, list) else [value]:
            docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if isinstance(child, ast.AST) and not docstring:
                yield from _walk(child)


def _typing(test: object) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _mutated(node: ast.expr | ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    """The node with one thing changed, for each thing that may be."""
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                for other in _COMPARE[type(op)]:
                    yield "comparison", _with(node, ops=[*ops[:at], other(), *ops[at + 1 :]])
        case ast.BinOp(op=op) if type(op) in _SUM and not _is_text(node):
            yield "arithmetic", _with(node, op=_SUM[type(op)]())
        case ast.BoolOp(op=op):
            yield "and/or", _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield "not/sign", operand
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield "branches swapped", ast.IfExp(test, orelse, body)
        case ast.Constant(value=bool(value)):
            yield "constant", ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield "constant", ast.Constant(value + 1)
        case ast.Constant(value=str()) | ast.JoinedStr():
            yield from _sql(node)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield "return None", ast.Return(ast.Constant(None))
        case ast.Call(func=func, args=[first, second, *rest]) if _seen(func):
            yield "arguments swapped", _with(node, args=[second, first, *rest])
        case ast.Expr(value=ast.Call(func=func)) if _seen(func):
            yield "statement dropped", ast.Pass()
        case ast.AugAssign() | ast.Raise():
            yield "statement dropped", ast.Pass()


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _seen(func: ast.expr) -> bool:
    return ast.unparse(func).split(".")[-1] not in _UNSEEN


def _is_text(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(
        isinstance(s, ast.JoinedStr) or (isinstance(s, ast.Constant) and isinstance(s.value, str))
        for s in sides
    )


def _sql(node: ast.expr) -> Iterator[tuple[str, ast.AST]]:
    """The text with one operator of its SQL changed."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    texts = {
        at: part.value
        for at, part in enumerate(parts)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }
    if not _IS_SQL.search(" ".join(texts.values())):
        return
    for at, value in texts.items():
        for old, new in _SQL.items():
            for found in re.finditer(old, value):
                other: ast.expr = ast.Constant(value[: found.start()] + new + value[found.end() :])
                changed = [*parts[:at], other, *parts[at + 1 :]]
                yield "SQL", ast.JoinedStr(changed) if isinstance(node, ast.JoinedStr) else other
