"""What people said beside the points: every number here was counted by hand."""

from __future__ import annotations

from math import sqrt
from typing import Any

import pandas as pd
import pytest

from leadlens.features import History
from leadlens.features.spine import Spine
from leadlens.models.scorecard import ScorecardSet, Sheet, SheetScores, score_scorecard_set, score_sheet
from leadlens.models.scorecard.insights import feedback as said
from leadlens.models.scorecard.scoring.probes import matched_rules
from tests.models.histories import DAY, START, open_small, set_spine

T = START + 10 * DAY
_DONE = {  # lead: age, what it did
    "a": (50, ["pricing"]),  # 20 + 15 = 35, MQL
    "b": (50, ["pricing", "open"]),  # 45, MQL
    "c": (30, ["pricing", "open"]),  # 25, Lead
    "d": (50, []),  # 20, Lead; opens at the very moment of the verdict, which does not count
    "e": (50, ["pricing", "open", "careers"]),  # 40, MQL
    "f": (95, ["pricing"]),  # 35, Disqualified
}
RULES: dict[str, Any] = {
    "sheet": "small",
    "attributes": [{"label": "Old", "when": "age >= 40", "points": 20}],
    "actions": [
        {"label": "Pricing", "when": "event_type = 'pricing'", "points": 15},
        {"label": "Opened", "when": "event_type = 'open'", "points": 10},
        {"label": "Careers", "when": "event_type = 'careers'", "points": -5},
    ],
    "disqualify": [{"label": "Too old", "when": "age >= 90"}],
    "thresholds": {"mql": 30},
}
VERDICTS = pd.DataFrame(
    {
        "row_id": range(6),
        "verdict": ["rejected", "accepted", "rejected", "rejected", "rejected", "accepted"],
        "reason": ["No budget", "no budget", " no   BUDGET", "Student", None, None],
    }
)


@pytest.fixture(scope="module")
def history() -> History:
    events = [
        {"lead_id": lead, "occurred_at": START + (place + 1) * DAY, "event_type": what}
        for lead, (_, done) in _DONE.items()
        for place, what in enumerate(done)
    ]
    events.append({"lead_id": "d", "occurred_at": T, "event_type": "open"})
    leads = [{"lead_id": lead, "age": age} for lead, (age, _) in _DONE.items()]
    return open_small(leads, events, lead_attributes={"age": "number"})


def scored(history: History, **changed: Any) -> SheetScores:
    spine = set_spine(history, [(lead, T) for lead in _DONE])
    return score_sheet(Sheet.model_validate({**RULES, **changed}), history, spine)


def column(found: pd.DataFrame, *names: str) -> list[Any]:
    rows = found[list(names)].to_numpy().tolist()
    return [row[0] for row in rows] if len(names) == 1 else [tuple(row) for row in rows]


def test_the_leads_are_those_that_were_meant(history: History) -> None:
    found = scored(history).scores

    assert column(found, "total", "stage") == [
        (35, "MQL"), (45, "MQL"), (25, "Lead"), (20, "Lead"), (40, "MQL"), (35, "Disqualified")
    ]  # fmt: skip


def test_verdicts_on_the_leads_that_a_rule_held_for(history: History) -> None:
    found = said.verdicts_by_rule(scored(history), VERDICTS)

    assert column(found, "rule") == ["Old", "Pricing", "Opened", "Careers"]
    assert column(found, "held", "accepted", "rejected") == [(5, 2, 3), (5, 2, 3), (3, 1, 2), (1, 0, 1)]
    assert column(found, "others", "others_rejected") == [(1, 1), (1, 1), (3, 2), (5, 3)]
    assert column(found, "share") == pytest.approx([3 / 5, 3 / 5, 2 / 3, 1])
    assert column(found, "others_share") == pytest.approx([1, 1, 2 / 3, 3 / 5])


def test_a_share_comes_with_wilson_s_interval(history: History) -> None:
    old = said.verdicts_by_rule(scored(history), VERDICTS).iloc[0]
    z, n, share = 1.6448536269514722, 5, 3 / 5
    middle, half = share + z * z / (2 * n), z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))

    assert old["low"] == pytest.approx((middle - half) / (1 + z * z / n))
    assert old["high"] == pytest.approx((middle + half) / (1 + z * z / n))


def test_a_rule_made_a_lead_mql_if_its_points_made_the_difference(history: History) -> None:
    found = said.verdicts_by_rule(scored(history), VERDICTS)

    # without Old: a 15, b 25, e 20; without Pricing: a 20, b 30 (still MQL), e 25; without Opened: b 35, e 30
    assert column(found, "made_mql", "made_accepted", "made_rejected") == [
        (3, 1, 2), (2, 0, 2), (0, 0, 0), (0, 0, 0)
    ]  # fmt: skip
    assert found["made_share"].iloc[0] == pytest.approx(2 / 3)
    assert found[["made_share", "made_low", "made_high"]].iloc[2].isna().all()


def test_points_that_a_cap_took_make_no_mql(history: History) -> None:
    capped = {"groups": [{"name": "all", "cap": 15}]}
    actions = [{**rule, "group": "all"} for rule in RULES["actions"]]
    found = said.made_mql(scored(history, actions=actions, **capped))

    # b: 20 + 15 of 25; the group leaves Opened nothing
    assert found.loc[1].to_dict() == {"Old": True, "Pricing": True, "Opened": False, "Careers": False}


def test_points_beside_the_total_make_no_mql(history: History) -> None:
    attributes = [{**RULES["attributes"][0], "dimension": "retention"}]
    actions = [{**RULES["actions"][0], "points": 35}]
    found = said.made_mql(scored(history, attributes=attributes, actions=actions, dimensions=["retention"]))

    assert column(found, "Old", "Pricing") == [
        (False, True), (False, True), (False, True), (False, False), (False, True), (False, False)
    ]  # fmt: skip


@pytest.mark.parametrize("thresholds", [None, {"mql": {"when": "total > 1"}}])
def test_without_a_threshold_in_points_no_rule_makes_an_mql(history: History, thresholds: Any) -> None:
    found = scored(history, thresholds=thresholds)

    assert said.mql_points(found).isna().all()
    assert not said.made_mql(found).to_numpy().any()


def test_a_stage_that_is_kept_below_its_points_hangs_on_no_rule(history: History) -> None:
    """Careers costs e the points, but not the stage that it had before."""
    actions = [*RULES["actions"][:2], {**RULES["actions"][2], "points": -20}]
    found = scored(history, actions=actions, thresholds={"mql": {"points": 30, "keep": 20}})

    assert list(found.scores.loc[4, ["total", "stage"]]) == [25, "MQL"]
    assert not said.made_mql(found).loc[4].any()


def test_verdicts_by_stage_grade_and_band(history: History) -> None:
    found = scored(history, grades={"fit": [20, 10, 5], "engagement": [25, 15, 5]})
    stages, grades = said.verdicts_by_stage(found, VERDICTS), said.verdicts_by_grade(found, VERDICTS)
    bands = said.verdicts_by_band(found, VERDICTS)

    counts = ("leads", "accepted", "rejected")
    assert column(stages, "stage", *counts) == [
        ("Lead", 2, 0, 2),
        ("MQL", 3, 1, 2),
        ("Disqualified", 1, 1, 0),
    ]
    assert column(grades, "grade", *counts) == [
        ("A4", 1, 1, 0), ("A3", 3, 1, 2), ("A1", 1, 0, 1), ("D4", 1, 0, 1)
    ]  # fmt: skip
    assert column(bands.fillna(-1), "total_from", "total_to", *counts) == [
        (-1, 25, 1, 0, 1), (25, 30, 1, 0, 1), (35, 40, 2, 1, 1), (40, -1, 2, 1, 1)
    ]  # fmt: skip


def test_reasons_alike_but_for_capitals_and_spaces_are_one(history: History) -> None:
    reasons = said.rejection_reasons(VERDICTS)
    by_rule = said.reasons_by_rule(scored(history), VERDICTS)

    told = reasons.astype(object).where(reasons.notna(), None)
    assert column(told, "reason", "leads", "share") == [
        ("No budget", 2, 0.5),
        ("Student", 1, 0.25),
        (None, 1, 0.25),
    ]
    assert column(by_rule, "rule", "reason", "leads") == [
        ("Old", "No budget", 1), ("Old", "Student", 1), ("Pricing", "No budget", 2), ("Opened", "No budget", 1)
    ]  # fmt: skip


def test_a_rule_without_points_counts_where_the_history_is_asked(history: History) -> None:
    actions = [*RULES["actions"], {"label": "Signal", "when": "event_type = 'open'", "points": 0}]
    found = scored(history, actions=actions)
    held = matched_rules(found.sheet, history, Spine(history.engine, "spine"), found.ledger)

    assert said.verdicts_by_rule(found, VERDICTS)["held"].iloc[4] == 0
    assert said.verdicts_by_rule(found, VERDICTS, held).iloc[4][["held", "rejected"]].tolist() == [3, 2]


def test_rows_that_were_not_scored_are_left_out(history: History) -> None:
    more = pd.concat([VERDICTS, VERDICTS.assign(row_id=VERDICTS["row_id"] + 100)])

    pd.testing.assert_frame_equal(
        said.verdicts_by_rule(scored(history), more), said.verdicts_by_rule(scored(history), VERDICTS)
    )
    assert said.verdicts_by_stage(scored(history), VERDICTS.head(0)).empty
    assert said.verdicts_by_band(scored(history), VERDICTS.head(0)).empty


def test_of_several_sheets_each_lead_counts_by_its_own(history: History) -> None:
    young = {**RULES, "sheet": "young", "for": "age < 40", "thresholds": {"mql": 20}}
    book = ScorecardSet(tuple(Sheet.model_validate(told) for told in (young, RULES)))
    spine = set_spine(history, [(lead, T) for lead in _DONE])
    found = said.verdicts_by_rule(score_scorecard_set(book, history, spine), VERDICTS).set_index("rule")

    # c: 25 is an MQL of `young` from 20 on, by Pricing (without it 10) and by Opened (15)
    assert list(found.loc["Pricing (young)", ["held", "made_mql", "made_rejected"]]) == [1, 1, 1]
    assert list(found.loc["Opened (young)", ["held", "made_mql"]]) == [1, 1]
    assert list(found.loc["Old (young)", ["held", "made_mql"]]) == [0, 0]
    assert list(found.loc["Pricing (small)", ["held", "made_mql", "made_rejected"]]) == [4, 2, 2]
    assert found.loc["Old (small)", "made_mql"] == 3


ANSWERS = pd.DataFrame(
    [
        ("a", 0, "Why?", "brochure"),
        ("b", 1, "why?", "Brochure"),
        ("b", 1, "Why?", "a friend"),
        ("c", 2, "Why?", "brochure "),
        ("c", 2, "Why?", "brochure"),
        ("c", 2, "How?", "by mail"),
    ],
    columns=["lead_id", "row_id", "question", "answer"],
)


def test_answers_count_leads(history: History) -> None:
    found = said.answer_counts(ANSWERS)

    assert column(found, "question", "answer", "leads", "asked") == [
        ("Why?", "brochure", 3, 3), ("Why?", "a friend", 1, 3), ("How?", "by mail", 1, 1)
    ]  # fmt: skip
    assert column(found, "share") == pytest.approx([1, 1 / 3, 1])


def test_customers_that_did_what_a_rule_rewards(history: History) -> None:
    rules = said.customers_by_rule(scored(history), [0, 1, 2])
    cells = said.answers_by_rule(scored(history), ANSWERS).set_index(["answer", "rule"])["held"]

    assert column(rules, "rule", "customers", "held") == [
        ("Old", 3, 2), ("Pricing", 3, 3), ("Opened", 3, 2), ("Careers", 3, 0)
    ]  # fmt: skip
    assert cells["brochure"].to_dict() == {"Old": 2, "Pricing": 3, "Opened": 2, "Careers": 0}
    assert cells["a friend"].to_dict() == {"Old": 1, "Pricing": 1, "Opened": 1, "Careers": 0}
    assert cells["by mail"].to_dict() == {"Old": 0, "Pricing": 1, "Opened": 1, "Careers": 0}
