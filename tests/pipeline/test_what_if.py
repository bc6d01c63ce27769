"""What one more action would add: the score that the lead has once it is in the data."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import leadlens as api
from leadlens.features import UsageError
from leadlens.pipeline.jobs.what_if import CAVEAT, WhatIf
from tests.pipeline.little_project import LittleProject, leadlens

AS_OF = datetime(2024, 5, 20)
LEAD = "L122"  # looked at careers alone
SHEET = {
    "sheet": "ours",
    "actions": [{"label": "Prices", "when": "event_type = 'page_viewed' AND page = 'Pricing'", "points": 7}],
}


class _Tried:
    """A trained project, and its leads as they would be had one done one thing more."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.built = folder, LittleProject(folder)
        views = self.built.events["event_type"] == "page_viewed"
        again = pd.Series(self.built.events.index % 3 == 0).astype("boolean")
        self.built.events["again"] = again.where(views)
        (folder / "ours.yaml").write_text(yaml.safe_dump(SHEET), encoding="utf-8")
        self.built.settings["scorecards"] = ["ours.yaml"]
        self.config = self.built.write()
        api.train(self.config, trials=2)

    def what_if(self, lead: str = LEAD) -> WhatIf:
        return api.what_if(self.config, lead, as_of=AS_OF)

    def afterwards(self, event: dict[str, Any]) -> Any:
        """The lead's explanation once the event is in the sources."""
        before = self.built.events
        row = {"event_id": "one-more", "lead_id": LEAD, "occurred_at": AS_OF - pd.Timedelta(seconds=1)}
        self.built.events = pd.concat([before, pd.DataFrame([row | event])], ignore_index=True)
        try:
            self.built.write()
            return api.explain(self.config, LEAD, as_of=AS_OF)
        finally:
            self.built.events = before
            self.built.write()


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> _Tried:
    return _Tried(tmp_path_factory.mktemp("what_if"))


def test_an_action_adds_what_it_adds_once_it_is_in_the_data(tried: _Tried) -> None:
    asked = tried.what_if()
    before = api.explain(tried.config, LEAD, as_of=AS_OF)
    assert (asked.score, asked.probability, asked.rule_points) == (
        before.score,
        before.probability,
        before.rule_points,
    )
    everything = (*asked.actions, *asked.little, *asked.lowering)
    assert {each.action for each in everything} >= {"Viewed the Pricing page", "Viewed the Careers page"}
    for each in everything:
        after = tried.afterwards(each.event)
        assert (each.score, each.probability, each.rule_stage) == (
            after.score,
            after.probability,
            after.rule_stage,
        )
        assert each.added == after.score - before.score
        assert each.rule_points_added == after.rule_points - before.rule_points
    prices = next(each for each in everything if each.action == "Viewed the Pricing page")
    assert prices.added
    assert prices.rule_points_added == 7


def test_only_what_raises_the_score_is_listed_first(tried: _Tried) -> None:
    asked = tried.what_if()
    assert [each.added for each in asked.actions] == sorted(
        (each.added for each in asked.actions), reverse=True
    )
    assert all(each.added >= 0.5 for each in asked.actions)
    assert all(abs(each.added) < 0.5 for each in asked.little)
    assert all(each.added <= -0.5 for each in asked.lowering)
    events = [str(sorted(each.event.items())) for each in (*asked.actions, *asked.little, *asked.lowering)]
    assert len(set(events)) == len(events)


def test_yes_and_no_are_values_of_events_too(tried: _Tried) -> None:
    asked = tried.what_if()
    everything = (*asked.actions, *asked.little, *asked.lowering)
    assert {each.event.get("again") for each in everything} >= {True, False}
    assert asked.unseen == ()


def test_trying_leaves_nothing_behind(tried: _Tried) -> None:
    assert tried.what_if().to_dict() == tried.what_if().to_dict()


def test_the_command_says_what_it_is_not(tried: _Tried) -> None:
    said = leadlens("explain", str(tried.folder), LEAD, "--as-of", "2024-05-20", "--what-if")
    assert said.code == 0, said.err
    assert CAVEAT in said.out
    assert "Viewed the Pricing page" in said.out


@pytest.mark.parametrize("more", [("--run", "x"), ("--data-version", "1")])
def test_a_past_run_has_no_next_action(tried: _Tried, more: tuple[str, str]) -> None:
    said = leadlens("explain", str(tried.folder), LEAD, "--what-if", *more)
    assert said.code == 2
    assert "a past run is over" in said.err


def test_a_model_that_counts_no_events_is_refused(tmp_path: Path) -> None:
    built = LittleProject(tmp_path)
    built.settings["name"] = "without_events"
    built.data.pop("events")
    config = built.write()
    api.train(config, trials=1)
    with pytest.raises(UsageError, match="uses no events"):
        api.what_if(config, LEAD, as_of=AS_OF)
