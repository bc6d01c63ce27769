"""`leadlens score`: every open lead through the serving model and the sheet, written back in one go."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from features import History, humanize
from features.spine import Spine, build_scoring_spine
from models.scorecard import ScorecardSet
from pipeline.config import ProjectFile, expand
from pipeline.dataset.lead_scores import lead_scores
from pipeline.dataset.policies import spine_policy
from pipeline.dataset.scored_leads import score_leads
from pipeline.prepared import open_history
from pipeline.progress import Progress, silent
from pipeline.scorecards.project import SHEET_CHANGED, load_sheets, notes_of
from pipeline.state import state_folder
from pipeline.writeback import RunManifest, WriteResult, parse_target, write_scores


@dataclass(frozen=True, kw_only=True)
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

        wanted = ("lead_id", "score", "grade", "rule_points", "rule_stage", "reasons_text")
        shown = [name for name in wanted if name in self.scores]
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
    as_of = as_of or history.data_end
    sheets = load_sheets(file)
    warnings += [*file.notes, *notes_of(file), *_stale_sheets(sheets, served.bundle.recipe.sheet_version)]
    run = RunManifest(
        as_of=as_of,
        model_version=served.display_name,
        scorecard_version="" if sheets is None else f"{sheets.name} {sheets.version}",
        config_fingerprint=file.fingerprint,
    )
    with build_scoring_spine(history, as_of, spine_policy(file.project)) as spine:
        warnings += _unlike_training(history, file, as_of, spine)
        progress(f"Scoring {spine.rows:,} open leads", 0, 0)
        store = state_folder() / "events" / file.project.name
        scored = score_leads(history, spine, served.bundle, sheets, movement=True, store=store)
    scores = lead_scores(scored)
    written = None
    if not dry_run:
        progress(f"Writing to {parse_target(target).shown}", 0, 0)
        written = write_scores(scores, target, table=file.project.scores.table, run=run)
    return Scoring(
        project=file.project.name,
        as_of=as_of,
        version=served.display_name,
        alias=served.alias,
        run_id=run.run_id,
        scores=scores,
        written=written,
        warnings=tuple(warnings),
    )


def _stale_sheets(sheets: ScorecardSet | None, learned: str) -> list[str]:
    """Whether the sheets are those that the model starts from (their version when it was trained)."""
    if sheets is None and learned:
        return [
            "the project names no score sheet any more, but the model starts from the points of one: train again"
        ]
    if sheets is not None and sheets.version != learned:
        return [SHEET_CHANGED]
    return []


def _unlike_training(history: History, file: ProjectFile, as_of: datetime, spine: Spine) -> list[str]:
    """What makes the scored leads unlike those that were learned from."""
    if not spine.rows:
        return [f"no lead is open at {as_of:%Y-%m-%d %H:%M}: nothing to score"]
    warnings, ages = [], file.project.spine.at_ages
    if history.clock == "time" and as_of > history.data_end + file.project.outcome.horizon:
        warnings.append(
            f"the data end at {history.data_end:%Y-%m-%d}, long before {as_of:%Y-%m-%d}: what leads did since is unknown"
        )
    if ages:
        oldest = max(ages)
        before = history.engine.dialect.literal(as_of - 2 * oldest)
        old = history.engine.count(f"{spine} WHERE created_at < {before}")
        if old > spine.rows / 4:
            warnings.append(
                f"{old:,} of {spine.rows:,} open leads are more than twice as old as any age learned from "
                f"({humanize(oldest)}): mark those that are over by closed_at, or add ages to spine.at_ages"
            )
    return warnings


def _target(file: ProjectFile, to: str | None) -> str:
    """``--to`` as it is typed; the project's target with its environment, a relative path from the project file."""
    if to is not None:
        return expand(to, "--to")
    named = expand(file.project.scores.to, f"{file.path.name}: scores.to")
    return named if "://" in named else str(file.resolve(named))
