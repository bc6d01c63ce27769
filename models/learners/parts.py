"""The parts of a lead model on given rows: the calibrated sheet, the additive part, the trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from leadlens.models.learners.calibration import loss_at_own_intercept
from leadlens.models.learners.classifier import DATASET_SETTINGS, LeadClassifier, booster_settings, threads
from leadlens.models.learners.linear_fit import AdditiveDesign
from leadlens.models.scorecard.scoring.probability import calibrate_points
from leadlens.models.statistics import log_odds, weighted_mean

Floats = NDArray[np.float64]
STEP = 20  # trees between two checks on the validation rows
_PATIENCE = 2  # checks without gain before growing stops


@dataclass(frozen=True, kw_only=True)
class ModelParams:
    """What tuning chooses. The defaults suit a few thousand leads.

    Attributes
    ----------
    linear_strength : of the additive part; small shrinks it to the sheet (or to the base rate).
    trees_on_sheet : the trees start from the calibrated sheet, or from the base rate.
    n_trees : chosen on the folds.
    """

    linear_strength: float = 0.01
    trees_on_sheet: bool = True
    max_depth: int = 3
    min_child_samples: int = 50
    l2: float = 10.0
    feature_fraction: float = 0.5
    cat_smooth: float = 50.0
    n_trees: int = 80

    def trees(self, seed: int, n_jobs: int, categorical: Sequence[int] = ()) -> LeadClassifier:
        """An unfitted classifier with these settings."""
        return LeadClassifier(
            n_trees=self.n_trees,
            max_depth=self.max_depth,
            num_leaves=min(2**self.max_depth, 24),
            min_child_samples=self.min_child_samples,
            l2=self.l2,
            feature_fraction=self.feature_fraction,
            cat_smooth=self.cat_smooth,
            categorical_features=list(categorical),
            random_state=seed,
            n_jobs=n_jobs,
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class FoldBench:
    """One fold, prepared once for many trials: margins of each part on its validation rows.

    The sheet's line, the additive part and the trees are fitted on the training rows only. What two trials have in
    common is computed once.
    """

    def __init__(
        self,
        matrix: Floats,
        y: NDArray[np.float64],
        *,
        train: NDArray[np.intp],
        validation: NDArray[np.intp],
        categorical: NDArray[np.bool_],
        monotone: Sequence[int],
        points: Floats | None,
        n_jobs: int,
        weight: Floats | None = None,
    ) -> None:
        self.y_train, self.y = y[train], y[validation]
        self.weight_train, self.weight = (
            None if weight is None else weight[side] for side in (train, validation)
        )
        self.rows = validation
        self._train, self._validation = matrix[train], matrix[validation]
        self._categorical, self._monotone, self._n_jobs = categorical, monotone, n_jobs
        self.sheet_train: Floats | None = None
        self.sheet: Floats | None = None
        if points is not None:
            line = calibrate_points(points[train], self.y_train, self.weight_train)
            self.sheet_train, self.sheet = line.log_odds(points[train]), line.log_odds(points[validation])
        self._design: AdditiveDesign | None = None
        self._weights: Floats | None = None
        self._linear: dict[float, Floats] = {}
        self._data: lgb.Dataset | None = None

    @property
    def mass(self) -> float:
        """How many rows the training rows stand for."""
        return len(self.y_train) if self.weight_train is None else float(self.weight_train.sum())

    def loss(self, margin: Floats) -> float:
        """Log loss of a margin on the validation rows, apart from the base rate it assumes."""
        return loss_at_own_intercept(margin, self.y, self.weight)

    def linear(self, strength: float) -> Floats:
        """Margin of the additive part, fitted from the base rate; kept per strength."""
        if strength not in self._linear:
            self._design = self._design or AdditiveDesign(
                self._train, self._categorical, self._monotone, self.weight_train
            )
            fitted = self._design.fit(self.y_train, strength, self.sheet_train, max_steps=60)
            self._linear[strength] = fitted.margin(self._validation, self.sheet)
        return self._linear[strength]

    def trees(self, params: ModelParams, seed: int, most: int) -> list[Floats]:
        """Margins after 20, 40, … trees, until they gain nothing more or ``most`` are grown."""
        classifier = params.trees(seed, self._n_jobs)
        on_sheet = params.trees_on_sheet and self.sheet is not None
        start = log_odds(weighted_mean(self.y_train, self.weight_train), len(self.y_train))
        begin = np.full(len(self.y_train), start) if not on_sheet else self.sheet_train
        margin = np.full(len(self.y), start) if not on_sheet else np.asarray(self.sheet)
        if self._data is None:
            self._data = lgb.Dataset(
                self._train,
                self.y_train,
                weight=self.weight_train,
                categorical_feature=np.flatnonzero(self._categorical).tolist(),
                params={**DATASET_SETTINGS, "num_threads": threads(self._train.size, self._n_jobs)},
                free_raw_data=False,
            ).construct()
        self._data.set_init_score(begin)
        booster = lgb.Booster(booster_settings(classifier, self._monotone, self._train.size), self._data)
        margins: list[Floats] = []
        best, since = np.inf, 0
        while len(margins) * STEP < most and since < _PATIENCE:
            for _ in range(STEP):
                booster.update()
            grown = booster.predict(
                self._validation,
                raw_score=True,
                start_iteration=len(margins) * STEP,
                num_iteration=STEP,
                num_threads=threads(self._validation.size, self._n_jobs),
            )
            margin = margin + np.asarray(grown)
            margins.append(margin)
            loss = self.loss(margin)
            best, since = (loss, 0) if loss < best - 1e-5 else (best, since + 1)
        return margins

    def parts(self, linear: Floats, trees: Floats) -> Floats:
        """The margins side by side, the sheet's first if there is one."""
        return np.column_stack([part for part in (self.sheet, linear, trees) if part is not None])
