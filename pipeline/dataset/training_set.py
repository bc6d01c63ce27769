"""Rows to learn from and out-of-time rows to judge on: features, labels and rule points of one project."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pandas as pd

from leadlens.features import DataError, FeatureColumn, Finding, History
from leadlens.features.errors import listed
from leadlens.features.label import leaving_times
from leadlens.features.matrix import FeatureMatrix, build_matrix
from leadlens.features.plan import FeaturePlan
from leadlens.features.planning import plan_features
from leadlens.features.spine import Spine
from leadlens.features.withheld import withheld_note
from leadlens.models.scorecard import ScorecardSet, ScorecardSetScores, score_scorecard_set
from leadlens.models.statistics import weighted_mean
from leadlens.pipeline.config import Project, ProjectOrPath, as_project
from leadlens.pipeline.dataset.default_spine import TrainingSpine, training_spine
from leadlens.pipeline.dataset.lead_sample import FittingRows, LeadSample, Room, fitting_rows
from leadlens.pipeline.dataset.policies import feature_settings
from leadlens.pipeline.dataset.protected import protected_groups, sheets_that_read
from leadlens.pipeline.dataset.saved_matrix import open_matrix, read_matrix, saved_tables
from leadlens.pipeline.dataset.spread_matrix import MakeMatrix
from leadlens.pipeline.dataset.time_split import Split, split_snapshots
from leadlens.pipeline.scorecards.project import load_sheets
from leadlens.pipeline.sources.transfer import data_fingerprint


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """All mature rows of a project, or as many as fit in memory, in two parts that share no lead and as-of.

    Attributes
    ----------
    matrix : features of both parts, by a plan that saw the training rows alone.
    label : 0/1 by row_id.
    left_at : when the row's lead converted or closed, by row_id, NaT while it is open; ``None`` where the data do not say.
    part : ``"train"`` or ``"test"`` by row_id; rows of the embargo are in neither and left out.
    test_from : where the test rows begin; a place in the order where the data are not ``dated``.
    sheets : the project's score sheets; ``None`` without any.
    rules : their points on the same rows, each by its primary sheet.
    spine : which leads are rows, as of when.
    findings : the warnings about the data.
    warnings : what opening the data brought to light, what was chosen for the project, and what is a sample.
    room : what the rows may take.
    weight : how many rows each stands for, by row_id; ``None`` where all weigh the same.
    sample : how leads were sampled; ``None`` where all rows fit in memory.
    own : the columns of the matrix that the plan does not make: a scientist's own.
    groups : the groups of protected columns by row_id, a column each; ``None`` where nothing is protected.
    """

    matrix: FeatureMatrix
    label: pd.Series
    left_at: pd.Series | None
    part: pd.Series
    test_from: datetime
    plan: FeaturePlan
    sheets: ScorecardSet | None
    rules: ScorecardSetScores | None
    spine: TrainingSpine
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    room: Room
    weight: pd.Series | None = None
    sample: LeadSample | None = None
    dated: bool = True
    own: tuple[str, ...] = ()
    groups: pd.DataFrame | None = None

    @property
    def train(self) -> pd.Index:
        """The row_ids to learn from."""
        return self.part.index[self.part == "train"]

    @property
    def test(self) -> pd.Index:
        """The row_ids to judge on, all out of time."""
        return self.part.index[self.part == "test"]

    @property
    def train_weight(self) -> pd.Series | None:
        """The weights of the rows to learn from."""
        return None if self.weight is None else self.weight[self.train]

    @property
    def base_rate(self) -> float:
        """Share of the training rows that converted, of those that were left out too."""
        weight = self.train_weight
        return weighted_mean(
            self.label[self.train].to_numpy(dtype=float), None if weight is None else weight.to_numpy()
        )

    def __repr__(self) -> str:
        parts = ", ".join(
            f"{name}: {len(rows):,} rows, {int(self.label[rows].sum()):,} conversions"
            for name, rows in (("train", self.train), ("test", self.test))
        )
        split = f"; test from {self.test_from:%Y-%m-%d}" if self.dated else ""
        return f"TrainingSet({parts}; {len(self.matrix.columns)} features{split})"

    def _repr_html_(self) -> str:
        return f"<p>{self.__repr__()}</p>" + self.matrix._repr_html_()


def build_training_set(
    file: ProjectOrPath,
    history: History,
    matrix: Path | None = None,
    *,
    evenly: bool = False,
    room: Room | None = None,
    split: Split | None = None,
    make: MakeMatrix = build_matrix,
) -> TrainingSet:
    """Build the project's rows, label them by what came of them, and split them by time.

    With ``matrix``, a folder that ``leadlens features --out`` wrote, its rows are read instead of built; rules are
    scored here. Where not all rows fit in memory leads are sampled (``fitting_rows``): so that the weighted rows stand
    for all, or ``evenly``, without weights; ``room`` is that of a set that must have the same rows. ``split`` is another
    one than the project's, ``make`` what builds the rows that fit (``matrix_maker``).

    Raises ``DataError`` where a part would have no row or only one class to learn from, ``UsageError`` where the matrix
    is of another project or of other data.
    """
    file = as_project(file)
    sheets = load_sheets(file)  # before all else: a mistake in a sheet costs no features
    engine, spine = history.engine, training_spine(history, file.project)
    if matrix is not None:
        saved = open_matrix(matrix)
        saved.check(file, data_fingerprint(history))
        room = room or Room.of(file, saved.plan, sheets)
        with (
            saved_tables(saved, engine) as (features, labels),
            Spine.make(
                engine, "saved_rows", f"SELECT row_id, lead_id, as_of, created_at FROM {features}"
            ) as every,
            fitting_rows(engine, every, labels, room, evenly=evenly) as rows,
        ):
            built = read_matrix(saved, features, rows.spine)
            made = _training_set(
                history, file.project, sheets, spine, built, rows, room, saved.plan, saved.test_from
            )
            if not saved.own:
                return made
            unchecked = f"taken from the matrix as they are, whether or not they were known as of each row: {listed(saved.own)}"
            return replace(made, own=tuple(saved.own), warnings=(*made.warnings, unchecked))
    with nullcontext(split) if split else split_snapshots(history, file.project) as split:
        # By all training rows: which features the data support does not depend on memory.
        plan = plan_features(history, split.train, feature_settings(file.project))
        room = room or Room.of(file, plan, sheets)
        with fitting_rows(engine, split.both, split.outcomes, room, evenly=evenly) as rows:
            built = make(history, plan, rows.spine)
            return _training_set(
                history, file.project, sheets, spine, built, rows, room, plan, split.test_from
            )


def _training_set(
    history: History,
    project: Project,
    sheets: ScorecardSet | None,
    spine: TrainingSpine,
    matrix: FeatureMatrix,
    rows: FittingRows,
    room: Room,
    plan: FeaturePlan,
    test_from: datetime,
) -> TrainingSet:
    refuse_no_features(matrix)
    findings = tuple(finding for finding in history.findings if finding.level == "warning")
    return TrainingSet(
        matrix=matrix,
        label=rows.outcomes["label"].astype(int),
        left_at=left_at(history, rows.spine, project),
        part=rows.outcomes["part"],
        test_from=test_from,
        plan=plan,
        sheets=sheets,
        rules=score_scorecard_set(sheets, history, rows.spine) if sheets else None,
        spine=spine,
        findings=findings,
        warnings=(
            *(finding.message for finding in findings),
            *(
                note
                for note in (
                    *sheets_that_read(history, project, sheets),
                    spine.note,
                    engagement_note(matrix.columns, project),
                    withheld_note(plan.withheld),
                    rows.sample.message if rows.sample else None,
                )
                if note
            ),
        ),
        room=room,
        groups=protected_groups(history, project, matrix.spine.set_index("row_id")["lead_id"]),
        weight=rows.weight,
        sample=rows.sample,
        dated=history.clock == "time",
    )


def left_at(history: History, spine: Spine, project: Project) -> pd.Series | None:
    """When each row's lead left, as far as the data say: in flat data the outcome has no date."""
    if history.clock != "time" or project.outcome.column is not None:
        return None
    return leaving_times(history, spine, project.outcome.kind)


def engagement_note(columns: Sequence[FeatureColumn], project: Project) -> str | None:
    """What to say where no feature tells what leads did, so that the model cannot grade their engagement."""
    if not columns or any(column.family == "behavioural" for column in columns):
        return None
    how = (
        "name the columns that describe behaviour: features.behavioural: […]"
        if project.outcome.column is not None
        else "add data.events, or name columns of leads that describe behaviour: features.behavioural: […]"
    )
    return f"no feature says what leads did, so the model's grades are A to D by fit alone, without engagement; {how}"


def refuse_no_features(matrix: FeatureMatrix) -> None:
    """Raise ``DataError`` where nothing tells one lead from another."""
    if not matrix.columns:
        raise DataError(
            "there is nothing to learn from: no column and no event tells one lead from another",
            why="a column with one value, or with another text for every lead, is no feature",
            fix="see what is read: leadlens check CONFIG; add attributes or events to `data`",
        )
