"""What a prepared history knows that concerns a lead it does not have: columns, and the lead's colleagues and account."""

from __future__ import annotations

from features import DuckDBEngine, Step
from pipeline.prepared.opening import PreparedHistory
from pipeline.raw_lead.columns import RawColumns
from pipeline.raw_lead.history import OTHERS
from pipeline.sources.opening import clock_of


def raw_columns(prepared: PreparedHistory) -> RawColumns:
    """What a raw lead may hold to be read as one of this history."""
    project, records, events = prepared.file.project, prepared.manifest.records, prepared.manifest.events
    with prepared.lend() as engine:
        ends = prepared.ends(engine)
    return RawColumns(
        lead=records.kinds["leads"],
        account=records.kinds["accounts"],
        event=dict(events.properties),
        hidden=project.known_after,
        opens_since=events.opens_since,
        data_end=ends,
        clock=clock_of(project),
        version=prepared.version,
    )


def show_others(
    prepared: PreparedHistory, engine: DuckDBEngine, lead_id: str, account_id: str | None
) -> list[str]:
    """Make what the history knows of the account of a lead and of its other leads; returns what is to be said of it.

    The tables are those that ``raw_history`` takes: ``others_leads``, ``others_events`` and ``others_conversions``, and of the lead
    and its account ``accounts``, ``changes`` and ``objections``.
    """
    literal, quoted, numbers = engine.dialect.literal, "NULL", list[int]()
    own, notes = _own_ids(prepared, engine, lead_id)
    if account_id is not None and "account_id" in prepared.manifest.tables["leads"].columns:
        quoted = literal(account_id)
        same = f"account_id = {quoted} AND lead_id NOT IN ({', '.join(map(literal, own))})"
        rows = engine.connection.execute(
            f"SELECT _lead_no FROM {prepared.scan(engine, 'leads')} WHERE {same} ORDER BY 1"
        ).fetchall()
        numbers = [row[0] for row in rows]
    prepared.show(engine, numbers)
    kept = {
        "conversions": "lead_id IN (SELECT lead_id FROM leads)",
        "accounts": f"account_id = {quoted}",
        "changes": f"entity = 'account' AND id = {quoted}",
        "objections": f"lead_id = {literal(lead_id)}",
    }
    engine.run([Step(table, f"SELECT * FROM {table} WHERE {rows}") for table, rows in kept.items()])
    for table in OTHERS:
        engine.connection.execute(f"ALTER TABLE {table} RENAME TO others_{table}")
    return notes


def _own_ids(prepared: PreparedHistory, engine: DuckDBEngine, lead_id: str) -> tuple[set[str], list[str]]:
    """The ids under which the history has the lead itself, and what is to be said of them."""
    found = engine.connection.execute(
        f"SELECT lead FROM {prepared.numbers(engine)} WHERE lead_id = {engine.dialect.literal(lead_id)} LIMIT 1"
    ).fetchall()
    if not found:
        return {lead_id}, []
    (lead,) = found[0]
    if lead is None:
        return {lead_id}, [f"the history leaves lead {lead_id} out (hygiene)"]
    merged = f" (merged into {lead})" if lead != lead_id else ""
    return {lead_id, lead}, [
        f"the history has lead {lead_id}{merged}, too: scored is what was given, without what else is known of it"
    ]
