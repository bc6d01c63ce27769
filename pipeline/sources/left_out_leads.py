"""Lists of leads that are left out: those who object to profiling, and those that are over."""

from __future__ import annotations

from typing import NamedTuple

from leadlens.features import Finding, Step
from leadlens.features.errors import counted, listed
from leadlens.pipeline.sources.cleaning import Cleaner


class _List(NamedTuple):
    """What findings say of a list: of one lead, of several, of what follows, and of ids that are of no lead."""

    one: str
    several: str
    follows: str
    code: str
    risk: str


_LISTS = {
    "objections": _List(
        "objects",
        "object",
        "to profiling: neither scored nor learned from",
        "objection-unknown-lead",
        "an objection in another spelling is not honoured",
    ),
    "finished": _List(
        "is",
        "are",
        "over by data.finished: learned from, but not scored",
        "finished-unknown-lead",
        "a lead in another spelling stays open",
    ),
}


def clean_left_out(cleaner: Cleaner, table: str, given: bool) -> None:
    """Clean ``objections(lead_id)`` or ``finished(lead_id)``: each lead once, and only those that there are.

    Says how many leads the list has, and warns of ids that are in no lead at all: they would be left out of nothing.
    """
    if not given:
        return
    engine, said = cleaner.engine, _LISTS[table]
    engine.run([Step(table, f"SELECT DISTINCT lead_id FROM {table} WHERE lead_id IS NOT NULL")])
    strange = f"{table} WHERE lead_id NOT IN (SELECT lead_id FROM leads)"
    strangers = engine.frame(f"SELECT lead_id FROM {strange} ORDER BY lead_id")["lead_id"].tolist()
    engine.run([Step(table, f"SELECT lead_id FROM {table} WHERE lead_id IN (SELECT lead_id FROM leads)")])
    count = engine.count(table)
    listed_leads = f"{counted(count, 'lead')} {said.one if count == 1 else said.several} {said.follows}"
    cleaner.findings.append(Finding(table, listed_leads, "note", count))
    if strangers:
        ids, verb = counted(len(strangers), "id"), "is" if len(strangers) == 1 else "are"
        message = f"{ids} in {table} {verb} of no lead ({listed(strangers, 5)}): {said.risk}"
        cleaner.findings.append(Finding(said.code, message, "warning", len(strangers)))
