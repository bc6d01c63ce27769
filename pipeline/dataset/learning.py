"""What a model learns from the rows of a training set, and the recipe by which such rows are made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from leadlens.features import History
from leadlens.features.durations import format_duration
from leadlens.models.prediction import sheet_points
from leadlens.pipeline.config import ProjectFile
from leadlens.pipeline.dataset.judged import fit_sheet_probability
from leadlens.pipeline.dataset.policies import outcome_horizon
from leadlens.pipeline.dataset.training_set import TrainingSet
from leadlens.pipeline.progress import Progress, silent
from leadlens.pipeline.registry.bundle import Recipe
from leadlens.pipeline.threads import processors

if TYPE_CHECKING:
    from leadlens.models.training import TrainedModel


_MOST_TRIALS = 1000  # of a search by the clock


def learn(
    file: ProjectFile,
    history: History,
    rows: TrainingSet,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    processes: int = 1,
    folds: int | None = None,
    studies: Any = None,
    estimator: Any = None,
    progress: Progress = silent,
) -> TrainedModel:
    """Tune and fit a model on the training rows, as the project says; ``studies`` keeps what is tuned;
    ``estimator`` takes the place of the trees. With ``minutes`` the search has as many trials as begin in this time, or ``trials``.

    Raises ``DataError`` where the rows cannot be learned from, ``UsageError`` for an estimator that cannot.
    """
    from leadlens.models.training import TrainSettings, train_model

    settings, early = file.project.model, rows.train
    spine = rows.matrix.spine.set_index("row_id").loc[early]
    return train_model(
        rows.matrix.frame.loc[early],
        rows.label[early],
        as_of=None if history.clock == "none" else spine["as_of"],
        lead_id=spine["lead_id"],
        horizon=pd.Timedelta(outcome_horizon(file.project)),
        rule_points=sheet_points(rows.rules, early),
        weight=rows.train_weight,
        settings=TrainSettings(
            trials=(trials if trials is not None else settings.trials if minutes is None else _MOST_TRIALS),
            minutes=minutes,
            folds=folds or settings.folds,
            drop_time_proxies=settings.drop_time_proxies,
            storage=studies,
            n_jobs=processors(),
            processes=processes,
        ),
        estimator=estimator,
        seed=settings.seed,
        progress=progress,
    )


def recipe_of(
    file: ProjectFile,
    history: History,
    rows: TrainingSet,
    dropped: dict[str, str],
    audit: dict[str, Any] | None,
) -> Recipe:
    """How these rows were made; ``dropped`` are the time proxies that were left out, ``audit`` what speaks against columns."""
    spine = rows.matrix.spine.set_index("row_id").loc[rows.train]
    return Recipe(
        project=file.project.canonical(),
        project_fingerprint=file.fingerprint,
        data_fingerprint=rows.matrix.fingerprint,
        plan=rows.plan,
        sheet=rows.sheets.content() if rows.sheets else None,
        sheet_version=rows.sheets.version if rows.sheets else "",
        sheet_probability=(
            fit_sheet_probability(rows.rules, rows.label[rows.train], rows.train_weight)
            if rows.rules
            else None
        ),
        test_from=rows.test_from.isoformat(),
        trained_to=str(spine["as_of"].max()),
        dropped=dropped,
        data_version=history.version,
        spine={
            "at_ages": [format_duration(age) for age in rows.spine.policy.at_ages],
            "chosen": rows.spine.note,
            "oldest_days": float((spine["as_of"] - spine["created_at"]).max() / pd.Timedelta(days=1)),
        },
        audit=audit,
    )
