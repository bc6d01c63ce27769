"""Lets one method of the benchmark learn and predict, in the method's own environment: started by ``benchmarks.method``.

    python -P benchmarks/run_method.py METHOD.py FOLDER --seed 0 --seconds 30

The method is a file with ``fit(train)``, which returns a model of any kind, and ``predict(model, test)``, which returns one probability
per row of ``test``. The folder holds ``train.parquet`` and ``test.parquet`` (features alone), ``known.parquet`` (label, lead_id and, where
rows have an order, as_of of the training rows) and ``folds.json`` (positions of training and validation rows among them). Outcomes
of the test rows are not there. Writes ``predicted.parquet``, in the order of ``test.parquet``, and then ``spent.json``. What breaks the rules is
refused in words, with exit code 1. Imports nothing of Leadlens.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

MOST_LEVELS = 250  # of a category: more than HistGradientBoosting takes; the rarest are one level
NOT_GIVEN = ("label", "lead_id", "as_of", "row_id", "part")  # of rows to predict
SAME = 1e-6  # how far two predictions of one row may differ, and how near to 0 or 1 a probability counts as


@dataclass(frozen=True)
class Train:
    """What a method learns from.

    Attributes
    ----------
    features : one row per (lead, as-of); numbers as float64 with NaN where unknown, categories as pandas categories.
    label : 1.0 where the row converted, else 0.0.
    lead_id : whose row it is; a lead may have several.
    as_of : when the row was looked at; of data with an order alone, a place in it. ``None`` where the data have no time.
    folds : positions of training and validation rows, later rows validating where there is time; empty where conversions are too few.
    categories : the names of the columns that are categories.
    seed : of whatever is random. seconds : of the processor, for a search, which is trusted to keep to it.
    """

    features: pd.DataFrame
    label: np.ndarray
    lead_id: np.ndarray
    as_of: pd.Series | None
    folds: list[tuple[np.ndarray, np.ndarray]]
    categories: list[str]
    seed: int
    seconds: float


class Refused(Exception):
    """A method that breaks the rules, in words."""


def main() -> None:
    """Learn, predict, check, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("method", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=30, help="of a search")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    train, test = read(options.folder, options.seed, options.seconds)
    try:
        predicted, seconds = learn_and_predict(options.method, train, test)
    except Refused as refused:
        sys.exit(f"{options.method.name} is refused: {refused}")
    pd.DataFrame({"probability": predicted}).to_parquet(options.folder / "predicted.parquet")
    (options.folder / "spent.json").write_text(json.dumps(seconds), encoding="utf-8")


def read(folder: Path, seed: int, seconds: float) -> tuple[Train, pd.DataFrame]:
    """What to learn from, and the features of the rows to predict."""
    train, test = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test"))
    categories = [name for name in train if not pd.api.types.is_numeric_dtype(train[name])]
    for name in categories:
        levels = train[name].value_counts().index[:MOST_LEVELS]
        kind = pd.CategoricalDtype(sorted({*levels, "(other)"}))
        for part in (train, test):
            known = part[name].isin(levels) | part[name].isna()
            part[name] = part[name].where(known, "(other)").astype(kind)
    known = pd.read_parquet(folder / "known.parquet")
    folds = [
        (np.array(learn), np.array(validate))
        for learn, validate in json.loads((folder / "folds.json").read_text(encoding="utf-8"))
    ]
    learned = Train(
        features=train,
        label=known["label"].to_numpy(float),
        lead_id=known["lead_id"].to_numpy(),
        as_of=known.get("as_of"),
        folds=folds,
        categories=categories,
        seed=seed,
        seconds=seconds,
    )
    return learned, test


def learn_and_predict(path: Path, train: Train, test: pd.DataFrame) -> tuple[np.ndarray, float]:
    """The probability of every test row, and the processor seconds that it took. Raises ``Refused``."""
    method = load(path)
    started = time.process_time()
    model = _asked("fit", lambda: method.fit(train))
    predicted = checked(_asked("predict", lambda: method.predict(model, test.copy())), len(test))
    seconds = time.process_time() - started
    # In service each lead is scored as it comes: nothing may be read off the other test rows, or off the place of a row.
    some = np.random.default_rng(train.seed).permutation(len(test))[: -(-len(test) // 2)]
    alone = test.iloc[some].reset_index(drop=True)
    again = checked(_asked("predict", lambda: method.predict(model, alone)), len(some))
    if (worst := float(np.abs(again - predicted[some]).max())) > SAME:
        raise Refused(
            f"predict gives other probabilities for the same rows when half of them are asked for in another order: up to {worst:.2g} "
            "apart. A row is to be predicted from what was learned and from its own features alone"
        )
    return predicted, round(seconds, 1)


def load(path: Path) -> ModuleType:
    """The method's file as a module, by a name that shadows no package. Raises ``Refused``."""
    if not path.is_file():
        raise Refused(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"method_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise Refused("its name does not end with .py")
    module = importlib.util.module_from_spec(spec)
    _asked("import", lambda: spec.loader.exec_module(module))  # type: ignore[union-attr]
    for name in ("fit", "predict"):
        if not callable(getattr(module, name, None)):
            raise Refused(
                f"it has no function {name}; a method is fit(train), which returns a model, and predict(model, test)"
            )
    return module


def checked(values: Any, rows: int) -> np.ndarray:
    """One probability per row. Raises ``Refused`` for anything else."""
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise Refused(
            f"predict gave {type(values).__name__}, which is not one number per row to predict"
        ) from None
    if found.shape != (rows,):
        hint = "; of predict_proba take the second column: [:, 1]" if found.shape == (rows, 2) else ""
        raise Refused(f"predict gave an array of shape {found.shape} for {rows:,} rows to predict{hint}")
    if unknown := int((~np.isfinite(found)).sum()):
        raise Refused(f"predict gave no finite number for {unknown:,} of {rows:,} rows (NaN or infinite)")
    if ((found < 0) | (found > 1)).any():
        raise Refused(
            f"predict gave numbers from {found.min():.4g} to {found.max():.4g}; probabilities lie between 0 and 1"
        )
    return np.clip(found, SAME, 1 - SAME)


def _asked(what: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        if what == "predict" and isinstance(error, KeyError) and error.args[0] in NOT_GIVEN:
            raise Refused(
                f"predict asks for {error.args[0]!r}, which is not given of rows to predict: they have features alone"
            ) from None
        traceback.print_exc()
        raise Refused(f"{what} failed with {type(error).__name__}: {error}") from None


if __name__ == "__main__":
    main()
