"""Which clicks are marked as made by bots: looked for among all of them, or of leads whose clicks or opens have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from leadlens.features import DuckDBEngine, Step
from leadlens.pipeline.config import Bots
from leadlens.pipeline.prepared.event_planning import Change
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.manifest import Crowds, Events, Marks, Noted, StoredFile, StoredTable
from leadlens.pipeline.prepared.sorted_files import scan
from leadlens.pipeline.sources.hygiene.bot_steps import TABLES, MailEvents
from leadlens.pipeline.sources.hygiene.bots import look_for_bots

_COLUMNS = {"_lead_no": "INTEGER", "occurred_at": "TIMESTAMP", "_event_key": "BIGINT", "since": "TIMESTAMP"}
_MOST_TOUCHED = 0.5  # of the leads; with more it is quicker to look at all


@dataclass(frozen=True)
class MachineClicks:
    """Findings about clicks made by bots, a row per click that is marked, what was counted, and the first open known."""

    findings: tuple[Noted, ...] = ()
    marked: StoredTable = field(default_factory=lambda: StoredTable(columns=_COLUMNS))
    crowds: Crowds | None = None
    marks: Marks | None = None
    opens_since: datetime | None = None


class ClickMarking:
    """Looks for bots among all clicks, or among those of leads for whom something has changed.

    Parameters
    ----------
    mail : the events that are clicks and opens, and the properties that tell mails and links apart.
    until : what becomes known later is not looked at; ``None`` where nothing does.
    """

    def __init__(
        self,
        engine: DuckDBEngine,
        folder: PreparedFolder,
        bots: Bots,
        events: Events,
        mail: MailEvents,
        until: datetime | None,
    ) -> None:
        self.engine, self.folder, self.bots, self.mail, self.until = engine, folder, bots, mail, until
        columns, quote = dict.fromkeys(name for name in (mail.mail, mail.link) if name), engine.dialect.quote
        self._named = "".join(f", {quote(name)}" for name in columns)
        self._columns = "".join(f", {events.types[name]} AS {quote(name)}" for name in columns)

    def all(self, files: Sequence[StoredFile]) -> MachineClicks:
        """Of all events."""
        try:
            counts = self._look(files, self.until)
            opens_since = self.engine.value("SELECT min(opened.known_at) FROM bot_opens")
            marked = StoredTable(columns=_COLUMNS)
            if self.bots.mode != "report":
                marked = self._written(self._marked())
            return MachineClicks(marked=marked, marks=self._marks(counts), opens_since=opens_since)
        finally:
            self.engine.drop("events", *TABLES)

    def anew(
        self, before: MachineClicks, known: Marks, change: Change, files: Sequence[StoredFile]
    ) -> MachineClicks | None:
        """What was seen ``before``, with the leads looked at again whose clicks or opens are others now.

        Patterns are of one lead; all leads share only when the first open became known. ``None`` where that may be
        another now, or other events are clicks or opens, or where so many leads have changed that it is quicker to look at all.
        """
        engine, since = self.engine, before.opens_since
        if known.by != self._by:
            return None
        grown = not change.gone and known.until is None
        opens = [self._first_open(change.came if grown else files, self.until), since if grown else None]
        if min((time for time in opens if time), default=None) != since:
            return None
        engine.run([Step("touched", self._touched(change, known.until))])
        try:
            touched = engine.count("touched")
            if not touched:
                return replace(before, marks=self._marks(Counter(known.counts)))
            if touched > _MOST_TOUCHED * engine.count("leads"):
                return None
            theirs = "AND _lead_no IN (SELECT _lead_no FROM touched)"
            counts = Counter(known.counts)
            counts.subtract(self._look(change.before, known.until, theirs, since))
            counts.update(self._look(files, self.until, theirs, since))
            marked = before.marked
            if self.bots.mode != "report":
                rows = self._marked()
                if before.marked.files:
                    old = scan(engine, [self.folder.file(file) for file in before.marked.files])
                    others = "_lead_no NOT IN (SELECT _lead_no FROM touched)"
                    rows = f"SELECT {', '.join(_COLUMNS)} FROM {old} WHERE {others} UNION ALL ({rows})"
                marked = self._written(rows)
            return MachineClicks(marked=marked, marks=self._marks(counts), opens_since=since)
        finally:
            engine.drop("events", "touched", *TABLES)

    def _first_open(self, files: Sequence[StoredFile], until: datetime | None) -> datetime | None:
        """When the first open in some files became known."""
        if not files or not self.mail.opens:
            return None
        opens = ", ".join(map(self.engine.dialect.literal, self.mail.opens))
        first = self.engine.connection.execute(
            f"""
            SELECT min(coalesce(known_at, occurred_at))
            FROM {self._scan(files)}
            WHERE event_type IN ({opens}) AND {visible(self.engine, until)}
            """
        )
        known: datetime | None = first.fetchall()[0][0]
        return known

    def _touched(self, change: Change, until: datetime | None) -> str:
        """SQL of the leads whose clicks and opens are not those that were visible ``until`` then.

        They are told apart by the sum of the hashes of their rows: a file that only lost other rows touches nobody.
        Of files that are the same only what was, or is, of the future counts.
        """
        after = min((time for time in (until, self.until) if time), default=None)
        same = tuple(file for file in change.before if after and file not in set(change.gone))
        sides = [
            (change.gone, -1, until, None),
            (change.came, 1, self.until, None),
            (same, -1, until, after),
            (same, 1, self.until, after),
        ]
        rows = " UNION ALL ".join(
            f"""
            SELECT
              _lead_no,
              {sign} * CAST(hash(occurred_at, known_at, event_type, _event_key{self._named}) AS HUGEINT) AS content
            FROM (
              SELECT _lead_no, occurred_at, known_at, event_type, _event_key{self._columns}
              FROM {self._scan(files)}
              WHERE {self._chosen(latest)} AND NOT {visible(self.engine, late, "FALSE")}
            )
            """
            for files, sign, latest, late in sides
            if files
        )
        rows = rows or "SELECT CAST(0 AS INTEGER) AS _lead_no, 0 AS content"
        return f"SELECT _lead_no FROM ({rows}) GROUP BY 1 HAVING sum(content) <> 0"

    def _look(
        self,
        files: Sequence[StoredFile],
        until: datetime | None,
        where: str = "",
        since: datetime | None = None,
    ) -> Counter[str]:
        """Make ``events`` and ``bot_clicks`` of some leads; ``since`` is when the first open of all was known."""
        rows = f"""
            SELECT
              _lead_no AS lead_id, occurred_at, coalesce(known_at, occurred_at) AS known_at, event_type,
              _event_key{self._columns}
            FROM {self._scan(files)}
            WHERE {self._chosen(until)} {where}
        """
        self.engine.run([Step("events", rows)])
        return look_for_bots(self.engine, self.bots, self.mail._replace(opens_since=since))

    def _chosen(self, until: datetime | None) -> str:
        types = ", ".join(map(self.engine.dialect.literal, (*self.mail.clicks, *self.mail.opens)))
        return f"event_type IN ({types}) AND {visible(self.engine, until)}"

    def _scan(self, files: Sequence[StoredFile]) -> str:
        return scan(self.engine, [self.folder.file(file) for file in files])

    def _marked(self) -> str:
        """SQL of the clicks that are marked; in `feature` mode all, marked where a bot was seen at once."""
        since = (
            "b.since" if self.bots.mode == "filter" else "CASE WHEN b.since <= e.known_at THEN b.since END"
        )
        keep = "b.since IS NOT NULL" if self.bots.mode == "filter" else "TRUE"
        return f"""
            SELECT e.lead_id AS _lead_no, e.occurred_at, e._event_key, min({since}) AS since
            FROM bot_clicks AS b
            JOIN events AS e ON e.rowid = b.r
            WHERE {keep}
            GROUP BY ALL
        """

    def _written(self, rows: str) -> StoredTable:
        reader = self.engine.connection.sql(f"SELECT * FROM ({rows}) ORDER BY ALL").to_arrow_reader(1 << 16)
        written = self.folder.write("machine_clicks", reader, reader.schema)
        return StoredTable(files=(written,) if written else (), columns=_COLUMNS)

    @property
    def _by(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """What the same clicks are recognised by: a property that is text now and was a number tells others apart."""
        mail = self.mail
        return mail.clicks, mail.opens, (f"mail {mail.mail}", f"link {mail.link}", self._columns)

    def _marks(self, counts: Counter[str]) -> Marks:
        return Marks(types=(), by=self._by, until=self.until, counts=dict(counts))


def visible(engine: DuckDBEngine, until: datetime | None, otherwise: str = "TRUE") -> str:
    """SQL of whether an event is known ``until`` some time; ``otherwise`` where there is none."""
    if until is None:
        return otherwise
    return f"(coalesce(known_at, occurred_at) <= {engine.dialect.literal(until)})"
