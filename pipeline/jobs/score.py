"""`leadlens score`: every open lead through the serving model and the sheet, written back in one go."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from features import History, humanize
from features.matrix import build_matrix
from features.spine import build_scoring_spine
from models.prediction import named, predict, sheet_points, with_points
from models.reasons import Reason, reasons_of, reasons_text
from models.scorecard import ScorecardSetScores
from pipeline.config import ProjectFile, expand
from pipeline.dataset.training_set import load_sheets, score_both_sheets, spine_policy
from pipeline.progress import Progress, silent
from pipeline.scorecards.project import notes_of
from pipeline.sources import open_history
from pipeline.state import state_folder
from pipeline.writeback import RunManifest, WriteResult, parse_target, write_scores

_REASONS_KEPT = 10
_LEDGER = ("dimension", "rule", "occurred_at", "detail", "points", "taken_by_decay", "taken_by_cap")
_STEADY = 0.5  # points in a week that are no trend


@dataclass(frozen=True)
class Scoring:
    """What a scoring run did. ``written`` is ``None`` for a dry run; ``scores`` has the columns of lead_scores."""

    project: str
    as_of: datetime
    version: str
    alias: str
    run_id: str
    scores: pd.DataFrame
    written: WriteResult | None
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "project": self.project,
            "as_of": self.as_of.isoformat(),
            "model_version": self.version,
            "alias": self.alias,
            "run_id": self.run_id,
            "leads": len(self.scores),
            "grades": dict(Counter(self.scores["grade"])) if len(self.scores) else {},
            "written": self.written.as_dict() if self.written else None,
            "warnings": list(self.warnings),
        }

    def _repr_html_(self) -> str:
        from pipeline.html import table_html

        shown = ["lead_id", "score", "grade", "rule_points", "rule_stage", "reasons_text"]
        best = self.scores.sort_values("score", ascending=False)[shown]
        return f"<p>{len(self.scores):,} open leads as of {self.as_of:%Y-%m-%d}</p>" + table_html(best)


def score(
    file: ProjectFile,
    *,
    as_of: datetime | None = None,
    to: str | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> Scoring:
    """Score the leads open at ``as_of`` (default: the data's end) and write them to ``to`` (default: the project's).

    All scores are written or none; writing equal scores again changes nothing. Raises ``LeadlensError`` with
    the target as it was before.
    """
    from pipeline.registry.mlflow_registry import Registry

    target = _target(file, to)
    if not dry_run:
        parse_target(target)  # a typo costs no scoring run
    progress("Opening the model", 0, 0)
    served = Registry(file.project.name).serving()
    warnings = [] if served.alias == "champion" else [
        "no champion yet: the challenger scores (leadlens promote makes it champion)"
    ]  # fmt: skip
    progress("Reading the history", 0, 0)
    history = open_history(file)
    warnings += [finding.message for finding in history.findings if finding.level == "warning"]
    moment = as_of or history.data_end
    sheet = load_sheets(file)
    warnings += notes_of(file)
    learned = served.bundle.recipe.sheet_version
    if sheet is None and learned:
        warnings.append(
            "the project names no score sheet any more, but the model starts from the points of one: train again"
        )
    elif sheet is not None and sheet.version != learned:
        warnings.append(
            "the score sheet changed since the model was trained: train again to have it as prior"
        )
    run = RunManifest(
        as_of=moment,
        model_version=served.display_name,
        scorecard_version="" if sheet is None else f"{sheet.name} {sheet.version}",
        config_fingerprint=file.fingerprint,
    )
    open_leads = build_scoring_spine(history, moment, spine_policy(file.project))
    warnings += _unlike_training(history, file, moment, open_leads)
    progress(f"Scoring {open_leads:,} open leads", 0, 0)
    store = state_folder() / "events" / file.project.name
    matrix = build_matrix(history, served.bundle.recipe.plan, store=store)
    rules, prior = score_both_sheets(history, sheet, served.bundle, "spine", movement=True)
    columns = named(matrix.columns, served.bundle.sheet)
    points = sheet_points(prior, matrix.frame.index)
    found = predict(served.bundle.model, matrix.frame, columns, points)
    table = found.table
    reasons = reasons_of(found.contributions, with_points(matrix.frame, points), columns, _REASONS_KEPT)
    scores = pd.DataFrame(
        {
            "lead_id": matrix.spine["lead_id"].to_numpy(),
            "as_of": moment,
            "probability": table["probability"].to_numpy(),
            "score": table["shown"].to_numpy(),
            "grade": table["grade"].to_numpy(),
            "fit_points": table["fit_points"].round(3).to_numpy(),
            "engagement_points": table["engagement_points"].round(3).to_numpy(),
            "reasons": [_with_start(found.base_value, lines) for lines in reasons],
            "reasons_text": [reasons_text(lines) for lines in reasons],
        }
    )
    if rules is not None:
        scores = scores.assign(**_rule_columns(rules, matrix.frame.index))
    written = None
    if not dry_run:
        progress(f"Writing to {parse_target(target).shown}", 0, 0)
        written = write_scores(scores, target, table=file.project.scores.table, run=run)
    return Scoring(
        file.project.name,
        moment,
        served.display_name,
        served.alias,
        run.run_id,
        scores,
        written,
        tuple(warnings),
    )


def _unlike_training(history: History, file: ProjectFile, moment: datetime, open_leads: int) -> list[str]:
    """What makes the scored leads unlike those that were learned from."""
    if not open_leads:
        return [f"no lead is open at {moment:%Y-%m-%d %H:%M}: nothing to score"]
    told, ages = [], file.project.spine.at_ages
    if history.clock == "time" and moment > history.data_end + file.project.outcome.horizon:
        told.append(
            f"the data end at {history.data_end:%Y-%m-%d}, long before {moment:%Y-%m-%d}: what leads did since is unknown"
        )
    if ages:
        oldest = max(ages)
        before = history.engine.dialect.literal(moment - 2 * oldest)
        old = history.engine.count(f"spine WHERE created_at < {before}")
        if old > open_leads / 4:
            told.append(
                f"{old:,} of {open_leads:,} open leads are more than twice as old as any age learned from "
                f"({humanize(oldest)}): tell by closed_at which are over, or add ages to spine.at_ages"
            )
    return told


def _target(file: ProjectFile, to: str | None) -> str:
    """``--to`` as it is typed; the project's target with its environment, a relative path from the project file."""
    if to is not None:
        return expand(to, "--to")
    told = expand(file.project.scores.to, f"{file.path.name}: scores.to")
    return told if "://" in told else str(file.resolve(told))


def _with_start(start: float, lines: list[Reason]) -> list[dict[str, Any]]:
    """Start and reasons, which sum to the score."""
    return [
        {"text": "Every lead starts at", "points": round(start, 3), "family": None},
        *(line.to_dict() for line in lines),
    ]


def _rule_columns(rules: ScorecardSetScores, index: pd.Index) -> dict[str, Any]:
    by_row = rules.scores.set_index("row_id").loc[index]
    ledger = rules.ledger
    dates = ledger["occurred_at"].dt.strftime("%Y-%m-%dT%H:%M:%S").astype(object)
    lines = zip(
        ledger["row_id"],
        ledger["dimension"],
        ledger["rule"],
        dates.where(ledger["occurred_at"].notna(), None),
        ledger["detail"].astype(object).where(ledger["detail"].notna(), None),
        ledger["points"].tolist(),
        ledger["taken_by_decay"].tolist(),
        ledger["taken_by_cap"].tolist(),
        strict=True,
    )
    ledgers: dict[Any, list[dict[str, Any]]] = {row: [] for row in index}
    for row, *line in lines:
        ledgers[row].append(dict(zip(_LEDGER, line, strict=True)))
    versions = {sheet.name: f"{sheet.name} {sheet.version}" for sheet in rules.book.sheets}
    return {
        "stage": by_row["stage"].to_numpy(),
        "trend": by_row["trend"].map(_heading).to_numpy(),
        "route": _routes(by_row),
        "scorecard_version": by_row["sheet"].map(versions).to_numpy(),
        "rule_points": by_row["total"].to_numpy(dtype=float),
        "rule_grade": by_row["grade"].to_numpy(),
        "rule_stage": by_row["stage"].to_numpy(),
        "ledger": list(ledgers.values()),
    }


def _heading(points: float) -> str | None:
    """Where the sheet's total went in the last week, in one word, so that it seldom changes."""
    if np.isnan(points):  # no sheet is for this lead
        return None
    return "steady" if abs(points) < _STEADY else "rising" if points > 0 else "falling"


def _routes(rows: pd.DataFrame) -> list[str | None]:
    """``call, senior_reps: Read for weeks, then asked for a price``."""
    return [
        None if pd.isna(action) else f"{action}{'' if pd.isna(queue) else f', {queue}'}: {reason}"
        for action, queue, reason in zip(rows["action"], rows["queue"], rows["reason"], strict=True)
    ]
