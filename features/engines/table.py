"""A table as a value: made by a step, handed on as an argument, dropped by whoever made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from leadlens.features.engines.engine import Engine, Step, StepReport

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """A handle on one table of an engine. Functions take and return handles; but for the tables of
    the opened history, none reads a table of another by its name.

    In an f-string a handle is its table's name, so that SQL reads ``FROM {spine} AS s``. The name is the one that
    was asked for unless another living handle has it. ``with`` drops the table at the end of the block.

    >>> from leadlens.features import DuckDBEngine
    >>> engine = DuckDBEngine()
    >>> with Table.make(engine, "answers", "SELECT 42 AS n") as answers:
    ...     (answers.rows, str(answers), engine.count(f"{answers} WHERE n > 41"))
    (1, 'answers', 1)
    """

    engine: Engine = field(repr=False)
    name: str

    @classmethod
    def make(
        cls, engine: Engine, name: str, sql: str, watch: Callable[[StepReport], None] | None = None
    ) -> Self:
        """Run a SELECT into a new table. Raises ``DataError`` naming the step that failed."""
        table = cls(engine, engine.claim(name))
        try:
            engine.run([Step(table.name, sql)], watch)
        except BaseException:
            table.drop()
            raise
        return table

    @classmethod
    def of(cls, engine: Engine, name: str, frame: pd.DataFrame) -> Self:
        """A new table with the rows of a pandas frame; a copy is taken."""
        table = cls(engine, engine.claim(name))
        try:
            engine.register(table.name, frame)
        except BaseException:
            table.drop()
            raise
        return table

    @cached_property
    def rows(self) -> int:
        """How many rows it has, counted once."""
        return self.engine.count(self.name)

    def drop(self) -> None:
        """Forget the table; doing so twice is fine."""
        self.engine.drop(self.name)
        self.engine.release(self.name)

    def __str__(self) -> str:
        return self.name

    def __len__(self) -> int:
        return self.rows

    def __bool__(self) -> bool:
        return True  # a handle on an empty table is still a handle

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drop()
