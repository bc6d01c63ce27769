"""Leads, accounts, conversions, changes and feedback: read as a whole whenever any of their sources changed."""

from __future__ import annotations

from datetime import datetime

from leadlens.features import DuckDBEngine, Finding, Step
from leadlens.features.history import Kind
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.manifest import COUNTING_EVENTS, Noted, Records, StoredTable
from leadlens.pipeline.sources.cleaning import Cleaner, now_literal
from leadlens.pipeline.sources.contract import CONTRACT
from leadlens.pipeline.sources.opening import (
    clean_outcomes,
    exclude,
    first_of,
    latest_of,
    make_empty,
    merge,
    read_tables,
)

TABLES = (
    "leads",
    "accounts",
    "conversions",
    "changes",
    "unlabelled",
    "verdicts",
    "answers",
    "objections",
    "finished",
)
SOURCES = tuple(table for table in CONTRACT if table != "events")
# Rows count from this time on.
_NOT_BEFORE = {
    "leads": "created_at",
    "conversions": "converted_at",
    "changes": "known_at",
    "aliases": "merged_at",
    "verdicts": "given_at",
    "answers": "answered_at",
}
_BATCH = 1 << 16


def read_records(engine: DuckDBEngine, file: ProjectFile, ids: str | None) -> Records:
    """Make the tables of ``TABLES`` in the engine, and ``wanted(lead_id, lead, home)`` of all ids of leads.

    ``ids`` is a SELECT of the ``lead_id`` of every row of the events. Where leads were merged or left out, findings
    say how many events that concerns.
    """
    project, findings = file.project, list[Finding]()
    read_notes: dict[str, tuple[Noted, ...]] = {}
    kinds: dict[str, dict[str, Kind]] = {}
    styles: dict[str, dict[str, str]] = {}
    hidden = set[str]()
    for table in SOURCES:
        one = list[Finding]()
        read = read_tables(engine, file, [table], one)
        kinds |= read.kinds
        styles |= read.styles
        hidden |= read.hidden
        read_notes[table] = tuple(map(Noted.of, one))
    ripens = _next_of_the_future(engine)
    if ids is None:
        make_empty(engine, "events")
    else:
        if project.data.aliases is not None:
            # Merges look several times at the events of old ids; what is left out, once at all events, if at all.
            theirs = f"SELECT lead_id FROM ({ids}) WHERE lead_id IN (SELECT old_id FROM aliases)"
            engine.run([Step("old_ids", f"SELECT lead_id, count(*) AS rows FROM ({theirs}) GROUP BY 1")])
            engine.define([Step("events", "SELECT lead_id, unnest(range(rows)) FROM old_ids")])
        else:
            engine.define([Step("events", ids)])
    cleaner = Cleaner(engine, findings)
    flat = merge(cleaner, project, views=("events",))
    if ids is not None and project.data.aliases is not None:
        engine.define(
            [
                Step(
                    "events",
                    f"""
                    SELECT coalesce(a.lead_id, e.lead_id) AS lead_id
                    FROM ({ids}) AS e
                    LEFT JOIN aliases AS a ON a.old_id = e.lead_id
                    """,
                )
            ]
        )
    engine.run([Step("all_leads", "SELECT lead_id, account_id FROM leads")])
    exclude(cleaner, project, kinds, file.path.name, views=("events",))
    engine.run([Step("wanted", _WANTED)])
    engine.drop("events", "old_ids", "all_leads", "aliases")
    before, cleaner.findings = cleaner.findings, list[Finding]()
    clean_outcomes(cleaner, project, kinds, styles, flat)
    latest = latest_of(engine, ("leads.created_at", "conversions.converted_at"))
    assert isinstance(latest, datetime)
    return Records(
        kinds=kinds,
        hidden=tuple(sorted(hidden)),
        read=read_notes,
        before=tuple(map(Noted.of, before)),
        after=tuple(map(Noted.of, cleaner.findings)),
        first=first_of(engine),
        latest=latest,
        ripens=ripens if "future" in {finding.code for finding in (*before, *cleaner.findings)} else None,
        counts_events=any(finding.code in COUNTING_EVENTS for finding in before),
    )


def _next_of_the_future(engine: DuckDBEngine) -> datetime | None:
    """The earliest timestamp after the present: from then on something counts that is left out now."""
    now = now_literal(engine)
    times = [
        f"SELECT min({column}) AS t FROM {table} WHERE {column} > {now}"
        for table, column in _NOT_BEFORE.items()
    ]
    found = engine.connection.execute(f"SELECT min(t) FROM ({' UNION ALL '.join(times)})").fetchall()
    ripens: datetime | None = found[0][0]
    return ripens


# Leads of one account share a home; what is excluded has no lead.
_WANTED = """
    SELECT a.lead_id, l.lead_id AS lead, coalesce('account ' || a.account_id, 'lead ' || a.lead_id) AS home
    FROM all_leads AS a
    LEFT JOIN leads AS l ON l.lead_id = a.lead_id
    UNION ALL
    SELECT o.old_id, l.lead_id, o.old_id
    FROM aliases AS o
    LEFT JOIN leads AS l ON l.lead_id = o.lead_id
"""


def write_records(engine: DuckDBEngine, folder: PreparedFolder) -> dict[str, StoredTable]:
    """The tables of ``TABLES`` as files; leads in order of their numbers, if the engine has ``numbers``."""
    stored = {}
    for table in TABLES:
        select = f"SELECT * FROM {table}"
        if table == "leads":
            select = "SELECT l.*, n.lead_no AS _lead_no FROM leads AS l JOIN numbers AS n USING (lead_id) ORDER BY n.lead_no"
        columns = {row[0]: row[1] for row in engine.connection.execute(f"DESCRIBE {select}").fetchall()}
        reader = engine.connection.sql(select).to_arrow_reader(_BATCH)
        file = folder.write(table, reader, reader.schema)
        stored[table] = StoredTable(files=(file,) if file else (), columns=columns)
    return stored
