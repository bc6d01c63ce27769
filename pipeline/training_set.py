"""Rows to learn from and later rows to judge on: spine, labels, features and rule points of one project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from features import DataError, History, Step, UsageError
from features.label import build_labels
from features.matrix import FeatureMatrix, build_matrix
from features.plan import FeaturePlan
from features.planning import FeatureSettings, plan_features
from features.spine import SpinePolicy, build_spine
from models.scorecard import Sheet, SheetScores, score_sheet
from pipeline.bundle import Bundle
from pipeline.config import Project, ProjectFile


@dataclass(frozen=True)
class TrainingSet:
    """All mature rows of a project, in two parts that share no lead moment.

    Attributes
    ----------
    matrix : features of both parts, built by a plan that looked at the training rows alone.
    label : 0/1 by row_id.
    part : ``"train"`` or ``"test"`` by row_id; rows of the embargo are left out altogether.
    test_from : where the later part begins.
    rules : the first sheet's points on the same rows; ``None`` without a sheet.
    prior : the points of the sheet that the model starts from; the same unless the sheet was changed since.
    warnings : what opening the data brought to light.
    """

    matrix: FeatureMatrix
    label: pd.Series
    part: pd.Series
    test_from: datetime
    plan: FeaturePlan
    sheet: Sheet | None
    rules: SheetScores | None
    prior: SheetScores | None
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


def load_sheet(file: ProjectFile) -> Sheet | None:
    """The project's first sheet, or ``None``."""
    sheets = file.project.scorecards
    return Sheet.load(file.resolve(sheets[0])) if sheets else None


def build_training_set(file: ProjectFile, history: History, bundle: Bundle | None = None) -> TrainingSet:
    """Look at the leads at the project's moments, label what came of them, and split by time.

    With the ``bundle`` of a trained model its features are built again instead of chosen anew.
    Raises ``DataError`` where a part would have no row or only one class to learn from.
    """
    project, engine = file.project, history.engine
    sheet = load_sheet(file)
    build_spine(history, spine_policy(project))
    build_labels(history, outcome_horizon(project), project.outcome.kind)
    test_from = _split(history, project)
    for part in ("train", "test"):
        engine.run([Step(f"{part}_spine", f"SELECT * EXCLUDE (part) FROM parted WHERE part = '{part}'")])
    # The plan sees the training part alone: choosing columns by the later rows would be a leak.
    plan = bundle.recipe.plan if bundle else plan_features(history, feature_settings(project), "train_spine")
    engine.run(
        [Step("looked_at", "SELECT row_id, lead_id, as_of, created_at FROM parted WHERE part IS NOT NULL")]
    )
    matrix = build_matrix(history, plan, "looked_at")
    told = engine.frame(
        "SELECT p.row_id, p.part, l.label FROM parted AS p JOIN labels AS l ON l.row_id = p.row_id "
        "WHERE p.part IS NOT NULL ORDER BY p.row_id"
    ).set_index("row_id")
    rules, prior = score_both_sheets(history, sheet, bundle, "looked_at")
    warnings = tuple(finding.message for finding in history.findings if finding.level == "warning")
    engine.drop("parted", "train_spine", "test_spine", "looked_at", "labels", "spine")
    return TrainingSet(
        matrix, told["label"].astype(int), told["part"], test_from, plan, sheet, rules, prior, warnings
    )


def score_both_sheets(
    history: History, sheet: Sheet | None, bundle: Bundle | None, spine: str
) -> tuple[SheetScores | None, SheetScores | None]:
    """The project's sheet on a spine, and the one that a model starts from: mostly the same, scored once."""
    rules = score_sheet(sheet, history, spine) if sheet else None
    own = bundle.sheet if bundle else sheet
    if own is None or (sheet is not None and own.version == sheet.version):
        return rules, rules if own is not None else None
    return rules, score_sheet(own, history, spine)


def outcome_horizon(project: Project) -> timedelta:
    """How long a row waits for its label; an outcome that stands in the row itself is waited for no time."""
    return project.outcome.horizon if project.outcome.column is None else timedelta(seconds=1)


def _split(history: History, project: Project) -> datetime:
    """Make the table ``parted``: the spine with ``part`` train, test or NULL (immature, embargo, after test_to)."""
    literal, judge = history.engine.dialect.literal, project.judge
    horizon = outcome_horizon(project)
    mature = (
        "SELECT s.row_id, s.lead_id, s.as_of, s.created_at, {anchor} AS anchor FROM spine AS s "
        "JOIN labels AS l ON l.row_id = s.row_id WHERE l.label IS NOT NULL"
    )
    # By lead where leads are looked at by age, so that no lead stands on both sides; by moment on a calendar.
    by_moment = bool(project.spine.every or project.spine.dates)
    anchor = "s.as_of" if by_moment else "s.created_at"
    if history.clock == "none":
        anchor = "TIMESTAMP '2000-01-01' + to_seconds(CAST(hash(s.lead_id) % 1000000 AS BIGINT))"
    history.engine.run([Step("mature", mature.format(anchor=anchor))])
    if judge.test_from is None:
        share = 1 - judge.test_share
        found = history.engine.value(
            f"SELECT quantile_disc(anchor, {share!r}) FROM (SELECT DISTINCT {'anchor' if by_moment else 'lead_id, anchor'} FROM mature)"
        )
        if found is None:
            raise DataError(
                "no row is mature: nothing can be learned or judged yet",
                value=f"the data end at {history.data_end:%Y-%m-%d}",
                why=f"a label needs {horizon.days} days after its row",
                fix="wait, give older data, or a shorter outcome.horizon",
            )
        test_from = datetime.fromisoformat(str(found))
    else:
        test_from = judge.test_from
    embargo = judge.embargo if judge.embargo is not None else horizon
    fence = literal(test_from)
    if history.clock == "none":
        train = f"anchor < {fence}"
    else:
        train = f"anchor < {fence} AND {history.engine.dialect.minus('as_of', -embargo)} <= {fence}"
        if embargo == timedelta(0):
            train = f"anchor < {fence}"
    test = f"anchor >= {fence}" + (f" AND anchor < {literal(judge.test_to)}" if judge.test_to else "")
    history.engine.run(
        [
            Step(
                "parted",
                f"SELECT row_id, lead_id, as_of, created_at, CASE WHEN {test} THEN 'test' WHEN {train} THEN 'train' END "
                "AS part FROM mature",
            )
        ]
    )
    counts = history.engine.frame(
        "SELECT part, count(*) AS n, sum(l.label) AS conversions FROM parted JOIN labels AS l USING (row_id) "
        "WHERE part IS NOT NULL GROUP BY part"
    ).set_index("part")
    _check_parts(counts, test_from, embargo)
    history.engine.drop("mature")
    return test_from


def _check_parts(counts: pd.DataFrame, test_from: datetime, embargo: timedelta) -> None:
    if "train" not in counts.index:
        raise DataError(
            "no row is left to learn from",
            value=f"test from {test_from:%Y-%m-%d}, embargo {embargo.days} days",
            why="training rows must have their outcome known before the later rows begin",
            fix="a later judge.test_from, a shorter outcome.horizon, or older data",
        )
    if "test" not in counts.index:
        raise UsageError(
            "no mature row lies after judge.test_from",
            value=f"{test_from:%Y-%m-%d}",
            fix="an earlier judge.test_from, or leave it out to judge on the latest quarter",
        )
    rows, conversions = (int(number) for number in counts.loc["train", ["n", "conversions"]].to_numpy())
    if conversions in (0, rows):
        every = "every" if conversions else "no"
        raise DataError(
            f"{every} training row converted: there is nothing to tell apart",
            value=f"{rows:,} rows before {test_from:%Y-%m-%d}",
            fix="check outcome.positive / outcome.kind / the dates in conversions (`leadlens check` shows the rates)",
        )
