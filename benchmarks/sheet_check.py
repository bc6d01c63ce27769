"""A sheet beside worlds whose truth is known: is it left out where it misleads, kept where it helps, and what is that worth?

    python -m benchmarks.sheet_check [--seeds 4] [--rows 1500 4000 12000] [kind …]

Each world is trained with its sheet twice: as `train` does, and with a sheet that is kept or left out whatever the latest folds
say. The last quarter of the rows judges. Prints a row per kind of world, and JSON.
"""

from __future__ import annotations

import argparse
import json
from typing import NamedTuple
from unittest import mock

import numpy as np
import pandas as pd

from leadlens.models.statistics import expit, log_loss, roc_auc

KINDS = {
    "private": "knows what no feature says",
    "redundant": "knows less of what features say",
    "noise": "knows nothing",
    "stale": "knew what no feature says, fades, and is reversed from 83 % of the time on",
    "scrambled": "knew what no feature says; points are dealt anew from half of the time on",
    "reversed": "knew what no feature says; the opposite is true from half of the time on",
}
_YEAR, _HORIZON = 365 * 86_400.0, 30 * 86_400.0


class World(NamedTuple):
    """Rows in order of ``time`` (seconds), with the points of a sheet."""

    frame: pd.DataFrame
    label: np.ndarray
    time: np.ndarray
    points: pd.Series


def world(kind: str, rows: int, seed: int) -> World:
    """A year of leads with eight numbers and a category; conversions get more frequent."""
    rng = np.random.default_rng([list(KINDS).index(kind), rows, seed])
    x, category = rng.normal(size=(rows, 8)), rng.integers(0, 6, rows)
    hidden, time = rng.normal(size=rows), np.linspace(0, 1, rows)
    odds = -2.4 + 0.8 * time + 0.7 * x[:, 0] + 0.5 * np.maximum(x[:, 1], 0) + 0.3 * (category == 2)
    odds -= 0.4 * x[:, 2] * (x[:, 3] > 0)
    meaning = {"stale": 1 - 1.2 * time, "reversed": np.where(time < 0.5, 1.0, -1.0)}.get(kind, np.ones(rows))
    knows = kind not in ("redundant", "noise")
    label = (rng.random(rows) < expit(odds + 0.8 * hidden * meaning * knows)).astype(float)
    points = hidden + 0.5 * x[:, 0]
    if kind == "noise":
        points = rng.normal(size=rows)
    elif kind == "redundant":
        points = x[:, 0] + 0.5 * x[:, 1] + 0.5 * rng.normal(size=rows)
    elif kind == "scrambled":
        later = np.flatnonzero(time >= 0.5)
        points[later] = points[rng.permutation(later)]
    frame = pd.DataFrame(x, columns=[f"x{at}" for at in range(8)])
    frame["kind"] = pd.Series(category).map(lambda value: "abcdef"[value])
    return World(frame, label, time * _YEAR, pd.Series(np.round(10 * points), name="points"))


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--rows", type=int, nargs="+", default=[1500, 4000, 12_000])
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("kinds", nargs="*", default=list(KINDS))
    options = parser.parse_args()
    found = [
        {"kind": kind, "rows": rows, "seed": seed, **judged(world(kind, rows, seed), options.trials, seed)}
        for kind in options.kinds
        for rows in options.rows
        for seed in range(options.seeds)
    ]
    table = pd.DataFrame(found)
    print(
        "| the sheet | left out | log loss it would cost out of time: where left out | where kept |\n|---|---|---|---|"
    )
    for kind, part in table.groupby("kind", sort=False):
        cells = [
            f"{side['cost'].mean():+.4f} (ROC AUC {side['auc'].mean():+.4f})" if len(side) else "–"
            for side in (part[part["left_out"]], part[~part["left_out"]])
        ]
        print(f"| {KINDS[str(kind)]} | {part['left_out'].sum()} of {len(part)} | {' | '.join(cells)} |")
    print(json.dumps({"bench": "sheet_check", "figures": found}))


def judged(case: World, trials: int, seed: int) -> dict[str, float | bool]:
    """Whether the sheet is left out, and what keeping it costs on the last quarter of the rows."""
    from leadlens.models.sheet_check import SheetCheck
    from leadlens.models.training import TrainedModel, TrainSettings, train_model
    from leadlens.pipeline.threads import one_blas_thread

    until = len(case.label) * 3 // 4
    later = case.label[until:]

    def trained(points: pd.Series | None) -> TrainedModel:
        return one_blas_thread(train_model)(
            case.frame.iloc[:until],
            case.label[:until],
            as_of=case.time[:until],
            horizon=_HORIZON,
            rule_points=None if points is None else points.iloc[:until],
            settings=TrainSettings(trials=trials, drop_time_proxies=False, n_jobs=1),
            seed=seed,
        )

    with mock.patch.object(SheetCheck, "left_out", False):
        kept = trained(case.points)
    assert kept.sheet is not None
    without = trained(None)
    lines = [
        kept.model.log_odds(case.frame.iloc[until:], case.points.iloc[until:]),
        without.model.log_odds(case.frame.iloc[until:]),
    ]
    loss, auc = ([measure(later, line) for line in lines] for measure in (_mean_loss, roc_auc))
    return {
        "left_out": kept.sheet.left_out,
        "cost": round(loss[0] - loss[1], 5),
        "auc": round(auc[0] - auc[1], 5),
        "cost_on_latest_folds": round(kept.sheet.cost, 5),
    }


def _mean_loss(label: np.ndarray, line: np.ndarray) -> float:
    return float(log_loss(label, line).mean())


if __name__ == "__main__":
    main()
