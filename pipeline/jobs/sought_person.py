"""Find the person who is to be forgotten or shown: the lead, its old ids, and the words by which files mention it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import permutations

from leadlens.features import DuckDBEngine, History
from leadlens.features.attributes.personal import names_people, snake_case
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.forgetting.person import Person
from leadlens.pipeline.jobs.named_lead import find_lead
from leadlens.pipeline.prepared import open_prepared


def find_person(file: ProjectFile, asked: str) -> Person:
    """The person with this id, address or name. Raises ``UsageError`` as :func:`find_lead` does."""
    found = find_lead(file, asked)
    with found.history as history:
        words = _words(history, found.lead_id)
    prepared = open_prepared(file)
    with prepared.lend() as engine:
        literal = engine.dialect.literal(found.lead_id)
        rows = engine.connection.execute(
            f"SELECT lead_id FROM {prepared.numbers(engine)} WHERE lead = {literal} AND lead_id <> {literal}"
        ).fetchall()
    return Person((found.lead_id, *sorted(row[0] for row in rows)), words)


def _words(history: History, lead_id: str) -> tuple[str, ...]:
    """Addresses, names and numbers of a lead, as its own columns and their changes have them."""
    engine = history.engine
    assert isinstance(engine, DuckDBEngine), "a prepared history is opened by DuckDB"
    literal, quote = engine.dialect.literal, engine.dialect.quote
    own = [name for name, kind in history.lead_attributes.items() if kind in ("category", "text")]
    named = [name for name in own if names_people(name)]
    reached = [name for name in own if re.search("mail|phone|mobile|(^|_)tel", snake_case(name))]

    def said(name: str) -> list[str]:
        now = f"SELECT CAST({quote(name)} AS VARCHAR) AS v FROM leads WHERE lead_id = {literal(lead_id)}"
        before = (
            f"SELECT value AS v FROM changes WHERE entity = 'lead' AND id = {literal(lead_id)} "
            f"AND attribute = {literal(name)}"
        )
        return list(_texts([*engine.frame(now)["v"], *engine.frame(before)["v"]]))

    names = {name: said(name) for name in named}
    # First and last name apart stand for many people, together for one.
    pairs = (f"{a} {b}" for one, two in permutations(names, 2) for a in names[one] for b in names[two])
    whole = (word for words in names.values() for word in words if " " in word)
    reach = (word for name in reached for word in said(name) if "@" in word or re.search(r"(\d\D*){7}", word))
    return tuple(dict.fromkeys((*whole, *pairs, *reach)))


def _texts(values: Iterable[object]) -> Iterable[str]:
    for value in values:
        if isinstance(value, str) and value.strip():
            yield value.strip()
