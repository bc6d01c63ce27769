"""What a raw lead may hold: the columns of the history that its model learned from, and what was known of all leads."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from leadlens.features.history import Clock, Kind


class RawColumns(BaseModel):
    """The columns beyond the data contract, by name, and their kinds.

    ``hidden`` are those that no feature may read. ``opens_since`` is when the first open of a mail became known, by which
    machines are recognised whose clicks come before any open; ``None`` where none is sought. ``data_end`` is the end of the
    data, ``version`` that of the prepared history.
    """

    model_config = ConfigDict(frozen=True)

    lead: dict[str, Kind]
    account: dict[str, Kind]
    event: dict[str, Kind]
    hidden: tuple[str, ...] = ()
    opens_since: datetime | None = None
    data_end: datetime
    clock: Clock = "time"
    version: int | None = None

    def of(self, table: str) -> dict[str, Kind]:
        """Those of one table."""
        kinds: dict[str, dict[str, Kind]] = {
            "leads": self.lead,
            "accounts": self.account,
            "events": self.event,
        }
        return kinds.get(table, {})
