"""The leads that a job on a sheet is about: one by its id, or all open ones that the sheet is for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from leadlens.features import DataError, History
from leadlens.features.spine import Spine, build_scoring_spine
from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.language.parsing import Parsed, parse_conditions
from leadlens.models.scorecard.scoring.probes import set_rows, split_segment, without_segment
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.known_leads import require_lead
from leadlens.pipeline.dataset.policies import spine_policy
from leadlens.pipeline.jobs.named_lead import NamedLead
from leadlens.pipeline.scorecards.project import choose_sheet, sheets_of


@dataclass(frozen=True, kw_only=True)
class OneLead:
    """A lead as of one time (``shown`` to people where the data have dates): its spine row, what to know before its score is read, and the sheet, without its
    segment, with its conditions parsed."""

    lead_id: str
    as_of: datetime
    shown: datetime | None
    created_at: datetime
    spine: Spine
    notes: tuple[str, ...]
    sheet: Sheet
    parsed: Parsed


def own_sheet(
    file: ProjectFile, sheet: Sheet | None, found: NamedLead, as_of: datetime | None
) -> tuple[Sheet, NamedLead]:
    """The sheet that is meant, ``None`` for the lead's own: the first of the project that is for it as of then.

    Where it is for none of several the first stands in; what was chosen is noted with the lead. Raises ``UsageError``
    where the project has no sheet.
    """
    if sheet is not None:
        return sheet, found
    first, _ = choose_sheet(file, None)
    if len(file.project.scorecards) == 1:
        return first, found
    sheets = [item.file or item.live for item in sheets_of(file)]
    history = found.history
    with set_rows(history, [(found.lead_id, history.moment(as_of))]) as spine:
        for one in sheets:
            with split_segment(one, history, spine) as segment:
                if segment.rows:
                    return one, found.noting(f"of {len(sheets)} sheets {one.name} is this lead's own")
    return first, found.noting(
        f"none of the {len(sheets)} sheets is for this lead: {first.name} is the first"
    )


@contextmanager
def one_lead(found: NamedLead, sheet: Sheet, as_of: datetime | None) -> Iterator[OneLead]:
    """A lead as of then, by default the data's end. Its spine is dropped at the end.

    Raises ``UsageError`` for an unknown id, with those nearest to it, or one that is no text, and ``DataError`` for
    a date before the lead was created.
    """
    history, lead_id = found.history, found.lead_id
    row = require_lead(history, lead_id)
    as_of, created = history.moment(as_of), row["created_at"].to_pydatetime()
    if as_of < created:
        raise DataError(
            "this lead did not exist yet",
            value=f"{lead_id} at {as_of:%Y-%m-%d %H:%M}",
            why=f"it was created on {created:%Y-%m-%d %H:%M}",
            fix="give a later --as-of",
        )
    notes = list(found.notes)
    notes += _notes(history, lead_id, as_of, row["closed_at"])
    free = without_segment(sheet)
    with set_rows(history, [(lead_id, as_of)]) as spine:
        with split_segment(sheet, history, spine) as segment:
            if not segment.rows:
                notes.append(f"the sheet is not for this lead (for: {sheet.for_})")
        yield OneLead(
            lead_id=lead_id,
            as_of=as_of,
            shown=history.shown(as_of),
            created_at=created,
            spine=spine,
            notes=tuple(notes),
            sheet=free,
            parsed=parse_conditions(free, history),
        )


def _notes(history: History, lead_id: str, as_of: datetime, closed: Any) -> list[str]:
    literal = history.engine.dialect.literal
    notes = []
    dated = history.clock == "time"
    if not pd.isna(closed) and closed < as_of:
        notes.append(f"closed on {closed:%Y-%m-%d}" if dated else "closed")
    converted_at = history.engine.value(
        f"SELECT min(converted_at) FROM conversions WHERE lead_id = {literal(lead_id)} "
        f"AND converted_at < {literal(as_of)}"
    )
    if converted_at is not None:
        notes.append(f"converted on {converted_at:%Y-%m-%d}" if dated else "converted")
    if dated and as_of > history.data_end:
        notes.append(f"the data end on {history.data_end:%Y-%m-%d}: what the lead did since is not known")
    return notes


def open_leads(file: ProjectFile, history: History, as_of: datetime) -> Spine:
    """The leads open at ``as_of``, as a table that the caller drops. Raises ``DataError`` where no lead is open."""
    spine = build_scoring_spine(history, as_of, spine_policy(file.project))
    if spine.rows:
        return spine
    spine.drop()
    raise DataError(
        "no lead is open as of then",
        value=f"{as_of:%Y-%m-%d %H:%M}"
        if history.clock == "time"
        else "every lead has converted or is closed",
        why="a sheet is tried on the leads it would score",
        fix="give an --as-of within the data" if history.clock == "time" else "add leads without an outcome",
    )


def named(sheet: Sheet) -> str:
    """Name and version of a sheet."""
    return f"{sheet.name} {sheet.version}"


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame as JSON values: timestamps as ISO text, what is missing as ``None``."""
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
