"""Rows to learn from and out-of-time rows to judge on: features, labels and rule points of one project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from features import DataError, History
from features.matrix import FeatureMatrix, build_matrix
from features.plan import FeaturePlan
from features.planning import plan_features
from features.spine import Spine
from models.scorecard import ScorecardSet, ScorecardSetScores, score_scorecard_set
from pipeline.config import ProjectFile
from pipeline.dataset.policies import feature_settings
from pipeline.dataset.saved_matrix import load_rows, open_matrix
from pipeline.dataset.time_split import split_snapshots
from pipeline.scorecards.project import load_sheets
from pipeline.sources.transfer import data_fingerprint


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """All mature rows of a project, in two parts that share no lead and as-of.

    Attributes
    ----------
    matrix : features of both parts, by a plan that saw the training rows alone.
    label : 0/1 by row_id.
    part : ``"train"`` or ``"test"`` by row_id; rows of the embargo are in neither and left out.
    test_from : where the test rows begin.
    sheets : the project's score sheets; ``None`` without any.
    rules : their points on the same rows, each by its primary sheet.
    warnings : what opening the data brought to light.
    """

    matrix: FeatureMatrix
    label: pd.Series
    part: pd.Series
    test_from: datetime
    plan: FeaturePlan
    sheets: ScorecardSet | None
    rules: ScorecardSetScores | None
    warnings: tuple[str, ...]

    @property
    def train(self) -> pd.Index:
        """The row_ids to learn from."""
        return self.part.index[self.part == "train"]

    @property
    def test(self) -> pd.Index:
        """The row_ids to judge on, all out of time."""
        return self.part.index[self.part == "test"]

    def __repr__(self) -> str:
        parts = ", ".join(
            f"{name}: {len(rows):,} rows, {int(self.label[rows].sum()):,} conversions"
            for name, rows in (("train", self.train), ("test", self.test))
        )
        return (
            f"TrainingSet({parts}; {len(self.matrix.columns)} features; test from {self.test_from:%Y-%m-%d})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self.__repr__()}</p>" + self.matrix._repr_html_()


def build_training_set(file: ProjectFile, history: History, matrix: Path | None = None) -> TrainingSet:
    """Build the project's rows, label them by what came of them, and split them by time.

    With ``matrix``, a folder that ``leadlens features --out`` wrote, its rows are read instead of built; rules are
    scored here. Raises ``DataError`` where a part would have no row or only one class to learn from, ``UsageError``
    where the matrix is of another project or of other data.
    """
    sheets = load_sheets(file)  # before all else: a mistake in a sheet costs no features
    if matrix is not None:
        saved = open_matrix(matrix)
        saved.check(file, data_fingerprint(history))
        built, outcomes = load_rows(saved, history.engine)
        with Spine.of(history.engine, "saved_rows", built.spine) as spine:
            return _training_set(history, sheets, built, outcomes, spine, saved.plan, saved.test_from)
    with split_snapshots(history, file.project) as split:
        plan = plan_features(history, split.train, feature_settings(file.project))
        built = build_matrix(history, plan, split.both)
        outcomes = history.engine.frame(f"SELECT row_id, part, label FROM {split.outcomes} ORDER BY row_id")
        outcomes = outcomes.set_index("row_id")
        return _training_set(history, sheets, built, outcomes, split.both, plan, split.test_from)


def _training_set(
    history: History,
    sheets: ScorecardSet | None,
    matrix: FeatureMatrix,
    outcomes: pd.DataFrame,
    spine: Spine,
    plan: FeaturePlan,
    test_from: datetime,
) -> TrainingSet:
    refuse_no_features(matrix)
    return TrainingSet(
        matrix=matrix,
        label=outcomes["label"].astype(int),
        part=outcomes["part"],
        test_from=test_from,
        plan=plan,
        sheets=sheets,
        rules=score_scorecard_set(sheets, history, spine) if sheets else None,
        warnings=tuple(finding.message for finding in history.findings if finding.level == "warning"),
    )


def refuse_no_features(matrix: FeatureMatrix) -> None:
    """Raise ``DataError`` where nothing tells one lead from another."""
    if not matrix.columns:
        raise DataError(
            "there is nothing to learn from: no column and no event tells one lead from another",
            why="a column with one value, or with another text for every lead, is no feature",
            fix="see what is read: leadlens check CONFIG; add attributes or events to `data`",
        )
