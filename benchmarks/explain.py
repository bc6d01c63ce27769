"""Reasons of many rows beside LightGBM's own contributions, and held against shap.

    python -m benchmarks.explain [--rows 100000] [data set …]

A model of each real data set explains its rows, repeated to as many as asked for: categories and unknown values among them.
``x_pred_contrib`` is the processor time of LightGBM's ``pred_contrib`` of the model's trees alone, over ours of the
whole sum; ``max_abs_diff`` the largest difference of a feature's contribution from shap's TreeExplainer (which asks
LightGBM; ``tests/models/test_tree_shap.py`` asks the definition) and the additive part, in log-odds.
Prints Markdown, and one line of JSON: of the slowest set, and the largest difference.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.data_sets import DATASETS, ROOT
from leadlens.models.scale import POINTS_PER_LOG_ODDS

_PAIRS, _CHECKED = 5, 2_000


def main() -> None:
    """Print the table and one line of JSON; exit 1 where an explanation is off by more than 1e-5."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("datasets", nargs="*", default=list(DATASETS))
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LEADLENS_HOME"] = folder
        for name in options.datasets:
            if (measured := measure(name, options.rows)) is not None:
                found[name] = measured
    table = pd.DataFrame(found).T
    print("| data | columns | trees | times as fast as `pred_contrib` | rows a second | off by |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, row in table.iterrows():
        print(
            f"| {name} | {row['columns']:.0f} | {row['trees']:.0f} | {row['x_pred_contrib']:.1f} "
            f"| {row['rows_per_s']:,.0f} | {row['max_abs_diff']:.0e} |"
        )
    figures = {
        "x_pred_contrib": round(float(table["x_pred_contrib"].min()), 2),
        "rows_per_s": round(float(table["rows_per_s"].min())),
        "max_abs_diff": float(table["max_abs_diff"].max()),
    }
    print(json.dumps({"bench": "explain", "figures": figures}))
    sys.exit(int(figures["max_abs_diff"] > 1e-5))


def measure(name: str, most: int) -> dict[str, float] | None:
    """Pairs of both on the same rows, one thread each; ``None`` for a model without trees."""
    from threadpoolctl import threadpool_limits

    from leadlens import build_training_set, load_project, open_history
    from leadlens.models.prediction import sheet_points
    from leadlens.pipeline.dataset.learning import learn

    file = load_project(ROOT / "configs" / f"{name}.yaml")
    history = open_history(file)
    rows = build_training_set(file, history)
    model = learn(file, history, rows).model
    points = sheet_points(rows.rules, rows.matrix.frame.index)
    at = np.resize(np.arange(len(rows.matrix)), most)
    frame = rows.matrix.frame.iloc[at].reset_index(drop=True)
    own = None if points is None else points.iloc[at].reset_index(drop=True)
    if model.trees is None:
        print(f"{name}: the folds gave trees no weight, so there is nothing to compare with", file=sys.stderr)
        return None
    booster, encoded = model.trees.booster_, model.encoding.encode(frame)
    with threadpool_limits(1):
        model.explain(frame.head(1000), None if own is None else own.head(1000))  # compile
        pairs = [
            (
                _cpu(lambda: booster.predict(encoded, pred_contrib=True, num_threads=1)),
                _cpu(lambda: model.explain(frame, own)),
            )
            for _ in range(_PAIRS)
        ]
    return {
        "columns": len(model.columns),
        "trees": booster.num_trees(),
        "x_pred_contrib": median(theirs / ours for theirs, ours in pairs),
        "rows_per_s": most / median(ours for _, ours in pairs),
        "max_abs_diff": _off(model, frame.head(_CHECKED), None if own is None else own.head(_CHECKED)),
    }


def _cpu(work: Callable[[], Any]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def _off(model: Any, frame: pd.DataFrame, points: pd.DataFrame | None) -> float:
    """The largest difference of a feature's contribution from shap's, the additive part's and none else's."""
    import shap

    encoded = model.encoding.encode(frame)
    _, linear, trees = model.weights
    expected = trees * np.asarray(shap.TreeExplainer(model.trees.booster_).shap_values(encoded))
    if model.linear is not None and linear:
        # One column at a time, all others as the first row has them: what changes is that column's part.
        for column in range(encoded.shape[1]):
            alone = np.repeat(encoded[:1], len(encoded), axis=0)
            alone[:, column] = encoded[:, column]
            margin = model.linear.margin(alone)
            expected[:, column] += linear * (margin - margin[0])
            expected[:, column] += linear * model.linear.contributions(encoded[:1])[0, column]
    expected *= model.calibration.slope
    parts = model.explain(frame, points).contributions[list(model.columns)].to_numpy() / POINTS_PER_LOG_ODDS
    return float(np.abs(parts - expected).max())


if __name__ == "__main__":
    main()
