"""Rows to learn from and later rows to judge on: spine, labels, features and rule points of one project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from features import DataError, History, Step
from features.label import build_labels
from features.matrix import FeatureMatrix, build_matrix
from features.plan import FeaturePlan
from features.planning import FeatureSettings, plan_features
from features.spine import SpinePolicy, build_spine
from models.scorecard import ScorecardSet, ScorecardSetScores, score_scorecard_set
from pipeline.config import Project, ProjectFile
from pipeline.dataset.saved_matrix import load_rows, open_matrix
from pipeline.dataset.time_split import outcome_horizon, split_by_time
from pipeline.registry.bundle import Bundle
from pipeline.scorecards.project import sheets_of
from pipeline.sources.transfer import data_fingerprint

__all__ = [
    "TrainingSet",
    "build_training_set",
    "feature_settings",
    "load_sheets",
    "look_at_leads",
    "outcome_horizon",
    "score_both_sheets",
    "spine_policy",
]


@dataclass(frozen=True)
class TrainingSet:
    """All mature rows of a project, in two parts that share no lead moment.

    Attributes
    ----------
    matrix : features of both parts, built by a plan that looked at the training rows alone.
    label : 0/1 by row_id.
    part : ``"train"`` or ``"test"`` by row_id; rows of the embargo are left out altogether.
    test_from : where the later part begins.
    sheet : the project's score sheets; ``None`` without any.
    rules : their points on the same rows, each by its primary sheet.
    prior : the points of the sheets that the model starts from; the same unless they were changed since.
    warnings : what opening the data brought to light.
    """

    matrix: FeatureMatrix
    label: pd.Series
    part: pd.Series
    test_from: datetime
    plan: FeaturePlan
    sheet: ScorecardSet | None
    rules: ScorecardSetScores | None
    prior: ScorecardSetScores | None
    warnings: tuple[str, ...]

    def rows(self, part: str) -> pd.Index:
        """The row_ids of one part."""
        return self.part.index[self.part == part]

    def __repr__(self) -> str:
        parts = ", ".join(
            f"{name}: {len(self.rows(name)):,} rows, {int(self.label[self.rows(name)].sum()):,} conversions"
            for name in ("train", "test")
        )
        return (
            f"TrainingSet({parts}; {len(self.matrix.columns)} features; test from {self.test_from:%Y-%m-%d})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self.__repr__()}</p>" + self.matrix._repr_html_()


def spine_policy(project: Project) -> SpinePolicy:
    """The project's spine section as the features package wants it."""
    spine = project.spine
    return SpinePolicy(
        spine.at_ages, spine.every, spine.dates, spine.column, spine.repeat, project.outcome.kind, spine.since
    )


def feature_settings(project: Project) -> FeatureSettings:
    """The project's features section as the features package wants it."""
    told = project.features
    return FeatureSettings(
        **{name: getattr(told, name) for name in FeatureSettings.__dataclass_fields__ if name != "counts"},
        counts=tuple((count.label, count.when) for count in told.counts),
    )


def load_sheets(file: ProjectFile) -> ScorecardSet | None:
    """The project's sheets as they go live: of each the active version, else its file; ``None`` without any."""
    found = [chosen.live for chosen in sheets_of(file)]
    return ScorecardSet(tuple(found)) if found else None


def build_training_set(
    file: ProjectFile, history: History, bundle: Bundle | None = None, matrix: Path | None = None
) -> TrainingSet:
    """Look at the leads at the project's moments, label what came of them, and split by time.

    With the ``bundle`` of a trained model its features are built again instead of chosen anew. With ``matrix``, a
    folder that ``leadlens features --out`` wrote, its rows are read instead of built; rules are scored here.
    Raises ``DataError`` where a part would have no row or only one class to learn from, ``UsageError`` where the
    matrix is of another project or of other data.
    """
    engine, sheet = history.engine, load_sheets(file)
    if matrix is not None:
        saved = open_matrix(matrix)
        saved.check(file, data_fingerprint(history))
        plan, test_from = saved.plan, saved.test_from
        built, told = load_rows(saved, engine)
        engine.register("looked_at", built.spine)
    else:
        plan, test_from = look_at_leads(file, history, bundle)
        built = build_matrix(history, plan, "looked_at")
        told = engine.frame("SELECT row_id, part, label FROM parted WHERE part IS NOT NULL ORDER BY row_id")
        told = told.set_index("row_id")
    if not built.columns:
        raise DataError(
            "there is nothing to learn from: no column and no event tells one lead from another",
            why="a column with one value, or with another text for every lead, is no feature",
            fix="see what is read: leadlens check CONFIG; add attributes or events to `data`",
        )
    rules, prior = score_both_sheets(history, sheet, bundle, "looked_at")
    warnings = tuple(finding.message for finding in history.findings if finding.level == "warning")
    engine.drop("parted", "looked_at", "labels", "spine")
    return TrainingSet(
        built, told["label"].astype(int), told["part"], test_from, plan, sheet, rules, prior, warnings
    )


def look_at_leads(
    file: ProjectFile, history: History, bundle: Bundle | None = None
) -> tuple[FeaturePlan, datetime]:
    """Make ``parted`` and ``looked_at``, its rows of either part; the features to build, and where the later begins."""
    project, engine = file.project, history.engine
    build_spine(history, spine_policy(project))
    build_labels(history, outcome_horizon(project), project.outcome.kind)
    test_from = split_by_time(history, project)
    rows = "SELECT row_id, lead_id, as_of, created_at FROM parted WHERE part"
    engine.run([Step("train_spine", f"{rows} = 'train'"), Step("looked_at", f"{rows} IS NOT NULL")])
    # The plan sees the training part alone: choosing columns by the later rows would be a leak.
    plan = bundle.recipe.plan if bundle else plan_features(history, feature_settings(project), "train_spine")
    engine.drop("train_spine")
    return plan, test_from


def score_both_sheets(
    history: History, sheet: ScorecardSet | None, bundle: Bundle | None, spine: str, movement: bool = False
) -> tuple[ScorecardSetScores | None, ScorecardSetScores | None]:
    """The project's sheets on a spine, and those that a model starts from: mostly the same, scored once."""
    rules = score_scorecard_set(sheet, history, spine, movement=movement) if sheet else None
    own = bundle.sheet if bundle else sheet
    if own is None or (sheet is not None and own.version == sheet.version):
        return rules, rules if own is not None else None
    return rules, score_scorecard_set(own, history, spine)
