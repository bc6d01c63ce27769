"""Leads, not looks: a lead with six snapshots counts once, as of the snapshot on which it is called."""

import time

import numpy as np
import pandas as pd
import pytest

from leadlens.models.judging import compare, report_model
from leadlens.models.judging.bands import hot_band, score_bands, stages
from leadlens.models.judging.curves import gains
from leadlens.models.judging.lenses import Judged, JudgedRows
from leadlens.models.judging.replay import Replay

EMPTY_LEDGER = pd.DataFrame({"row_id": [], "rule": [], "dimension": [], "points": []})


def four_leads() -> pd.DataFrame:
    """Four leads on three days that lists are made; converts within the horizon of the snapshot: 1.

    | lead | day | model | points | stage | converts | left |
    |------|-----|-------|--------|-------|----------|------|
    | a    | 0   | .2    | 10     | Lead  | 0        | 20   |
    | a    | 7   | .6    | 10     | Lead  | 1        | 20   |
    | a    | 14  | .9    | 40     | MQL   | 1        | 20   |
    | b    | 0   | .8    | 50     | MQL   | 0        | 15   |
    | b    | 7   | .7    | 60     | SQL   | 0        | 15   |
    | b    | 14  | .1    | 0      | Lead  | 0        | 15   |
    | c    | 7   | .3    | 35     | MQL   | 1        | 9    |
    | c    | 14  | .5    | 20     | Lead  | 0        |      |
    | d    | 14  | .4    | 5      | Lead  | 0        |      |
    """
    model = np.array([0.2, 0.6, 0.9, 0.8, 0.7, 0.1, 0.3, 0.5, 0.4])
    left = [20, 20, 20, 15, 15, 15, 9, None, None]
    frame = pd.DataFrame(
        {
            "row_id": range(9),
            "lead_id": list("aaabbbccd"),
            "as_of": pd.Timestamp("2024-05-01") + pd.to_timedelta([0, 7, 14, 0, 7, 14, 7, 14, 14], unit="D"),
            "label": [0, 1, 1, 0, 0, 0, 1, 0, 0],
            "left_at": pd.Timestamp("2024-05-01") + pd.to_timedelta(left, unit="D"),
            "probability": model,
            "score": 50 + 10 * np.log2(model / (1 - model)),
            "grade": "B2",
            "rule_points": [10.0, 10, 40, 50, 60, 0, 35, 20, 5],
            "rule_probability": 0.3,
            "rule_grade": "B2",
            "rule_stage": ["Lead", "Lead", "MQL", "MQL", "SQL", "Lead", "MQL", "Lead", "Lead"],
            "disqualified": False,
        }
    )
    return frame.sample(frac=1, random_state=3)  # the order of rows says nothing


def called(frame: pd.DataFrame, capacity: float) -> dict[str, dict[str, int]]:
    """Lens → lead → the day as of which it was called."""
    judged = Judged.of(frame)
    replay = Replay(judged)
    days = {}
    for lens in judged.lenses:
        row = replay.queue(lens.rank).work(replay.room(capacity)).row
        rows = judged.frame.iloc[row[row >= 0]]
        days[lens.name] = dict(zip(rows["lead_id"], rows["as_of"].dt.day - 1, strict=True))
    return days


def test_each_week_calls_the_best_by_their_latest_snapshot_and_nobody_twice() -> None:
    # Half of the new: one call on day 0, where two leads are new, one on day 7, none on day 14.
    assert called(four_leads(), 0.5) == {"leadlens": {"b": 0, "a": 7}, "scorecard": {"b": 0, "c": 7}}
    # Three in four: two calls on day 0, none on day 7, one on day 14, when c stands by its second snapshot.
    assert called(four_leads(), 0.75)["scorecard"] == {"a": 0, "b": 0, "c": 14}


def test_a_lead_that_left_is_on_no_later_list() -> None:
    gone = four_leads()
    gone.loc[gone["lead_id"] == "b", "left_at"] = pd.Timestamp("2024-05-01") - pd.Timedelta(microseconds=1)
    assert called(gone, 0.5)["leadlens"] == {"a": 0, "c": 7}
    stale = four_leads().query("row_id != 7")  # c converts on day 9, and has no snapshot after it
    late = stale[stale["lead_id"] != "a"]
    # Two calls of three leads: b on day 0; c has more points than d, and has left when d comes on day 14.
    assert called(late, 0.67)["scorecard"] == {"b": 0, "d": 14}
    assert called(late.assign(left_at=pd.NaT), 0.67)["scorecard"] == {"b": 0, "c": 7}


def test_headlines_count_leads_that_are_reached() -> None:
    result = compare(four_leads(), EMPTY_LEDGER, capacity=0.5, resamples=20)
    assert (result.leads, result.conversions, result.reachable) == (4, 2, 2)
    assert (result.rows, result.converted_rows) == (9, 3)
    assert (result.weekly, result.weeks) == (True, 3)
    at = result.capacity
    assert (at.calls, at.model, at.rules, at.more) == (2, 1, 1, 0)
    # On day 0 nobody who is called converts in time. On day 7 one call goes to c, or to a or b if they are left.
    assert at.random == pytest.approx(0.5 * (0.5 + 1))
    story = " ".join(result.story())
    assert "4 out-of-time leads in 9 snapshots" in story
    assert "2 leads (50 %) converted" in story
    assert (
        "Calling the same 2 of 4 out-of-time leads, the model reaches 1 of the 2 that convert, the sheet 1"
        in story
    )
    assert "Replayed in 3 weekly lists" in story
    assert story.count("nobody reaches them") == 0
    alone = report_model(four_leads(), capacity=0.5, resamples=20)
    assert (alone.calls, alone.conversions, alone.found, alone.random) == (2, 2, at.model, at.random)


def test_leads_that_nobody_could_reach_are_named() -> None:
    frame = four_leads()
    frame.loc[frame["row_id"] == 6, "as_of"] += pd.Timedelta(
        days=1
    )  # c comes on day 8, and converts on day 9
    result = compare(frame, EMPTY_LEDGER, capacity=0.5, resamples=5)
    assert (result.conversions, result.reachable) == (2, 1)
    assert "1 of the 2 convert before a weekly list has them" in " ".join(result.story())


@pytest.mark.parametrize("why", ["no left_at", "no dates", "an order"])
def test_without_times_there_is_one_list_and_that_is_said(why: str) -> None:
    frame, meta = four_leads(), {}
    if why == "no left_at":
        frame = frame.drop(columns="left_at")
    elif why == "no dates":
        frame["as_of"] = pd.NaT
    else:
        meta = {"clock": "sequence"}
    result = compare(frame, EMPTY_LEDGER, meta, capacity=0.5, resamples=5)
    # Each by its last row: the model calls a (.9) and c (.5), the sheet a (40) and c (20); a converts.
    assert (result.weekly, result.weeks, result.capacity.calls) == (False, 1, 2)
    assert (result.capacity.model, result.capacity.rules, result.capacity.random) == (1, 1, 0.5)
    assert "All leads are on one list" in " ".join(result.story())
    alone = report_model(frame, meta, capacity=0.5, resamples=5)
    assert alone.found == 1
    assert "All leads are on one list" in " ".join(alone.story())


def test_the_sheet_s_own_threshold_is_one_of_the_cuts() -> None:
    result = compare(four_leads(), EMPTY_LEDGER, capacity=0.5, resamples=20)
    mql, sql = result.cuts
    # MQL: b on day 0, c on day 7, a on day 14; a and c convert. The model calls b, a, c on these days: a alone converts.
    assert (mql.name, mql.calls, mql.rules, mql.model, mql.more) == ("MQL", 3, 2, 1, -1)
    # SQL: b on day 7. The model calls b too.
    assert (sql.name, sql.calls, sql.rules, sql.model) == ("SQL", 1, 0, 0)
    assert (
        "The sheet's own threshold makes 3 leads (75 %) MQL: calling them reaches 2 that convert"
        in " ".join(result.story())
    )
    jumped = four_leads()
    jumped.loc[jumped["row_id"] == 2, "rule_stage"] = "SQL"  # a was never an MQL, and is above
    assert [cut.calls for cut in compare(jumped, EMPTY_LEDGER, resamples=5).cuts] == [3, 2]
    nobody = four_leads().assign(rule_stage="Lead")
    assert compare(nobody, EMPTY_LEDGER, resamples=5).cuts == ()
    out = four_leads().assign(disqualified=lambda frame: frame["lead_id"] == "b")
    assert [cut.name for cut in compare(out, EMPTY_LEDGER, resamples=5).cuts] == ["MQL"]


def test_a_lead_counts_once_in_each_band_and_stage_as_of_the_first_time() -> None:
    judged = Judged.of(four_leads())
    table = stages(judged).set_index("stage")
    assert table["leads"].to_dict() == {"SQL": 1, "MQL": 3, "Lead": 4, "Disqualified": 0}
    assert table["conversions"].to_dict() == {"SQL": 0, "MQL": 2, "Lead": 0, "Disqualified": 0}
    model = score_bands(judged).query("lens == 'leadlens'").set_index("band")["leads"]
    assert model["50–59"] == 2  # a (.6 is 56) and c (.5)
    assert model["60–69"] == 1  # b's .7 is 62


def test_the_hot_leads_are_those_that_ever_were_hot() -> None:
    hot = hot_band(Judged.of(four_leads())).set_index("lens").loc["leadlens"]
    # Hot: a on day 3, which converts, and b on day 1. Nobody is always below 40.
    assert (hot["share_of_leads"], hot["share_of_conversions"], hot["hot_rate"]) == (0.5, 0.5, 0.5)
    assert np.isnan(hot["low_rate"])


def test_quadrants_are_of_leads() -> None:
    result = compare(four_leads(), EMPTY_LEDGER, capacity=0.5, resamples=5)
    table = result.quadrants.set_index("quadrant")
    # The model calls b and a, the sheet b and c.
    assert table["leads"].to_dict() == {"both": 1, "model only": 1, "rules only": 1, "neither": 1}
    assert table["conversions"].to_dict() == {"both": 0, "model only": 1, "rules only": 1, "neither": 0}
    assert table["conversions"][["both", "model only"]].sum() == result.capacity.model
    leads = result.quadrant_leads.set_index("lead_id")
    assert leads["as_of"].dt.day.sub(1).to_dict() == {"a": 7, "b": 0, "c": 7, "d": 14}
    assert leads["converted"].to_dict() == {"a": 1, "b": 0, "c": 1, "d": 0}


def test_gains_are_those_of_each_capacity() -> None:
    judged = Judged.of(four_leads())
    curve = gains(judged, Replay(judged), step=0.25).query("lens == 'scorecard'")
    # Three in four call a and b on day 0 and c too late; everybody: c in time.
    assert curve["found"].tolist() == [0, 0, 0.5, 0, 0.5]
    assert curve["random"].iloc[[0, 2, 4]].tolist() == pytest.approx([0, 0.75 / 2, 0.5])


def test_three_hundred_thousand_rows_are_replayed_two_hundred_times_in_seconds() -> None:
    rng, leads, snapshots = np.random.default_rng(0), 60_000, 5
    created = np.repeat(rng.uniform(0, 180, leads), snapshots)
    frame = pd.DataFrame(
        {
            "row_id": np.arange(leads * snapshots),
            "lead_id": np.repeat(np.arange(leads), snapshots),
            "as_of": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(created + np.tile([0, 7, 14, 30, 60], leads), unit="D"),
            "label": rng.random(leads * snapshots) < 0.05,
            "left_at": pd.NaT,  # the worst case: nobody ever leaves
            "probability": rng.uniform(0.01, 0.2, leads * snapshots).round(3),
            "score": 50.0,
            "grade": "A4",
        }
    ).astype({"label": int})
    judged = JudgedRows.of(frame)
    Replay(judged).lists.work(Replay(judged).room(0.1))  # compiled
    begun = time.process_time()
    replay = Replay(judged)
    queue, weight = replay.queue(judged.model.rank), rng.integers(0, 3, judged.leads).astype(float)
    room = replay.room(0.2, weight)
    for _ in range(200):
        queue.work(room, weight)
    assert time.process_time() - begun < 6  # about 2 s; CPU time, so that a busy machine does not fail it
