"""The headline is that of a slow, obvious replay: week by week, lead by lead, over the raw history."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor

import numpy as np
import pandas as pd
import pytest

from leadlens.features import History
from leadlens.features.label import build_labels, leaving_times
from leadlens.features.spine import SpinePolicy, build_spine
from leadlens.models.judging import compare, report_model
from leadlens.models.judging.lenses import MODEL, RULES, Judged
from leadlens.models.judging.replay import Replay
from leadlens.models.scale import score
from leadlens.models.statistics import logit
from tests.models.histories import DAY, open_small

HISTORIES = int(os.environ.get("LEADLENS_EXAMPLES", "24"))
START, WEEK = datetime(2025, 3, 4, 10, 30), timedelta(days=7)
EMPTY_LEDGER = pd.DataFrame({"row_id": [], "rule": [], "dimension": [], "points": []})


@dataclass(frozen=True)
class Lead:
    """What is known of a lead in the end."""

    created: datetime
    closed: datetime | None
    converted: list[datetime]


@dataclass(frozen=True)
class World:
    """A history and what both lenses say of its snapshots."""

    leads: Mapping[str, Lead]
    judged: pd.DataFrame
    horizon: timedelta


def world(seed: int) -> World:
    """Leads that come for some weeks; some convert (some twice), some are closed, at whole days too, so that times coincide."""
    draw = random.Random(seed)
    while True:
        made = _world(draw)
        if made.judged["label"].nunique() == 2:  # others are refused
            return made


def _world(draw: random.Random) -> World:
    weeks, horizon, repeat = draw.randint(1, 6), draw.choice((3, 10, 30)) * DAY, draw.random() < 0.3

    def later(than: datetime) -> datetime:
        return than + timedelta(days=draw.randint(0, 20), hours=draw.choice((0, 0, draw.randint(0, 23))))

    leads = {}
    for number in range(draw.randint(6, 40)):
        created = START + timedelta(
            days=draw.randint(0, 7 * weeks - 1), hours=draw.choice((0, draw.randint(0, 23)))
        )
        converted = [later(created) for _ in range(draw.choice((0, 0, 1, 2)))]
        closed = later(created) if draw.random() < 0.3 else None
        leads[f"L{number:02}"] = Lead(created, closed, converted)
    ages = tuple(days * DAY for days in sorted(draw.sample((0, 1, 3, 7, 14, 21), draw.randint(1, 4))))
    every = draw.choice((3 * DAY, WEEK))
    policy = draw.choice((SpinePolicy(at_ages=ages, repeat=repeat), SpinePolicy(every=every, repeat=repeat)))
    history = history_of(leads, START + (7 * weeks + 21) * DAY + horizon)
    with build_spine(history, policy) as spine, build_labels(history, spine, horizon) as labels:
        rows = history.engine.frame(
            f"SELECT s.row_id, s.lead_id, s.as_of, l.label FROM {spine} AS s JOIN {labels} AS l ON l.row_id = s.row_id"
        ).set_index("row_id")
        rows["left_at"] = leaving_times(history, spine)
    history.engine.close()
    rows = rows[rows["label"].notna()].astype({"label": int}).reset_index()
    probability = np.array([draw.randint(1, 12) / 20 for _ in range(len(rows))])
    judged = rows.assign(
        probability=probability,
        score=score(logit(probability), -1.0),
        grade="A4",
        rule_points=[10.0 * draw.randint(0, 3) for _ in range(len(rows))],
        rule_probability=0.2,
        rule_grade="A4",
        rule_stage=[draw.choice(("Lead", "MQL", "SQL")) for _ in range(len(rows))],
        disqualified=[draw.random() < 0.1 for _ in range(len(rows))],
    )
    return World(leads, judged.sample(frac=1, random_state=draw.randint(0, 999)), horizon)


def history_of(leads: Mapping[str, Lead], ends: datetime) -> History:
    history = open_small(
        [
            {"lead_id": name, "created_at": lead.created, "closed_at": lead.closed}
            for name, lead in leads.items()
        ],
        [],
    )
    sold = [(name, time) for name, lead in leads.items() for time in lead.converted]
    history.engine.register(
        "conversions",
        pd.DataFrame(sold, columns=["lead_id", "converted_at"])
        .assign(kind=None, product=None, value=None)
        .astype({"lead_id": "str", "converted_at": "datetime64[us]", "kind": "str"}),
    )
    history.engine.register("unlabelled", pd.DataFrame({"lead_id": pd.Series(dtype="str")}))
    return History(history.engine, ends, {}, {}, {})


@dataclass(frozen=True)
class Snapshot:
    lead: str
    as_of: datetime
    row: int


def slow_replay(
    world: World, order: Mapping[int, tuple[float, float]], capacity: float | None, times: Mapping[str, int]
) -> tuple[list[int], dict[str, int]]:
    """(calls of each week, calls that reached somebody by lead); ``order`` sorts rows, ``times`` is how many such leads there are.

    Without ``capacity`` everybody in ``order`` is called.
    """
    snapshots = [Snapshot(r.lead_id, r.as_of.to_pydatetime(), r.row_id) for r in world.judged.itertuples()]
    first, last = min(each.as_of for each in snapshots), max(each.as_of for each in snapshots)
    snapshots = [each for each in snapshots if times[each.lead]]
    copies = dict(times)  # such leads that wait for a call
    calls, reached, came, offered, now = [], dict.fromkeys(times, 0), 0, 0, first
    while True:
        seen = [each for each in snapshots if each.as_of <= now]
        came = sum(times[lead] for lead in {each.lead for each in seen})
        target = floor(Fraction(str(capacity or 0)) * came + Fraction(1, 2))
        if now >= last and capacity:
            target = max(target, 1)
        room, offered = target - offered, target
        latest_of: dict[str, Snapshot] = {}
        for each in seen:
            if each.lead not in latest_of or each.as_of > latest_of[each.lead].as_of:
                latest_of[each.lead] = each
        waiting = []
        for name, latest in latest_of.items():
            lead = world.leads[name]
            closed = lead.closed is not None and lead.closed < now
            converted = any(latest.as_of <= time < now for time in lead.converted)
            if not closed and not converted and latest.row in order:
                waiting += [latest] * copies[name]
        waiting.sort(key=lambda each: order[each.row])
        called = waiting if capacity is None else waiting[:room]
        for each in called:
            copies[each.lead] -= 1
            in_time = [t for t in world.leads[each.lead].converted if now <= t < each.as_of + world.horizon]
            reached[each.lead] += bool(in_time)
        calls.append(len(called))
        if now >= last:
            return calls, reached
        now += WEEK


def orders(judged: Judged) -> dict[str, dict[int, tuple[float, float]]]:
    """Lens → row_id → its place: rank, then the fixed shuffle."""
    ids = judged.frame["row_id"].tolist()
    return {
        lens.name: {
            row: (-float(rank), int(lot))
            for row, rank, lot in zip(ids, lens.rank, judged.tie_break, strict=True)
        }
        for lens in judged.lenses
    }


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_the_headline_is_that_of_a_slow_replay(seed: int) -> None:
    made = world(seed)
    capacity = (0.1, 0.25, 0.5, 0.9)[seed % 4]
    once, judged = dict.fromkeys(made.leads, 1), Judged.of(made.judged)
    slow = {lens: slow_replay(made, order, capacity, once) for lens, order in orders(judged).items()}
    result = compare(made.judged, EMPTY_LEDGER, capacity=capacity, resamples=3)
    reached = {lens: sum(by_lead.values()) for lens, (_, by_lead) in slow.items()}
    assert result.weekly
    assert result.weeks == len(slow[MODEL][0])
    assert (result.capacity.model, result.capacity.rules) == (reached[MODEL], reached[RULES])
    assert result.capacity.more == reached[MODEL] - reached[RULES]
    alone = report_model(made.judged, capacity=capacity, resamples=3)
    assert (alone.found, alone.calls) == (result.capacity.model, result.capacity.calls)
    replay, room = Replay(judged), Replay(judged).room(capacity)
    for lens in judged.lenses:
        worked = replay.queue(lens.rank).work(room)
        called = worked.row >= 0
        assert worked.made.tolist() == slow[lens.name][0]
        assert worked.calls == called.sum(), "each lead once"
        assert judged.label[worked.row[called]].sum() == worked.reached, "they can be listed"
        assert worked.reached <= replay.reachable
    for stage, at_least in (("MQL", ("MQL", "SQL")), ("SQL", ("SQL",))):
        cut = next((cut for cut in result.cuts if cut.name == stage), None)
        frame = made.judged
        there = set(frame.loc[frame["rule_stage"].isin(at_least) & ~frame["disqualified"], "row_id"])
        order = {row: place for row, place in orders(judged)[RULES].items() if row in there}
        calls, by_lead = slow_replay(made, order, None, once)
        if cut is not None:
            assert (cut.calls, cut.rules) == (sum(calls), sum(by_lead.values()))
            assert cut.model == replay.queue(judged.model.rank).work(np.array(calls, float)).reached


@pytest.mark.parametrize("seed", range(0, HISTORIES, 4))
def test_a_lead_that_is_drawn_twice_is_two_leads(seed: int) -> None:
    """What the bootstrap weighs by is what a slow replay of so many leads gives."""
    made = world(seed)
    draw = random.Random(seed)
    times = {name: draw.choice((0, 1, 1, 2, 3)) for name in made.leads}
    judged = Judged.of(made.judged)
    names = judged.frame.drop_duplicates("lead_id")["lead_id"]
    weight = np.array([times[name] for name in names], float)
    replay = Replay(judged)
    for lens in judged.lenses:
        worked = replay.queue(lens.rank).work(replay.room(0.3, weight), weight)
        calls, by_lead = slow_replay(made, orders(judged)[lens.name], 0.3, times)
        assert (worked.made.tolist(), worked.reached) == (calls, sum(by_lead.values()))


def test_anybody_on_the_lists_reaches_what_random_orders_do_on_average() -> None:
    made = world(5)
    judged, rng = Judged.of(made.judged), np.random.default_rng(0)
    replay = Replay(judged)
    room, reached = replay.room(0.4), []
    for _ in range(400):  # another order each week: leads that were out of luck have the same chances again
        left, total = np.ones(judged.leads), 0.0
        for week, free in enumerate(room):
            rows = replay.lists.rows[replay.lists.starts[week] : replay.lists.starts[week + 1]]
            rows = rng.permutation(rows[left[judged.lead[rows]] > 0])[: int(free)]
            left[judged.lead[rows]] = 0
            total += judged.label[rows].sum()
        reached.append(total)
    assert replay.at_random(room) == pytest.approx(np.mean(reached), abs=4 * np.std(reached) / 20)


def test_calls_that_a_lot_decides_are_counted() -> None:
    """Ten leads of one week, five calls: two are clearly best, six share the next rank, of which three are called."""
    frame = pd.DataFrame(
        {
            "row_id": range(10),
            "lead_id": range(10),
            "as_of": START,
            "label": [1, 0] * 5,
            "left_at": pd.NaT,
            "probability": [0.9, 0.8, *[0.5] * 6, 0.2, 0.1],
            "score": 50.0,
            "grade": "A4",
        }
    )
    alone = report_model(frame, capacity=0.5, resamples=3)
    assert (alone.calls, alone.tied) == (5, 3)
    assert report_model(frame, capacity=0.8, resamples=3).tied == 0
    assert report_model(frame.assign(probability=0.5), capacity=0.5, resamples=3).tied == 5


def test_when_a_lead_left_by_hand() -> None:
    """The first conversion of the kinds asked for, or the closing, whichever is first, at or after the as-of."""
    leads = {
        "open": Lead(START, None, []),
        "closed": Lead(START, START + 5 * DAY, []),
        "sold": Lead(START, START + 5 * DAY, [START + 9 * DAY, START + 3 * DAY]),
        "closed first": Lead(START, START + 2 * DAY, [START + 3 * DAY]),
        "other": Lead(START, None, [START + 1 * DAY]),
    }
    history = history_of(leads, START + 30 * DAY)
    history.engine.connection.execute(
        "UPDATE conversions SET kind = CASE WHEN lead_id = 'other' THEN 'demo' ELSE 'sale' END"
    )
    policy = SpinePolicy(at_ages=(0 * DAY, 3 * DAY), repeat=True)
    with build_spine(history, policy) as spine:
        rows = history.engine.frame(f"SELECT row_id, lead_id, as_of FROM {spine}").set_index("row_id")
        every, sales = leaving_times(history, spine), leaving_times(history, spine, ("sale",))
    days = {
        (row.lead_id, (row.as_of - START).days): [
            None if pd.isna(at := left[row.Index]) else (at - START).days for left in (every, sales)
        ]
        for row in rows.itertuples()
    }
    assert days == {
        ("open", 0): [None, None],
        ("open", 3): [None, None],
        ("closed", 0): [5, 5],
        ("closed", 3): [5, 5],
        ("sold", 0): [3, 3],
        ("sold", 3): [3, 3],
        ("closed first", 0): [2, 2],
        ("other", 0): [1, None],
        ("other", 3): [None, None],
    }
