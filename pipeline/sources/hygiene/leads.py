"""Leads that are nobody's customers: tests, colleagues, and whom the project file names; left out with all they did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from features import DataError, DuckDBEngine, Finding, Step, UsageError, nearest
from features.conditions.condition import Condition
from features.errors import counted, listed
from features.history import Kind
from pipeline.config import Hygiene
from pipeline.sources.hygiene.mails import Mails, mail_columns, no_mails

_CONTRACT: dict[str, Kind] = {
    "lead_id": "text",
    "account_id": "text",
    "created_at": "time",
    "closed_at": "time",
}
_MOST_VALUES = 10_000  # looked through for the one that was meant


class _Reason(NamedTuple):
    """Why leads are left out; ``tells`` means that they are only counted."""

    code: str
    setting: str
    words: str
    condition: str
    tells: bool = False


def exclude_leads(
    engine: DuckDBEngine, hygiene: Hygiene, kinds: Mapping[str, Kind], findings: list[Finding], name: str
) -> None:
    """Take the leads that ``hygiene`` names out of every table, and tell how many rows each reason took.

    ``kinds`` are those of the leads' own columns, ``name`` is the project file's. A lead counts for the first reason
    that holds. Raises ``UsageError`` for a condition that does not fit the columns, ``DataError`` if nobody is left.
    """
    reasons = _reasons(engine, hygiene, kinds, findings, name)
    if not reasons:
        return
    cases = " ".join(f"WHEN {reason.condition} THEN {number}" for number, reason in enumerate(reasons))
    engine.run(
        [Step("excluded", f"SELECT lead_id, reason FROM (SELECT lead_id, CASE {cases} END AS reason FROM leads) "
              "WHERE reason IS NOT NULL")]
    )  # fmt: skip
    for number, reason in enumerate(reasons):
        count = engine.count(f"excluded WHERE reason = {number}")
        if count or not reason.tells:
            findings.append(_finding(engine, number, reason, count))
        if reason.tells:
            engine.run([Step("excluded", f"SELECT * FROM excluded WHERE reason <> {number}")])
    if engine.count("excluded"):
        _take_out(engine, findings)
    engine.drop("excluded")


def _reasons(
    engine: DuckDBEngine, hygiene: Hygiene, kinds: Mapping[str, Kind], findings: list[Finding], name: str
) -> list[_Reason]:
    found: list[_Reason] = []
    if hygiene.exclude_leads is not None:
        where = f"{name}: hygiene.exclude_leads"
        condition = Condition.parse(hygiene.exclude_leads, {**_CONTRACT, **kinds}, where)
        words = f"for which {hygiene.exclude_leads!r} holds"
        held = condition.sql(engine.dialect, {"": "leads"})
        if not engine.count(f"leads WHERE {held}"):
            words += _misspelt(engine, condition)
        found.append(_Reason("lead-excluded", "exclude_leads", words, held))
    domains, mails = hygiene.internal_domains, Mails((), ())
    if domains or hygiene.test_leads != "off":
        mails = mail_columns(engine, kinds)
    if domains and not mails.columns:
        raise UsageError(
            "leads have no column of e-mail addresses or their domains",
            value=listed(domains),
            where=f"{name}: hygiene.internal_domains",
            why="nobody could be told by it, and nobody would be left out",
            fix=no_mails(kinds),
        )
    if domains:
        findings += mails.unknown(engine, domains, "hygiene.internal_domains")
        words = f"of {listed(domains)} (by {listed(mails.columns)})"
        found.append(_Reason("lead-internal", "internal_domains", words, mails.of(engine, domains)))
    only_told = hygiene.test_leads == "report"
    if hygiene.test_leads == "filter" or (only_told and mails.columns):
        words = "whose e-mail address is an obvious test"
        if not mails.columns:
            words += " (leads have no column of them)"
        tests = mails.tests(engine) if mails.columns else "FALSE"
        found.append(_Reason("lead-test", "test_leads", words, tests, only_told))
    return found


def _misspelt(engine: DuckDBEngine, condition: Condition) -> str:
    """The texts that the condition asks for and no lead has, with the nearest ones that there are."""
    told = ""
    for column, text in sorted(condition.texts_sought()):
        name = engine.dialect.quote(column)
        there = engine.frame(
            f"SELECT DISTINCT CAST({name} AS VARCHAR) AS v FROM leads WHERE {name} IS NOT NULL ORDER BY v "
            f"LIMIT {_MOST_VALUES}"
        )["v"]
        if len(there) == _MOST_VALUES or text in set(there):
            continue
        near = nearest(text, there)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        told += f" (no lead has {column} = {text!r}{hint})"
    return told


def _finding(engine: DuckDBEngine, number: int, reason: _Reason, count: int) -> Finding:
    taken = [
        counted(rows, table.removesuffix("s"))
        for table in ("events", "conversions")
        if (rows := engine.count(f"{table} JOIN excluded USING (lead_id) WHERE reason = {number}"))
    ]
    with_all = f", with {listed(taken)}" if taken else ""
    done = (
        f": still in; hygiene: {{{reason.setting}: filter}} leaves them out"
        if reason.tells
        else f": {'left out' if count else 'nothing left out'} (hygiene.{reason.setting})"
    )
    told = f"{counted(count, 'lead')} {reason.words}{with_all}{done}"
    return Finding(reason.code, told, "warning" if reason.tells else "note", count)


def _take_out(engine: DuckDBEngine, findings: list[Finding]) -> None:
    if not engine.count("leads WHERE lead_id NOT IN (SELECT lead_id FROM excluded)"):
        raise DataError(
            "hygiene leaves no lead",
            value="; ".join(finding.message for finding in findings if finding.code.startswith("lead-")),
            where="hygiene",
            why="there is nobody to score",
            fix="narrow what it leaves out",
        )
    for table in ("leads", "events", "conversions", "verdicts", "answers"):
        engine.run(
            [Step(table, f"SELECT t.* FROM {table} AS t ANTI JOIN excluded AS x ON x.lead_id = t.lead_id")]
        )
    kept = "NOT (lower(entity) = 'lead' AND id IN (SELECT lead_id FROM excluded))"
    engine.run([Step("changes", f"SELECT * FROM changes WHERE coalesce({kept}, TRUE)")])
