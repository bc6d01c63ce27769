"""Merged leads: what the old ids did counts as done by the surviving lead.

A merge is applied for all time, whatever its ``merged_at``: it reveals who somebody was all along. So a past row has
the whole person, also where the CRM of that day showed two leads (docs/adr/0011).
"""

from __future__ import annotations

from datetime import UTC, datetime

from leadlens.features import DataError, DuckDBEngine, Finding, Step
from leadlens.features.errors import counted, listed
from leadlens.pipeline.sources.hygiene.merged_values import Settled, settle_values

_OLD = "SELECT old_id FROM aliases"


def merge_leads(
    engine: DuckDBEngine,
    findings: list[Finding],
    flat: bool,
    beside: tuple[str, ...] = (),
    views: tuple[str, ...] = (),
) -> None:
    """Replace the old ids in ``aliases(old_id, lead_id, merged_at)`` by the leads they became, in every table.

    Of the merged rows of ``leads`` the survivor's stays, with the earliest ``created_at`` of them all, and with what it
    lacks from the others (:mod:`leadlens.pipeline.sources.hygiene.merged_values`). Merges into
    leads that do not exist are left out with a finding. With ``flat`` data a lead converted if one of its rows did.
    ``beside`` are further tables with a lead_id; those in ``views`` are counted, but left as they are. Afterwards
    ``aliases`` holds each old id that was merged and the lead it became at last.

    Raises ``DataError`` for an old id that became two leads, and for merges that form a cycle.
    """
    _keep_usable(engine, findings)
    _resolve(engine)
    unknown = "lead_id NOT IN (SELECT lead_id FROM leads)"
    _leave_out(engine, findings, unknown, "alias-unknown-lead", "into leads that are not in leads", "lead_id")
    _report_unused(engine, findings, beside)
    settled = settle_values(engine)
    rows = engine.count(f"leads WHERE lead_id IN ({_OLD})")
    moved = [counted(rows, "row") + " of leads"] if rows else []
    for table in ("events", "conversions", *beside):
        if count := engine.count(f"{table} WHERE lead_id IN ({_OLD})"):
            moved.append(counted(count, table.removesuffix("s")))
            if table not in views:
                _rename(engine, table, "lead_id", "TRUE")
    of_leads = "lower(entity) = 'lead'"
    if count := engine.count(f"changes WHERE {of_leads} AND id IN ({_OLD})"):
        moved.append(counted(count, "change"))
        _rename(engine, "changes", "id", of_leads)
    if flat:
        _rename(engine, "outcomes", "lead_id", "TRUE")
        once = "SELECT lead_id, bool_or(converted) AS converted FROM outcomes GROUP BY lead_id"
        engine.run([Step("outcomes", once)])
    older = _merge_rows(engine) if rows else 0
    if moved or settled != Settled(0, 0):
        old = engine.count("aliases")
        survivors = int(engine.value("SELECT count(DISTINCT lead_id) FROM aliases"))
        aged = f"; {counted(older, 'lead')} with an earlier created_at" if older else ""
        filled = (
            f"; {counted(settled.filled, 'value')} filled that the leads lacked" if settled.filled else ""
        )
        outdone = counted(settled.outdone, "change") + " left out, for the leads have a value of their own"
        message = (
            f"{counted(old, 'old id')} merged into {counted(survivors, 'lead')}: {listed(moved)}{aged}{filled}"
            + (f"; {outdone}" if settled.outdone else "")
        )
        findings.append(Finding("leads-merged", message, "note", old))


def _report_unused(engine: DuckDBEngine, findings: list[Finding], beside: tuple[str, ...]) -> None:
    """Old ids that occur nowhere: some are usual, all of them are a mistake."""
    tables = ("leads", "events", "conversions", *beside)
    present = " UNION ALL ".join(f"SELECT lead_id FROM {table} WHERE lead_id IN ({_OLD})" for table in tables)
    present += f" UNION ALL SELECT id FROM changes WHERE lower(entity) = 'lead' AND id IN ({_OLD})"
    unused = f"aliases WHERE old_id NOT IN ({present})"
    if not (count := engine.count(unused)):
        return
    total = engine.count("aliases")
    example = engine.value(f"SELECT min(old_id) FROM {unused}")
    message = (
        f"{count:,} of {counted(total, 'old id')} in aliases occur nowhere (such as {listed([example])})"
    )
    if count < total:
        findings.append(Finding("alias-unused", f"{message}: nothing to merge for them", "note", count))
        return
    ours = engine.value("SELECT min(lead_id) FROM leads")
    message += f": 0 leads merged. Ids in leads are of the form {listed([ours])}: are they the same in another spelling?"
    findings.append(Finding("alias-unused", message, count=count))


def _keep_usable(engine: DuckDBEngine, findings: list[Finding]) -> None:
    for column in ("old_id", "lead_id"):
        _leave_out(engine, findings, f"{column} IS NULL", "alias-incomplete", f"without {column}")
    now = engine.dialect.literal(datetime.now(UTC).replace(tzinfo=None))
    _leave_out(engine, findings, f"merged_at > {now}", "future", "in the future", "merged_at")
    _leave_out(engine, findings, "old_id = lead_id", "alias-itself", "of a lead into itself", "old_id")
    engine.run([Step("aliases", "SELECT DISTINCT old_id, lead_id FROM aliases")])
    ambiguous = engine.frame("SELECT old_id FROM aliases GROUP BY 1 HAVING count(*) > 1 ORDER BY 1")["old_id"]
    if len(ambiguous):
        first = engine.dialect.literal(str(ambiguous[0]))
        became = engine.frame(f"SELECT lead_id FROM aliases WHERE old_id = {first} ORDER BY 1")["lead_id"]
        raise DataError(
            f"{counted(len(ambiguous), 'old id')} became more than one lead",
            value=listed(ambiguous, 3),
            where="data.aliases",
            why=f"which of them the old lead is cannot be guessed ({ambiguous[0]} became {listed(became, 3)})",
            fix="keep the right row with `where` or `query`",
        )


def _resolve(engine: DuckDBEngine) -> None:
    """Follow chains (a became b, b became c) to their end: each round halves what is left of them."""
    chained = f"aliases WHERE lead_id IN ({_OLD})"
    engine.run([Step("merges", "SELECT * FROM aliases")])
    follow = (
        "SELECT a.old_id, coalesce(b.lead_id, a.lead_id) AS lead_id "
        "FROM aliases AS a LEFT JOIN aliases AS b ON b.old_id = a.lead_id"
    )
    for _ in range(engine.count("aliases").bit_length()):
        if not engine.count(chained):
            break
        engine.run([Step("aliases", follow)])
    if engine.count(chained):
        raise DataError(
            "these merges form a cycle",
            value=_cycle(engine, str(engine.value(f"SELECT min(lead_id) FROM {chained}"))),
            where="data.aliases",
            why="none of these leads is the survivor",
            fix="filter the wrong row out with `where` or `query`",
        )
    engine.drop("merges")


def _cycle(engine: DuckDBEngine, start: str) -> str:
    """The ids of the cycle that ``start`` is in; a long one is cut."""
    ids = [start]
    while len(ids) < 9:
        last = engine.dialect.literal(ids[-1])
        ids.append(str(engine.value(f"SELECT lead_id FROM merges WHERE old_id = {last}")))
        if ids[-1] == start:
            return " → ".join(ids)
    return " → ".join([*ids, "…"])


def _rename(engine: DuckDBEngine, table: str, column: str, condition: str) -> None:
    new = f"CASE WHEN {condition} THEN coalesce(a.lead_id, t.{column}) ELSE t.{column} END AS {column}"
    joined = f"FROM {table} AS t LEFT JOIN aliases AS a ON a.old_id = t.{column}"
    engine.run([Step(table, f"SELECT t.* REPLACE ({new}) {joined}")])


def _merge_rows(engine: DuckDBEngine) -> int:
    """Leave only the survivors' rows; returns how many of them got an earlier created_at."""
    first = """
        SELECT a.lead_id, min(o.created_at) AS first
        FROM aliases AS a
        JOIN leads AS o ON o.lead_id = a.old_id
        GROUP BY a.lead_id
    """
    engine.run([Step("merged", first)])
    older = engine.count("leads AS l JOIN merged AS m USING (lead_id) WHERE m.first < l.created_at")
    rest = f"FROM leads AS l LEFT JOIN merged AS m ON m.lead_id = l.lead_id WHERE l.lead_id NOT IN ({_OLD})"
    engine.run([Step("leads", f"SELECT l.* REPLACE (least(l.created_at, m.first) AS created_at) {rest}")])
    engine.drop("merged")
    return older


def _leave_out(
    engine: DuckDBEngine,
    findings: list[Finding],
    condition: str,
    code: str,
    problem: str,
    example: str | None = None,
) -> None:
    if not (count := engine.count(f"aliases WHERE {condition}")):
        return
    shown = ""
    if example:
        value = engine.value(f"SELECT CAST(min({example}) AS VARCHAR) FROM aliases WHERE {condition}")
        shown = f" (such as {listed([str(value)])})"
    engine.run([Step("aliases", f"SELECT * FROM aliases WHERE NOT coalesce({condition}, FALSE)")])
    findings.append(Finding(code, f"{counted(count, 'merge')} {problem}{shown}: left out", count=count))
