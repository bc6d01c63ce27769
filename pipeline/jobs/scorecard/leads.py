"""The leads that a job on a sheet is about: one by its id, or all open ones that the sheet is for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from features import DataError, History, UsageError, nearest
from features.spine import build_scoring_spine
from models.scorecard import Sheet
from models.scorecard.language.parsing import Parsed, parse_conditions
from models.scorecard.scoring.probes import set_rows, split_segment, without_segment
from pipeline.config import ProjectFile
from pipeline.dataset.policies import spine_policy


@dataclass(frozen=True)
class OneLead:
    """A lead at a moment, what should be known before its score is read, and the sheet, for any lead, parsed."""

    lead_id: str
    as_of: datetime
    created_at: datetime
    notes: tuple[str, ...]
    sheet: Sheet
    parsed: Parsed


def refuse_odd_id(lead_id: str) -> None:
    """Raise ``UsageError`` for an id that is no text, as a terminal in another encoding may send it."""
    try:
        lead_id.encode()
    except UnicodeEncodeError:
        raise UsageError(
            "this id is not UTF-8 text", value=lead_id, fix="type it as data.leads has it"
        ) from None


def one_lead(history: History, sheet: Sheet, lead_id: str, as_of: datetime | None) -> OneLead:
    """Find a lead; ``as_of`` is the data's end by default. The table ``one`` is its spine row.

    Raises ``UsageError`` for an unknown id, with those nearest to it, or one that is no text, and ``DataError`` for
    a moment before the lead was created.
    """
    refuse_odd_id(lead_id)
    engine, literal = history.engine, history.engine.dialect.literal
    moment = as_of or history.data_end
    found = engine.frame(f"SELECT created_at, closed_at FROM leads WHERE lead_id = {literal(lead_id)}")
    if found.empty:
        near = engine.frame(
            f"SELECT lead_id FROM leads ORDER BY levenshtein(lead_id, {literal(lead_id[:100])}), lead_id LIMIT 3"
        )
        known = [str(name) for name in near["lead_id"]]
        # the error shows near names by itself, but none where all are far
        told = f", such as {', '.join(known)}" if known and not nearest(lead_id, known) else ""
        raise UsageError(
            "there is no such lead", value=lead_id, known=known, fix=f"ids are those of data.leads{told}"
        )
    created = found["created_at"].iloc[0].to_pydatetime()
    if moment < created:
        raise DataError(
            "this lead did not exist at that moment",
            value=f"{lead_id} at {moment:%Y-%m-%d %H:%M}",
            why=f"it was created on {created:%Y-%m-%d %H:%M}",
            fix="give a later moment",
        )
    notes = _notes(history, lead_id, moment, found["closed_at"].iloc[0])
    set_rows(history, [(lead_id, moment)], "one")
    if not split_segment(sheet, history, "one", "one_inside"):
        notes.append(f"the sheet is not for this lead (for: {sheet.for_})")
    engine.drop("one_inside")
    free = without_segment(sheet)
    return OneLead(lead_id, moment, created, tuple(notes), free, parse_conditions(free, history))


def _notes(history: History, lead_id: str, moment: datetime, closed: Any) -> list[str]:
    literal = history.engine.dialect.literal
    notes = []
    if not pd.isna(closed) and closed < moment:
        notes.append(f"closed on {closed:%Y-%m-%d}")
    sold = history.engine.value(
        f"SELECT min(converted_at) FROM conversions WHERE lead_id = {literal(lead_id)} "
        f"AND converted_at < {literal(moment)}"
    )
    if sold is not None:
        notes.append(f"converted on {sold:%Y-%m-%d}")
    if history.clock == "time" and moment > history.data_end:
        notes.append(f"the data end on {history.data_end:%Y-%m-%d}: what the lead did since is not known")
    return notes


def open_leads(file: ProjectFile, history: History, as_of: datetime, sheet: Sheet) -> tuple[int, int]:
    """Make ``spine``, the open leads, and ``inside``, those that the sheet is for; returns how many of each there
    are, inside first. Raises ``DataError`` where no lead is open."""
    count = build_scoring_spine(history, as_of, spine_policy(file.project))
    if not count:
        raise DataError(
            "no lead is open at that moment",
            value=f"{as_of:%Y-%m-%d %H:%M}",
            why="a sheet is tried on the leads it would score",
            fix="give an --as-of within the data",
        )
    return split_segment(sheet, history, "spine", "inside"), count


def named(sheet: Sheet) -> str:
    """Name and version of a sheet."""
    return f"{sheet.name} {sheet.version}"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame as JSON values: moments as ISO text, what is missing as ``None``."""
    return [{str(name): plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def plain(value: Any) -> Any:
    """One value as JSON takes it."""
    if isinstance(value, list | tuple | dict):
        return value
    if pd.isna(value):
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value
