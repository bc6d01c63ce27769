"""Clicks made by bots, kept beside the events: a later event may change what is known of an earlier one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from features import DuckDBEngine, Finding, Step
from pipeline.config import Bots, ProjectFile
from pipeline.prepared.event_files import scan
from pipeline.prepared.folder import PreparedFolder
from pipeline.prepared.manifest import Events, Noted, StoredTable
from pipeline.prepared.sorting import count_crowded
from pipeline.sources.cleaning import now_literal
from pipeline.sources.hygiene.bot_steps import TABLES, MailEvents, crowd_size
from pipeline.sources.hygiene.bots import CONSIDERABLE, look_for_bots, mail_events, refuse_machine

_COLUMNS = {"_lead_no": "INTEGER", "occurred_at": "TIMESTAMP", "_event_key": "BIGINT", "since": "TIMESTAMP"}


def mark_machine_clicks(
    file: ProjectFile, engine: DuckDBEngine, folder: PreparedFolder, events: Events, stored: StoredTable
) -> tuple[tuple[Noted, ...], StoredTable]:
    """Findings about clicks made by bots, and (but for ``mode: report``) a row per click that is marked.

    Only clicks and opens are read, with the properties that tell mails and links apart.
    """
    bots, findings, nothing = file.project.hygiene.bots, list[Finding](), StoredTable(columns=_COLUMNS)
    if bots.mode == "off" or not stored.files:
        return (), nothing
    refuse_machine(bots, events.properties, file.path.name)
    files = scan(engine, [folder.file(item) for item in stored.files])
    now = (datetime.now(UTC).replace(tzinfo=None) - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    future = any(run.latest_known > now for run in events.runs)
    visible = f"coalesce(known_at, occurred_at) <= {now_literal(engine)}" if future else "TRUE"
    present = engine.frame(f"SELECT DISTINCT event_type AS t FROM {files} WHERE {visible} ORDER BY t")["t"]
    kinds = dict(events.properties)
    mail = mail_events(list(present), bots, kinds, findings, file.path.name)
    if mail.clicks and bots.mode == "report" and not _worth_a_report(engine, folder, stored, bots, mail):
        return tuple(map(Noted.of, findings)), nothing
    quote, literal = engine.dialect.quote, engine.dialect.literal
    types = [*mail.clicks, *mail.opens, *(t for t in (*bots.clicks, *bots.opens) if t in set(present))]
    columns = "".join(
        f", {events.types[name]} AS {quote(name)}" for name in dict.fromkeys((mail.mail, mail.link)) if name
    )
    rows = f"""
        SELECT
          _lead_no AS lead_id, occurred_at, coalesce(known_at, occurred_at) AS known_at, event_type,
          _event_key{columns}
        FROM {files}
        WHERE event_type IN ({", ".join(map(literal, types)) or "NULL"}) AND {visible}
    """
    if not mail.clicks:
        return tuple(map(Noted.of, findings)), nothing
    engine.run([Step("events", rows)])
    try:
        look_for_bots(engine, bots, mail, findings)
        if bots.mode == "report":
            return tuple(map(Noted.of, findings)), nothing
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
        return tuple(map(Noted.of, findings)), StoredTable(
            files=(written,) if written else (), columns=_COLUMNS
        )
    finally:
        engine.drop("events", *TABLES)


def _worth_a_report(
    engine: DuckDBEngine, folder: PreparedFolder, stored: StoredTable, bots: Bots, mail: MailEvents
) -> bool:
    """Whether so many clicks come in crowds that there could be something to say: far cheaper than to look for bots."""
    least = crowd_size(bots)
    if least is None:
        return False
    types = ", ".join(map(engine.dialect.literal, mail.clicks))
    within, crowded, clicks = bots.within // timedelta(microseconds=1), 0, 0
    for part in sorted({file.part for file in stored.files}):
        files = scan(engine, [folder.file(file) for file in stored.files if file.part == part])
        columns = engine.connection.execute(
            f"SELECT _lead_no, epoch_us(occurred_at) AS at FROM {files} WHERE event_type IN ({types})"
        ).fetchnumpy()
        lead, at = np.asarray(columns["_lead_no"]), np.asarray(columns["at"])
        crowded += count_crowded(np.lexsort((at, lead)), lead, at, within, least)
        clicks += len(lead)
    return crowded >= max(1, CONSIDERABLE * clicks)
