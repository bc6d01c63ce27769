"""`compare` as a whole: the story, the JSON, equal seeds, and its speed."""

import json
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from leadlens.models.judging import METRICS, Comparison, compare, report_model
from leadlens.models.judging.plain import plain
from leadlens.models.judging.trust import Check, overall, trust, trust_in_model
from tests.models.judged_example import judged_example


@pytest.fixture(scope="module")
def result() -> Comparison:
    return compare(*judged_example())


def test_the_story_holds_the_figures(result: Comparison) -> None:
    story = " ".join(result.story())
    at = result.capacity
    assert (
        f"the model reaches {at.model:.0f} of the {result.conversions} that convert, the sheet {at.rules:.0f}: {at.more:.0f} more"
        in story
    )
    assert "“Visited the careers page”" in story
    assert f"Of the sheet's {len(result.audit)} rules: " in story
    for verdict, count in result.audit["verdict"].value_counts().items():
        assert f"{count} {str(verdict).lower()}" in story
    assert "sound rules one is flagged by chance" in story
    assert "nan" not in story
    assert "1,500 out-of-time leads" in story


def test_better_is_said_only_when_the_paired_interval_leaves_zero(result: Comparison) -> None:
    for row in result.difference.itertuples():
        assert (row.better == "unclear") == (row.low <= 0 <= row.high)
        assert row.low <= row.value <= row.high
    better = result.difference.set_index("metric")["better"]
    assert better[["roc_auc", "average_precision", "log_loss", "brier"]].tolist() == ["leadlens"] * 4
    judged, ledger, meta = judged_example()
    noise = judged.assign(probability=np.random.default_rng(0).permutation(judged["probability"]))
    worse = compare(noise, ledger, meta).difference.set_index("metric")["better"]
    assert worse[["roc_auc", "average_precision", "log_loss", "brier"]].tolist() == ["scorecard"] * 4


def test_a_lens_against_itself_is_unclear() -> None:
    judged, ledger, meta = judged_example()
    same = judged.assign(
        rule_points=judged["score"], rule_probability=judged["probability"], disqualified=False
    )
    twin = compare(same, ledger, meta)
    assert twin.capacity.more == 0
    assert set(twin.difference["better"]) == {"unclear"}
    assert twin.to_dict()["headline"].startswith("No clear difference: ")
    assert "exactly the same 300 leads" in " ".join(twin.story())


def test_rules_that_win_are_said_to_win() -> None:
    judged, ledger, meta = judged_example()
    turned = judged.assign(probability=np.random.default_rng(0).permutation(judged["probability"]))
    assert compare(turned, ledger, meta).to_dict()["headline"].startswith("The sheet reaches ")


def test_json_has_no_nan_and_no_foreign_type(result: Comparison) -> None:
    text = json.dumps(result.to_dict(), allow_nan=False)
    back = json.loads(text)
    assert back["capacity"]["calls"] == 300
    assert back["headline"]
    assert back["trust"][0]["level"] == "good"
    unfired = next(rule for rule in back["audit"] if rule["rule"] == "Called us first")
    assert unfired["worth"] is None


def test_plain_takes_what_pandas_and_numpy_give() -> None:
    odd = {"a": pd.NA, "b": np.inf, "c": pd.NaT, "d": np.bool_(True), "e": {1, 2}, 3: pd.Series([1.5, None])}
    assert plain(odd) == {"a": None, "b": None, "c": None, "d": True, "e": [1, 2], "3": [1.5, None]}


def test_equal_seeds_give_equal_results() -> None:
    world = judged_example(300)
    assert compare(*world, seed=3).to_dict() == compare(*world, seed=3).to_dict()


def test_figures_are_what_benchmarks_print(result: Comparison) -> None:
    figures = result.figures()
    assert set(figures) == {"leadlens", "scorecard"}
    assert set(figures["scorecard"]) == set(METRICS)


def test_little_evidence_is_said() -> None:
    judged, ledger, meta = judged_example(80)
    result = compare(judged, ledger, meta)
    assert overall(trust(result)) == ("bad", "Do not decide yet: little evidence")
    told = result.to_dict()
    assert told["status"]["level"] == "bad"
    few = (
        f"Do not decide yet: {result.conversions} of 80 out-of-time leads converted, and a decision needs 30"
    )
    assert told["headline"] == few
    assert told["story"][0] == f"{few}."
    assert told["advice"].startswith("Change nothing")
    assert "the model reaches" in " ".join(told["story"]), "the figures are still there"


@pytest.mark.parametrize(("converted", "level"), [(29, "bad"), (30, "care"), (99, "care"), (100, "good")])
def test_evidence_needs_thirty_and_better_a_hundred_conversions(
    result: Comparison, converted: int, level: str
) -> None:
    assert trust(replace(result, conversions=converted))[0].level == level


def test_checks_follow_their_thresholds(result: Comparison) -> None:
    def check(at: int, **changed: object) -> tuple[str, str]:
        found = trust(replace(result, **changed))[at]  # type: ignore[arg-type]
        return found.level, found.title

    base, capacity = result.base_rate, result.capacity
    assert check(1, capacity=replace(capacity, more_interval=(1.0, 9.0))) == ("good", "Clear difference")
    assert check(1, capacity=replace(capacity, more_interval=(-1.0, 9.0))) == ("care", "Difference not clear")
    assert check(2, bias=(0.2 * base, 0.1 * base, 0.3 * base)) == ("care", "Predicts too much")
    assert check(2, bias=(-0.2 * base, -0.3 * base, -0.1 * base)) == ("care", "Predicts too little")
    assert check(2, bias=(0.05 * base, 0.01 * base, 0.1 * base)) == ("good", "Well calibrated")
    assert check(2, bias=(0.2 * base, -0.1 * base, 0.5 * base)) == ("good", "Well calibrated")
    assert check(4)[0] == "good"
    assert check(4, hot_band=result.hot_band.assign(hot_rate=base / 2)) == (
        "bad",
        "Hot leads do not convert more",
    )
    assert check(4, hot_band=result.hot_band.assign(share_of_leads=0.0)) == ("care", "No hot band")
    tied = replace(capacity, model_tied=capacity.calls // 10 + 1, rules_tied=capacity.calls // 10)
    ties = [item.words for item in trust(replace(result, capacity=tied)) if item.title == "Many equal ranks"]
    assert len(ties) == 1
    assert ties[0].startswith(f"for {tied.model_tied} of the model's")


def test_the_status_is_the_worst_of_the_checks_that_decide() -> None:
    def worst(*levels: str, others: tuple[str, ...] = ()) -> tuple[str, str]:
        return overall(
            [
                *(Check(level, level.upper(), "", True) for level in levels),
                *(Check(o, "O", "") for o in others),
            ]
        )

    assert worst("good", "good", "good", "good", others=("bad", "care")) == ("good", "Ready to decide")
    assert worst("good", "care", "good", "good") == ("care", "Decide with care: cARE")
    for place in range(4):
        levels = ["care"] * 4
        levels[place] = "bad"
        assert worst(*levels)[0] == "bad"
    assert worst("care", "care", "bad", "good") == ("bad", "Do not decide yet: bAD")


@pytest.mark.parametrize(
    ("share", "level"), [(0.0499, "good"), (0.05, "care"), (0.2499, "care"), (0.25, "bad"), (1.0, "bad")]
)
def test_no_green_beside_a_data_finding(result: Comparison, share: float, level: str) -> None:
    findings = [
        {"message": "few rows", "share": 0.01},
        {"message": "120 leads are odd: still in", "share": share},
    ]
    told = replace(
        result, meta={**result.meta, "findings": findings, "warnings": ["120 leads are odd: still in"]}
    )
    assert {"good": 0, "care": 1, "bad": 2}[overall(trust(told))[0]] >= {"good": 0, "care": 1, "bad": 2}[
        level
    ]
    check = trust(told)[3]
    assert (check.level, check.decides) == (level, True)
    in_order = "no finding concerns 5 % or more of the leads or events"
    assert check.words == (in_order if level == "good" else "120 leads are odd: still in")
    assert [each.title for each in trust(told)].count("Note") == (level == "good"), "it is said once"
    if level == "bad":
        assert told.to_dict()["headline"] == "Do not decide yet: 120 leads are odd"
        assert told.to_dict()["advice"].startswith("Change nothing")
    alone = report_model(judged_example()[0], {"findings": findings}, resamples=3)
    assert alone.to_dict()["status"]["level"] == overall(trust_in_model(alone))[0] == level
    assert alone.headline().startswith("Do not decide yet: 120 leads are odd") == (level == "bad")


def test_what_to_do_follows_from_the_result(result: Comparison) -> None:
    def told(low: float, high: float) -> str:
        return replace(result, capacity=replace(result.capacity, more_interval=(low, high))).to_dict()[
            "advice"
        ]

    assert told(1, 9).startswith("Call by the model's score.")
    assert told(-9, -1).startswith("Go on calling by the sheet.")
    assert told(-9, 1).startswith("Neither list is shown to be better")
    assert "of the sheet, “Visited the careers page” first." in told(1, 9)


def test_evidence_is_counted_in_leads_not_in_snapshots() -> None:
    result = compare(*judged_example(300, snapshots=6))
    assert result.converted_rows > 200
    assert result.conversions < 100
    assert trust(result)[0].level == "care"
    assert f"{result.conversions} leads (" in " ".join(result.story())


def test_meaningless_probabilities_are_not_called_calibrated() -> None:
    judged, ledger, meta = judged_example()
    assert trust(compare(judged, ledger, meta))[2].title == "Well calibrated"
    mixed = judged.assign(probability=np.random.default_rng(0).permutation(judged["probability"]))
    assert trust(compare(mixed, ledger, meta))[2].title == "Poorly calibrated"
    bold = judged.assign(probability=(2 * judged["probability"]).clip(0, 1))
    assert trust(compare(bold, ledger, meta))[2].title == "Predicts too much"


def test_leads_without_dates_are_described_without_dates() -> None:
    judged, ledger, meta = judged_example(300)
    story = compare(judged, ledger, {**meta, "clock": "sequence"}).story()
    assert "2024" not in " ".join(story)


def test_a_sheet_without_rules_and_no_meta_is_still_compared() -> None:
    judged, ledger, _ = judged_example(300)
    result = compare(
        judged.assign(rule_points=0.0, disqualified=False, disqualified_by=None), ledger.iloc[:0]
    )
    assert result.audit.empty
    assert json.dumps(result.to_dict(), allow_nan=False)


def test_the_notebook_table_escapes_what_users_typed() -> None:
    judged, ledger, meta = judged_example(300)
    shown = compare(judged, ledger, {**meta, "warnings": ["<script>alert(1)</script>"]})._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_forty_thousand_rows_are_judged_in_seconds() -> None:
    world = judged_example(10_000, snapshots=4)
    start = time.process_time()
    compare(*world)
    assert time.process_time() - start < 5  # about 1 s; CPU time, so that a busy machine does not fail it
