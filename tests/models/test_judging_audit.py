"""The point audit finds the planted truth about each rule."""

import numpy as np
import pandas as pd
import pytest

from leadlens.models.judging.lenses import Judged
from leadlens.models.judging.point_audit import SheetUnit, point_audit, sheet_unit
from leadlens.models.judging.ridge import ridge_logistic
from leadlens.models.judging.verdicts import MEANING, VERDICTS, Verdict, judge_direction, judge_points
from leadlens.models.statistics import expit
from tests.models.judged_example import judged_example


def audit_of(leads: int, snapshots: int = 1, seed: int = 0) -> pd.DataFrame:
    judged, ledger, meta = judged_example(leads, snapshots, seed)
    rows = Judged.of(judged)
    return point_audit(rows, ledger, sheet_unit(rows), meta["rules"]).set_index("rule")  # type: ignore[arg-type]


def test_planted_verdicts_are_found() -> None:
    verdict = audit_of(6000)["verdict"]
    assert verdict["Decision maker"] == "Too few points"  # ten points of the scale, and worth fourteen
    assert verdict["Right industry"] == "Supported"
    assert verdict["Opened an e-mail"] == "Supported"
    assert verdict["Free-mail address"] == "Too mild"  # takes five points of the scale, not seven
    assert verdict["Downloaded a white paper"] == "Too many points"
    assert verdict["Viewed the pricing page"] == "Too few points"
    assert verdict["Visited the careers page"] == "Wrong direction"
    assert verdict["Spoke to us at the fair"] == "Too few leads"
    assert verdict["Disqualified: Student"] == "Supported"


def test_a_rule_that_never_matched_is_listed() -> None:
    row = audit_of(500).loc["Called us first"]
    assert (row["leads"], row["words"]) == (0, "Too few leads: none has it")
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


def contradictions(
    verdict: Verdict, points: float, low: float, high: float, points_half: float, leads: int, others: int
) -> list[str]:
    """What a reader of the row could hold against a verdict, written down apart from the code that chooses it."""
    name, against = verdict.name, []
    enough, other_side = min(leads, others) >= 30, (points > 0 and high < 0) or (points < 0 and low > 0)
    # By how much worth, taken as its middle, misses the points, in halves of both intervals together.
    miss = (low + high - 2 * points) ** 2 - (high - low) ** 2 - (2 * points_half) ** 2
    above, below = points < low, points > high
    sizes = {
        "Too few points": points > 0 and above,
        "Too harsh": points < 0 and above,
        "Too many points": points > 0 and below,
        "Too mild": points < 0 and below,
    }
    if (name == "Too few leads") == enough:
        against.append("leads")
    if enough and (name == "Wrong direction") != other_side:
        against.append("direction")
    if name in sizes and not (sizes[name] and miss > -1e-6 and points and not other_side):
        against.append("size")
    if name in ("Supported", "Not settled") and points and (above or below) and miss > 1e-6:
        against.append("a size that is clearly wrong")
    if name == "Supported" and (low <= 0 <= high or other_side):
        against.append("not supported")
    if name == "Not settled" and not low <= 0 <= high:
        against.append("settled")
    nearest = low if abs(points - low) <= abs(points - high) else high
    expected = 0.0 if name == "Wrong direction" else nearest if name in sizes else None
    if (expected is None) != np.isnan(verdict.suggestion) or expected not in (None, verdict.suggestion):
        against.append("suggestion")
    return against


def test_a_hundred_thousand_verdicts_do_not_contradict_their_rows() -> None:
    rng, seen, wrong = np.random.default_rng(0), set(), []
    ends = np.sort(rng.integers(-40, 41, (100_000, 2)) * rng.choice([1.0, 0.1, 7.3], (100_000, 1)), axis=1)
    points = rng.integers(-40, 41, 100_000) * rng.choice([1.0, 0.1, 0.5], 100_000)
    points[::50] = 0
    points[1::50] = ends[1::50, 0]  # at an end of the interval
    halves = rng.choice([0.0, 0.5, 4.0, 20.0], 100_000)
    hits = rng.choice([0, 1, 29, 30, 31, 2000], (100_000, 2), p=[0.02, 0.02, 0.02, 0.2, 0.2, 0.54])
    for (low, high), given, half, (leads, others) in zip(
        ends.tolist(), points.tolist(), halves.tolist(), hits.tolist(), strict=True
    ):
        verdict = judge_points(given, low, high, points_half=half, leads=leads, others=others)
        seen.add(verdict.name)
        if against := contradictions(verdict, given, low, high, half, leads, others):
            wrong.append((against, verdict, given, low, high, half, leads, others))
        assert verdict.words.startswith(f"{verdict.name}: ")
    assert wrong == []
    assert seen == set(VERDICTS) == set(MEANING)


def test_by_direction_alone_no_size_is_wrong() -> None:
    rng, seen = np.random.default_rng(1), set()
    for low, high in np.sort(rng.integers(-9, 10, (2000, 2)), axis=1).tolist():
        for sign in (-1, 0, 1):
            name = judge_direction(sign, low, high, leads=400, others=900).name
            wrong = (sign > 0 and high < 0) or (sign < 0 and low > 0)
            assert name == (
                "Wrong direction" if wrong else "Not settled" if low <= 0 <= high else "Supported"
            )
            assert name == judge_direction(sign * np.inf, low, high, leads=400, others=900).name or not sign
            seen.add(name)
    assert seen == {"Wrong direction", "Not settled", "Supported"}


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
            if not row.leads:
                continue
            half = row.given_half / unit.value
            assert half == pytest.approx(abs(row.points) * (unit.high - unit.low) / 2 / unit.value)
            verdict = Verdict(row.verdict, row.words, row.suggested)
            low, high = row.suggested_low, row.suggested_high
            assert not contradictions(verdict, row.points, low, high, half, row.leads, rows.leads - row.leads)
            seen.add(row.verdict)
    assert seen >= {
        "Supported",
        "Not settled",
        "Wrong direction",
        "Too many points",
        "Too few points",
        "Too few leads",
    }


@pytest.mark.parametrize(
    ("points", "low", "high", "leads", "others", "name", "suggestion"),
    [
        (10, -23, -5, 400, 900, "Wrong direction", 0),
        (-10, 2, 5, 400, 900, "Wrong direction", 0),
        (10, -40, 12, 400, 900, "Not settled", None),
        (10, -29, 1, 400, 900, "Too many points", 1),
        (10, -29, 0, 400, 900, "Too many points", 0),
        (-5, -25, -15, 400, 900, "Too mild", -15),
        (-20, -11, -1, 400, 900, "Too harsh", -11),
        (-20, -11, 4, 400, 900, "Too harsh", -11),
        (10, 10, 30, 400, 900, "Supported", None),
        (10, 0, 30, 400, 900, "Not settled", None),
        (10, 25, 35, 30, 30, "Too few points", 25),
        (10, 25, 35, 29, 900, "Too few leads", None),
        (10, 25, 35, 900, 29, "Too few leads", None),
        (10, 25, 35, 900, 0, "Too few leads", None),
        (10, float("nan"), float("nan"), 400, 900, "Not settled", None),
        (0, 5, 9, 400, 900, "Supported", None),
        (0, -5, 9, 400, 900, "Not settled", None),
    ],
)
def test_verdicts(
    points: float, low: float, high: float, leads: int, others: int, name: str, suggestion: float | None
) -> None:
    verdict = judge_points(points, low, high, leads=leads, others=others)
    assert verdict.name == name
    assert verdict.suggestion == suggestion or (suggestion is None and np.isnan(verdict.suggestion))


def test_an_uncertain_unit_makes_fewer_sizes_wrong() -> None:
    def name(half: float) -> str:
        return judge_points(20, 4, 12, points_half=half, leads=400, others=900).name

    # Points miss the middle, 8, by 12; 12² = 4² + 11.31².
    assert [name(half) for half in (0, 11.3)] == ["Too many points"] * 2
    assert [name(half) for half in (11.4, 30)] == ["Supported"] * 2


def test_without_a_unit_only_the_direction_is_judged() -> None:
    judged, ledger, meta = judged_example(1500)
    audit = point_audit(Judged.of(judged), ledger, SheetUnit(1.0, -0.1, 2.1), meta["rules"])  # type: ignore[arg-type]
    assert set(audit["verdict"]) == {"Supported", "Not settled", "Wrong direction", "Too few leads"}
    assert audit["suggested_low"].isna().all()


def test_starting_points_are_no_rule() -> None:
    judged, ledger, meta = judged_example(400)
    start = judged[["row_id"]].assign(dimension="fit", points=20.0)
    several = start[start["row_id"] % 2 == 0].assign(rule="Starting points of firms")
    both = pd.concat([ledger, start.assign(rule="Starting points"), several])
    rules = {**meta["rules"], "Starting points of firms": 20.0, "Starting points of people": 5.0}  # type: ignore[dict-item]
    rows = Judged.of(judged)
    audit = point_audit(rows, both, sheet_unit(rows), rules)
    assert set(audit["rule"]) == set(point_audit(rows, ledger, sheet_unit(rows), meta["rules"])["rule"])  # type: ignore[arg-type]


def test_raw_rates_that_point_the_other_way_are_explained() -> None:
    """Everybody who did A, which doubles the odds many times, also did B, which halves them: B alone seems good."""
    rng = np.random.default_rng(0)
    a = rng.random(6000) < 0.3
    b = np.where(a, rng.random(6000) < 0.9, rng.random(6000) < 0.1)
    label = (rng.random(6000) < expit(-3.0 + 3.0 * a - 1.2 * b)).astype(int)
    frame = judged_example(6000)[0].assign(
        label=label, rule_points=20.0 * a + 10.0 * b, disqualified=False, disqualified_by=None
    )
    lines = [
        pd.DataFrame({"row_id": np.flatnonzero(had), "rule": name, "dimension": "fit", "points": points})
        for name, had, points in (("A", a, 20.0), ("B", b, 10.0))
    ]
    judged = Judged.of(frame)
    audit = point_audit(judged, pd.concat(lines), sheet_unit(judged)).set_index("rule")
    assert audit.loc["B", "verdict"] == "Wrong direction"
    assert audit.loc["B", "rate_with"] > audit.loc["B", "rate_without"]
    assert audit.loc["B", "words"].endswith("raw rates point the other way: other rules explain it")
    assert "other rules" not in audit.loc["A", "words"]


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
    assert np.isnan(row["suggested"]), "the points are supported"
    assert row["low"] < row["worth"] < row["high"]
    assert row["suggested_low"] < row["worth"] / unit.value < row["suggested_high"]


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
