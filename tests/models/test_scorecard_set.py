"""Several sheets: who is scored by which, none silently unmatched, and one set of labels for all."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from leadlens.features import History, UsageError
from leadlens.features.spine import Spine
from leadlens.models.scorecard import (
    ScorecardSet,
    ScorecardSetScores,
    Sheet,
    score_scorecard_set,
    score_sheet,
)
from tests.models.histories import DAY, START, open_small, set_spine

LEADS: list[dict[str, Any]] = [
    {"lead_id": "anna", "country": "DE", "staff": 10.0},
    {"lead_id": "bert", "country": "FR", "staff": 900.0},
    {"lead_id": "carl", "country": None, "staff": 5.0},
    {"lead_id": "dora", "country": "DE", "staff": 900.0},
]
SMALL: dict[str, Any] = {
    "sheet": "german",
    "for": "country = 'DE'",
    "actions": [{"label": "Came back", "when": "event_type = 'visit'", "points": 10}],
}
LARGE: dict[str, Any] = {
    "sheet": "large",
    "for": "staff >= 100",
    "base": 5,
    "dimensions": ["platform"],
    "actions": [
        {
            "label": "Came back",
            "when": "event_type = 'visit'",
            "points": 1,
            "per": "each",
            "also": ["platform"],
        },
        {"label": "Called", "when": "event_type = 'call'", "points": 20},
    ],
    "routes": [{"label": "Key account", "when": "total > 5", "action": "call", "queue": "key_accounts"}],
}


def opened() -> History:
    visits = [
        {"lead_id": lead["lead_id"], "occurred_at": START + day * DAY, "event_type": "visit"}
        for lead in LEADS
        for day in (1, 2)
    ]
    history = open_small(LEADS, visits, lead_attributes={"country": "category", "staff": "number"})
    set_spine(history, [(lead["lead_id"], START + 5 * DAY) for lead in LEADS])
    return history


def scored(*told: dict[str, Any], movement: bool = False) -> ScorecardSetScores:
    history = opened()
    sheets = ScorecardSet(tuple(Sheet.model_validate(sheet) for sheet in told))
    return score_scorecard_set(sheets, history, Spine(history.engine, "spine"), movement=movement)


def test_the_first_sheet_that_is_for_a_lead_is_primary_and_nobody_is_lost() -> None:
    found = scored(SMALL, LARGE)
    assert found.scores["sheet"].fillna("none").tolist() == ["german", "large", "none", "german"]
    assert found.scores["total"].tolist() == [10, 7, 0, 10]
    assert found.scores["stage"].tolist() == ["Lead", "Lead", "No sheet", "Lead"]
    assert found.scores["route"].fillna("").tolist() == ["", "Key account", "", ""]
    assert scored(LARGE, SMALL).scores["sheet"].fillna("none").tolist() == [
        "german",
        "large",
        "none",
        "large",
    ]


def test_every_sheet_scores_all_leads_that_it_is_for() -> None:
    parts = scored(SMALL, LARGE).parts
    assert parts["german"].scores["lead_id"].tolist() == ["anna", "dora"]
    assert parts["large"].scores[["lead_id", "total", "platform"]].to_numpy().tolist() == [
        ["bert", 7, 2],
        ["dora", 7, 2],
    ]


def test_lines_sum_to_the_total_and_labels_tell_the_sheet() -> None:
    found = scored(SMALL, LARGE)
    by_rule = found.by_rule()
    labels = ["Came back (german)", "Starting points of large", "Came back (large)", "Called"]
    assert by_rule.columns.tolist() == labels
    assert by_rule.to_numpy().tolist() == [[10, 0, 0, 0], [0, 5, 2, 0], [0, 0, 0, 0], [10, 0, 0, 0]]
    assert by_rule.sum(axis="columns").tolist() == found.scores["total"].tolist()
    sums = (
        found.ledger[found.ledger["dimension"].isin(("fit", "engagement"))].groupby("row_id")["points"].sum()
    )
    assert sums.to_dict() == {0: 10, 1: 7, 3: 10}
    assert set(found.ledger["rule"]) == {"Came back (german)", "Came back (large)", "Starting points"}


def test_a_sheet_without_for_takes_the_rest() -> None:
    rest = {**SMALL, "sheet": "rest", "for": None}
    assert scored(LARGE, rest).scores["sheet"].tolist() == ["rest", "large", "rest", "large"]


def test_one_sheet_for_all_is_what_score_sheet_says() -> None:
    alone = {**LARGE, "for": None}
    history = opened()
    whole = score_sheet(Sheet.model_validate(alone), history, Spine(history.engine, "spine"))
    scorecards = scored(alone)
    pd.testing.assert_frame_equal(scorecards.scores.drop(columns="sheet"), whole.scores)
    pd.testing.assert_frame_equal(scorecards.ledger, whole.ledger)
    assert scorecards.scorecards.version == whole.sheet.version


def test_for_may_ask_for_features() -> None:
    active = {**SMALL, "for": "feature.any__count_7d >= 2"}
    assert scored(active, {**LARGE, "for": "staff < 0"}).scores["sheet"].tolist() == ["german"] * 4


def test_leads_that_no_sheet_is_for_are_told() -> None:
    scorecards = ScorecardSet((Sheet.model_validate(SMALL), Sheet.model_validate(LARGE)))
    alone = [finding for finding in scorecards.check(opened()) if finding.code == "sheet-no-segment"]
    assert [finding.count for finding in alone] == [1]
    assert "no sheet is for 1 of 4 leads" in alone[0].message


def test_a_scorecard_set_comes_back_from_its_content_and_its_version_tells_the_order() -> None:
    scorecards = ScorecardSet((Sheet.model_validate(SMALL), Sheet.model_validate(LARGE)))
    assert ScorecardSet.from_content(scorecards.content()) == scorecards
    assert ScorecardSet.from_content(scorecards.content()).version == scorecards.version
    assert ScorecardSet(scorecards.sheets[::-1]).version != scorecards.version
    assert ScorecardSet.from_content(scorecards.sheets[0].content()) == ScorecardSet(scorecards.sheets[:1])


def test_two_sheets_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two sheets have one name"):
        scored(SMALL, SMALL)


def test_labels_stay_unique_where_a_rule_is_called_like_another_one_of_a_sheet() -> None:
    def rules(*labels: str) -> list[dict[str, Any]]:
        return [
            {"label": label, "when": "event_type = 'visit'", "points": place + 1}
            for place, label in enumerate(labels)
        ]

    found = scored(
        {"sheet": "a", "for": "country = 'DE'", "actions": rules("X", "X (b)", "X (a)", "X (b) (b)")},
        {"sheet": "b", "actions": rules("X")},
        {"sheet": "c", "base": 2, "actions": rules("Y", "X (b)", "Starting points of c")},
    )
    by_rule = found.by_rule()
    assert by_rule.columns.is_unique
    assert by_rule.sum(axis=1).tolist() == found.scores["total"].tolist() == [10, 1, 1, 10]
    assert set(found.ledger["rule"]) <= set(by_rule.columns)
    assert by_rule.columns.tolist()[4] == "X (b) (b) (b)"


def in_no_segment(movement: bool) -> ScorecardSetScores:
    return scored({**LARGE, "for": "staff >= 60000000"}, movement=movement)


def test_leads_in_no_segment_have_every_column_all_the_same() -> None:
    found, usual = in_no_segment(movement=True), scored(SMALL, LARGE, movement=True)
    assert found.scores["stage"].tolist() == ["No sheet"] * 4
    assert found.scores[["trend", "surge"]].isna().all(axis=None)
    assert [*found.scores.columns] == [name for name in usual.scores.columns if name != "platform"]
    assert found.ledger.empty
    assert found.ledger.dtypes.to_dict() == usual.ledger.dtypes.to_dict()
    assert found.by_rule().to_numpy().tolist() == [[0, 0]] * 4
    assert "trend" not in in_no_segment(movement=False).scores


@pytest.mark.parametrize("told", [(SMALL, LARGE), (SMALL,), ({**SMALL, "for": None}, LARGE)])
def test_no_lead_at_all_gives_no_rows_and_every_column(told: tuple[dict[str, Any], ...]) -> None:
    scorecards, history = ScorecardSet(tuple(Sheet.model_validate(sheet) for sheet in told)), opened()
    usual = score_scorecard_set(scorecards, history, Spine(history.engine, "spine"), movement=True)
    nobody = Spine.make(history.engine, "nobody", "SELECT * FROM spine WHERE FALSE")
    found = score_scorecard_set(scorecards, history, nobody, movement=True)
    assert len(found.scores) == len(found.ledger) == len(found.readable_ledger()) == 0
    assert {*found.scores.columns} == {*usual.scores.columns} - {"platform"}
    assert found.ledger.dtypes.to_dict() == usual.ledger.dtypes.to_dict()
    assert found.by_rule().shape == (0, len(scorecards.rules))
