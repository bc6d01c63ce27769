"""`train(dataset, estimator=…)`: an estimator of one's own in the place of the trees, judged on the same out-of-time rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from features import UsageError
from models.judging import Measured
from models.judging.intervals import cluster_bootstrap
from models.judging.metrics import METRICS
from models.learners.estimator import described
from models.prediction import named, predict, sheet_points, sheet_probability
from pipeline.dataset.dataset import Dataset
from pipeline.dataset.judged import fit_sheet_probability
from pipeline.dataset.learning import learn
from pipeline.dataset.scored_leads import ScoredLeads
from pipeline.html import table_html
from pipeline.private import private_files
from pipeline.progress import Progress, silent
from pipeline.threads import one_blas_thread

if TYPE_CHECKING:
    from models.training import TrainedModel
    from pipeline.dataset.training_set import TrainingSet
    from pipeline.registry.bundle import Bundle

SUM, ALONE, SHEET, BASE_RATE = "sum", "estimator alone", "sheet", "base rate"


class Judged(Protocol):
    """What a ``Training`` keeps of its rows and its model."""

    @property
    def version(self) -> str: ...

    @property
    def bundle(self) -> Bundle: ...

    @property
    def training_set(self) -> TrainingSet: ...


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What an estimator of one's own is worth on rows that it has not seen. It is logged, and not registered.

    Attributes
    ----------
    dataset : the rows.
    trained : the sum of sheet, additive part and estimator, with the weights that the folds gave them.
    probability : per lens, of the out-of-time rows by row_id: ``sum``, ``estimator alone``, ``sheet``, ``base rate``.
    run_id : its run in MLflow.
    """

    dataset: Dataset
    trained: TrainedModel
    probability: pd.DataFrame
    run_id: str

    @property
    def label(self) -> pd.Series:
        """What became of the out-of-time rows."""
        return self.dataset.rows.label[self.dataset.rows.test]

    @property
    def figures(self) -> pd.DataFrame:
        """Metrics per lens."""
        return pd.DataFrame({lens: Measured(self.label, p).all() for lens, p in self.probability.items()}).T

    @property
    def weights(self) -> dict[str, float]:
        """The shares of sheet, additive part and estimator in the sum."""
        return dict(zip(("sheet", "additive part", "estimator"), self.trained.model.weights, strict=True))

    def against(self, training: Judged) -> pd.DataFrame:
        """How far the sum is from a trained model: value of each, difference, and its 90 % interval by leads.

        Raises ``UsageError`` where that was not judged on the same rows.
        """
        rows = training.training_set
        if not rows.test.equals(self.label.index) or not rows.label[rows.test].equals(self.label):
            raise UsageError(
                "the two were not judged on the same rows",
                why="figures of other leads or other times cannot be compared",
                fix="train both on one dataset: leadlens.train(dataset), leadlens.train(dataset, estimator=…)",
            )
        model = training.bundle.model
        theirs = model.predict_proba(rows.matrix.frame.loc[rows.test], sheet_points(rows.rules, rows.test))
        mine, other = Measured(self.label, self.probability[SUM]), Measured(self.label, theirs)
        spine = rows.matrix.spine.set_index("row_id").loc[rows.test]
        lead = pd.factorize(spine["lead_id"])[0].astype(np.int64)

        def differences(weight: np.ndarray | None = None) -> dict[str, float]:
            one, two = mine.all(weight), other.all(weight)
            return {name: one[name] - two[name] for name in METRICS}

        interval, values = cluster_bootstrap(differences, lead), (mine.all(), other.all())
        return pd.DataFrame(
            {
                "sum": [values[0][name] for name in METRICS],
                f"version {training.version}": [values[1][name] for name in METRICS],
                "difference": [differences()[name] for name in METRICS],
                "low": [interval[name][0] for name in METRICS],
                "high": [interval[name][1] for name in METRICS],
            },
            index=list(METRICS),
        )

    def explain(self, row_ids: pd.Index | None = None) -> ScoredLeads:
        """Score and reasons of out-of-time rows, all by default. Raises ``DataError`` where shap cannot explain the estimator."""
        rows = self.dataset.rows
        at = self.label.index if row_ids is None else row_ids
        rules = None if rows.rules is None else rows.rules.take(at)
        matrix, points = rows.matrix.take(at), sheet_points(rules, at)
        columns = named(matrix.columns, rows.sheets)
        prediction = predict(self.trained.model, matrix.frame, columns, points)
        return ScoredLeads(matrix=matrix, prediction=prediction, rules=rules, points=points, columns=columns)

    def _repr_html_(self) -> str:
        rows = self.dataset.rows
        head = f"<p><b>{self.dataset.file.project.name}</b>, judged on {len(rows.test):,} out-of-time rows; not registered</p>"
        return head + table_html(self.figures.round(4))


@one_blas_thread
@private_files()
def try_estimator(dataset: Dataset, estimator: Any, *, progress: Progress = silent) -> Experiment:
    """Fit the estimator beside sheet and additive part on the training rows, judge all on the out-of-time rows, log it.

    Raises ``UsageError`` for what is no classifier with probabilities or cannot learn from these rows.
    """
    from pipeline.registry.mlflow_registry import Registry

    file, rows = dataset.file, dataset.rows
    registry = Registry(file.project.name)
    registry.reach()  # a server that is not there costs no training
    trained = learn(file, dataset.history, rows, estimator=estimator, progress=progress)
    progress("Judging on out-of-time leads", 0, 0)
    experiment = Experiment(
        dataset=dataset, trained=trained, probability=_probability(dataset, trained), run_id=""
    )
    figures = experiment.figures
    tags = {"leadlens.kind": "experiment", "leadlens.data_version": str(dataset.history.version)}
    with registry.run(f"experiment with {type(estimator).__name__}", tags) as run:
        registry.mlflow.log_params(
            {
                "estimator": described(estimator)[:6000],
                "train_rows": len(rows.train),
                "test_rows": len(rows.test),
                **{f"share of {part}": round(share, 4) for part, share in experiment.weights.items()},
            }
        )
        registry.mlflow.log_metrics(
            {
                f"{str(lens).replace(' ', '_')}.{name}": float(value)
                for lens, values in figures.iterrows()
                for name, value in values.items()
                if np.isfinite(value)
            }
        )
    return replace(experiment, run_id=run.info.run_id)


def _probability(dataset: Dataset, trained: TrainedModel) -> pd.DataFrame:
    rows, model = dataset.rows, trained.model
    later, frame = rows.test, rows.matrix.frame.loc[rows.test]
    lenses = {SUM: model.predict_proba(frame, sheet_points(rows.rules, later))}
    if model.trees is not None:  # none where the folds gave it no weight
        part: Any = model.trees
        lenses[ALONE] = part.estimator.predict_proba(part.frame(model.encoding.encode(frame)))[:, 1]
    if rows.rules is not None:
        fitted = fit_sheet_probability(rows.rules, rows.label[rows.train], rows.train_weight)
        lenses[SHEET] = sheet_probability(fitted, rows.rules, later)
    lenses[BASE_RATE] = np.full(len(later), rows.base_rate)
    return pd.DataFrame(lenses, index=later)
