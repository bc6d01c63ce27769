"""The columns of events as they are kept, and what tells two events apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]
WORTH_COMPILING = 2_000_000  # rows; compiled loops take over a second to load
NULL_TIME = -(2**63)  # an unknown time, among times in microseconds
# SQL type of a property → how its values are held in numbers: texts by their code, 0 for NULL.
_NUMBERS = {"VARCHAR": "i4", "DOUBLE": "f8", "BOOLEAN": "i1", "TIMESTAMP": "i8"}
_ARROW = {
    "INTEGER": pa.int32(),
    "VARCHAR": pa.dictionary(pa.int32(), pa.string()),
    "TIMESTAMP": pa.timestamp("us"),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "BIGINT": pa.int64(),
}


@dataclass(frozen=True)
class Layout:
    """The columns of events as they are kept: contract columns first, then properties by SQL type.

    ``properties`` are names and SQL types: VARCHAR, DOUBLE, BOOLEAN or TIMESTAMP.
    """

    properties: Mapping[str, str]
    optional: frozenset[str]  # of known_at and retracted_at, those that the sources have

    @property
    def columns(self) -> dict[str, str]:
        """Names and SQL types in the order of the files."""
        return {
            "_lead_no": "INTEGER",
            "lead_id": "VARCHAR",
            "occurred_at": "TIMESTAMP",
            "known_at": "TIMESTAMP",
            "event_type": "VARCHAR",
            "retracted_at": "TIMESTAMP",
            **self.properties,
            "_event_key": "BIGINT",
            "_with_id": "BOOLEAN",
            "_source": "INTEGER",
        }

    @property
    def schema(self) -> pa.Schema:
        """Of the files."""
        return pa.schema([(name, _ARROW[kind]) for name, kind in self.columns.items()])

    @property
    def texts(self) -> list[str]:
        """The columns whose values have codes."""
        return ["event_type", *(name for name, kind in self.properties.items() if kind == "VARCHAR")]

    @property
    def numbers(self) -> dict[str, str]:
        """Names and NumPy types of what a row is made of while it is sorted; properties under :meth:`own`."""
        kinds = {"lead": "i4", "occurred": "i8", "content": "u8", "key": "i8", "with_id": "?", "source": "i4"}
        kinds |= {name: "i8" for name in ("known_at", "retracted_at") if name in self.optional}
        kinds["event_type"] = "i4"
        return kinds | {self.own(name): _NUMBERS[kind] for name, kind in self.properties.items()}

    def own(self, name: str) -> str:
        """The name of a column among :attr:`numbers`: no property may have that of another column."""
        return f"p{list(self.properties).index(name)}" if name in self.properties else name

    @property
    def values(self) -> list[str]:
        """Columns that make two events of a lead different, besides ``occurred_at`` and the event id."""
        return ["event_type", "known_at", "retracted_at", *self.properties]


def content_sql(layout: Layout, quote: Any, alias: str, with_id: str) -> str:
    """A hash of all that makes two events of a lead at the same time different."""
    values = ", ".join(f"{alias}.{quote(name)}" for name in layout.values)
    return f"hash(CASE WHEN {with_id} THEN {alias}._event_key ELSE 0 END, {values})"


def key_sql(alias: str, lead_no: str, content: str) -> str:
    """What is equal for rows that may be the same event: by its id, or, without one, by all of its columns."""
    return (
        f"CASE WHEN {alias}._with_id THEN {alias}._event_key "
        f"ELSE CAST(hash({lead_no}, {alias}.occurred_at, {content}) >> 1 AS BIGINT) END"
    )
