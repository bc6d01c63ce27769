"""What a prepared history knows that concerns a lead it does not have: columns, and the lead's colleagues and account."""

from __future__ import annotations

from collections.abc import Iterable

from leadlens.features import DuckDBEngine, Step
from leadlens.pipeline.prepared.opening import PreparedHistory
from leadlens.pipeline.raw_lead.columns import RawColumns
from leadlens.pipeline.sources.opening import clock_of


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
) -> tuple[set[str], list[str]]:
    """Make what the history knows of the account of a lead and of its other leads.

    Returns which of the tables that ``raw_history`` takes were made, and what is to be said of the lead.
    """
    literal = engine.dialect.literal
    own, notes = _own_ids(prepared, engine, lead_id)
    wanted = {"objections": f"lead_id = {literal(lead_id)}"}
    if prepared.file.project.data.objections is None:
        wanted = {}
    if account_id is None:
        numbers = []
    else:
        account = literal(account_id)
        wanted |= {"accounts": f"account_id = {account}", "changes": f"entity = 'account' AND id = {account}"}
        numbers = _colleagues(prepared, engine, account, own)
    stored = {table: where for table, where in wanted.items() if table in prepared.manifest.tables}
    engine.run([Step(table, prepared.rows(engine, table, where)) for table, where in stored.items()])
    if not numbers:
        return set(stored), notes
    prepared.show_others(engine, numbers)
    return {*stored, *(f"others_{table}" for table in ("leads", "events", "conversions"))}, notes


def _colleagues(
    prepared: PreparedHistory, engine: DuckDBEngine, account: str, own: Iterable[str]
) -> list[int]:
    """The numbers of the other leads of an account."""
    if "account_id" not in prepared.manifest.tables["leads"].columns:
        return []
    same = f"account_id = {account} AND lead_id NOT IN ({', '.join(map(engine.dialect.literal, own))})"
    rows = engine.connection.execute(
        f"SELECT _lead_no FROM {prepared.scan(engine, 'leads')} WHERE {same} ORDER BY 1"
    ).fetchall()
    return [row[0] for row in rows]


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
