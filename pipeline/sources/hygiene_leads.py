"""Leads that are nobody's customers: tests, colleagues, and whom the project file names; left out with all they did."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from features import DataError, DuckDBEngine, Finding, Step, UsageError
from features.conditions import Condition
from features.errors import counted, listed
from features.history import Kind
from pipeline.config import Hygiene

_CONTRACT: dict[str, Kind] = {
    "lead_id": "text",
    "account_id": "text",
    "created_at": "time",
    "closed_at": "time",
}
# Reserved for examples and tests by RFC 2606 and 6761, or what people type to get past a form.
_TEST_ADDRESS = (
    r"^(test|tests|tester|testing|testuser|testlead|asdf|qwerty|foobar)[0-9]*([+._-][^@]*)?@|\+test[0-9]*@"
    r"|@([^@]*\.)?(example\.(com|net|org)|test|example|invalid|localhost)$|@test\.[a-z]+$"
)


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
    reasons = _reasons(engine, hygiene, kinds, name)
    if not reasons:
        return
    cases = " ".join(f"WHEN {reason.condition} THEN {number}" for number, reason in enumerate(reasons))
    engine.run(
        [Step("excluded", f"SELECT lead_id, reason FROM (SELECT lead_id, CASE {cases} END AS reason FROM leads) "
              "WHERE reason IS NOT NULL")]
    )  # fmt: skip
    for number, reason in enumerate(reasons):
        if count := engine.count(f"excluded WHERE reason = {number}"):
            findings.append(_finding(engine, number, reason, count))
        if reason.tells:
            engine.run([Step("excluded", f"SELECT * FROM excluded WHERE reason <> {number}")])
    if engine.count("excluded"):
        _take_out(engine, findings)
    engine.drop("excluded")


def _reasons(engine: DuckDBEngine, hygiene: Hygiene, kinds: Mapping[str, Kind], name: str) -> list[_Reason]:
    quote, literal = engine.dialect.quote, engine.dialect.literal
    found: list[_Reason] = []
    if hygiene.exclude_leads is not None:
        where = f"{name}: hygiene.exclude_leads"
        condition = Condition.parse(hygiene.exclude_leads, {**_CONTRACT, **kinds}, where)
        words = f"for which {hygiene.exclude_leads!r} holds"
        found.append(
            _Reason("lead-excluded", "exclude_leads", words, condition.sql(engine.dialect, {"": "leads"}))
        )
    mails = [
        f"lower(trim({quote(column)}))"
        for column, kind in kinds.items()
        if re.search(r"e.?mail", column.lower()) and kind in ("category", "text")
    ]
    if hygiene.internal_domains:
        if not mails:
            raise UsageError(
                "leads have no column of e-mail addresses",
                value=listed(hygiene.internal_domains),
                where=f"{name}: hygiene.internal_domains",
                fix="a column is taken for one by its name: data: {leads: {columns: {email: your_column}}}",
            )
        hosts = [rf"regexp_extract({mail}, '@([^@\s>]+)>?$', 1)" for mail in mails]
        domains = hygiene.internal_domains
        ours = " OR ".join(
            f"{host} = {literal(domain)} OR ends_with({host}, {literal('.' + domain)})"
            for host in hosts
            for domain in domains
        )
        found.append(_Reason("lead-internal", "internal_domains", f"of {listed(domains)}", f"({ours})"))
    if hygiene.test_leads != "off" and mails:
        tests = " OR ".join(f"regexp_matches({mail}, {literal(_TEST_ADDRESS)})" for mail in mails)
        only_told = hygiene.test_leads == "tell"
        words = "whose e-mail address is an obvious test"
        found.append(_Reason("lead-test", "test_leads", words, f"({tests})", only_told))
    return found


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
        else f": left out (hygiene.{reason.setting})"
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
    for table in ("leads", "events", "conversions"):
        engine.run(
            [Step(table, f"SELECT t.* FROM {table} AS t ANTI JOIN excluded AS x ON x.lead_id = t.lead_id")]
        )
    kept = "NOT (lower(entity) = 'lead' AND id IN (SELECT lead_id FROM excluded))"
    engine.run([Step("changes", f"SELECT * FROM changes WHERE coalesce({kept}, TRUE)")])
