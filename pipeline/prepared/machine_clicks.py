"""Clicks made by bots, kept beside the events: a later event may change what is known of an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from leadlens.features import DuckDBEngine, Finding
from leadlens.pipeline.config import Bots, ProjectFile
from leadlens.pipeline.prepared.click_marking import ClickMarking, MachineClicks, visible
from leadlens.pipeline.prepared.event_layout import Array
from leadlens.pipeline.prepared.event_planning import Change
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.manifest import Crowds, Events, Noted, StoredFile, StoredTable
from leadlens.pipeline.prepared.sorted_files import scan
from leadlens.pipeline.sources.hygiene.bot_steps import MailEvents, crowd_size
from leadlens.pipeline.sources.hygiene.bots import CONSIDERABLE, bot_findings, mail_events, refuse_machine


def mark_machine_clicks(
    file: ProjectFile,
    engine: DuckDBEngine,
    folder: PreparedFolder,
    events: Events,
    stored: StoredTable,
    change: Change | None = None,
    before: MachineClicks | None = None,
) -> MachineClicks:
    """What bots did; clicks are marked but for ``mode: report``.

    Only clicks and opens are read, with the properties that tell mails and links apart. ``before`` is what they did
    among the events of before the ``change``: then only leads whose clicks or opens are others now are looked at, and
    crowds, where nothing is gone, are only counted close in time to new clicks.
    """
    bots, findings = file.project.hygiene.bots, list[Finding]()
    if bots.mode == "off" or not stored.files:
        return MachineClicks()
    refuse_machine(bots, events.properties, file.path.name)
    now = datetime.now(UTC).replace(tzinfo=None)
    since_1970 = (now - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    # What becomes known in the future is not looked at.
    until = now if any(run.latest_known > since_1970 for run in events.runs) else None
    clicks = _Clicks(engine, folder, bots)
    marks = before.marks if before and change else None
    # Nothing is gone, and everything was visible: only what came has to be looked at.
    grown = change if change and not change.gone and until is None else None
    crowds = before.crowds if before and grown else None
    known = crowds or (marks if marks and marks.until is None else None)
    present = set(known.types) if known and grown else set()
    present |= clicks.types(grown.came if known and grown else stored.files, visible(engine, until))
    if not present:  # all events are of the future
        return MachineClicks()
    mail = mail_events(sorted(present), bots, dict(events.properties), findings, file.path.name)
    if not mail.clicks:
        return MachineClicks(tuple(map(Noted.of, findings)))
    if bots.mode == "report":
        least = crowd_size(bots)
        if least is None:
            return MachineClicks(tuple(map(Noted.of, findings)))
        if crowds and grown and crowds.of == mail.clicks:
            crowds = clicks.more_crowds(crowds, grown, least)
        else:
            crowds = clicks.crowds(stored.files, mail, least)
        crowds = crowds.model_copy(update={"types": tuple(sorted(present))})
        if crowds.crowded < max(1, CONSIDERABLE * crowds.clicks):
            return MachineClicks(tuple(map(Noted.of, findings)), crowds=None if until else crowds)
    marking = ClickMarking(engine, folder, bots, events, mail, until)
    made = marking.anew(before, marks, change, stored.files) if before and marks and change else None
    made = made or marking.all(stored.files)
    assert made.marks is not None
    findings += bot_findings(made.marks.counts, bots, mail)
    return replace(
        made,
        findings=tuple(map(Noted.of, findings)),
        crowds=None if until else crowds,
        marks=made.marks.model_copy(update={"types": tuple(sorted(present))}),
    )


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

    def more_crowds(self, known: Crowds, grown: Change, least: int) -> Crowds:
        """What was ``known``, and what new clicks make of those around them.

        A click changes nothing for clicks further away than ``within``, and whether these are in a crowd depends on
        clicks as far from them again.
        """
        lead, at = self._read(grown.came, known.of)
        if not len(lead):
            return known
        around, then = self._read(grown.before, known.of, int(at.min()) - 2 * self.within)
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
