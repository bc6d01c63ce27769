"""`leadlens person`: all that is stored of a lead and where, and why its score is what it is, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from leadlens.features import DuckDBEngine, History
from leadlens.features.errors import LeadlensError
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.elsewhere import written_elsewhere
from leadlens.pipeline.forgetting.outside import stored_in_written
from leadlens.pipeline.forgetting.person import Person
from leadlens.pipeline.forgetting.removal import Stored
from leadlens.pipeline.forgetting.score_targets import stored_in_target
from leadlens.pipeline.forgetting.stored import plain, stored_in_state
from leadlens.pipeline.jobs.explain import Explanation
from leadlens.pipeline.jobs.named_lead import find_lead
from leadlens.pipeline.jobs.places import targets_of
from leadlens.pipeline.jobs.read import COUNTED
from leadlens.pipeline.jobs.sought_person import find_person
from leadlens.pipeline.jobs.why_scored import why_scored
from leadlens.pipeline.private import private_files
from leadlens.pipeline.sources.forgotten import Forgotten

_ORDER = {
    "events": "occurred_at",
    "conversions": "converted_at",
    "changes": "known_at",
    "verdicts": "given_at",
}


@dataclass(frozen=True)
class StoredPerson:
    """What is stored of a lead.

    Attributes
    ----------
    rows : by table of the history, each row as a mapping; the account's row is that of the lead's company.
    places : score targets, stores and files that have rows of the lead, or mention it, with those rows or lines.
    explanation : why the score is what it is; ``None`` with the reason in ``notes`` where there is no score.
    differences : why a score that stands somewhere is another than the explained one; empty where they are one.
    forgotten : whether the lead was forgotten; ``rows`` are empty then, and ``places`` what has it all the same.
    """

    lead_ids: tuple[str, ...]
    rows: dict[str, list[dict[str, Any]]]
    places: tuple[Stored, ...] = ()
    explanation: Explanation | None = None
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    forgotten: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "lead_ids": list(self.lead_ids),
            "forgotten": self.forgotten,
            "rows": self.rows,
            "places": [
                {"where": each.where, "what": each.what, "rows": list(each.rows)} for each in self.places
            ],
            "explanation": self.explanation.to_dict() if self.explanation else None,
            "differences": list(self.differences),
            "notes": list(self.notes),
        }


@private_files()
def person(file: ProjectFile, asked: str, *, to: Sequence[str] = ()) -> StoredPerson:
    """All that is stored of the lead with this id, address or name; ``to`` are further targets of scores.

    Raises ``UsageError`` for a lead that is not known, with the nearest ids.
    """
    notes = list[str]()
    if Forgotten.of(file.project.name).holds(asked):
        who = Person((asked,))
        places = _places(file, who, to, notes)
        notes.append("this lead was forgotten: a keyed hash of its id keeps it out of what is read")
        return StoredPerson(who.ids, {}, tuple(places), notes=tuple(notes), forgotten=True)
    named = find_lead(file, asked)
    with named.history as history:
        rows = {table: _rows(history, table, named.lead_id) for table in COUNTED}
    notes += named.notes
    who = find_person(file, named.lead_id)
    places = _places(file, who, to, notes)
    why = why_scored(file, named.lead_id, places)
    return StoredPerson(
        who.ids,
        {table: each for table, each in rows.items() if each},
        tuple(places),
        why.explanation,
        why.differences,
        (*notes, *why.notes),
    )


def _places(file: ProjectFile, who: Person, to: Sequence[str], notes: list[str]) -> list[Stored]:
    """What each place has; one that cannot be looked into is noted."""
    project, places = file.project.name, list[Stored]()

    def add(read: Callable[[], Iterable[Stored]]) -> None:
        try:
            places.extend(each._replace(rows=tuple(plain(row) for row in each.rows)) for each in list(read()))
        except (LeadlensError, OSError) as error:
            notes.append(f"not looked into: {error}")

    for target in targets_of(file, to):
        add(partial(stored_in_target, target, file.project.scores.table, project, who.ids))
    for written in written_elsewhere(project):
        if not written.database:
            known = who.by_distinct_words if written.command == "log" else who
            add(partial(stored_in_written, Path(written.path), known))
    add(partial(stored_in_state, project, who))
    return places


def _rows(history: History, table: str, lead_id: str) -> list[dict[str, Any]]:
    engine = history.engine
    assert isinstance(engine, DuckDBEngine), "a prepared history is opened by DuckDB"
    literal = engine.dialect.literal(lead_id)
    theirs = {
        "changes": f"entity = 'lead' AND id = {literal}",
        "accounts": f"account_id IN (SELECT account_id FROM leads WHERE lead_id = {literal})",
    }.get(table, f"lead_id = {literal}")
    frame = engine.frame(f"SELECT * FROM {table} WHERE {theirs} ORDER BY {_ORDER.get(table, 'ALL')}")
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [plain({str(name): value for name, value in row.items()}) for row in rows]
