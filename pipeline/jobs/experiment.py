"""`train` with an estimator or features of one's own: judged on the same out-of-time rows as any model, and not registered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from leadlens.features import DataError, UsageError
from leadlens.features.errors import listed
from leadlens.models.data_checks.suspects import find_suspects
from leadlens.models.insights import Insights, insights
from leadlens.models.judging import Measured
from leadlens.models.judging.intervals import cluster_bootstrap
from leadlens.models.judging.lenses import JudgedRows
from leadlens.models.judging.metrics import METRICS
from leadlens.models.judging.plain import plain
from leadlens.models.judging.signal import ranking_test
from leadlens.models.judging.thresholds import thresholds
from leadlens.models.learners.estimator import described
from leadlens.models.prediction import named, predict, sheet_points, sheet_probability
from leadlens.models.scale import score
from leadlens.models.statistics import logit
from leadlens.pipeline.dataset.dataset import Dataset
from leadlens.pipeline.dataset.judged import fit_sheet_probability
from leadlens.pipeline.dataset.learning import learn
from leadlens.pipeline.dataset.scored_leads import ScoredLeads
from leadlens.pipeline.html import table_html
from leadlens.pipeline.private import private_files
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.threads import one_blas_thread

if TYPE_CHECKING:
    from leadlens.models.training import TrainedModel
    from leadlens.pipeline.dataset.training_set import TrainingSet
    from leadlens.pipeline.registry.bundle import Bundle

SUM, ALONE, SHEET, BASE_RATE = "sum", "estimator alone", "sheet", "base rate"


@runtime_checkable
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
    """What an estimator or features of one's own are worth on rows that no model has seen. It is logged, and not registered.

    Attributes
    ----------
    dataset : the rows.
    trained : the sum of sheet, additive part and trees, or the estimator in their place, with the weights that the folds gave.
    estimator : the estimator in words, or ``None`` where trees were grown.
    probability : per lens, of the out-of-time rows by row_id: ``sum``, ``estimator alone``, ``sheet``, ``base rate``.
    run_id : its run in MLflow.
    """

    dataset: Dataset
    trained: TrainedModel = field(repr=False)
    estimator: str | None
    probability: pd.DataFrame = field(repr=False)
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
        """The shares of sheet, additive part and trees, or estimator, in the sum."""
        last = "trees" if self.estimator is None else "estimator"
        return dict(zip(("sheet", "additive part", last), self.trained.model.weights, strict=True))

    @cached_property
    def own_features(self) -> pd.DataFrame:
        """One row per feature of one's own, by name: label, family, ``points`` (how far it moves a score up or down, on average over
        the out-of-time rows), ``rank`` among all features, ``note`` where it is left out or suspect.

        Points and rank are missing where shap cannot explain an estimator.
        """
        rows, left_out = self.dataset.rows, {proxy.name: proxy.reason for proxy in self.trained.dropped}
        frame, columns = rows.matrix.frame.loc[rows.train], {c.name: c for c in rows.matrix.columns}
        mine = tuple(columns[name] for name in rows.own)
        suspects = {
            s.column: s for s in find_suspects(frame, rows.label[rows.train], mine, rows.train_weight)
        }
        try:
            points = self.explain().prediction.contributions.abs().mean() if mine else pd.Series(dtype=float)
        except DataError:
            points = pd.Series(np.nan, index=list(self.trained.model.columns))
        rank = points.rank(ascending=False, method="min")
        notes = {
            name: f"alone tells conversions apart (ROC AUC {suspect.auc:.3f}): is it known as of the row?"
            for name, suspect in suspects.items()
        } | {name: f"left out as a time proxy: {reason}" for name, reason in left_out.items()}
        return pd.DataFrame(
            {
                "label": [column.label for column in mine],
                "family": [column.family for column in mine],
                "points": [points.get(name, np.nan) for name in rows.own],
                "rank": pd.array([rank.get(name, np.nan) for name in rows.own], dtype="Int64"),
                "note": [notes.get(name, "") for name in rows.own],
            },
            index=pd.Index(rows.own, name="name"),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What opening the data brought to light, and what speaks against features or an estimator of one's own."""
        noted = self.own_features["note"]
        return (
            *self.dataset.rows.warnings,
            *(f"{name} {note}" for name, note in noted.items() if note),
            *self._no_ranking(),
        )

    def _no_ranking(self) -> Iterator[str]:
        """What to say of an estimator that weighs something although it is not shown to rank leads."""
        if ALONE not in self.probability:
            return
        spine = self.dataset.rows.matrix.spine.set_index("row_id").loc[self.label.index]
        ranking = ranking_test(self.label, self.probability[ALONE], spine["lead_id"])
        if not ranking.found:
            yield (
                f"the estimator alone is not shown to rank out-of-time rows better than chance (ROC AUC {ranking.roc_auc:.3f}); it weighs "
                f"{self.weights['estimator']:.2f} in the sum, which may stand for the level of its probabilities and not for what it knows "
                "of a lead"
            )

    @cached_property
    def thresholds(self) -> pd.DataFrame:
        """What each threshold of the score would bring, by leads (``leadlens.models.judging.thresholds``)."""
        spine = self.dataset.rows.matrix.spine.set_index("row_id").loc[self.label.index]
        model, probability = self.trained.model, self.probability[SUM]
        judged = spine.reset_index()[["row_id", "lead_id", "as_of"]].assign(
            label=self.label.to_numpy(),
            probability=probability.to_numpy(),
            score=score(logit(probability.to_numpy()), model.average_log_odds),
            grade=None,
        )
        return thresholds(JudgedRows.of(judged))

    @cached_property
    def insights(self) -> Insights:
        """What the model goes by on the out-of-time rows. Raises ``DataError`` where shap cannot explain the estimator."""
        scored = self.explain()
        frame, contributions = scored.matrix.frame, scored.prediction.contributions
        return insights(self.trained.model, frame, scored.points, contributions, scored.columns)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        rows = self.dataset.rows
        return {
            "project": self.dataset.file.project.name,
            "registered": False,
            "run_id": self.run_id,
            "estimator": self.estimator,
            "rows": {"train": len(rows.train), "test": len(rows.test)},
            "conversions": {
                part: int(rows.label[ids].sum()) for part, ids in (("train", rows.train), ("test", rows.test))
            },
            "kind": self.trained.kind,
            "figures": {str(lens): plain(dict(values)) for lens, values in self.figures.iterrows()},
            "weights": self.weights,
            "own_features": plain(self.own_features.reset_index()),
            "dropped": {proxy.name: proxy.reason for proxy in self.trained.dropped},
            "warnings": list(self.warnings),
        }

    def against(self, training: Judged) -> pd.DataFrame:
        """How far the sum is from a trained model: value of each, difference, and its 90 % interval by leads.

        Raises ``UsageError`` for what is no training, and where that was not judged on the same rows.
        """
        if not isinstance(training, Judged):
            raise UsageError(
                "an experiment is compared with a training",
                value=type(training).__name__,
                fix="tried.against(leadlens.train(dataset))",
            )
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
        return head + table_html(self.figures.round(4)) + table_html(self.own_features.round(2))


@one_blas_thread
@private_files()
def run_experiment(
    dataset: Dataset,
    estimator: Any = None,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    processes: int = 1,
    progress: Progress = silent,
) -> Experiment:
    """Fit sheet, additive part and trees, or the estimator, on the training rows, judge on the out-of-time rows, and log it.

    Raises ``UsageError`` for what is no classifier with probabilities or cannot learn from these rows.
    """
    from leadlens.pipeline.registry.training_stores import open_stores

    file, rows = dataset.file, dataset.rows
    registry, studies = open_stores(file.project.name)  # a server that is not there costs no training
    trained = learn(
        file,
        dataset.history,
        rows,
        trials=trials,
        minutes=minutes,
        processes=processes,
        studies=studies,
        estimator=estimator,
        progress=progress,
    )
    progress("Judging on out-of-time leads", 0, 0)
    experiment = Experiment(
        dataset=dataset,
        trained=trained,
        estimator=None if estimator is None else described(estimator),
        probability=_probability(dataset, trained, estimator is not None),
        run_id="",
    )
    figures = experiment.figures
    tags = {"leadlens.kind": "experiment", "leadlens.data_version": str(dataset.history.version)}
    name = f"experiment with {type(estimator).__name__ if estimator is not None else listed(rows.own, 3)}"
    with registry.run(name, tags) as run:
        registry.mlflow.log_params(
            {
                "estimator": (experiment.estimator or "none")[:6000],
                "own_features": listed(rows.own, 100)[:6000],
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
        registry.mlflow.log_dict([column.to_dict() for column in rows.matrix.columns], "features.json")
        registry.mlflow.log_dict(experiment.to_dict(), "experiment.json")
    return replace(experiment, run_id=run.info.run_id)


def _probability(dataset: Dataset, trained: TrainedModel, own_estimator: bool) -> pd.DataFrame:
    rows, model = dataset.rows, trained.model
    later, frame = rows.test, rows.matrix.frame.loc[rows.test]
    lenses = {SUM: model.predict_proba(frame, sheet_points(rows.rules, later))}
    if own_estimator and model.trees is not None:  # none where the folds gave it no weight
        part: Any = model.trees
        lenses[ALONE] = part.estimator.predict_proba(part.frame(model.encoding.encode(frame)))[:, 1]
    if rows.rules is not None:
        fitted = fit_sheet_probability(rows.rules, rows.label[rows.train], rows.train_weight)
        lenses[SHEET] = sheet_probability(fitted, rows.rules, later)
    lenses[BASE_RATE] = np.full(len(later), rows.base_rate)
    return pd.DataFrame(lenses, index=later)
