"""Leads that are no prospects: tests, colleagues, and those that the project file excludes; left out with all rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from leadlens.features import DataError, DuckDBEngine, Finding, Step, UsageError, nearest
from leadlens.features.conditions.condition import Condition
from leadlens.features.errors import counted, listed
from leadlens.features.history import Kind
from leadlens.pipeline.config import Hygiene
from leadlens.pipeline.sources.hygiene.mails import Mails, mail_columns, no_mails

_CONTRACT: dict[str, Kind] = {
    "lead_id": "text",
    "account_id": "text",
    "created_at": "time",
    "closed_at": "time",
}
_MOST_VALUES = 10_000  # searched for the one that was meant


class _Reason(NamedTuple):
    """Why leads are left out; with ``report_only`` they are only counted."""

    code: str
    setting: str
    description: str
    condition: str
    report_only: bool = False


def exclude_leads(
    engine: DuckDBEngine,
    hygiene: Hygiene,
    kinds: Mapping[str, Kind],
    findings: list[Finding],
    name: str,
    views: tuple[str, ...] = (),
) -> None:
    """Remove the leads that ``hygiene`` excludes from every table, and report how many rows each reason removed.

    ``kinds`` are those of the leads' own columns, ``name`` is that of the project file. Tables in ``views`` are
    counted, but left as they are. A lead counts for the first
    reason that applies. Raises ``UsageError`` for a condition that does not fit the columns, ``DataError`` if no lead
    is left.
    """
    reasons = _reasons(engine, hygiene, kinds, findings, name)
    if not reasons:
        return
    cases = " ".join(f"WHEN {reason.condition} THEN {number}" for number, reason in enumerate(reasons))
    by_reason = f"SELECT lead_id, CASE {cases} END AS reason FROM leads"
    engine.run([Step("excluded", f"SELECT lead_id, reason FROM ({by_reason}) WHERE reason IS NOT NULL")])
    leads = engine.count("leads")
    rows = {table: _rows_by_reason(engine, table) for table in ("leads", "events", "conversions")}
    for number, reason in enumerate(reasons):
        counts = {table: of.get(number, 0) for table, of in rows.items()}
        if counts["leads"] or not reason.report_only:
            findings.append(_finding(reason, counts, counts["leads"] / leads))
        if reason.report_only:
            engine.run([Step("excluded", f"SELECT * FROM excluded WHERE reason <> {number}")])
    if engine.count("excluded"):
        _remove(engine, findings, views)
    engine.drop("excluded")


def _reasons(
    engine: DuckDBEngine, hygiene: Hygiene, kinds: Mapping[str, Kind], findings: list[Finding], name: str
) -> list[_Reason]:
    reasons: list[_Reason] = []
    if hygiene.exclude_leads is not None:
        where = f"{name}: hygiene.exclude_leads"
        condition = Condition.parse(hygiene.exclude_leads, {**_CONTRACT, **kinds}, where)
        description = f"for which {hygiene.exclude_leads!r} holds"
        matched = condition.sql(engine.dialect, {"": "leads"})
        if not engine.count(f"leads WHERE {matched}"):
            description += _misspelt(engine, condition)
        reasons.append(_Reason("lead-excluded", "exclude_leads", description, matched))
    domains, mails = hygiene.internal_domains, Mails((), ())
    if domains or hygiene.test_leads != "off":
        mails = mail_columns(engine, kinds)
    if domains and not mails.columns:
        raise UsageError(
            "leads have no column of e-mail addresses or their domains",
            value=listed(domains),
            where=f"{name}: hygiene.internal_domains",
            why="no lead could be recognised, and none would be left out",
            fix=no_mails(kinds),
        )
    if domains:
        findings += mails.unknown(engine, domains, "hygiene.internal_domains")
        description = f"of {listed(domains)} (by {listed(mails.columns)})"
        reasons.append(_Reason("lead-internal", "internal_domains", description, mails.of(engine, domains)))
    report_only = hygiene.test_leads == "report"
    if hygiene.test_leads == "filter" or (report_only and mails.columns):
        description = "whose e-mail address is an obvious test"
        if not mails.columns:
            description += " (leads have no column of them)"
        tests = mails.tests(engine) if mails.columns else "FALSE"
        reasons.append(_Reason("lead-test", "test_leads", description, tests, report_only))
    return reasons


def _misspelt(engine: DuckDBEngine, condition: Condition) -> str:
    """The texts in the condition that no lead has, with the nearest ones that exist."""
    remarks = ""
    for column, text in sorted(condition.texts_sought()):
        name = engine.dialect.quote(column)
        values = engine.frame(f"""
            SELECT DISTINCT CAST({name} AS VARCHAR) AS v
            FROM leads
            WHERE {name} IS NOT NULL
            ORDER BY v
            LIMIT {_MOST_VALUES}
        """)["v"]
        if len(values) == _MOST_VALUES or text in set(values):
            continue
        near = nearest(text, values)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        remarks += f" (no lead has {column} = {text!r}{hint})"
    return remarks


def _rows_by_reason(engine: DuckDBEngine, table: str) -> dict[int, int]:
    """How many rows of a table belong to leads that are left out for each reason."""
    if not engine.count("excluded"):
        return {}  # a look at all events would tell no more
    rows = f"SELECT excluded.reason, count(*) FROM {table} JOIN excluded USING (lead_id) GROUP BY 1"
    return dict(engine.connection.execute(rows).fetchall())


def _finding(reason: _Reason, rows: Mapping[str, int], share: float) -> Finding:
    """The finding on the leads of a reason; ``rows`` are theirs in each table, ``share`` that of all leads."""
    count = rows["leads"]
    removed = [
        counted(rows[table], table.removesuffix("s")) for table in ("events", "conversions") if rows[table]
    ]
    with_all = f", with {listed(removed)}" if removed else ""
    done = (
        f": still in; hygiene: {{{reason.setting}: filter}} leaves them out"
        if reason.report_only
        else f": {'left out' if count else 'nothing left out'} (hygiene.{reason.setting})"
    )
    message = f"{counted(count, 'lead')} {reason.description}{with_all}{done}"
    return Finding(reason.code, message, "warning" if reason.report_only else "note", count, share)


def _remove(engine: DuckDBEngine, findings: list[Finding], views: tuple[str, ...]) -> None:
    if not engine.count("leads WHERE lead_id NOT IN (SELECT lead_id FROM excluded)"):
        raise DataError(
            "no lead is left after hygiene",
            value="; ".join(finding.message for finding in findings if finding.code.startswith("lead-")),
            where="hygiene",
            why="there are no leads to score",
            fix="make its settings less strict",
        )
    for table in {"leads", "events", "conversions", "verdicts", "answers"}.difference(views):
        engine.run(
            [Step(table, f"SELECT t.* FROM {table} AS t ANTI JOIN excluded AS x ON x.lead_id = t.lead_id")]
        )
    kept = "NOT (lower(entity) = 'lead' AND id IN (SELECT lead_id FROM excluded))"
    engine.run([Step("changes", f"SELECT * FROM changes WHERE coalesce({kept}, TRUE)")])
