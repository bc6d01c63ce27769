"""Where the rows of a table come from: its sources, as the project file names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from leadlens.pipeline.config import Source, unexpanded

SOURCE_NO = "_leadlens_source_no"  # the column of the number of a row’s source, in lower case


@dataclass(frozen=True)
class Origin:
    """One source of a table: its place in the project file, what it reads, and its columns: after the mapping → before."""

    place: str
    read: str
    columns: Mapping[str, str]

    @classmethod
    def of(cls, place: str, source: Source) -> Origin:
        """That of a source of the project file."""
        return cls(place, ", ".join(map(unexpanded, source.reads)), source.columns)

    def __str__(self) -> str:
        return f"{self.place} ({self.read})"
