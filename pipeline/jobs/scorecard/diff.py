"""`leadlens scorecard diff`: what two sheets say differently, and which leads that moves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from leadlens.models.scorecard import Sheet, SheetScores, score_sheet
from leadlens.models.scorecard.insights.changes import moves, version_changes
from leadlens.models.scorecard.insights.comparison import Difference, compare_sheets
from leadlens.models.scorecard.scoring.probes import split_segment, without_segment
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.jobs.scorecard.leads import named, open_leads, records
from leadlens.pipeline.prepared import open_history

_MOST = 10


@dataclass(frozen=True, kw_only=True)
class Diff:
    """Two sheets side by side.

    ``moved`` counts the leads whose total, stage, grade or route is another one; ``stages`` counts them by stage
    before and after; ``movers`` are those with the largest change of the total, each with the ``lines`` by rule and
    dimension whose points sum to it.
    """

    before: str
    after: str
    as_of: datetime | None
    differences: tuple[Difference, ...]
    compared: int
    only_before: int
    only_after: int
    moved: dict[str, int]
    stages: tuple[dict[str, Any], ...]
    movers: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        differences = [difference.to_dict() for difference in self.differences]
        return {
            **vars(self),
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "differences": differences,
        }


def diff(
    file: ProjectFile, before: Sheet, after: Sheet, as_of: datetime | None = None, most: int = _MOST
) -> Diff:
    """Compare two sheets by what is written in them and by what they say of the leads open at ``as_of``.

    Leads are compared where both sheets are for them; the others are counted. Raises ``DataError`` where no lead is
    open.
    """
    history = open_history(file)
    as_of = history.moment(as_of)
    compared = compare_sheets(before, after)
    with (
        open_leads(file, history, as_of) as leads,
        split_segment(before, history, leads) as left,
        split_segment(after, history, leads) as right,
        split_segment(after, history, left) as both,
    ):
        old, new = (score_sheet(without_segment(sheet), history, both) for sheet in (before, after))
        only_before, only_after = left.rows - both.rows, right.rows - both.rows
    moved, stages, movers = _moved(old, new, compared.renamed, most)
    return Diff(
        before=named(before),
        after=named(after),
        as_of=history.shown(as_of),
        differences=compared.differences,
        compared=len(new.scores),
        only_before=only_before,
        only_after=only_after,
        moved=moved,
        stages=stages,
        movers=movers,
    )


def _moved(
    old: SheetScores, new: SheetScores, renamed: dict[str, str], most: int
) -> tuple[dict[str, int], tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]:
    pairs = moves(old, new)
    change = (pairs["total_after"] - pairs["total_before"]).round(9)
    counts = {"total": int((change != 0).sum())}
    for name in ("stage", "grade", "route"):
        a, b = pairs[f"{name}_before"].fillna(""), pairs[f"{name}_after"].fillna("")
        counts[name] = int((a != b).sum())
    turned = pairs[pairs["stage_before"] != pairs["stage_after"]]
    stages = turned.groupby(["stage_before", "stage_after"]).size().sort_values(ascending=False)
    ways = [
        {"before": a, "after": b, "leads": int(n)}
        for (a, b), n in zip(stages.index, stages.tolist(), strict=True)
    ]
    order = pairs.assign(change=change, size=change.abs())
    order = order[order["size"] > 0].sort_values(["size", "lead_id"], ascending=[False, True]).head(most)
    lines = version_changes(old, new, renamed)
    lines = lines[lines["lead_id"].isin(order["lead_id"])]
    return (
        counts,
        tuple(ways),
        tuple(_mover(row, lines, old.sheet, new.sheet) for row in order.to_dict("records")),
    )


def _mover(row: dict[Any, Any], lines: pd.DataFrame, old: Sheet, new: Sheet) -> dict[str, Any]:
    mine = lines[lines["lead_id"] == row["lead_id"]]
    counted = mine[mine["dimension"].isin((*old.total, *new.total))]
    moved_lines = records(counted[["dimension", "rule", "before", "after", "points"]])
    if set(old.total) != set(new.total):
        # a dimension that is summed by one of the two only: its points are the rest
        rest = round(row["change"] - sum(line["points"] for line in moved_lines), 9) + 0.0
        text = f"total is {' + '.join(new.total)}, was {' + '.join(old.total)}"
        moved_lines += (
            [{"dimension": "total", "rule": text, "before": None, "after": None, "points": rest}]
            if rest
            else []
        )
    names = ["lead_id", "total_before", "total_after", "change", "stage_before", "stage_after"]
    names += ["grade_before", "grade_after", "route_before", "route_after"]
    return {**records(pd.DataFrame([row])[names])[0], "lines": moved_lines}
