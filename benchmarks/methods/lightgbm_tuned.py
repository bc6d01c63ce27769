"""LightGBM, tuned by Optuna on the folds that Leadlens tunes on, early stopped; the mean length is fitted on all rows."""

from __future__ import annotations

import time
from typing import Any

import lightgbm as lgb
import numpy as np
import optuna
import pandas as pd

MOST_TREES, PATIENCE = 2000, 50


def fit(train: Any) -> Any:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    features = _renamed(train.features)

    def settings(trial: Any) -> dict[str, Any]:
        return {
            "objective": "binary",
            "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.2, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 64, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 5, 300, log=True),
            "lambda_l2": trial.suggest_float("lambda_l2", 1e-3, 100.0, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1.0),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
            "bagging_freq": 1,
            "cat_smooth": trial.suggest_float("cat_smooth", 1.0, 200.0, log=True),
            "seed": train.seed,
            "num_threads": 1,
            "verbosity": -1,
        }

    def value(trial: Any) -> float:
        losses, lengths = [], []
        for learn, validate in train.folds:
            data = lgb.Dataset(
                features.iloc[learn], train.label[learn], params={"verbosity": -1, "num_threads": 1}
            )
            later = data.create_valid(features.iloc[validate], train.label[validate])
            stop = lgb.early_stopping(PATIENCE, verbose=False)
            grown = lgb.train(settings(trial), data, MOST_TREES, valid_sets=[later], callbacks=[stop])
            losses.append(grown.best_score["valid_0"]["binary_logloss"])
            lengths.append(grown.best_iteration)
        trial.set_user_attr("trees", max(1, round(float(np.mean(lengths)))))
        return float(np.mean(losses))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=train.seed))
    study.enqueue_trial(
        {"learning_rate": 0.1, "num_leaves": 31, "min_child_samples": 20, "lambda_l2": 1e-3}
        | {"feature_fraction": 1.0, "bagging_fraction": 1.0, "cat_smooth": 10.0}
    )
    begun = time.process_time()
    while time.process_time() - begun < train.seconds:
        study.optimize(value, n_trials=1)
    best = study.best_trial
    data = lgb.Dataset(features, train.label, params={"verbosity": -1})
    return lgb.train(settings(optuna.trial.FixedTrial(best.params)), data, best.user_attrs["trees"])


def predict(model: Any, test: pd.DataFrame) -> np.ndarray:
    return np.asarray(model.predict(_renamed(test)))


def _renamed(frame: pd.DataFrame) -> pd.DataFrame:
    """LightGBM refuses some characters in names of columns."""
    return frame.set_axis([f"f{at}" for at in range(frame.shape[1])], axis=1)
