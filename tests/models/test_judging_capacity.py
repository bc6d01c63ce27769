"""Same calls, quadrants, bands and curves: small worlds worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from leadlens.features.errors import DataError, LeadlensError, UsageError
from leadlens.models.judging import compare
from leadlens.models.judging.agreement import of_leads, quadrant_leads, quadrants
from leadlens.models.judging.bands import grade_cells, hot_band, score_bands, stages
from leadlens.models.judging.curves import calibration, gains
from leadlens.models.judging.lenses import Judged
from leadlens.models.judging.metrics import Measured
from leadlens.models.judging.replay import Replay, Worked

EMPTY_LEDGER = pd.DataFrame({"row_id": [], "rule": [], "dimension": [], "points": []})


def ten_leads(**changed: object) -> pd.DataFrame:
    """Ten leads; the model ranks them a to j, the sheet ties b–e, and j is disqualified on many points."""
    probability = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1])
    frame = pd.DataFrame(
        {
            "row_id": range(10),
            "lead_id": list("abcdefghij"),
            "as_of": pd.Timestamp("2024-05-01"),
            "label": [1, 1, 0, 1, 0, 0, 0, 1, 0, 0],
            "probability": probability,
            "score": 50 + 10 * np.log2(probability / (1 - probability)),
            "grade": ["A4", "A4", "B3", "B3", "B3", "C2", "C2", "D1", "D1", "D1"],
            "rule_points": [50.0, 30, 30, 30, 30, 10, 5, 0, 40, 90],
            "rule_probability": [0.6, 0.4, 0.4, 0.4, 0.4, 0.2, 0.15, 0.1, 0.5, 0.8],
            "rule_grade": "B2",
            "rule_stage": ["SQL", "MQL", "MQL", "MQL", "MQL", "Lead", "Lead", "Lead", "MQL", "Disqualified"],
            "disqualified": [False] * 9 + [True],
        }
    )
    return frame.assign(**changed)


def worked(frame: pd.DataFrame, capacity: float) -> dict[str, Worked]:
    """What each lens comes to on one list."""
    judged = Judged.of(frame)
    replay = Replay(judged)
    return {lens.name: replay.queue(lens.rank).work(replay.room(capacity)) for lens in judged.lenses}


def test_same_calls_by_hand_and_ties_by_lot() -> None:
    result = compare(ten_leads(), EMPTY_LEDGER, capacity=0.4, resamples=20)
    at = result.capacity
    assert at.calls == 4
    assert at.model == 3  # a, b, d of a–d
    assert at.random == pytest.approx(1.6)
    assert at.more == 3 - at.rules
    # The sheet calls a and i, and two of the tied b, c, d, e by lot.
    assert (at.model_tied, at.rules_tied) == (0, 2)
    # a converts, i does not, and of the four two: one more on average, whatever the ids of the rows.
    rng = np.random.default_rng(0)
    reached = [
        worked(ten_leads(row_id=rng.permutation(10_000)[:10]), 0.4)["scorecard"].reached for _ in range(400)
    ]
    assert np.mean(reached) == pytest.approx(1 + 0 + 2 * 2 / 4, abs=0.15)


@pytest.mark.parametrize(("share", "rows"), [(0.01, 1), (0.24, 2), (0.25, 3), (0.34, 3), (0.96, 10)])
def test_capacity_is_rounded_to_whole_calls_and_never_none(share: float, rows: int) -> None:
    assert compare(ten_leads(), EMPTY_LEDGER, capacity=share, resamples=2).capacity.calls == rows


def test_a_disqualified_lead_is_called_last_whatever_its_points() -> None:
    assert worked(ten_leads(), 0.9)["scorecard"].row[9] == -1
    assert Judged.of(ten_leads()).rules.rank[9] == -np.inf


def test_a_list_cut_through_ties_is_the_same_in_any_row_order() -> None:
    def called(frame: pd.DataFrame) -> set[str]:
        row = worked(frame, 0.4)["scorecard"].row
        return set(frame["lead_id"].to_numpy()[row[row >= 0]])

    first = called(ten_leads())
    assert first == called(ten_leads().iloc[::-1])
    assert {"a", "i"} < first
    assert len(first) == 4
    assert worked(ten_leads(), 0.6)["scorecard"].by_lot == 0  # the tied four all fit


def test_quadrants_by_hand() -> None:
    judged = Judged.of(ten_leads())
    called = {name: each.row for name, each in worked(ten_leads(), 0.6).items()}
    table = quadrants(judged, called).set_index("quadrant")
    # Model: a–f. Sheet: a, i and the tied b–e. Both: a–e; model only: f; rules only: i; neither: g, h, j.
    assert table["leads"].to_dict() == {"both": 5, "model only": 1, "rules only": 1, "neither": 3}
    assert table["conversions"].to_dict() == {"both": 3, "model only": 0, "rules only": 0, "neither": 1}
    assert of_leads(judged, called).quadrant[8] == "rules only"


def test_listed_leads_come_with_what_both_lenses_said() -> None:
    result = compare(ten_leads(), EMPTY_LEDGER, capacity=0.6, resamples=20)
    both = result.quadrant_leads.query("quadrant == 'both'")
    assert both["lead_id"].tolist() == list("abcde")
    assert both.iloc[0][["score", "grade", "rule_points", "converted"]].tolist() == [82, "A4", 50.0, 1]


def test_listed_leads_are_ordered_by_the_lens_that_calls_them_hot() -> None:
    frame = ten_leads(rule_points=[0.0, 0, 0, 0, 5, 10, 20, 30, 40, 90], disqualified=False)
    called = {name: each.row for name, each in worked(frame, 0.3).items()}
    leads = quadrant_leads(Judged.of(frame), called, top=2).groupby("quadrant")["lead_id"].agg("".join)
    assert leads.to_dict() == {"model only": "ab", "rules only": "ji", "neither": "de"}


def test_the_hot_band_begins_at_60_and_the_low_one_ends_at_40() -> None:
    score = [60.0, 59.6, 59.4, 50, 40, 40.4, 40.6, 30, 20, 10]
    judged = Judged.of(ten_leads(score=score))
    hot = hot_band(judged).set_index("lens").loc["leadlens"]
    assert hot["share_of_leads"] == pytest.approx(0.2)  # 60 and 59.6; both convert
    assert hot["share_of_conversions"] == pytest.approx(0.5)
    assert hot["hot_rate"] == 1
    assert hot["low_rate"] == pytest.approx(1 / 5)  # 40 and less, 40.4 is shown as 40; h converts
    assert hot["times"] == pytest.approx(5)
    bands = score_bands(judged).query("lens == 'leadlens'").set_index("band")["leads"]
    assert bands[["10–19", "20–29", "30–39", "40–49", "50–59", "60–69"]].tolist() == [1, 1, 1, 3, 2, 2]


def test_the_sheet_is_put_on_the_scale_where_the_average_lead_scores_50() -> None:
    judged = Judged.of(
        ten_leads(
            score=50 + 10 * np.log2(ten_leads()["probability"] / (1 - ten_leads()["probability"]) / 0.25)
        )
    )
    assert judged.rules.score[1] == pytest.approx(50 + 10 * np.log2(0.4 / 0.6 / 0.25))


def test_bands_grades_and_stages_count_every_row_once() -> None:
    judged = Judged.of(ten_leads())
    for table in (score_bands(judged), grade_cells(judged)):
        assert table.groupby("lens")["leads"].sum().tolist() == [10, 10]
        assert table.groupby("lens")["conversions"].sum().tolist() == [4, 4]
    cells = grade_cells(judged).query("lens == 'leadlens'").set_index("grade")
    assert cells.loc["B3", ["leads", "conversions"]].tolist() == [3, 1]
    assert np.isnan(cells.loc["A1", "rate"])
    assert stages(judged).set_index("stage")["leads"].to_dict() == {
        "SQL": 1,
        "MQL": 5,
        "Lead": 3,
        "Disqualified": 1,
    }


def test_gains_begin_at_nothing_and_end_at_everything() -> None:
    judged = Judged.of(ten_leads())
    curve = gains(judged, Replay(judged))
    for _, lens in curve.groupby("lens"):
        assert lens["found"].iloc[[0, -1]].tolist() == [0, 1]
        assert lens["found"].is_monotonic_increasing
        assert lens["lift"].iloc[-1] == 1
    at_ten = curve[(curve["lens"] == "leadlens") & (curve["called"] == 0.1)].iloc[0]
    assert (at_ten["found"], at_ten["lift"]) == (pytest.approx(0.25), pytest.approx(2.5))


def test_calibration_bins_agree_with_the_calibration_error() -> None:
    judged = Judged.of(ten_leads())
    for lens in judged.lenses:
        curve = calibration(judged).query("lens == @lens.name")
        gap = ((curve["claimed"] - curve["actual"]).abs() * curve["rows"]).sum() / 10
        assert gap == pytest.approx(Measured(judged.label, lens.probability).ece())


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (ten_leads().iloc[:0], DataError, "no out-of-time lead"),
        (ten_leads(label=0), DataError, "no judged lead converted"),
        (ten_leads(label=1), DataError, "every judged lead converted"),
        (ten_leads(label=[None, *[1, 0] * 4, 1]), DataError, "no outcome yet"),
        (ten_leads(probability=np.r_[np.nan, np.full(9, 0.2)]), DataError, "lead a, row 0"),
        (ten_leads(rule_probability=1.2), DataError, "between 0 and 1"),
        (ten_leads(score=np.inf), DataError, "finite"),
        (ten_leads(row_id=1), DataError, "twice"),
        (ten_leads().drop(columns="rule_points"), UsageError, "scorecards"),
    ],
)
def test_rows_that_cannot_be_judged_are_refused_in_words(
    frame: pd.DataFrame, error: type[LeadlensError], words: str
) -> None:
    with pytest.raises(error, match=words):
        compare(frame, EMPTY_LEDGER)


@pytest.mark.parametrize("share", [0, 1, -0.2, 20])
def test_capacity_must_be_a_share(share: float) -> None:
    with pytest.raises(UsageError, match="share of the leads"):
        compare(ten_leads(), EMPTY_LEDGER, capacity=share)
