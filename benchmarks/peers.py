"""What others make of the same rows: run by ``benchmarks.quality`` in an environment of their own (benchmarks/peers.txt).

    python benchmarks/peers.py FOLDER --seed 0 --seconds 30

The folder holds ``rows.parquet`` (``Dataset.to_arrow``: part, label, features) and ``folds.json``: positions of training and
validation rows among the training rows. Each peer learns from all training rows, on one thread, with every column as
it is. Writes ``peers.parquet``, the probability of every test row by peer, and ``peers.json``, the processor seconds of each.
Imports nothing of Leadlens.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

OWN = ("row_id", "lead_id", "as_of", "part", "label", "weight")
MOST_LEVELS = 250  # of a category: more than HistGradientBoosting takes; the rarest are one level
MOST_TREES, PATIENCE = 2000, 50
_STARTED = time.perf_counter()


@dataclass(frozen=True)
class Rows:
    """Training rows with their folds, and the rows to predict: numbers, and categories as such."""

    train: pd.DataFrame
    label: np.ndarray
    test: pd.DataFrame
    folds: list[tuple[np.ndarray, np.ndarray]]
    texts: list[str]
    seed: int
    seconds: float  # of the processor, for each search

    def as_text(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Categories as text, with a word for what is not known."""
        return frame.assign(**{name: frame[name].astype(object).fillna("(unknown)") for name in self.texts})


def main() -> None:
    """Fit every peer, write what each predicts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=30, help="of each search")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = read(options.folder, options.seed, options.seconds)
    predicted, seconds = {}, {}
    for name, peer in PEERS.items():
        started = time.process_time()
        predicted[name] = np.clip(peer(rows), 1e-6, 1 - 1e-6)
        seconds[name] = round(time.process_time() - started, 1)
    pd.DataFrame(predicted, index=rows.test.index).to_parquet(options.folder / "peers.parquet")
    (options.folder / "peers.json").write_text(json.dumps(seconds), encoding="utf-8")


def read(folder: Path, seed: int, seconds: float) -> Rows:
    table = pd.read_parquet(folder / "rows.parquet").set_index("row_id")
    features = table.drop(columns=[name for name in OWN if name in table])
    features.columns = [f"f{at}" for at in range(features.shape[1])]  # LightGBM refuses some characters
    texts = [name for name in features if not pd.api.types.is_numeric_dtype(features[name])]
    learned = table["part"] == "train"
    for name in texts:
        common = features.loc[learned, name].value_counts().index[:MOST_LEVELS]
        known = features[name].isin(common) | features[name].isna()
        features[name] = features[name].where(known, "(other)").astype("category")
    folds = [
        (np.array(train), np.array(validation))
        for train, validation in json.loads((folder / "folds.json").read_text(encoding="utf-8"))
    ]
    label = table.loc[learned, "label"].to_numpy(float)
    return Rows(features[learned], label, features[table["part"] == "test"], folds, texts, seed, seconds)


def logistic_regression(rows: Rows) -> np.ndarray:
    """At its defaults, on standardised numbers and one column per category."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [name for name in rows.train if name not in rows.texts]
    columns = make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()),
            numbers,
        ),
        (OneHotEncoder(handle_unknown="ignore", min_frequency=20), rows.texts),
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=2000))
    model.fit(rows.as_text(rows.train), rows.label)
    return model.predict_proba(rows.as_text(rows.test))[:, 1]


def hist_gradient_boosting(rows: Rows) -> np.ndarray:
    """At its defaults, categories as such; it stops early by itself from 10,000 rows on."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=rows.seed)
    return model.fit(rows.train, rows.label).predict_proba(rows.test)[:, 1]


def lightgbm_tuned(rows: Rows) -> np.ndarray:
    """Optuna's search on the folds that Leadlens tunes on, early stopped; the mean length is fitted on all rows."""
    import lightgbm as lgb
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

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
            "seed": rows.seed,
            "num_threads": 1,
            "verbosity": -1,
        }

    def value(trial: Any) -> float:
        losses, lengths = [], []
        for train, validation in rows.folds:
            data = lgb.Dataset(
                rows.train.iloc[train], rows.label[train], params={"verbosity": -1, "num_threads": 1}
            )
            later = data.create_valid(rows.train.iloc[validation], rows.label[validation])
            stop = lgb.early_stopping(PATIENCE, verbose=False)
            grown = lgb.train(settings(trial), data, MOST_TREES, valid_sets=[later], callbacks=[stop])
            losses.append(grown.best_score["valid_0"]["binary_logloss"])
            lengths.append(grown.best_iteration)
        trial.set_user_attr("trees", max(1, round(float(np.mean(lengths)))))
        return float(np.mean(losses))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=rows.seed))
    study.enqueue_trial(
        {"learning_rate": 0.1, "num_leaves": 31, "min_child_samples": 20, "lambda_l2": 1e-3}
        | {"feature_fraction": 1.0, "bagging_fraction": 1.0, "cat_smooth": 10.0}
    )
    begun = time.process_time()
    while time.process_time() - begun < rows.seconds:
        study.optimize(value, n_trials=1)
    best = study.best_trial
    data = lgb.Dataset(rows.train, rows.label, params={"verbosity": -1})
    model = lgb.train(settings(optuna.trial.FixedTrial(best.params)), data, best.user_attrs["trees"])
    return np.asarray(model.predict(rows.test))


def catboost(rows: Rows) -> np.ndarray:
    """At its defaults: a thousand trees, categories as such. Stopped early by the folds it was worse on all sets tried."""
    from catboost import CatBoostClassifier, Pool

    model = CatBoostClassifier(
        random_seed=rows.seed, thread_count=1, verbose=False, allow_writing_files=False
    )
    model.fit(Pool(rows.as_text(rows.train), rows.label, cat_features=rows.texts))
    return model.predict_proba(Pool(rows.as_text(rows.test), cat_features=rows.texts))[:, 1]


def flaml(rows: Rows) -> np.ndarray:
    """Its own search over learners for log loss, on the same folds. It goes by the clock, so a busy machine is made up for."""
    from flaml import AutoML

    class Folds:
        def get_n_splits(self, *_: Any, **__: Any) -> int:
            return len(rows.folds)

        def split(self, *_: Any, **__: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            return iter(rows.folds)

    model = AutoML()
    model.fit(
        rows.train.reset_index(drop=True),
        rows.label.astype(int),
        task="classification",
        metric="log_loss",
        time_budget=rows.seconds * _clock_per_processor_second(),
        eval_method="cv",
        split_type=Folds(),
        sample=False,
        n_jobs=1,
        seed=rows.seed,
        verbose=0,
        log_file_name="",
    )
    return np.asarray(model.predict_proba(rows.test))[:, 1]


def _clock_per_processor_second() -> float:
    """How much longer everything so far took than the processor worked at it; 1 on an idle machine."""
    return max(1.0, (time.perf_counter() - _STARTED) / time.process_time())


PEERS: dict[str, Callable[[Rows], np.ndarray]] = {
    "logistic_regression": logistic_regression,
    "hist_gradient_boosting": hist_gradient_boosting,
    "lightgbm_tuned": lightgbm_tuned,
    "catboost": catboost,
    "flaml": flaml,
}


if __name__ == "__main__":
    main()
