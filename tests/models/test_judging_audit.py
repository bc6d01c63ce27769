"""The point audit finds the planted truth about each rule."""

import numpy as np
import pandas as pd
import pytest

from models.judging.lenses import Judged
from models.judging.point_audit import SheetUnit, point_audit, sheet_unit
from models.judging.ridge import ridge_logistic
from models.judging.verdicts import judge_rule
from tests.models.judged_example import judged_example


def audit_of(leads: int, snapshots: int = 1, seed: int = 0) -> pd.DataFrame:
    judged, ledger, meta = judged_example(leads, snapshots, seed)
    rows = Judged.of(judged)
    return point_audit(rows, ledger, sheet_unit(rows), meta["rules"]).set_index("rule")  # type: ignore[arg-type]


def test_planted_verdicts_are_found() -> None:
    verdict = audit_of(6000)["verdict"]
    assert verdict["Decision maker"] == "about right"
    assert verdict["Free-mail address"] == "about right"
    assert verdict["Downloaded a white paper"] == "too high"
    assert verdict["Viewed the pricing page"] == "too low"
    assert verdict["Visited the careers page"] == "wrong sign"
    assert verdict["Spoke to us at the fair"] == "no evidence"
    assert verdict["Disqualified: Student"] == "about right"


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


@pytest.mark.parametrize(
    ("points", "given", "worth", "half", "leads", "others", "verdict"),
    [
        (20, 18, 15, 6, 400, 900, "about right"),
        (20, 18, 4, 3, 400, 900, "too high"),
        (-5, -4, -20, 5, 400, 900, "too high"),
        (-20, -20, -6, 4, 400, 900, "too low"),
        (5, 4, 20, 5, 400, 900, "too low"),
        (10, 9, -12, 5, 400, 900, "wrong sign"),
        (-10, -9, 12, 5, 400, 900, "wrong sign"),
        (10, 9, 4, 9, 400, 900, "no evidence"),
        (10, 9, 30, 5, 12, 900, "no evidence"),
        (10, 9, 30, 5, 29, 900, "no evidence"),
        (10, 9, 30, 5, 30, 900, "too low"),
        (10, 9, 30, 5, 900, 29, "no evidence"),
        (10, 22.1, 30, 5, 400, 900, "about right"),
        (10, 21.9, 30, 5, 400, 900, "too low"),
        (10, 37.9, 30, 5, 400, 900, "about right"),
        (10, 38.1, 30, 5, 400, 900, "too high"),
        (1, 2.5, 1, 4, 400, 900, "about right"),
        (1, 2.5, 1, 7, 400, 900, "no evidence"),
        (10, 9, -2.9, 1, 400, 900, "too high"),
        (10, 9, 0, 2, 400, 900, "too high"),
        (10, 9, 30, 5, 900, 0, "no evidence"),
        (10, float("nan"), 12, 5, 400, 900, "about right"),
        (float("nan"), float("nan"), -25, 9, 400, 900, "about right"),
        (float("nan"), float("nan"), 5, 4, 400, 900, "too strict"),
        (float("nan"), float("nan"), -5, 4, 400, 900, "no evidence"),
        (10, float("nan"), 1, 5, 400, 900, "no evidence"),
    ],
)
def test_verdicts(
    points: float, given: float, worth: float, half: float, leads: int, others: int, verdict: str
) -> None:
    judged = judge_rule(points, given, worth, worth - half, worth + half, leads=leads, others=others)
    assert judged.verdict == verdict
    assert judged.words.startswith(verdict)


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
    assert row["suggested"] == pytest.approx(row["worth"] / unit.value)
    assert row["low"] < row["worth"] < row["high"]


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
