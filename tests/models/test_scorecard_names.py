"""Columns of the data that are called like what a sheet makes: each rule reads the one that is meant."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from leadlens.models.scorecard import Sheet, score_sheet
from tests.models.histories import DAY, START, open_small, set_spine

OWN = {"label": "A", "when": "TRUE", "points": 1}


def stage_of(lead: dict[str, Any], kinds: dict[str, Any], when: str) -> str:
    history = open_small([{"lead_id": "a", **lead}], lead_attributes=kinds)
    spine = set_spine(history, [("a", START + DAY)])
    sheet = Sheet.model_validate(
        {"sheet": "x", "attributes": [OWN], "thresholds": {"mql": {"points": 0, "when": when}}}
    )
    return str(score_sheet(sheet, history, spine).scores.loc[0, "stage"])


@pytest.mark.parametrize(
    "name", ["Total", "Score", "Fit", "Product", "bar", "Bar", "Stage", "Grade", "v", "As_of"]
)
def test_a_leads_own_column_is_meant_by_its_name(name: str) -> None:
    assert stage_of({name: 5.0}, {name: "number"}, f'"{name}" = 5') == "MQL"
    assert stage_of({name: 4.0}, {name: "number"}, f'"{name}" = 5') == "Lead"


def test_what_the_sheet_makes_comes_first_and_lead_dot_tells_the_other() -> None:
    assert stage_of({"total": 5.0}, {"total": "number"}, "total = 1") == "MQL"
    assert stage_of({"total": 5.0}, {"total": "number"}, "lead.total = 5") == "MQL"


@pytest.mark.parametrize("name", ["stage", "disqualified"])
def test_results_that_stages_do_not_know_are_the_leads_own(name: str) -> None:
    assert stage_of({name: "hot"}, {name: "category"}, f"{name} = 'hot'") == "MQL"
    assert stage_of({name: "cold"}, {name: "category"}, f"{name} = 'hot'") == "Lead"


@pytest.mark.parametrize(
    "name",
    ["marks", "Marks", "flags_0", "kind_0", "class_no", "marker", "value_0", "one", "k", "e", "Page Title"],
)
def test_a_property_of_any_name_is_read(name: str) -> None:
    events: list[dict[str, Any]] = [
        {"lead_id": "a", "occurred_at": START, "event_type": "x", name: "good", "size": 3.0},
        {"lead_id": "a", "occurred_at": START, "event_type": "x", name: "bad", "size": 1.0},
    ]
    history = open_small([{"lead_id": "a"}], events, event_properties={name: "category", "size": "number"})
    spine = set_spine(history, [("a", START + DAY)])
    rules = [
        {"label": "Good", "when": f"\"{name}\" = 'good'", "points": 1, "per": "each"},
        {"label": "Large", "when": f'size > 2 AND "{name}" IS NOT NULL', "points": 10},
        {"label": "Kinds", "when": "TRUE", "points": 100, "per": "value", "of": name},
    ]
    assert (
        score_sheet(Sheet.model_validate({"sheet": "x", "actions": rules}), history, spine).scores.loc[
            0, "total"
        ]
        == 211
    )


def test_a_dimension_is_not_called_like_a_step_of_ours() -> None:
    with pytest.raises(ValidationError, match="this name is taken"):
        Sheet.model_validate({"sheet": "x", "attributes": [OWN], "dimensions": ["reached_mql"]})
