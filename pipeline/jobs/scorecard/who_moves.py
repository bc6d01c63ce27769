"""Who would be in another stage by another version of a sheet, and how past leads with the same move converted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from leadlens.features import DataError, History
from leadlens.features.label import build_labels
from leadlens.features.spine import Spine, build_spine
from leadlens.models.scorecard import Sheet, score_sheet
from leadlens.models.scorecard.insights.changes import moves
from leadlens.models.scorecard.language.grades import STAGES
from leadlens.models.scorecard.scoring.probes import split_segment, without_segment
from leadlens.models.statistics import wilson
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.default_spine import training_spine
from leadlens.pipeline.dataset.policies import outcome_horizon
from leadlens.pipeline.jobs.scorecard.leads import named, open_leads, records
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.progress import Progress, silent

MOST_NAMED = 100  # of each direction
_RANK = {name: place for place, name in enumerate(("Disqualified", *STAGES[:-1]))}
_SHOWN = ["lead_id", "stage_before", "stage_after", "total_before", "total_after"]


@dataclass(frozen=True, kw_only=True)
class WhoMoves:
    """Open leads by two sheets, ``before`` and ``after``, and past leads that would have made the same moves.

    ``stages`` have stage, before and after in leads; ``risen`` and ``fallen`` are the first ``MOST_NAMED`` of ``up`` and
    ``down``, those with most points first. ``past`` has a row for each move, and ``None`` to ``None`` for those that made
    none: leads, each once as of the first snapshot with the move, how many converted within the horizon after it,
    rate, low and high (90 %, Wilson). ``no_past`` says why there are none.
    """

    before: str
    after: str
    as_of: datetime | None
    compared: int
    only_before: int
    only_after: int
    stages: tuple[dict[str, Any], ...]
    points_changed: int
    up: int
    down: int
    risen: tuple[dict[str, Any], ...]
    fallen: tuple[dict[str, Any], ...]
    past: tuple[dict[str, Any], ...]
    no_past: str | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"as_of": self.as_of.isoformat() if self.as_of else None}


def who_moves(
    file: ProjectFile,
    before: Sheet,
    after: Sheet,
    as_of: datetime | None = None,
    progress: Progress = silent,
) -> WhoMoves:
    """Score the open leads and the past ones by both sheets; nothing is written.

    Leads are compared where both sheets are for them; the others are counted. Raises ``DataError`` where no lead is open.
    """
    progress("Reading the data", 0, 3)
    history = open_history(file)
    as_of = history.moment(as_of)
    with (
        open_leads(file, history, as_of) as leads,
        split_segment(before, history, leads) as left,
        split_segment(after, history, leads) as right,
    ):
        progress(f"Scoring {leads.rows:,} open leads by both versions", 1, 3)
        pairs, only_before = _pairs(history, left, before, after), left.rows
        only_after = right.rows
    progress("Scoring past leads by both versions", 2, 3)
    past, no_past = _past(file, history, before, after)
    step = pairs["stage_after"].map(_RANK) - pairs["stage_before"].map(_RANK)
    risen, fallen = (
        ways.sort_values(["total_after", "lead_id"], ascending=[False, True])
        for ways in (pairs[step > 0], pairs[step < 0])
    )
    return WhoMoves(
        before=named(before),
        after=named(after),
        as_of=history.shown(as_of),
        compared=len(pairs),
        only_before=only_before - len(pairs),
        only_after=only_after - len(pairs),
        stages=tuple(
            {
                "stage": stage,
                "before": int((pairs["stage_before"] == stage).sum()),
                "after": int((pairs["stage_after"] == stage).sum()),
            }
            for stage in sorted(_RANK, key=lambda stage: -_RANK[stage])
        ),
        points_changed=int(((pairs["total_after"] - pairs["total_before"]).round(9) != 0).sum()),
        up=len(risen),
        down=len(fallen),
        risen=tuple(records(risen[_SHOWN].head(MOST_NAMED))),
        fallen=tuple(records(fallen[_SHOWN].head(MOST_NAMED))),
        past=past,
        no_past=no_past,
    )


def _pairs(history: History, rows: Spine, before: Sheet, after: Sheet) -> pd.DataFrame:
    """``moves`` of the rows that both sheets are for, ``rows`` being those of the first."""
    with split_segment(after, history, rows) as both:
        if not both.rows:
            return pd.DataFrame(columns=_SHOWN)
        old, new = (
            score_sheet(without_segment(sheet), history, both, ledger=False) for sheet in (before, after)
        )
    return moves(old, new)


def _past(
    file: ProjectFile, history: History, before: Sheet, after: Sheet
) -> tuple[tuple[dict[str, Any], ...], str | None]:
    try:
        spine = build_spine(history, training_spine(history, file.project).policy)
    except DataError as error:
        return (), error.what
    columns = ["row_id", "lead_id", "as_of", "stage"]
    with (
        spine,
        build_labels(history, spine, outcome_horizon(file.project), file.project.outcome.kind) as labels,
        split_segment(before, history, spine) as left,
        split_segment(after, history, left) as both,
    ):
        known = history.engine.frame(f"SELECT row_id, label FROM {labels} WHERE label IS NOT NULL")
        if known.empty or not both.rows:
            return (), "no outcome of these leads is known yet"
        old, new = (
            score_sheet(without_segment(sheet), history, both, ledger=False).scores[columns]
            for sheet in (before, after)
        )
    rows = old.merge(new[["row_id", "stage"]], on="row_id", suffixes=("_before", "_after"))
    rows = rows.merge(known, on="row_id").sort_values(["as_of", "row_id"])
    if rows.empty:
        return (), "no outcome of these leads is known yet"
    stays = rows["stage_before"] == rows["stage_after"]
    rows = rows.assign(
        stage_before=rows["stage_before"].mask(stays, ""), stage_after=rows["stage_after"].mask(stays, "")
    )
    ways = ["stage_before", "stage_after"]
    once = rows.drop_duplicates(["lead_id", *ways])
    sums = once.assign(label=once["label"].astype(int)).groupby(ways)["label"].agg(["size", "sum"])
    sums = sums.sort_values("size", ascending=False).reset_index()
    low, high = wilson(sums["sum"], sums["size"])
    table = pd.DataFrame(
        {
            "stage_before": sums["stage_before"].mask(sums["stage_before"] == "", None),
            "stage_after": sums["stage_after"].mask(sums["stage_after"] == "", None),
            "leads": sums["size"],
            "conversions": sums["sum"],
            "rate": sums["sum"] / sums["size"],
            "low": low,
            "high": high,
        }
    )
    return tuple(records(table)), None
