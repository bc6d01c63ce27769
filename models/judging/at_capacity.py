"""The comparison at several capacities: who is reached, and which leads stand in which quadrant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from leadlens.models.judging import agreement
from leadlens.models.judging.comparison import capacity_of
from leadlens.models.judging.intervals import cluster_bootstrap
from leadlens.models.judging.lenses import MODEL, RULES, Floats, Judged, without_times
from leadlens.models.judging.replay import Replay
from leadlens.models.judging.result import Capacity

SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)


@dataclass(frozen=True, kw_only=True)
class AtCapacity:
    """What ``Comparison`` says at one capacity.

    Attributes
    ----------
    share : of the new leads that sales call, week by week.
    capacity, quadrants : as those of a ``Comparison`` at this capacity, intervals and all.
    leads : every lead with its quadrant: the columns of ``quadrant_leads``.
    """

    share: float
    capacity: Capacity
    quadrants: pd.DataFrame
    leads: pd.DataFrame


def at_capacities(
    judged: pd.DataFrame,
    shares: Sequence[float] = SHARES,
    *,
    dated: bool = True,
    seed: int = 0,
    resamples: int = 200,
) -> list[AtCapacity]:
    """Judge the rows that ``compare`` takes at each of these capacities.

    ``dated`` is false where as-of times only stand for an order. Equal seeds draw the leads that ``compare`` draws, so that an
    interval here is the one there.
    """
    rows = Judged.of(judged if dated else without_times(judged))
    replay = Replay(rows)
    queues = {lens.name: replay.queue(lens.rank) for lens in rows.lenses}

    def figures(weight: Floats | None) -> dict[str, float]:
        drawn, reached = None if weight is None else rows.of_leads(weight), dict[str, float]()
        for share in shares:
            room = replay.room(share, drawn)
            model, rules = (queues[lens].work(room, drawn).reached for lens in (MODEL, RULES))
            reached |= {
                f"{share}.{MODEL}.reached": model,
                f"{share}.{RULES}.reached": rules,
                f"{share}.difference.reached": model - rules,
            }
        return reached

    value, interval = figures(None), cluster_bootstrap(figures, rows.lead, resamples=resamples, seed=seed)
    results = []
    for share in shares:
        room = replay.room(share)
        called = {name: queue.work(room).row for name, queue in queues.items()}
        capacity = capacity_of(str(share), rows, queues, queues[RULES], room, value, interval)
        results.append(
            AtCapacity(
                share=share,
                capacity=replace(capacity, name="capacity"),
                quadrants=agreement.quadrants(rows, called),
                leads=agreement.quadrant_leads(rows, called),
            )
        )
    return results
