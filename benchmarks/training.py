"""What training costs: processor seconds of 20 trials on 300,000 rows by 100 columns, and of another checkout in the same run.

    python -m benchmarks.training [--rows 300000] [--columns 100] [--trials 20] [--against FOLDER]

``FOLDER`` is a checkout of another version, such as ``git worktree add --detach FOLDER 0.3.0``; it must run in this environment. Each is a
process of its own, on one thread; later rows say whether the quality is the same. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

LATER = 50_000


def main() -> None:
    """Time this checkout, and the other if one is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(cost(options.rows, options.columns, options.trials)))
        return
    checkouts = {"here": Path(__file__).parents[1]}
    if options.against:
        checkouts["against"] = options.against.absolute()
    figures: dict[str, float | dict[str, float]] = {}
    for name, folder in checkouts.items():
        settings = (f"--{each}={getattr(options, each)}" for each in ("rows", "columns", "trials"))
        # -P: benchmarks/features.py would be imported in the place of the package.
        done = subprocess.run(
            [sys.executable, "-P", __file__, "--child", *settings],
            check=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdout=subprocess.PIPE,
        )
        figures[name] = json.loads(done.stdout.splitlines()[-1])
        print(f"{name}: {figures[name]}", file=sys.stderr)
    print(json.dumps({"bench": "training", "figures": figures}))


def cost(rows: int, columns: int, trials: int) -> dict[str, float]:
    """Processor seconds, and log loss and ROC AUC on later rows, by whichever ``models`` is on the path."""
    from threadpoolctl import threadpool_limits

    from leadlens.models.training import TrainSettings, train_model

    frame, label, time_of, points = history(rows + LATER, columns)
    started = time.process_time()
    with threadpool_limits(limits=1, user_api="blas"):
        trained = train_model(
            frame.iloc[:rows],
            label[:rows],
            as_of=time_of[:rows],
            horizon=pd.Timedelta(days=30),
            rule_points=points.iloc[:rows],
            settings=TrainSettings(trials=trials, n_jobs=1),
            seed=1,
        )
    seconds = time.process_time() - started
    probability = trained.model.predict_proba(frame.iloc[rows:], points.iloc[rows:])
    later = label[rows:]
    from sklearn.metrics import log_loss, roc_auc_score

    return {
        "processor_seconds": round(seconds, 1),
        "log_loss": round(float(log_loss(later, probability)), 5),
        "roc_auc": round(float(roc_auc_score(later, probability)), 5),
    }


def history(rows: int, columns: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, pd.Series]:
    """Two years of leads: counts that are mostly zero, numbers, ages with gaps and a tenth of categories."""
    rng = np.random.default_rng(5)
    odds, made = np.full(rows, -2.8), {}
    for at in range(columns):
        kind = at % 10
        if kind < 5:
            made[f"count_{at}"] = rng.poisson(rng.gamma(0.4, 1.5, rows)).astype(float)
            odds += rng.normal(0, 0.12) * np.log1p(made[f"count_{at}"])
        elif kind < 9:
            values = rng.gamma(2.0, 10.0, rows)
            values[rng.random(rows) < 0.3] = np.nan
            made[f"number_{at}"] = values
            odds += rng.normal(0, 0.15) * np.nan_to_num((values - 20) / 14)
        else:
            code = rng.integers(0, 12, rows)
            made[f"category_{at}"] = np.array(list("abcdefghijkl"), dtype=object)[code]
            odds += rng.normal(0, 0.25, 12)[code]
    frame = pd.DataFrame(made)
    both = frame["count_0"].to_numpy() * np.nan_to_num(frame["number_5"].to_numpy(), nan=20.0)
    odds += 0.3 * np.log1p(both / 20) - 0.1
    label = (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
    points = pd.Series(np.round(10 * (0.5 * (odds - odds.mean()) + rng.normal(0, 0.5, rows))), name="points")
    return frame, label, np.linspace(0, 730 * 86_400.0, rows), points


if __name__ == "__main__":
    main()
