"""The curves to plot: gains and lift by share called, calibration by predicted probability."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leadlens.models.judging.lenses import JudgedRows
from leadlens.models.judging.metrics import ECE_BINS, equal_count_bins
from leadlens.models.judging.replay import Replay
from leadlens.models.statistics import wilson


def gains(judged: JudgedRows, replay: Replay, step: float = 0.01) -> pd.DataFrame:
    """Share of the leads that convert, reached by calls for the first share of the leads, for both lenses.

    Returns
    -------
    lens, called (share 0..1 that there is room for), found (share 0..1), random (found on average by as many calls to anybody on
    the lists), lift (found / random; missing at 0). Not all are
    reached even by calling everyone: some leads convert before a list has them, and some later than within the horizon of the
    call.
    """
    called = np.linspace(0, 1, round(1 / step) + 1)
    rooms, converted, frames = [replay.room(share) for share in called], float(judged.converted.sum()), []
    chance = np.array([replay.at_random(room) / converted for room in rooms])
    for lens in judged.lenses:
        queue = replay.queue(lens.rank)
        found = np.array([queue.work(room).reached / converted for room in rooms])
        lift = np.divide(found, chance, out=np.full_like(found, np.nan), where=chance > 0)
        frames.append(
            pd.DataFrame(
                {"lens": lens.name, "called": called.round(6), "found": found, "random": chance, "lift": lift}
            )
        )
    return pd.concat(frames, ignore_index=True)


def calibration(judged: JudgedRows, bins: int = ECE_BINS) -> pd.DataFrame:
    """Predicted against actual conversion in bins of equal count (those of the calibration error).

    Returns
    -------
    lens, bin (1 = least likely), rows, conversions, claimed (mean predicted probability), actual, low, high
    (90 % Wilson).
    """
    frames = []
    for lens in judged.lenses:
        rows = pd.DataFrame({"p": lens.probability, "y": judged.label})
        rows["bin"] = equal_count_bins(lens.probability, bins) + 1
        by_bin = rows.groupby("bin").agg(rows=("y", "size"), conversions=("y", "sum"), claimed=("p", "mean"))
        by_bin["actual"] = by_bin["conversions"] / by_bin["rows"]
        by_bin["low"], by_bin["high"] = wilson(by_bin["conversions"], by_bin["rows"])
        frames.append(by_bin.reset_index().assign(lens=lens.name))
    curve = pd.concat(frames, ignore_index=True)
    curve["conversions"] = curve["conversions"].astype(int)
    return curve[["lens", "bin", "rows", "conversions", "claimed", "actual", "low", "high"]]
