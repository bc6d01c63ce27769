"""Leads, not looks: a lead with six snapshots counts once, as of the snapshot on which it is called."""

import numpy as np
import pandas as pd
import pytest

from models.judging import compare, report_model
from models.judging.agreement import quadrant_leads, quadrants
from models.judging.bands import hot_band, score_bands, stages
from models.judging.calls import CallList, calls
from models.judging.curves import gains
from models.judging.lenses import Judged

EMPTY_LEDGER = pd.DataFrame({"row_id": [], "rule": [], "dimension": [], "points": []})


def four_leads() -> pd.DataFrame:
    """Four leads on several days; converts after a snapshot: 1.

    | lead | day | model | points | stage | converts |
    |------|-----|-------|--------|-------|----------|
    | a    | 1   | .2    | 10     | Lead  | 0        |
    | a    | 2   | .6    | 10     | Lead  | 1        |
    | a    | 3   | .9    | 40     | MQL   | 1        |
    | b    | 1   | .8    | 50     | MQL   | 0        |
    | b    | 2   | .7    | 60     | SQL   | 0        |
    | b    | 3   | .1    | 0      | Lead  | 0        |
    | c    | 1   | .3    | 35     | MQL   | 1        |
    | c    | 2   | .5    | 20     | Lead  | 0        |
    | d    | 1   | .4    | 5      | Lead  | 0        |
    """
    model = np.array([0.2, 0.6, 0.9, 0.8, 0.7, 0.1, 0.3, 0.5, 0.4])
    frame = pd.DataFrame(
        {
            "row_id": range(9),
            "lead_id": list("aaabbbccd"),
            "as_of": pd.Timestamp("2024-05-01") + pd.to_timedelta([1, 2, 3, 1, 2, 3, 1, 2, 1], unit="D"),
            "label": [0, 1, 1, 0, 0, 0, 1, 0, 0],
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


def test_a_lead_is_called_once_on_the_first_snapshot_that_reaches_the_cutoff() -> None:
    judged = Judged.of(four_leads())
    model = CallList(judged, judged.model.rank)

    def days(count: int) -> dict[str, int]:
        row = model.called(count)
        called = judged.frame.iloc[row[row >= 0]]
        return dict(zip(called["lead_id"], called["as_of"].dt.day - 1, strict=True))

    assert days(1) == {"a": 3}  # at .9
    assert days(2) == {"a": 3, "b": 1}  # at .8
    assert days(3) == {"a": 2, "b": 1, "c": 2}  # at .5: a is called a day earlier
    assert days(4) == {"a": 2, "b": 1, "c": 2, "d": 1}  # at .4
    # a converts after its call each time; c was called a day too late, and d and b never convert.
    assert [model.found_at(count / 4) for count in (1, 2, 3, 4)] == [0.5, 0.5, 0.5, 0.5]
    rules = CallList(judged, judged.rules.rank)
    # at 60: b; at 40: a; at 35: c on day 1, which converts; at 5: a on day 1, too early.
    assert [rules.found_at(count / 4) for count in (1, 2, 3, 4)] == [0, 0.5, 1, 0.5]


def test_headlines_count_leads_and_conversions_of_leads() -> None:
    result = compare(four_leads(), EMPTY_LEDGER, capacity=0.5, resamples=20)
    assert (result.leads, result.conversions) == (4, 2)
    assert (result.rows, result.converted_rows) == (9, 3)
    at = result.capacity
    assert (at.calls, at.model, at.rules) == (2, 1, 1)
    assert at.random == pytest.approx(2 * (2 / 3 + 0 + 1 / 2 + 0) / 4)  # any lead, on any of its snapshots
    story = " ".join(result.story())
    assert "4 out-of-time leads in 9 snapshots" in story
    assert "2 leads (50 %) converted" in story
    assert "Calling the same 2 (50 % of the leads" in story
    alone = report_model(four_leads(), capacity=0.5, resamples=20)
    assert (alone.calls, alone.conversions, alone.found, alone.random) == (2, 2, at.model, at.random)


def test_the_sheet_s_own_threshold_is_one_of_the_cuts() -> None:
    result = compare(four_leads(), EMPTY_LEDGER, capacity=0.5, resamples=20)
    mql, sql = result.cuts
    # MQL: a on day 3, b on day 1, c on day 1; a and c convert. The model's three calls find a alone.
    assert (mql.name, mql.calls, mql.rules, mql.model, mql.more) == ("MQL", 3, 2, 1, -1)
    assert (sql.name, sql.calls, sql.rules, sql.model) == ("SQL", 1, 0, 1)
    assert "The sheet's own threshold makes 3 leads (75 %) MQL: calling them finds 2" in " ".join(
        result.story()
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
    judged = Judged.of(four_leads())
    table = quadrants(judged, 2).set_index("quadrant")
    # Both lenses call a and b; c, which neither calls, converted after its first snapshot.
    assert table["leads"].to_dict() == {"both": 2, "model only": 0, "rules only": 0, "neither": 2}
    assert table["conversions"].to_dict() == {"both": 1, "model only": 0, "rules only": 0, "neither": 1}
    leads = quadrant_leads(judged, 2).set_index("lead_id")
    assert len(leads) == 4
    assert leads["as_of"].dt.day.sub(1).to_dict() == {"a": 3, "b": 1, "c": 2, "d": 1}
    assert leads["converted"].to_dict() == {"a": 1, "b": 0, "c": 1, "d": 0}


def slow_found(frame: pd.DataFrame, column: str, cutoff: float) -> tuple[int, int]:
    """Called and found with a cutoff, lead by lead."""
    called = found = 0
    for _, lead in frame.sort_values("as_of").groupby("lead_id"):
        above = lead[lead[column] >= cutoff]
        called += len(above) > 0
        found += int(above["label"].iloc[0]) if len(above) else 0
    return called, found


@pytest.mark.parametrize("weighted", [False, True])
def test_the_list_is_that_of_a_slow_reading(weighted: bool) -> None:
    rng = np.random.default_rng(1)
    lead = rng.integers(0, 60, 300)
    frame = pd.DataFrame(
        {
            "row_id": rng.permutation(300),
            "lead_id": lead,
            "as_of": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(300), unit="h"),
            "label": rng.integers(0, 2, 300),
            "probability": rng.integers(1, 20, 300) / 20,
            "score": 50.0,
            "grade": "A4",
        }
    ).assign(rule_points=0.0, rule_probability=0.5, rule_grade="", rule_stage="Lead", disqualified=False)
    judged = Judged.of(frame)
    times = rng.integers(0, 3, judged.leads)
    rows, weight = judged.frame, None
    if weighted:  # a lead drawn twice is two leads
        weight = times[judged.lead].astype(float)
        twice = rows[times[judged.lead] == 2].assign(lead_id=lambda same: same["lead_id"] + 1000)
        rows = pd.concat([rows[times[judged.lead] > 0], twice])
    calls_by_model = CallList(judged, judged.model.rank)
    total = rows.groupby("lead_id")["label"].max().sum()
    before = 0
    for cutoff in np.unique(rows["probability"])[::-1]:
        called, found = slow_found(rows, "probability", cutoff)
        if called > before:
            share = called / rows["lead_id"].nunique()
            assert calls_by_model.found_at(share, weight) == pytest.approx(found / total)
        before = called


def test_ties_count_at_their_expected_value() -> None:
    rng = np.random.default_rng(0)
    frame = pd.concat([four_leads().drop_duplicates("lead_id")] * 50, ignore_index=True)
    frame = frame.assign(row_id=range(200), lead_id=range(200), label=rng.integers(0, 2, 200))
    judged = Judged.of(frame)
    rank = judged.rules.rank
    found = [judged.label[np.lexsort((rng.random(200), -rank))[:90]].sum() for _ in range(3000)]
    at = CallList(judged, rank).found_at(90 / 200) * judged.label.sum()
    assert at == pytest.approx(np.mean(found), abs=0.3)


def test_capacity_is_a_share_of_leads() -> None:
    assert calls(Judged.of(four_leads()), 0.5) == 2


def test_gains_are_counted_in_leads() -> None:
    curve = gains(Judged.of(four_leads()), step=0.25).query("lens == 'scorecard'")
    assert curve["found"].tolist() == [0, 0, 0.5, 1, 0.5]
