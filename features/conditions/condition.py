"""Conditions that users write in SQL: parsed, checked against a whitelist, and written anew for the engine.

``event_type = 'page_viewed' AND page ILIKE '%pricing%'`` is a condition over event columns. What reaches
the engine is never the user's text: SQLGlot parses it, :mod:`leadlens.features.conditions.reader` turns the few allowed
nodes into a tree of our own, and the tree is written back with quoted identifiers and escaped literals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from leadlens.features.conditions.tree import Call, Column, Node, Value, moved, walk, write
from leadlens.features.engines.dialect import Dialect
from leadlens.features.history import Kind


@dataclass(frozen=True)
class Condition:
    """A checked true-or-false statement about one row; make one with :meth:`parse`.

    As in SQL, a comparison with a missing value is neither true nor false: ``industry <> 'retail'`` does not
    hold for a row without industry; say ``OR industry IS NULL`` where it should.

    >>> from leadlens.features.engines.dialect import DuckDBDialect
    >>> condition = Condition.parse("age > 30 AND account.industry = 'IT'", {"age": "number"},
    ...                             tables={"account": {"industry": "category"}})
    >>> condition.sql(DuckDBDialect(), {"": "l", "account": "a"})
    '(("l"."age" > 30) AND ("a"."industry" = \\'IT\\'))'
    >>> sorted(condition.columns_used)
    ['account.industry', 'age']
    """

    text: str = field(compare=False)
    root: Node

    @classmethod
    def parse(
        cls,
        text: str,
        columns: Mapping[str, Kind],
        where: str | None = None,
        tables: Mapping[str, Mapping[str, Kind]] | None = None,
        lists: Mapping[str, Sequence[str]] | None = None,
    ) -> Condition:
        """Read a condition over ``columns`` (written bare) and ``tables`` (prefix -> columns); ``lists`` are values
        that a column may be ``IN`` by name.

        Allowed: columns, numbers, ``'text'``, ``TRUE`` / ``FALSE``, ``DATE '2026-01-31'``, comparisons,
        ``IN`` a list, ``BETWEEN``, ``[NOT] [I]LIKE``, ``IS [NOT] NULL``, ``AND OR NOT``, ``+ - * /``,
        ``lower upper trim length coalesce``. Names are looked up exactly, then regardless of case where
        that is unambiguous.

        Raises ``UsageError`` (with ``where``: a file and line) for anything else.
        """
        from leadlens.features.conditions.reader import read_condition

        return cls(text, read_condition(text, {"": columns, **(tables or {})}, where, lists))

    @property
    def columns_used(self) -> frozenset[str]:
        """The columns the condition reads, as written: ``page``, ``account.industry``."""
        return frozenset(str(node) for node in walk(self.root) if isinstance(node, Column))

    def sql(self, dialect: Dialect, aliases: str | Mapping[str, str] = "") -> str:
        """The condition for the engine; ``aliases`` is an alias for bare columns, or one for each prefix."""
        return write(self.root, dialect, {"": aliases} if isinstance(aliases, str) else aliases)

    def moved(self, change: Callable[[Column], Column]) -> Condition:
        """The same condition over columns elsewhere: of another table, or under another name."""
        return replace(self, root=moved(self.root, change))

    def texts_sought(self) -> frozenset[tuple[str, str]]:
        """Each (column, text) that the condition compares for equality; for finding misspelt values."""
        return frozenset(
            (str(column), value.value)
            for node in walk(self.root)
            if isinstance(node, Call) and node.op in ("=", "in", "<>")
            for column in node.args
            if isinstance(column, Column)
            for value in node.args
            if isinstance(value, Value) and isinstance(value.value, str)
        )

    def __str__(self) -> str:
        return self.text
