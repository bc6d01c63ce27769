"""Clicks made by bots, kept beside the events: a later event may change what is known of an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from leadlens.features import DuckDBEngine, Finding, Step
from leadlens.pipeline.config import Bots, ProjectFile
from leadlens.pipeline.prepared.event_layout import Array
from leadlens.pipeline.prepared.event_planning import Grown
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.manifest import Crowds, Events, Noted, StoredFile, StoredTable
from leadlens.pipeline.prepared.sorted_files import scan
from leadlens.pipeline.sources.cleaning import now_literal
from leadlens.pipeline.sources.hygiene.bot_steps import TABLES, MailEvents, crowd_size
from leadlens.pipeline.sources.hygiene.bots import CONSIDERABLE, look_for_bots, mail_events, refuse_machine

_COLUMNS = {"_lead_no": "INTEGER", "occurred_at": "TIMESTAMP", "_event_key": "BIGINT", "since": "TIMESTAMP"}


@dataclass(frozen=True)
class MachineClicks:
    """Findings about clicks made by bots, a row per click that is marked, how many come in crowds, and the first open known."""

    findings: tuple[Noted, ...] = ()
    marked: StoredTable = field(default_factory=lambda: StoredTable(columns=_COLUMNS))
    crowds: Crowds | None = None
    opens_since: datetime | None = None


def mark_machine_clicks(
    file: ProjectFile,
    engine: DuckDBEngine,
    folder: PreparedFolder,
    events: Events,
    stored: StoredTable,
    grown: Grown | None = None,
    known: Crowds | None = None,
) -> MachineClicks:
    """What bots did; clicks are marked but for ``mode: report``.

    Only clicks and opens are read, with the properties that tell mails and links apart. ``known`` are the crowds
    among the old events where they have ``grown``: then only clicks close in time to new ones are counted.
    """
    bots, findings = file.project.hygiene.bots, list[Finding]()
    if bots.mode == "off" or not stored.files:
        return MachineClicks()
    refuse_machine(bots, events.properties, file.path.name)
    now = (datetime.now(UTC).replace(tzinfo=None) - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    future = any(run.latest_known > now for run in events.runs)
    visible = f"coalesce(known_at, occurred_at) <= {now_literal(engine)}" if future else "TRUE"
    clicks = _Clicks(engine, folder, bots)
    if future or grown is None:
        known = None
    present = set(known.types) if known and grown else set()
    present |= clicks.types(grown.new if known and grown else stored.files, visible)
    if not present:  # all events are of the future
        return MachineClicks()
    mail = mail_events(sorted(present), bots, dict(events.properties), findings, file.path.name)
    if not mail.clicks:
        return MachineClicks(tuple(map(Noted.of, findings)))
    crowds = None
    if bots.mode == "report":
        least = crowd_size(bots)
        if least is None:
            return MachineClicks(tuple(map(Noted.of, findings)))
        if known and grown and known.of == mail.clicks:
            crowds = clicks.more_crowds(known, grown, least)
        else:
            crowds = clicks.crowds(stored.files, mail, least)
        crowds = crowds.model_copy(update={"types": tuple(sorted(present))})
        if crowds.crowded < max(1, CONSIDERABLE * crowds.clicks):
            return MachineClicks(tuple(map(Noted.of, findings)), crowds=None if future else crowds)
    quote, literal = engine.dialect.quote, engine.dialect.literal
    types = [*mail.clicks, *mail.opens, *(t for t in (*bots.clicks, *bots.opens) if t in present)]
    columns = "".join(
        f", {events.types[name]} AS {quote(name)}" for name in dict.fromkeys((mail.mail, mail.link)) if name
    )
    rows = f"""
        SELECT
          _lead_no AS lead_id, occurred_at, coalesce(known_at, occurred_at) AS known_at, event_type,
          _event_key{columns}
        FROM {scan(engine, [folder.file(item) for item in stored.files])}
        WHERE event_type IN ({", ".join(map(literal, types))}) AND {visible}
    """
    engine.run([Step("events", rows)])
    try:
        look_for_bots(engine, bots, mail, findings)
        if bots.mode == "report":
            return MachineClicks(tuple(map(Noted.of, findings)), crowds=None if future else crowds)
        # In `feature` mode a click counts as made by a machine only where that was seen at once.
        since = "b.since" if bots.mode == "filter" else "CASE WHEN b.since <= e.known_at THEN b.since END"
        keep = "b.since IS NOT NULL" if bots.mode == "filter" else "TRUE"
        reader = engine.connection.sql(
            f"""
            SELECT e.lead_id AS _lead_no, e.occurred_at, e._event_key, min({since}) AS since
            FROM bot_clicks AS b
            JOIN events AS e ON e.rowid = b.r
            WHERE {keep}
            GROUP BY ALL
            ORDER BY ALL
            """
        ).to_arrow_reader(1 << 16)
        written = folder.write("machine_clicks", reader, reader.schema)
        marked = StoredTable(files=(written,) if written else (), columns=_COLUMNS)
        opens_since = engine.value("SELECT min(opened.known_at) FROM bot_opens")
        return MachineClicks(tuple(map(Noted.of, findings)), marked, opens_since=opens_since)
    finally:
        engine.drop("events", *TABLES)


class _Clicks:
    """Whether so many clicks come in crowds that there could be something to say: far cheaper than to look for bots."""

    def __init__(self, engine: DuckDBEngine, folder: PreparedFolder, bots: Bots) -> None:
        self.engine, self.folder = engine, folder
        self.within = bots.within // timedelta(microseconds=1)

    def types(self, files: Sequence[StoredFile], where: str) -> set[str]:
        """The types of events in some files."""
        if not files:
            return set()
        found = self.engine.connection.execute(
            f"SELECT DISTINCT event_type FROM {self._scan(files)} WHERE {where}"
        )
        return {row[0] for row in found.fetchall()}

    def crowds(self, files: Sequence[StoredFile], mail: MailEvents, least: int) -> Crowds:
        """Counted among all clicks, part by part."""
        crowded, clicks = 0, 0
        for part in sorted({file.part for file in files}):
            lead, at = self._read([file for file in files if file.part == part], mail.clicks)
            crowded += self._crowded(lead, at, least)
            clicks += len(lead)
        return Crowds(types=(), of=mail.clicks, clicks=clicks, crowded=crowded)

    def more_crowds(self, known: Crowds, grown: Grown, least: int) -> Crowds:
        """What was ``known``, and what new clicks make of those around them.

        A click changes nothing for clicks further away than ``within``, and whether these are in a crowd depends on
        clicks as far from them again.
        """
        lead, at = self._read(grown.new, known.of)
        if not len(lead):
            return known
        around, then = self._read(grown.old, known.of, int(at.min()) - 2 * self.within)
        near = np.isin(around, lead)
        around, then = around[near], then[near]
        both = np.concatenate([lead, around]), np.concatenate([at, then])
        more = self._crowded(*both, least) - self._crowded(around, then, least)
        return known.model_copy(update={"clicks": known.clicks + len(lead), "crowded": known.crowded + more})

    def _scan(self, files: Sequence[StoredFile]) -> str:
        return scan(self.engine, [self.folder.file(file) for file in files])

    def _read(
        self, files: Sequence[StoredFile], types: Sequence[str], since: int | None = None
    ) -> tuple[Array, Array]:
        """(leads, microseconds) of all clicks in some files, or of those ``since`` then."""
        if not files:
            return np.empty(0, np.int32), np.empty(0, np.int64)
        chosen = ", ".join(map(self.engine.dialect.literal, types))
        late = "" if since is None else f"AND occurred_at >= make_timestamp({since})"
        columns = self.engine.connection.execute(
            f"""
            SELECT _lead_no, epoch_us(occurred_at) AS at
            FROM {self._scan(files)}
            WHERE event_type IN ({chosen}) {late}
            """
        ).fetchnumpy()
        return np.asarray(columns["_lead_no"]), np.asarray(columns["at"])

    def _crowded(self, lead: Array, at: Array, least: int) -> int:
        return count_crowded(lead, at, self.within, least)


def count_crowded(lead: Array, at: Array, within: int, least: int) -> int:
    """Events that are among ``least`` of their lead within so many microseconds."""
    if len(lead) < least:
        return 0
    order = np.lexsort((at, lead))
    lead, at = lead[order], at[order]
    first, last = slice(0, len(lead) - least + 1), slice(least - 1, None)
    starts = np.flatnonzero((lead[first] == lead[last]) & (at[last] - at[first] <= within))
    begun = np.zeros(len(lead) + 1, np.int64)  # crowds that begin at a place, less those that are over
    begun[starts] += 1
    begun[starts + least] -= 1
    return int(np.count_nonzero(np.cumsum(begun)))
