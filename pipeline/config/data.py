"""The `data` section: where each table comes from."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from leadlens.pipeline.config.parts import Timestamp
from leadlens.pipeline.config.section import Added, Address, HowOnly, Section, Several


class Partitions(Section):
    """Into which parts the rows of a database are cut: ranges of equal length of one column's values."""

    column: str = Field(
        description="A column of whole numbers, dates or timestamps, by its name in your data. Best is one with an index whose "
        "values are spread evenly and never change, such as a serial id."
    )
    count: int = Field(
        16,
        ge=2,
        le=10_000,
        description="How many parts, at most; each has 50,000 rows or more on average.",
    )


class Source(Section):
    """Where one table of the contract comes from, and how its columns are renamed."""

    read: Annotated[str | tuple[str, ...], Several, Address] = Field(
        description="A path or glob of Parquet, CSV, JSON lines or workbooks (.xlsx, .ods; from this file's folder), also in .gz or .zip, a "
        ".duckdb file, a database as SQLAlchemy URL, or a table of Spark's catalog (catalog://schema.table); or a list of paths. ${NAME} and ${NAME:-default} are taken from the environment and never printed."
    )
    table: str | None = Field(
        None,
        description="The table to read, for a database or a .duckdb file; of a workbook the sheet, of a .zip the file in it.",
    )
    query: str | None = Field(
        None,
        description="A short SELECT, where the data must be reshaped. Files: it reads from the table `source`, and from the project's "
        "other sources by their names, in DuckDB's SQL. Databases: it runs in the database, in its SQL dialect; with `table` beside it, as over a file "
        "with the rows of that table.",
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Column mapping: the contract's column name → the name in your data.",
    )
    cursor: Annotated[str | None, Added] = Field(
        None,
        description="Events of a database or of a single file that grows (and any table of Spark's catalog): a column (by its name in your data) whose values "
        "only grow, such as a serial id. Then a run reads only the rows beyond the largest one read before.",
    )
    partitions: Annotated[Partitions | None, HowOnly] = Field(
        None,
        description="Events of a database: read them in parts, with `engine: {name: spark}` each part by a worker, without it one after the other: "
        "partitions: {column: event_no}.",
    )
    where: str | None = Field(
        None, description="Rows to keep: a condition on your columns, after the column mapping."
    )
    missing: tuple[str, ...] = Field(
        (),
        description='Texts that stand for a missing value, such as "Select". The usual words (NULL, N/A …) are known: all of '
        "them in numbers, dates and true/false, those that only programs write in texts and ids.",
    )
    dates: Annotated[Literal["day first", "month first"] | None, Added] = Field(
        None,
        description="CSV and workbooks: how dates such as 01/02/2026 are written, where no date of the column shows which number is the day.",
    )
    decimals: Annotated[Literal["comma", "point"] | None, Added] = Field(
        None,
        description="CSV and workbooks: the mark of decimals, where no value shows whether 1.500 is 1.5 or 1500.",
    )
    encoding: Literal["utf-8", "cp1252", "latin-1", "utf-16"] = Field(
        "utf-8", description="Encoding of CSV files; cp1252 is what Windows and Excel write."
    )

    @property
    def reads(self) -> tuple[str, ...]:
        """The addresses in ``read``, one or several."""
        return (self.read,) if isinstance(self.read, str) else self.read


# One source, or several whose rows stand below each other.
Sources = Annotated[Source | tuple[Source, ...], Several]


class Data(Section):
    """The five contract tables, merged leads, and feedback; only `leads` is required.

    Each is one source, or a list of sources whose rows stand below each other.
    """

    leads: Sources = Field(
        description="One row per lead: lead_id, created_at, account_id, closed_at, attributes."
    )
    accounts: Sources | None = Field(None, description="One row per account: account_id, attributes.")
    events: Sources | None = Field(
        None,
        description="What leads did: lead_id, occurred_at, event_type, known_at, retracted_at, event_id, "
        "properties. An event counts from known_at until retracted_at, if it was retracted.",
    )
    conversions: Sources | None = Field(
        None, description="Who converted: lead_id, converted_at, kind, product, value."
    )
    changes: Sources | None = Field(
        None, description="Edits of attributes: entity, id, attribute, value, known_at."
    )
    aliases: Sources | None = Field(
        None,
        description="Merged leads: old_id, lead_id (the lead it became), merged_at. What the old lead did is the "
        "lead's own at all times, before merged_at too: a merge reveals who somebody was all along.",
    )
    verdicts: Sources | None = Field(
        None,
        description="What sales said of leads: lead_id, given_at, verdict (accepted or rejected), reason, by. "
        "Feedback on score sheets: never visible to a feature, rule or model.",
    )
    answers: Sources | None = Field(
        None,
        description="What customers answered in surveys: lead_id, answered_at, question, answer. Feedback too.",
    )
    objections: Annotated[Sources | None, Added] = Field(
        None,
        description="Leads who object to profiling: lead_id. They are not scored, learned from or judged, and rows written "
        "before are closed.",
    )
    finished: Annotated[Sources | None, Added] = Field(
        None,
        description="Leads that are over, where nothing says since when: lead_id. They are learned from and judged like others, but not "
        "scored, at no as-of, and rows written before are closed. Where the day is known, leads.closed_at says more.",
    )
    others: Annotated[dict[str, Source], Added] = Field(
        default_factory=dict,
        description="Further sources, under names that you choose, for a `query` to read from: others: {deals: {read: deals.csv}}.",
    )
    ends: Timestamp | None = Field(
        None,
        description="End of the data; by default that of the latest creation, event or conversion: closings and changes beyond it are not looked at.",
    )

    def sources(self, table: str) -> tuple[Source, ...]:
        """The sources of one table, in order; none where the project has none."""
        given: Source | tuple[Source, ...] | None = getattr(self, table)
        return () if given is None else (given,) if isinstance(given, Source) else given

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that may be given, in order."""
        return tuple(name for name in type(self).model_fields if name not in ("others", "ends"))

    def places(self, table: str) -> list[tuple[str, Source]]:
        """The sources of one table, each with its place in the project file: ``data.events``, or ``data.events.0``."""
        sources = self.sources(table)
        if len(sources) == 1:
            return [(f"data.{table}", sources[0])]
        return [(f"data.{table}.{number}", source) for number, source in enumerate(sources)]

    def every_place(self) -> list[tuple[str, Source]]:
        """All sources, each with its place."""
        others = [(f"data.others.{name}", source) for name, source in self.others.items()]
        return [place for table in self.tables for place in self.places(table)] + others

    @model_validator(mode="after")
    def _others_are_told_apart(self) -> Data:
        for name, source in self.others.items():
            if name in (*self.tables, "source"):
                taken = "a query's own source" if name == "source" else "a table of the project"
                raise ValueError(f"others.{name} has the name of {taken}: give it another one")
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
                raise ValueError(
                    f"others: the name {name!r} does not fit into a query: use lowercase letters, digits and _"
                )
            for setting in ("columns", "where", "missing", "cursor", "partitions"):
                if getattr(source, setting):
                    raise ValueError(
                        f"others.{name}.{setting} would have no effect: a query sees the rows as they are read, so do it in a `query`"
                    )
        return self

    @model_validator(mode="after")
    def _only_events_are_read_in_parts_and_from_a_cursor_on(self) -> Data:
        for table in (name for name in self.tables if name != "events"):
            for place, source in self.places(table):
                name = place.removeprefix("data.")
                if source.partitions is not None:
                    raise ValueError(f"{name}.partitions would have no effect: only events are read in parts")
                # Spark copies any table of a catalog from a cursor on.
                if source.cursor is not None and not all(
                    read.startswith("catalog://") for read in source.reads
                ):
                    raise ValueError(
                        f"{name}.cursor would have no effect: only events are read from a cursor on, every other table is read whole, so leave it out"
                    )
        return self

    def without_where(self, table: str) -> Data:
        """The same with every row of a table."""
        given = tuple(source.model_copy(update={"where": None}) for source in self.sources(table))
        return self.model_copy(update={table: given[0] if len(given) == 1 else given} if given else {})
