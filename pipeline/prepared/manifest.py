"""What a prepared history consists of: files and their checksums, what they were made of, and what was found."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import duckdb
from pydantic import BaseModel, ConfigDict

from leadlens.features import Finding
from leadlens.features.history import Kind
from leadlens.pipeline.sources.partitions import Partitions

# Rows are told apart by DuckDB's own hash, which another version may compute differently.
FORMAT = f"8/duckdb-{duckdb.__version__}"


# Findings about leads that say how many events are theirs.
COUNTING_EVENTS = {"leads-merged", "alias-unused", "lead-excluded", "lead-internal", "lead-test"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class FileMark(_Part):
    """What identifies the content of a source file: while size and times stand still, so does the digest.

    ``partitions`` are columns that its folders are named after.
    """

    path: str
    size: int
    modified_ns: int
    changed_ns: int
    digest: str
    partitions: Partitions = ()

    @property
    def content(self) -> tuple[int, str, Partitions]:
        """Equal for files that hold the same."""
        return self.size, self.digest, self.partitions

    def same_content(self, other: FileMark) -> bool:
        return self.content == other.content


class StoredFile(_Part):
    """A file of the prepared history. ``run`` and ``part`` say which events are in it."""

    path: str
    rows: int
    size: int
    modified_ns: int
    digest: str
    run: int = 0
    part: int = 0


class StoredTable(_Part):
    """The files of one table, its version in the Delta log, and names and SQL types of its columns."""

    files: tuple[StoredFile, ...] = ()
    version: int = -1
    columns: dict[str, str] = {}

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


class Noted(_Part):
    """A finding, as it is stored."""

    code: str
    message: str
    level: Literal["warning", "note"] = "warning"
    count: int | None = None
    share: float | None = None

    @classmethod
    def of(cls, finding: Finding) -> Noted:
        return cls(
            code=finding.code,
            message=finding.message,
            level=finding.level,
            count=finding.count,
            share=finding.share,
        )

    def finding(self) -> Finding:
        return Finding(self.code, self.message, self.level, self.count, self.share)


class Records(_Part):
    """Everything but the events: leads, accounts, conversions, changes, feedback.

    ``read`` are the findings about reading each table, ``before`` and ``after`` those about cleaning that come before
    and after the ones about events. ``counts_events`` says whether any of them counts events, too, ``ripens`` when
    the first row that is left out as one of the future will count.
    """

    kinds: dict[str, dict[str, Kind]]
    hidden: tuple[str, ...]
    read: dict[str, tuple[Noted, ...]]
    before: tuple[Noted, ...]
    after: tuple[Noted, ...]
    first: datetime
    latest: datetime
    counts_events: bool
    ripens: datetime | None = None

    def same_tables(self, other: Records) -> bool:
        """Whether all is equal but for what is said of events."""
        return self._without_events() == other._without_events()

    def _without_events(self) -> Records:
        before = tuple(note for note in self.before if note.code not in COUNTING_EVENTS)
        return self.model_copy(update={"before": before, "counts_events": False})


class EventSource(_Part):
    """A file of events (or the rows of a growing table up to some cursor), and what was counted while it was read.

    ``place`` is the number of the project's source of events that it belongs to.
    ``columns`` are names and SQL types as read, ``empty`` those without any value, ``fits`` the types that every value of a column of
    CSV, which is ``text``, can be read as,
    ``words`` the words for “not known” by column, and how often they occur, ``unclear`` a value of each column of a query's files of
    which it is not clear what its points mean.
    ``checks`` counts rows by a condition in SQL, ``tallies`` by what is wrong with them, ``strangers`` are rows of
    leads that are in no table, with the first of their ids in ``stranger``.
    """

    number: int
    place: int = 0
    mark: FileMark | None
    cursor: str | None = None
    columns: dict[str, str]
    fits: dict[str, tuple[str, ...]] = {}
    empty: tuple[str, ...] = ()
    text: bool = False
    words: dict[str, dict[str, int]] = {}
    unclear: dict[str, str] = {}
    rows: int
    checks: dict[str, int] = {}
    tallies: dict[str, int] = {}


class EventRun(_Part):
    """Events that were sorted together.

    ``latest`` and ``latest_known`` are in microseconds since 1970, ``days`` counts rows by day since then.
    """

    number: int
    sources: tuple[int, ...]
    rows: int
    latest: int
    latest_known: int
    ancient: int
    early: int
    days: dict[int, int]


class Crowds(_Part):
    """How many ``clicks`` (events of the types ``of``) come in crowds, and the types of all events."""

    types: tuple[str, ...]
    of: tuple[str, ...]
    clicks: int
    crowded: int


class Marks(_Part):
    """How many clicks are recognised as made by bots (``bots.look_for_bots``), and what they were recognised by.

    ``types`` are those of all events; ``by`` the types of clicks and of opens, and how mail and link are read.
    ``until`` is when that was, if some events became known only later: those are not among them.
    """

    types: tuple[str, ...]
    by: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    until: datetime | None = None
    counts: dict[str, int]


class Events(_Part):
    """The events: sources, sorted runs, and which rows gave way to which.

    ``strays`` are leads that belong to another part than the one that they are kept in, since they got an account
    later: (number, part).
    ``opens_since`` is when the first open of a mail became known, where clicks made by bots are marked.
    ``pairs`` counts rows by (the source whose row was kept, the source whose row was left out, why).
    """

    sources: tuple[EventSource, ...] = ()
    runs: tuple[EventRun, ...] = ()
    parts: int = 1
    strays: tuple[tuple[int, int], ...] = ()
    properties: dict[str, Kind] = {}
    types: dict[str, str] = {}
    hidden: tuple[str, ...] = ()
    where: tuple[Noted, ...] = ()
    read: tuple[Noted, ...] = ()
    pairs: tuple[tuple[int, int, str, int], ...] = ()
    next_source: int = 0
    next_run: int = 0
    bots: tuple[Noted, ...] = ()
    crowds: Crowds | None = None
    marks: Marks | None = None
    opens_since: datetime | None = None
    stranger: str | None = None
    strangers: int = 0


class Manifest(_Part):
    """One version of a prepared history."""

    format: str = FORMAT
    version: int
    made_at: datetime
    looks: dict[str, tuple[FileMark, ...]]  # by place in the project file: data.leads, data.events.0
    records: Records
    events: Events
    tables: dict[str, StoredTable]
