"""The opened history: the five contract tables in an engine, and what is known about their columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Literal, Self

from leadlens.features.engines import Engine
from leadlens.features.errors import UsageError

Kind = Literal["number", "category", "boolean", "time", "text"]
Clock = Literal["time", "sequence", "none"]


@dataclass(frozen=True)
class Finding:
    """Something the user should know about the data.

    ``level`` is ``"warning"`` (work goes on) or ``"note"``; ``code`` is stable, for machines. ``share`` says of how many of the leads,
    or of the events, it speaks, where it speaks of either.
    """

    code: str
    message: str
    level: Literal["warning", "note"] = "warning"
    count: int | None = None
    share: float | None = None


@dataclass(frozen=True)
class History:
    """What happened, as five tables (design: "The data contract"), from which any past state can be built.

    Attributes
    ----------
    engine : holds the tables ``leads``, ``accounts``, ``events``, ``conversions`` and ``changes``; all five
        always exist. Ids are text, timestamps are UTC without a zone, ``events.known_at`` is never NULL,
        ``events.retracted_at`` always there: an event counts from ``known_at`` until it is retracted
        (NULL: never). :func:`leadlens.features.visibility.known_by` is that rule in SQL.
    data_end : the end of the data; a label that would need later data is immature.
    lead_attributes, account_attributes, event_properties : the user's own columns and their kind.
    clock : ``"time"``; ``"sequence"`` when only an order is known (one second stands for one step);
        ``"none"`` when there is no order at all.
    hidden : columns declared ``known_after``; they are in no table, but for those that people are shown.
    findings : what was found while opening the data.
    version : of the prepared history that it is a view of; ``None`` for one that was read into memory.
    """

    engine: Engine
    data_end: datetime
    lead_attributes: Mapping[str, Kind]
    account_attributes: Mapping[str, Kind]
    event_properties: Mapping[str, Kind]
    clock: Clock = "time"
    hidden: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(default=())
    version: int | None = None

    def moment(self, as_of: datetime | None = None) -> datetime:
        """The as-of time that was asked for, by default the data's end.

        Raises ``UsageError`` where one was asked for and the data have no dates.
        """
        if as_of is not None and self.clock != "time":
            raise UsageError(
                "an as-of date means nothing here",
                value=f"{as_of:%Y-%m-%d}",
                why="the data have no dates (`order`): all that is known of a lead is known at once",
                fix="leave --as-of out, or give leads a created_at",
            )
        return as_of or self.data_end

    def shown(self, at: datetime) -> datetime | None:
        """A time as people may see it; ``None`` where the data have no dates, and times stand for an order or nothing."""
        return at if self.clock == "time" else None

    def require_dates(self, what: str) -> None:
        """Raise ``UsageError`` where the data have no dates; ``what`` needs them."""
        require_dates(self.clock, what)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.close()

    def __repr__(self) -> str:
        counts = {
            table: self.engine.value(f"SELECT count(*) FROM {table}")
            for table in ("leads", "accounts", "events", "conversions", "changes")
        }
        rows = ", ".join(f"{count:,} {table}" for table, count in counts.items() if count)
        return f"History({rows}; to {self.data_end:%Y-%m-%d %H:%M} UTC)"


def require_dates(clock: Clock, what: str) -> None:
    """Raise ``UsageError`` for data without dates; ``what`` needs them."""
    if clock != "time":
        raise UsageError(
            f"{what} needs dates, and the data have none",
            value=f"order: {clock}",
            fix="give leads a created_at, and leave `order` out",
        )
