"""The point audit finds the planted truth about each rule."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.judging.lenses import Judged
from models.judging.point_audit import SheetUnit, point_audit, sheet_unit
from models.judging.ridge import ridge_logistic
from models.judging.verdicts import judge_direction, judge_disqualifier, judge_points
from tests.models.judged_example import judged_example


def audit_of(leads: int, snapshots: int = 1, seed: int = 0) -> pd.DataFrame:
    judged, ledger, meta = judged_example(leads, snapshots, seed)
    rows = Judged.of(judged)
    return point_audit(rows, ledger, sheet_unit(rows), meta["rules"]).set_index("rule")  # type: ignore[arg-type]


def test_planted_verdicts_are_found() -> None:
    verdict = audit_of(6000)["verdict"]
    assert verdict["Decision maker"] == "too low"  # ten points of the scale, and worth fourteen
    assert verdict["Right industry"] == "agrees"
    assert verdict["Opened an e-mail"] == "agrees"
    assert verdict["Free-mail address"] == "too high"  # takes five points of the scale, not seven
    assert verdict["Downloaded a white paper"] == "too high"
    assert verdict["Viewed the pricing page"] == "too low"
    assert verdict["Visited the careers page"] == "wrong sign"
    assert verdict["Spoke to us at the fair"] == "no evidence"
    assert verdict["Disqualified: Student"] == "agrees"


def test_a_rule_that_never_matched_is_listed() -> None:
    row = audit_of(500).loc["Called us first"]
    assert (row["leads"], row["words"]) == (0, "no evidence (it matched no lead)")
    assert np.isnan(row["worth"])


def test_intervals_do_not_shrink_with_more_snapshots_of_the_same_leads() -> None:
    once, often = audit_of(1500), audit_of(1500, snapshots=4)
    width = {
        name: (table["high"] - table["low"])["Decision maker"] for name, table in (("1", once), ("4", often))
    }
    assert width["4"] > 0.85 * width["1"]


def test_rules_that_match_together_are_separated() -> None:
    rng = np.random.default_rng(0)
    works = rng.random(8000) < 0.3
    shadow = np.where(rng.random(8000) < 0.85, works, rng.random(8000) < 0.3)
    label = (rng.random(8000) < np.where(works, 0.4, 0.1)).astype(float)
    fit = ridge_logistic(np.column_stack([works, shadow]).astype(float), label, np.arange(8000))
    assert fit.coefficient[0] == pytest.approx(np.log(0.4 / 0.6 / (0.1 / 0.9)), abs=0.25)
    assert abs(fit.coefficient[1]) < 2 * fit.error[1]


def test_ridge_survives_a_rule_that_separates_perfectly() -> None:
    label = np.r_[np.ones(40), np.zeros(400)]
    fit = ridge_logistic(label[:, None], label, np.arange(440))
    assert np.isfinite(fit.coefficient).all()
    assert fit.coefficient[0] > 2


def test_product_line_lines_do_not_count_twice() -> None:
    judged, ledger, _ = judged_example(400)
    rows = Judged.of(judged)
    also = ledger[ledger["rule"] == "Asked for a demo"].assign(dimension="services")
    twice = point_audit(rows, pd.concat([ledger, also]), sheet_unit(rows)).set_index("rule")
    assert twice.loc["Asked for a demo", "points"] == 25


def test_a_sheet_of_equal_points_has_no_unit() -> None:
    judged, ledger, _ = judged_example(400)
    unit = sheet_unit(Judged.of(judged.assign(rule_points=10.0)))
    assert np.isnan(unit.value)
    assert not unit.clear
    audit = point_audit(Judged.of(judged), ledger, unit)
    assert audit["given"].isna().all()


NUMBERS = st.integers(-40, 40).map(float)
HITS = st.one_of(st.integers(0, 60), st.integers(1000, 2000))


def true_of_numbers(verdict: str, points: float, low: float, high: float, leads: int, others: int) -> bool:
    """What each category says, written down apart from the code that chooses it."""
    enough, inside = min(leads, others) >= 30, low <= points <= high
    return {
        "agrees": enough and inside and not low <= 0 <= high,
        "no evidence": not enough or (inside and low <= 0 <= high),
        "wrong sign": enough and ((points > 0 and high < 0) or (points < 0 and low > 0)),
        "too high": enough and points > high and not (points > 0 > high),
        "too low": enough and points < low and not (points < 0 < low),
    }[verdict]


@settings(max_examples=400, deadline=None)
@given(NUMBERS, NUMBERS, NUMBERS, HITS, HITS)
def test_no_category_contradicts_its_numbers(
    points: float, one: float, other: float, leads: int, others: int
) -> None:
    low, high = sorted((one, other))
    judged = judge_points(points, low, high, leads=leads, others=others)
    names = ("agrees", "no evidence", "wrong sign", "too high", "too low")
    assert [name for name in names if true_of_numbers(name, points, low, high, leads, others)] == [
        judged.verdict
    ]
    assert judged.words.startswith(judged.verdict)
    assert judge_points(points, low, high, leads=leads, others=others) == judged


def test_every_verdict_of_a_sheet_follows_from_its_row() -> None:
    """Of small and large sets, in units from a hundredth to a hundred, so that rounding cannot part label and row."""
    seen = set()
    for leads, factor in ((400, 1.0), (700, 0.01), (1500, 100.0), (6000, 0.1)):
        judged, ledger, meta = judged_example(leads)
        scaled = judged.assign(rule_points=judged["rule_points"] * factor)
        rows = Judged.of(scaled)
        unit = sheet_unit(rows)
        assert unit.clear
        lines = ledger.assign(points=ledger["points"] * factor)
        for row in point_audit(rows, lines, unit, meta["rules"]).query("kind == 'points'").itertuples():  # type: ignore[arg-type]
            others = rows.leads - row.leads
            low, high = row.suggested_low, row.suggested_high
            assert true_of_numbers(row.verdict, row.points, low, high, row.leads, others)
            seen.add(row.verdict)
    assert seen == {"agrees", "no evidence", "wrong sign", "too high", "too low"}


@pytest.mark.parametrize(
    ("points", "low", "high", "leads", "others", "verdict"),
    [
        (10, -23, -5, 400, 900, "wrong sign"),
        (10, -40, 12, 400, 900, "no evidence"),
        (10, -14, 3, 400, 900, "too high"),
        (-5, -25, -15, 400, 900, "too high"),
        (-20, -11, -1, 400, 900, "too low"),
        (10, 10, 30, 400, 900, "agrees"),
        (10, 0, 30, 400, 900, "no evidence"),
        (10, 25, 35, 30, 30, "too low"),
        (10, 25, 35, 29, 900, "no evidence"),
        (10, 25, 35, 900, 29, "no evidence"),
        (10, 25, 35, 900, 0, "no evidence"),
        (10, float("nan"), float("nan"), 400, 900, "no evidence"),
    ],
)
def test_verdicts(points: float, low: float, high: float, leads: int, others: int, verdict: str) -> None:
    assert judge_points(points, low, high, leads=leads, others=others).verdict == verdict


@pytest.mark.parametrize(
    ("points", "low", "high", "verdict"),
    [
        (10, 7, 17, "no evidence"),
        (10, -9, -1, "wrong sign"),
        (-10, 1, 9, "wrong sign"),
        (0, 1, 9, "no evidence"),
    ],
)
def test_without_a_unit_only_a_wrong_sign_is_called(
    points: float, low: float, high: float, verdict: str
) -> None:
    assert judge_direction(points, low, high, leads=400, others=900).verdict == verdict


@pytest.mark.parametrize(
    ("low", "high", "leads", "verdict"),
    [
        (-31, -15, 400, "agrees"),
        (-31, -15, 12, "no evidence"),
        (-9, -4, 400, "too strict"),
        (1, 9, 400, "too strict"),
        (-10, -4, 400, "agrees"),
        (-10, 4, 400, "no evidence"),
    ],
)
def test_verdicts_on_disqualifiers(low: float, high: float, leads: int, verdict: str) -> None:
    assert judge_disqualifier(low, high, leads=leads, others=900).verdict == verdict


def test_what_changes_if_a_rule_is_dropped_by_hand() -> None:
    """Six leads; the rule lifts two that do not convert above those that do, and two are disqualified."""
    judged = judged_example(6)[0].assign(
        label=[1, 1, 0, 0, 1, 0],
        rule_points=[20.0, 20, 30, 30, 40, 10],
        disqualified=[False, False, False, False, True, True],
        disqualified_by=[None, None, None, None, "Student", "Student"],
    )
    ledger = pd.DataFrame({"row_id": [2, 3], "rule": "Bad", "dimension": "fit", "points": 20.0})
    rows = Judged.of(judged)
    audit = point_audit(rows, ledger, SheetUnit(1.0, 0.5, 2.0), {"Signal": 0.0}, capacity=0.33).set_index(
        "rule"
    )
    # Ranked 30 30 20 20 out out: of nine pairs one tie counts a half, and two leads are above an unsuccessful one.
    before = 2.5 / 9
    assert audit.loc["Bad", "dropped_auc"] == pytest.approx(6.5 / 9 - before)
    assert audit.loc["Bad", "dropped_found"] == 2  # the two calls go to the leads with 20 points
    assert audit.loc["Disqualified: Student", "dropped_auc"] == pytest.approx(5 / 9 - before)
    assert audit.loc["Disqualified: Student", "dropped_found"] == 1
    assert "gives no points" in audit.loc["Signal", "words"]


def test_figures_of_a_rule_by_hand() -> None:
    """A rule that 40 of 100 leads match, 20 of which convert, as do 15 of the other 60."""
    matches, label = np.arange(100) < 40, np.r_[np.ones(20), np.zeros(20), np.ones(15), np.zeros(45)]
    frame = judged_example(100)[0].assign(
        label=label, rule_points=10.0 * matches, disqualified=False, disqualified_by=None
    )
    ledger = pd.DataFrame(
        {"row_id": np.flatnonzero(matches), "rule": "R", "dimension": "fit", "points": 10.0}
    )
    judged = Judged.of(frame)
    unit = sheet_unit(judged)
    row = point_audit(judged, ledger, unit).iloc[0]
    assert (row["leads"], row["rows"], row["points"]) == (40, 40, 10)
    assert (row["rate_with"], row["rate_without"]) == (0.5, 0.25)
    assert row["alone"] == pytest.approx(10 * np.log2(20.5 * 45.5 / (20.5 * 15.5)))
    odds_ratio = 10 * np.log2(3)  # of 20/20 against 15/45
    assert unit.value * 10 == pytest.approx(odds_ratio, rel=0.01)
    assert 0.7 * odds_ratio < row["worth"] < odds_ratio, "shrunk, since the data are few"
    assert row["given"] == pytest.approx(10 * unit.value)
    assert row["suggested"] == pytest.approx(row["worth"] / unit.value, abs=0.6)
    assert row["low"] < row["worth"] < row["high"]
    assert row["suggested_low"] < row["suggested"] < row["suggested_high"]


def test_a_unit_is_clear_only_above_zero() -> None:
    assert SheetUnit(1.0, 0.1, 2.0).clear
    assert not SheetUnit(1.0, -0.1, 2.0).clear


def test_more_prior_means_smaller_coefficients_and_the_intercept_is_free() -> None:
    label = np.r_[np.ones(30), np.zeros(10), np.ones(10), np.zeros(30)]
    x = np.r_[np.ones(40), np.zeros(40)][:, None]
    free, held = (ridge_logistic(x, label, np.arange(80), prior_sd=sd) for sd in (100.0, 0.1))
    assert free.coefficient[0] == pytest.approx(np.log(9), abs=1e-3)
    assert free.error[0] == pytest.approx(np.sqrt(2 * (1 / 30 + 1 / 10)), rel=0.02)  # Woolf 1955
    assert 0 < held.coefficient[0] < 0.2
