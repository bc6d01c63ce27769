"""Table names: checked, quoted, and the names of the tables that accompany one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from leadlens.features.errors import UsageError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 63 - len("_history")  # PostgreSQL silently cuts names after 63 bytes


@dataclass(frozen=True)
class TableNames:
    """The three tables of one write-back and the view of open leads, ready to be put into SQL.

    >>> TableNames.parse("crm.lead_scores").history
    '"crm"."lead_scores_history"'
    """

    schema: str | None
    table: str
    catalog: str | None = None  # of a DuckDB file, which may be called like a schema in it

    @classmethod
    def parse(cls, text: str) -> TableNames:
        """``table`` or ``schema.table``; raises UsageError for anything that is not a plain identifier."""
        parts = text.split(".")
        good = 1 <= len(parts) <= 2 and all(
            _IDENTIFIER.fullmatch(part) and len(part) <= _LONGEST for part in parts
        )
        if not good:
            raise UsageError(
                "this is not a valid table name",
                value=text,
                why="the name becomes part of SQL, so only plain names are accepted",
                fix=f"use letters, digits and _ (at most {_LONGEST}), as `table` or `schema.table`",
            )
        if parts[-1].lower() == "scoring_runs":
            raise UsageError(
                "the table name scoring_runs is reserved for the list of runs",
                value=text,
                fix="choose another name",
            )
        return cls(parts[0] if len(parts) == 2 else None, parts[-1])

    @property
    def scores(self) -> str:
        return self._quoted(self.table)

    @property
    def history(self) -> str:
        return self._quoted(f"{self.table}_history")

    @property
    def runs(self) -> str:
        return self._quoted("scoring_runs")

    @property
    def quoted_schema(self) -> str:
        """The schema, in its catalog where that is known."""
        schema = f'"{self.schema or "main"}"'
        return schema if self.catalog is None else '"' + self.catalog.replace('"', '""') + f'".{schema}'

    @property
    def view(self) -> str:
        return self._quoted(f"open_{self.table}")

    @property
    def plain(self) -> str:
        """The name as the user wrote it."""
        return f"{self.schema}.{self.table}" if self.schema else self.table

    def _quoted(self, table: str) -> str:
        bare = self.schema is None and self.catalog is None
        return f'"{table}"' if bare else f'{self.quoted_schema}."{table}"'
