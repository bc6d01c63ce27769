"""What thresholds earn: held against plain arithmetic, and against the claims that the data do not carry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from leadlens.models.judging.above import weekly_above
from leadlens.models.judging.profit import profits
from leadlens.models.judging.thresholds import point_thresholds
from leadlens.models.statistics import wilson
from tests.models.judged_example import judged_example


def cuts(leads: int = 600, seed: int = 1) -> list[dict[str, float]]:
    return point_thresholds(judged_example(leads, seed=seed)[0]).to_dict("records")


def test_profit_is_conversions_less_calls_and_the_best_is_the_largest() -> None:
    table, cost, gain, weeks = cuts(), 3.0, 40.0, 13
    found = profits(table, cost=cost, gain=gain, weeks=weeks)
    for cut, profit in zip(table, found, strict=True):
        assert profit.value == pytest.approx((gain * cut["conversions"] - cost * cut["leads"]) / weeks)
        assert profit.low <= profit.value <= profit.high
    assert sum(each.is_best for each in found) == 1
    assert max(each.value for each in found) == next(each.value for each in found if each.is_best)
    assert not any(each.behind for each in found if each.is_best)
    assert profits([], cost=1, gain=1, weeks=1) == []


def test_what_lies_between_two_thresholds_decides_whether_they_are_told_apart() -> None:
    def cut(leads: int, conversions: int) -> dict[str, float]:
        low, high = (float(np.ravel(end)[0]) for end in wilson(conversions, leads))
        return {"leads": leads, "conversions": conversions, "low": low, "high": high}

    # Three hundred more calls that bring nothing: the intervals of the totals overlap, that of the difference is clear.
    many, few = profits([cut(2300, 200), cut(2000, 200)], cost=1, gain=30, weeks=1)
    assert few.is_best
    assert many.behind
    assert many.high > few.low, "side by side they would not be told apart"
    # Ten more calls say next to nothing.
    many, few = profits([cut(110, 40), cut(100, 40)], cost=1, gain=30, weeks=1)
    assert few.is_best
    assert not many.behind
    # Fewer calls can lose as clearly.
    many, few = profits([cut(500, 200), cut(100, 40)], cost=1, gain=30, weeks=1)
    assert many.is_best
    assert few.behind


@pytest.mark.parametrize("best", [None, 0, 2, 4])
def test_the_threshold_that_is_best_in_truth_is_not_said_to_be_behind(best: int | None) -> None:
    """Where all are worth the same, whatever looks best does so by chance; where one is best, chance may hide it."""
    rng, behind = np.random.default_rng(7), 0
    leads = np.array([1000, 700, 400, 200, 100])
    for _ in range(500):
        # Of the leads between two thresholds a tenth converts, which a call costs; some more down to the best, fewer below.
        rates = np.array([0.1 if best is None else 0.104 if at >= best else 0.096 for at in range(5)])
        found = np.cumsum(rng.binomial(-np.diff([*leads, 0]), rates)[::-1])[::-1]
        low, high = wilson(found, leads)
        table = [
            {"leads": n, "conversions": c, "low": a, "high": b}
            for n, c, a, b in zip(leads, found, low, high, strict=True)
        ]
        behind += profits(table, cost=1, gain=10, weeks=1)[2 if best is None else best].behind
    assert behind / 500 < 0.1


def test_weeks_are_those_of_a_slow_count() -> None:
    judged, _, _ = judged_example(200, snapshots=3, seed=4)
    # Three days between snapshots, so that some leads have several in a week, and another outcome after each.
    judged["as_of"] -= pd.to_timedelta(4 * (judged["row_id"] % 3), unit="D")
    judged["label"] = np.random.default_rng(4).permutation(judged["label"])
    points = [0.0, 20.0, 45.0]
    table = weekly_above(judged, points)
    for lens, cuts, column in (
        ("scorecard", points, "rule_points"),
        ("leadlens", [*range(10, 100, 5)], "score"),
    ):
        latest: dict[tuple[pd.Timestamp, str], tuple[float, int]] = {}
        for row in judged.sort_values("as_of").to_dict("records"):
            monday = row["as_of"].normalize() - pd.Timedelta(days=row["as_of"].weekday())
            out = lens == "scorecard" and row["disqualified"]
            latest[monday, row["lead_id"]] = (-1e9 if out else np.rint(row[column]), int(row["label"]))
        own = table[table["lens"] == lens]
        assert len(own) == len(cuts) * len({week for week, _ in latest})
        for each in own.to_dict("records"):
            of_week = [of for (week, _), of in latest.items() if week == each["week"]]
            above = [label for value, label in of_week if value >= each["cut"]]
            expected = (len(of_week), len(above), sum(above))
            assert (each["leads"], each["above"], each["converted"]) == expected
    assert weekly_above(judged.assign(as_of=np.datetime64("NaT", "us")), points).empty


def test_a_threshold_that_is_asked_for_is_among_the_steps() -> None:
    judged, _, _ = judged_example(300)
    steps = point_thresholds(judged)
    assert 33.0 not in set(steps["points"])
    also = point_thresholds(judged, also=[33.0])
    assert set(also["points"]) - set(steps["points"]) == {33.0}
