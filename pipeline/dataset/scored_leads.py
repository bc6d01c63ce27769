"""Both lenses on the rows of a spine: the one function by which leads are scored, whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from leadlens.features import FeatureColumn, History
from leadlens.features.matrix import FeatureMatrix, build_matrix
from leadlens.features.spine import Spine
from leadlens.models.judging.lenses import average_log_odds
from leadlens.models.prediction import (
    Prediction,
    named,
    predict,
    sheet_points,
    sheet_probability,
    with_points,
)
from leadlens.models.reason_columns import reason_columns
from leadlens.models.reasons import Reason, reasons_of
from leadlens.models.scale import score, shown_score
from leadlens.models.scorecard import ScorecardSet, ScorecardSetScores, score_scorecard_set
from leadlens.models.statistics import logit
from leadlens.pipeline.registry.bundle import Bundle
from leadlens.pipeline.stages import Stages


@dataclass(frozen=True, kw_only=True)
class ScoredLeads:
    """What model and sheets say of the same rows. All frames are by row_id, in the matrix's order.

    Attributes
    ----------
    matrix : the model's features, and the spine beside them.
    prediction : probability, score, grade and the contributions that sum to the score.
    rules : points, stage, route and ledger of the project's sheets; ``None`` without any.
    points : points of the sheets that the model starts from, one column per rule; ``None`` without any.
    columns : what each feature and each of those points means, by name.
    """

    matrix: FeatureMatrix
    prediction: Prediction
    rules: ScorecardSetScores | None
    points: pd.DataFrame | None
    columns: dict[str, FeatureColumn]

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def spine(self) -> pd.DataFrame:
        """``lead_id, as_of, created_at`` by row_id."""
        return self.matrix.spine.set_index("row_id")

    @cached_property
    def sheet(self) -> pd.DataFrame | None:
        """What each row's primary sheet says, by row_id: the columns of ``ScorecardSetScores.scores``."""
        return (
            None if self.rules is None else self.rules.scores.set_index("row_id").loc[self.matrix.frame.index]
        )

    @property
    def as_of(self) -> NDArray[np.datetime64]:
        """The as-of time of each row, UTC."""
        return self.matrix.spine["as_of"].to_numpy(dtype="datetime64[us]")

    def sheet_on_scale(self, fitted: dict[str, float] | None) -> NDArray[np.int64] | None:
        """The sheet's points as a score on the model's scale, as it is shown; ``None`` where there is no sheet, or its points were
        never held against conversions. ``fitted`` is that of the model's recipe."""
        if self.rules is None or fitted is None or self.rules.sheet is None:
            return None
        table = self.prediction.table
        average = average_log_odds(table["probability"].to_numpy(float), table["score"].to_numpy(float))
        by_sheet = sheet_probability(fitted, self.rules, self.matrix.frame.index)
        return shown_score(score(logit(by_sheet), average))

    def reasons(self, most: int | None = None) -> list[list[Reason]]:
        """Why each row scores as it does, strongest first; all but ``most`` are put into one last line."""
        values = with_points(self.matrix.frame, self.points)
        return reasons_of(self.prediction.contributions, values, self.columns, most, self.as_of)

    def reason_columns(self, most: int) -> pa.Table:
        """The same for many rows: ``reasons``, a JSON list that begins with the base value, and ``reasons_text``."""
        values = dict(self.matrix.frame.items())
        if self.points is not None:
            values |= dict(self.points.items())
        return reason_columns(
            self.prediction.contributions,
            {str(name): column for name, column in values.items()},
            self.columns,
            base_value=self.prediction.base_value,
            most=most,
            as_of=self.as_of,
        )


def score_leads(
    history: History,
    spine: Spine,
    bundle: Bundle,
    sheets: ScorecardSet | None,
    *,
    movement: bool = False,
    stages: Stages | None = None,
) -> ScoredLeads:
    """Score the rows of a spine by a trained model and by the project's sheets.

    Features are made by the plan that the model was trained with, so that a row is what it was, or would have been,
    in training. ``movement`` adds how the sheet's total moved in a week; ``stages`` records what each step costs. Raises ``DataError`` if the data lack a column of the plan.
    """
    stages = stages or Stages()
    with stages("features", spine.rows):
        matrix = build_matrix(history, bundle.recipe.plan, spine)
    with stages("sheet", spine.rows):
        rules = score_scorecard_set(sheets, history, spine, movement=movement) if sheets else None
        prior = rules
        if (own := bundle.sheet) is None:
            prior = None
        elif sheets is None or own.version != sheets.version:
            prior = score_scorecard_set(own, history, spine)
    with stages("score", spine.rows):
        return score_rows(matrix, bundle, rules, prior)


def score_rows(
    matrix: FeatureMatrix,
    bundle: Bundle,
    rules: ScorecardSetScores | None,
    prior: ScorecardSetScores | None,
) -> ScoredLeads:
    """The same for rows whose features and points are made already: those of a training set.

    ``prior`` are the points of the sheets that the model starts from.
    """
    points = sheet_points(prior, matrix.frame.index)
    columns = named(matrix.columns, bundle.sheet)
    prediction = predict(bundle.model, matrix.frame, columns, points)
    return ScoredLeads(matrix=matrix, prediction=prediction, rules=rules, points=points, columns=columns)
