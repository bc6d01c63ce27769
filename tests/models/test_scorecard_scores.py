"""How a sheet scores at the edges: the fence, windows, caps, ties, disqualifiers, empty tables."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from leadlens.features import DataError, UsageError
from leadlens.features.spine import Spine
from leadlens.models.scorecard import Sheet, SheetScores, score_sheet
from leadlens.models.scorecard.scoring.ledger import LEDGER_COLUMNS
from tests.models.histories import DAY, START, open_small, set_spine

MICRO = timedelta(microseconds=1)
AS_OF = START + 100 * DAY


def sheet(**parts: Any) -> Sheet:
    return Sheet.model_validate({"sheet": "edges", **parts})


def opens(**settings: Any) -> Sheet:
    return sheet(actions=[{"label": "Opened", "when": "event_type = 'open'", "points": 3, **settings}])


def scored(
    found: Sheet, *moments: datetime, as_of: datetime = AS_OF, late: timedelta | None = None
) -> SheetScores:
    events = [
        {"lead_id": "a", "occurred_at": moment, "event_type": "open"}
        | ({} if late is None else {"known_at": moment + late})
        for moment in moments
    ]
    history = open_small([{"lead_id": "a", "age": 40.0}], events, lead_attributes={"age": "number"})
    spine = set_spine(history, [("a", as_of)])
    return score_sheet(found, history, spine)


def total(found: SheetScores) -> float:
    return float(found.scores["total"].iloc[0])


def test_an_event_counts_only_before_as_of_and_when_it_was_known_before() -> None:
    assert total(scored(opens(), AS_OF)) == 0
    assert total(scored(opens(), AS_OF - MICRO)) == 3
    assert total(scored(opens(), AS_OF, late=-DAY)) == 0  # a visit booked ahead is no visit yet
    assert total(scored(opens(), AS_OF - DAY, late=DAY)) == 0
    assert total(scored(opens(), AS_OF - DAY, late=DAY - MICRO)) == 3


def test_a_window_starts_exactly_its_length_before_as_of() -> None:
    window = opens(within="30d")
    assert total(scored(window, AS_OF - 30 * DAY)) == 3
    assert total(scored(window, AS_OF - 30 * DAY - MICRO)) == 0


def test_once_is_dated_by_the_first_event_and_with_a_window_by_the_most_recent() -> None:
    moments = [AS_OF - 9 * DAY, AS_OF - 5 * DAY, AS_OF - 2 * DAY]
    assert scored(opens(), *moments).ledger["occurred_at"].tolist() == [moments[0]]
    assert scored(opens(within="7d"), *moments).ledger["occurred_at"].tolist() == [moments[2]]


def test_each_counts_every_event_until_the_cap_in_the_order_of_time() -> None:
    moments = [AS_OF - i * DAY for i in (1, 4, 2, 3)]
    assert total(scored(opens(per="each"), *moments)) == 12
    ledger = scored(opens(per="each", cap=8), *moments).ledger
    assert ledger["occurred_at"].tolist() == sorted(moments)
    assert ledger["points"].tolist() == [3, 3, 2, 0]
    assert ledger["taken_by_cap"].tolist() == [0, 0, 1, 3]


def test_the_cap_holds_in_its_window_only() -> None:
    moments = [AS_OF - 8 * DAY, *(AS_OF - i * timedelta(hours=1) for i in range(1, 13))]
    assert total(scored(opens(points=1, per="each", cap=5, within="7d"), *moments)) == 5


def test_a_cap_limits_negative_points_too() -> None:
    found = scored(opens(points=-4, per="each", cap=10), *[AS_OF - DAY] * 4)
    assert total(found) == -10
    assert found.ledger["points"].tolist() == [-4, -4, -2, 0]
    assert found.ledger["taken_by_cap"].tolist() == [0, 0, -2, -4]
    assert str(found.ledger["points"].iloc[3]) == "0.0"


def test_a_cap_below_the_points_of_one_event_is_reached_at_once() -> None:
    assert total(scored(opens(points=10, per="each", cap=4), AS_OF - DAY, AS_OF - 2 * DAY)) == 4


def test_fractions_sum_exactly_enough_to_reach_a_threshold() -> None:
    tenths = sheet(
        actions=[
            {"label": "Opened", "when": "event_type = 'open'", "points": 0.1, "per": "each"},
            {"label": "Any", "when": "TRUE", "points": 0.1, "per": "each", "cap": 0.25},
        ],
        thresholds={"mql": 0.55},
    )
    found = scored(tenths, *[AS_OF - DAY] * 3)
    assert total(found) == 0.55
    assert found.scores["stage"].tolist() == ["MQL"]


def test_starting_points_are_ledger_lines() -> None:
    based = sheet(
        base={"fit": 20, "engagement": -5},
        attributes=[{"label": "Over 30", "when": "age > 30", "points": 4}],
        actions=[{"label": "Opened", "when": "event_type = 'open'", "points": 3}],
    )
    result = scored(based, AS_OF - DAY)
    row = result.scores.iloc[0]
    assert (row["fit"], row["engagement"], row["total"]) == (24, -2, 22)
    told = result.ledger[["dimension", "rule", "points"]].to_numpy().tolist()
    assert told == [
        ["fit", "Starting points", 20],
        ["fit", "Over 30", 4],
        ["engagement", "Starting points", -5],
        ["engagement", "Opened", 3],
    ]
    assert result.ledger["occurred_at"].isna().tolist() == [True, True, True, False]


def test_a_bare_number_is_where_fit_starts() -> None:
    assert sheet(base=7, disqualify=[{"label": "x", "when": "TRUE"}]).base == {"fit": 7}


def test_an_action_disqualifies_from_then_on_and_the_first_reason_is_told() -> None:
    bars = [
        {"label": "Opened", "when": "event_type = 'open'", "on": "action"},
        {"label": "Over 30", "when": "age > 30"},
    ]
    before, after = (
        scored(sheet(disqualify=bars), AS_OF, as_of=AS_OF + shift) for shift in (timedelta(0), MICRO)
    )
    assert before.scores["disqualified_by"].tolist() == ["Over 30"]
    assert after.scores["disqualified_by"].tolist() == ["Opened"]
    assert after.ledger.empty


def test_a_missing_attribute_neither_scores_nor_disqualifies() -> None:
    history = open_small([{"lead_id": "a"}], lead_attributes={"age": "number"})
    spine = set_spine(history, [("a", AS_OF)])
    found = score_sheet(
        sheet(
            attributes=[{"label": "Not 30", "when": "age <> 30", "points": 4}],
            disqualify=[{"label": "Old", "when": "NOT age < 90"}],
        ),
        history,
        spine,
    )
    assert total(found) == 0
    assert found.scores["stage"].tolist() == ["Lead"]


def test_attributes_have_the_value_they_had_then() -> None:
    changes = [
        {"entity": "lead", "id": "a", "attribute": "age", "value": value, "known_at": START + days * DAY}
        for value, days in (("20", 10), ("40", 20))
    ]
    history = open_small([{"lead_id": "a", "age": 40.0}], changes=changes, lead_attributes={"age": "number"})
    spine = set_spine(history, [("a", START + days * DAY) for days in (5, 15, 20, 25)])
    found = score_sheet(
        sheet(attributes=[{"label": "Over 30", "when": "age > 30", "points": 4}]), history, spine
    )
    assert found.scores["total"].tolist() == [0, 0, 0, 4]


def test_a_cut_and_a_threshold_belong_to_the_better_side() -> None:
    graded = sheet(
        base={"fit": 50, "engagement": 25}, actions=[{"label": "x", "when": "FALSE", "points": 1}],
        thresholds={"mql": 40, "sql": 75},
    )  # fmt: skip
    row = scored(graded).scores.iloc[0]
    assert (row["grade"], row["stage"]) == ("B2", "SQL")
    cuts = sheet(
        base=10, grades={"fit": [30, 20, 10]}, actions=[{"label": "x", "when": "FALSE", "points": 1}]
    )
    assert scored(cuts).scores["grade"].tolist() == ["C1"]


def test_every_spine_row_has_one_score_even_without_events_or_a_known_lead() -> None:
    history = open_small([{"lead_id": "a"}])
    spine = set_spine(history, [("a", AS_OF), ("a", AS_OF), ("ghost", AS_OF)], table="other_rows")
    found = score_sheet(opens(), history, spine)
    assert found.scores["row_id"].tolist() == [0, 1, 2]
    assert found.scores["total"].tolist() == [0, 0, 0]
    assert list(found.ledger.columns) == list(LEDGER_COLUMNS)
    assert found.ledger.empty


def test_an_empty_spine_gives_empty_frames() -> None:
    history = open_small([{"lead_id": "a"}])
    spine = set_spine(history, [])
    found = score_sheet(opens(), history, spine)
    assert len(found.scores) == len(found.ledger) == 0
    assert "stage" in found.scores


def test_without_the_ledger_the_scores_are_the_same() -> None:
    history = open_small([{"lead_id": "a"}], [{"lead_id": "a", "occurred_at": START, "event_type": "open"}])
    spine = set_spine(history, [("a", AS_OF)])
    with_lines, without = (score_sheet(opens(), history, spine, ledger=ledger) for ledger in (True, False))
    pd.testing.assert_frame_equal(with_lines.scores, without.scores)
    assert without.ledger.empty
    assert list(without.ledger.dtypes) == list(with_lines.ledger.dtypes)


def test_scoring_leaves_no_table_behind() -> None:
    history = open_small([{"lead_id": "a"}])
    spine = set_spine(history, [("a", AS_OF)])
    before = {*history.engine.frame("SELECT table_name FROM information_schema.tables")["table_name"]}
    score_sheet(opens(), history, spine)
    left = history.engine.frame("SELECT table_name FROM information_schema.tables")["table_name"]
    assert {*left} == before


def test_strange_names_in_labels_columns_and_values_are_safe() -> None:
    label, value = 'It\'s "here"; DROP TABLE leads --', "O'Neil \U0001f600 李"
    history = open_small(
        [{"lead_id": "a", 'odd "name"; --': value}], lead_attributes={'odd "name"; --': "category"}
    )
    spine = set_spine(history, [("a", AS_OF)])
    condition = '"odd ""name""; --" = \'' + value.replace("'", "''") + "'"
    found = score_sheet(
        sheet(
            dimensions=["select", "points_", "order"],
            attributes=[{"label": label, "when": condition, "points": 4, "also": ["select", "order"]}],
            disqualify=[{"label": label + "!", "when": condition}],
        ),
        history,
        spine,
    )
    assert found.ledger["rule"].tolist() == [label] * 3
    assert found.scores[["fit", "select", "points_", "order"]].to_numpy().tolist() == [[4, 4, 0, 4]]
    assert found.scores["disqualified_by"].tolist() == [label + "!"]


def test_a_condition_that_does_not_fit_the_history_names_the_rule() -> None:
    history = open_small([{"lead_id": "a"}])
    spine = set_spine(history, [("a", AS_OF)])
    with pytest.raises(UsageError, match=r"sheet edges \('Opened'\): there is no column 'pgae'"):
        score_sheet(opens(when="pgae = 'x'"), history, spine)


def test_an_unknown_spine_is_a_clear_error() -> None:
    history = open_small([{"lead_id": "a"}])
    with pytest.raises(DataError, match="sheet_"):
        score_sheet(opens(), history, Spine(history.engine, "nowhere"))


def test_the_result_shows_itself() -> None:
    assert "1 Lead" in scored(opens())._repr_html_()
