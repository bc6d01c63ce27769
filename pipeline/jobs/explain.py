"""`leadlens explain`: one lead through both lenses, each line by line, each summing to its score."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from features import DataError, Step, UsageError
from features.matrix import build_matrix
from features.spine import build_scoring_spine
from models.prediction import named, predict, sheet_points, with_points
from models.reasons import Reason, reasons_of
from pipeline.config import ProjectFile
from pipeline.dataset.training_set import load_sheets, score_both_sheets, spine_policy
from pipeline.jobs.scorecard.leads import refuse_odd_id
from pipeline.sources import open_history


@dataclass(frozen=True)
class Explanation:
    """Both lenses on one lead at one moment.

    ``start + sum(reason.points) == score`` to 1e-6; the ledger's points that count sum to ``rule_points`` exactly.
    """

    lead_id: str
    as_of: datetime
    version: str
    alias: str
    probability: float
    score: float
    shown: int
    grade: str
    start: float
    reasons: tuple[Reason, ...]
    rule_points: float | None
    rule_grade: str | None
    rule_stage: str | None
    disqualified_by: str | None
    sheet: str | None
    route: str | None
    ledger: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        ledger = self.ledger.astype(object).where(self.ledger.notna(), None).to_dict("records")
        return {
            "lead_id": self.lead_id,
            "as_of": self.as_of.isoformat(),
            "model_version": self.version,
            "alias": self.alias,
            "probability": self.probability,
            "score": self.score,
            "shown": self.shown,
            "grade": self.grade,
            "start": self.start,
            "reasons": [reason.to_dict() | {"points": reason.points} for reason in self.reasons],
            "rule_points": self.rule_points,
            "rule_grade": self.rule_grade,
            "rule_stage": self.rule_stage,
            "disqualified_by": self.disqualified_by,
            "sheet": self.sheet,
            "route": self.route,
            "ledger": ledger,
        }

    def _repr_html_(self) -> str:
        from pipeline.html import table_html

        lines = [(reason.text, reason.points) for reason in self.reasons if abs(reason.points) >= 0.5]
        rest = self.score - self.start - sum(points for _, points in lines)
        told = [
            ("Every lead starts at", self.start),
            *lines,
            ("smaller reasons", rest),
            ("= score", self.score),
        ]
        model = pd.DataFrame(told, columns=["model", "points"])
        head = f"<p><b>{self.shown}</b> ({self.probability:.1%}, grade {self.grade})"
        rules = "" if self.rule_points is None else f"; sheet <b>{self.rule_points:g}</b> ({self.rule_stage})"
        return f"{head}{rules}</p>" + table_html(model, len(model)) + table_html(self.ledger, 100)


def explain(file: ProjectFile, lead_id: str, *, as_of: datetime | None = None) -> Explanation:
    """Explain one open lead. Raises ``UsageError`` for an unknown lead, ``DataError`` for one that is not open."""
    from pipeline.registry.mlflow_registry import Registry

    refuse_odd_id(lead_id)
    history = open_history(file)
    moment, literal = as_of or history.data_end, history.engine.dialect.literal
    known = history.engine.frame(f"SELECT lead_id FROM leads WHERE lead_id = {literal(lead_id)}")
    if known.empty:
        near = history.engine.frame(
            f"SELECT lead_id FROM leads ORDER BY levenshtein(lead_id, {literal(lead_id[:100])}), lead_id LIMIT 3"
        )
        raise UsageError(
            "there is no such lead", value=lead_id, known=near["lead_id"], fix="ids are those of data.leads"
        )
    served = Registry(file.project.name).serving()
    build_scoring_spine(history, moment, spine_policy(file.project))
    history.engine.run([Step("one", f"SELECT * FROM spine WHERE lead_id = {literal(lead_id)}")])
    if not history.engine.count("one"):
        raise DataError(
            "this lead is not open at that moment",
            value=f"{lead_id} at {moment:%Y-%m-%d %H:%M}",
            why="leads are scored while they are neither closed nor converted",
            fix="give an earlier --as-of (and not before the lead was created)",
        )
    matrix = build_matrix(history, served.bundle.recipe.plan, "one")
    sheet = load_sheets(file)
    rules, prior = score_both_sheets(history, sheet, served.bundle, "one")
    columns = named(matrix.columns, served.bundle.sheet)
    points = sheet_points(prior, matrix.frame.index)
    found = predict(served.bundle.model, matrix.frame, columns, points)
    row = matrix.frame.index[0]
    reasons = reasons_of(found.contributions, with_points(matrix.frame, points), columns)[0]
    table = found.table.loc[row]
    line = None if rules is None else rules.scores.iloc[0]
    disqualified = None if line is None or pd.isna(line["disqualified_by"]) else str(line["disqualified_by"])
    return Explanation(
        lead_id,
        moment,
        served.display_name,
        served.alias,
        float(table["probability"]),
        float(table["score"]),
        int(table["shown"]),
        str(table["grade"]),
        found.base_value,
        tuple(reasons),
        None if line is None else float(line["total"]),
        None if line is None else str(line["grade"]),
        None if line is None else str(line["stage"]),
        disqualified,
        None if line is None or pd.isna(line["sheet"]) else str(line["sheet"]),
        None if line is None or pd.isna(line["route"]) else _route(line),
        pd.DataFrame() if rules is None else rules.told().drop(columns=["row_id", "lead_id"]),
    )


def _route(line: pd.Series) -> str:
    queue = "" if pd.isna(line["queue"]) else f", {line['queue']}"
    return f"{line['action']}{queue}: {line['reason']}"
