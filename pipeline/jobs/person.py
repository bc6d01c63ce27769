"""`leadlens person`: all that is stored of a lead and where, and why its score is what it is, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from features import DuckDBEngine, History
from features.errors import LeadlensError
from pipeline.config import ProjectFile
from pipeline.forgetting.removal import Removal
from pipeline.forgetting.score_targets import rows_in_target
from pipeline.forgetting.state_files import found_in_state
from pipeline.jobs.explain import Explanation, explain
from pipeline.jobs.forget import targets_of
from pipeline.jobs.named_lead import find_lead
from pipeline.jobs.sought_person import find_person
from pipeline.private import private_files
from pipeline.sources.forgotten import Forgotten

_TABLES = ("leads", "events", "conversions", "changes", "verdicts", "answers", "objections")
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
    places : score targets and files that have rows of the lead or mention it, with how many.
    explanation : why the score is what it is; ``None`` with the reason in ``notes`` where there is no score.
    forgotten : whether the lead was forgotten; then no store but a source has it.
    """

    lead_ids: tuple[str, ...]
    rows: dict[str, list[dict[str, Any]]]
    places: tuple[Removal, ...] = ()
    explanation: Explanation | None = None
    notes: tuple[str, ...] = ()
    forgotten: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "lead_ids": list(self.lead_ids),
            "forgotten": self.forgotten,
            "rows": self.rows,
            "places": [place._asdict() for place in self.places],
            "explanation": self.explanation.to_dict() if self.explanation else None,
            "notes": list(self.notes),
        }


@private_files()
def person(file: ProjectFile, asked: str, *, to: Sequence[str] = ()) -> StoredPerson:
    """All that is stored of the lead with this id, address or name; ``to`` are further targets of scores.

    Raises ``UsageError`` for a lead that is not known, with the nearest ids.
    """
    if Forgotten.of(file.project.name).holds(asked):
        return StoredPerson((asked,), {}, notes=("this lead was forgotten",), forgotten=True)
    found = find_lead(file, asked)
    with found.history as history:
        rows = {table: _rows(history, table, found.lead_id) for table in _TABLES}
        rows["accounts"] = _account(history, found.lead_id)
    who, places, notes = find_person(file, found.lead_id), list[Removal](), list(found.notes)
    for target in targets_of(file, to):
        try:
            places += rows_in_target(target, file.project.scores.table, who.ids)
        except LeadlensError as error:
            notes.append(str(error))
    places += found_in_state(file.project.name, who)
    explanation = None
    try:
        explanation = explain(file, found.lead_id)
    except LeadlensError as error:
        notes.append(f"no score is explained: {error.what}")
    known = {table: each for table, each in rows.items() if each}
    return StoredPerson(who.ids, known, tuple(places), explanation, tuple(notes))


def _rows(history: History, table: str, lead_id: str) -> list[dict[str, Any]]:
    engine = history.engine
    assert isinstance(engine, DuckDBEngine), "a prepared history is opened by DuckDB"
    theirs = f"lead_id = {engine.dialect.literal(lead_id)}"
    if table == "changes":
        theirs = f"entity = 'lead' AND id = {engine.dialect.literal(lead_id)}"
    order = _ORDER.get(table, "ALL")
    return _plain(engine.frame(f"SELECT * FROM {table} WHERE {theirs} ORDER BY {order}"))


def _account(history: History, lead_id: str) -> list[dict[str, Any]]:
    engine = history.engine
    of_lead = f"SELECT account_id FROM leads WHERE lead_id = {engine.dialect.literal(lead_id)}"
    return _plain(engine.frame(f"SELECT * FROM accounts WHERE account_id IN ({of_lead})"))


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of what is known, as JSON can say it."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [
        {
            str(name): value.isoformat() if isinstance(value, date | datetime) else value
            for name, value in row.items()
            if value is not None
        }
        for row in rows
    ]
