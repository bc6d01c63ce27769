"""The columns of leads that hold e-mail addresses or their domains, and SQL conditions on them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from leadlens.features import DuckDBEngine, Finding, nearest
from leadlens.features.attributes.readings import LONGEST_SAMPLED, default_readings
from leadlens.features.errors import counted, listed
from leadlens.features.history import Kind

# Reserved for examples and tests by RFC 2606 and 6761, or what people type to get past a form.
_TEST_ADDRESS = (
    r"^(test|tests|tester|testing|testuser|testlead|asdf|qwerty|foobar)[0-9]*([+._-][^@]*)?@|\+test[0-9]*@"
    r"|@([^@]*\.)?(example\.(com|net|org)|test|example|invalid|localhost)$|@test\.[a-z]+$"
)
_NAMED = re.compile(r"e.?mail|(^|_)mail($|_)")
_ADDRESS = re.compile(r"@|[^\s@]\.[a-z]", re.IGNORECASE)
_SAMPLE = 300
_MOST_DOMAINS = 100_000  # searched for the one that was meant


class Mails(NamedTuple):
    """The columns of leads that are read as addresses or as their domains."""

    columns: tuple[str, ...]
    addresses: tuple[str, ...]  # SQL of each column's text, beginning with @ where it is a domain alone

    @property
    def hosts(self) -> list[str]:
        """SQL of the domain in each column, without the dot that may end it."""
        return [rf"rtrim(regexp_extract({mail}, '@([^@\s>]+)>?$', 1), '.')" for mail in self.addresses]

    def of(self, engine: DuckDBEngine, domains: Sequence[str]) -> str:
        """SQL: an address of one of these domains, or of a domain below them."""
        literal = engine.dialect.literal
        ours = (
            f"{host} = {literal(domain)} OR ends_with({host}, {literal('.' + domain)})"
            for host in self.hosts
            for domain in domains
        )
        return f"({' OR '.join(ours)})"

    def tests(self, engine: DuckDBEngine) -> str:
        """SQL: an address that is an obvious test."""
        test = engine.dialect.literal(_TEST_ADDRESS)
        return f"({' OR '.join(f'regexp_matches({mail}, {test})' for mail in self.addresses)})"

    def unknown(self, engine: DuckDBEngine, domains: Sequence[str], where: str) -> list[Finding]:
        """A warning for each domain that no lead has, with the nearest ones that exist."""
        absent = [
            domain for domain in domains if not engine.count(f"leads WHERE {self.of(engine, [domain])}")
        ]
        if not absent:
            return []
        hosts = " UNION ".join(f"SELECT {host} AS host FROM leads" for host in self.hosts)
        known = engine.frame(
            f"SELECT host FROM ({hosts}) WHERE host <> '' ORDER BY host LIMIT {_MOST_DOMAINS}"
        )["host"]
        findings = []
        for domain in absent:
            near = nearest(domain, known)
            meant = f"; did you mean {' or '.join(listed([name]) for name in near)}?" if near else ""
            message = f"{where}: no lead has an address of {domain} ({listed(self.columns)}){meant}"
            findings.append(Finding("internal-domain-unknown", message, count=0))
        return findings


def mail_columns(engine: DuckDBEngine, kinds: Mapping[str, Kind]) -> Mails:
    """The columns that features would read as e-mail, and those named so whose values do not contradict it."""
    quote = engine.dialect.quote
    columns, addresses = [], []
    for column, kind in kinds.items():
        if kind not in ("category", "text"):
            continue
        sample = _sample(engine, column)
        as_feature = "email_kind" in default_readings(column, kind, sample, kinds, True)
        named = _NAMED.search(column.lower()) is not None
        if as_feature or (named and (not sample or any(map(_ADDRESS.search, sample)))):
            text = f"lower(trim({quote(column)}))"
            columns.append(column)
            addresses.append(f"CASE WHEN contains({text}, '@') THEN {text} ELSE '@' || {text} END")
    return Mails(tuple(columns), tuple(addresses))


def _sample(engine: DuckDBEngine, column: str) -> list[str]:
    """Some distinct values, always the same ones."""
    quote, dialect = engine.dialect.quote(column), engine.dialect
    sample = engine.frame(
        f"SELECT v FROM (SELECT DISTINCT substr({quote}, 1, {LONGEST_SAMPLED}) AS v FROM leads WHERE {quote} IS NOT NULL) "
        f"ORDER BY {dialect.hash_number('v')}, v LIMIT {_SAMPLE}"
    )
    return list(sample["v"])


def no_mails(kinds: Mapping[str, Kind]) -> str:
    """The fix where no column is one."""
    texts = [column for column, kind in kinds.items() if kind in ("category", "text")]
    return (
        "map yours: data: {leads: {columns: {email: your_column}}}, or email_domain for a column of "
        f"domains. {counted(len(texts), 'column')} of text here: {listed(texts)}"
    )
