"""A learned sheet finds planted lines, makes none of noise, and reads as a marketer would have written it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from leadlens.features import History
from leadlens.features.planning import plan_features
from leadlens.features.settings import FeatureSettings
from leadlens.features.spine import SpinePolicy, TrainingRows, build_spine
from leadlens.models.scorecard import Sheet
from leadlens.models.scorecard.language.yaml_text import yaml_text
from leadlens.models.scorecard.learning.candidates import Candidate, candidates, literal
from leadlens.models.scorecard.learning.learned_sheet import learned_sheet, match_lines
from leadlens.models.scorecard.learning.selection import Learned, learn_points
from leadlens.models.statistics import expit
from tests.models.warehouse_cases import AS_OF, rich_history

Floats = NDArray[np.float64]


def planted(rows: int = 6000, noise: int = 60, seed: int = 0) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Candidates of which two count (+20, −15), a channel of ten values of which three are better (+12), the truth, and
    labels drawn from it."""
    rng = np.random.default_rng(seed)
    lines = rng.random((rows, 2 + noise)) < 0.3
    channel = rng.integers(0, 10, rows)
    matches = np.column_stack([lines, channel[:, None] == np.arange(10)])
    points = 20 * lines[:, 0] - 15 * lines[:, 1] + 12 * (channel < 3)
    truth = expit(-2.0 + points * np.log(2) / 10)
    return matches, truth, (rng.random(rows) < truth).astype(float)


def learn(matches: NDArray[np.bool_], label: Floats, **more: Any) -> Learned:
    columns = ["channel" if at >= matches.shape[1] - 10 else "" for at in range(matches.shape[1])]
    return learn_points(matches, label, np.arange(len(label)), columns=columns, **more)


def test_planted_lines_are_found_with_their_points() -> None:
    matches, truth, label = planted()
    for model in (None, truth):
        learned = learn(matches, label, model=model)
        points = learned.points
        assert points.pop((0,)) == pytest.approx(20, abs=3)
        assert points.pop((1,)) == pytest.approx(-15, abs=3)
        better = next(line for line in points if len(line) > 1)
        assert sorted(better) == [62, 63, 64]
        assert points.pop(better) == pytest.approx(12, abs=3)
        assert all(abs(number) <= 5 for number in points.values())
        assert learned.intercept == pytest.approx(-2.0, abs=0.2)
        assert all(isinstance(number, int) for number in points.values())


def test_the_model_averages_noise_out() -> None:
    few = [planted(300, seed=seed) for seed in range(5)]

    def both(model: bool) -> int:
        learned = (learn(matches, label, model=truth if model else None) for matches, truth, label in few)
        return sum({(0,), (1,)} <= set(one.points) for one in learned)

    assert both(model=True) == 5 > both(model=False)


def test_noise_gives_no_sheet() -> None:
    made = 0
    for seed in range(20):
        matches, _, label = planted(2000, noise=150, seed=seed)
        shuffled = np.random.default_rng(seed).permutation(label)
        model = np.full(len(label), label.mean())
        made += len(learn(matches, shuffled, model=model).points)
    assert made <= 10  # half a line a sheet, of 162 that were tried each time


def test_there_are_never_more_lines_than_asked_for() -> None:
    matches, truth, label = planted()
    assert len(learn(matches, label, model=truth, most=2).points) == 2
    assert learn(matches, label, most=0).points == {}


def test_a_row_of_weight_three_is_three_rows() -> None:
    matches, _, label = planted(3000)
    weight = np.random.default_rng(1).integers(1, 4, len(label))
    thrice = np.repeat(np.arange(len(label)), weight)
    one = learn(matches, label, weight=weight.astype(float))
    columns = [""] * 62 + ["channel"] * 10
    many = learn_points(matches[thrice], label[thrice], thrice, columns=columns)
    assert one.points == many.points
    assert one.intercept == pytest.approx(many.intercept)


def test_a_line_needs_enough_leads_however_many_rows_these_have() -> None:
    rng = np.random.default_rng(0)
    lead = np.repeat(np.arange(1000), 6)
    rare, common = lead < 20, lead % 3 == 0
    label = (rng.random(6000) < np.where(rare | common, 0.6, 0.1)).astype(float)
    learned = learn_points(np.column_stack([rare, common]), label, lead)
    assert list(learned.points) == [(1,)]


def test_totals_are_those_of_the_lines() -> None:
    matches = np.array([[True, False, True], [False, True, False], [True, True, False]])
    learned = Learned({(0,): 10, (1, 2): -4}, 0.0)
    assert learned.totals(matches).tolist() == [6.0, -4.0, 6.0]


def lines() -> list[Candidate]:
    def value(name: str) -> Candidate:
        return Candidate(
            "attributes", f"Source: {name}", {"when": f"source = {literal(name)}"}, "source", name
        )

    many = [value(f"Partner number {at}, a long name") for at in range(9)]
    return [
        Candidate("actions", "Viewed a page", {"when": "event_type = 'page_viewed'", "within": "30d"}),
        value("Fair"),
        value("It's a friend"),
        Candidate("attributes", "Size: 50 or more", {"when": "size >= 50"}),
        Candidate("attributes", "Size: 50 or more", {"when": "size >= 49.5"}),
        *many,
    ]


def test_whatever_the_columns_are_called_and_hold_lines_can_be_scored() -> None:
    history = rich_history()
    with build_spine(history, SpinePolicy(dates=(AS_OF,))) as spine:
        rows = TrainingRows.make(history.engine, "training_rows", f"SELECT * FROM {spine}")
        plan = plan_features(history, rows, FeatureSettings(min_support=0.0))
        found = candidates(history, plan, rows)
        matches = match_lines(history, rows, found)
    assert matches.shape == (len(rows_of(history)), len(found))
    whens = {line.settings["when"]: line.label for line in found}
    assert whens["city = 'O''Neil\\'"] == "City: O'Neil\\"
    assert whens["vip"] == "Vip: yes"
    assert whens["account.industry = 'IT'"] == "Industry: IT"
    assert any(when.startswith('"total money" >= 0.') for when in whens)
    assert "event_type = 'page_viewed' AND NOT paid" in whens
    assert not any(when.endswith("= ''") for when in whens), "nothing to read in an empty value"
    at = [line.settings for line in found].index({"when": "vip"})
    with_vip = history.engine.frame("SELECT lead_id FROM leads WHERE vip")["lead_id"]
    assert matches[:, at].sum() <= len(with_vip)


def rows_of(history: History) -> list[str]:
    """Leads that exist at the as-of."""
    at = history.engine.dialect.literal(AS_OF)
    return history.engine.frame(f"SELECT lead_id FROM leads WHERE created_at <= {at}")["lead_id"].tolist()


def test_the_sheet_reads_as_one_would_write_it_and_its_text_is_the_sheet() -> None:
    learned = Learned({(0,): 7, (1,): 12, (2,): 12, (3,): 4, (4,): -3, tuple(range(5, 14)): 9}, -3.0)
    sheet = learned_sheet(
        "ours",
        "Learned",
        lines(),
        learned,
        average_log_odds=-2.5,
        totals=np.arange(100.0),
        weight=None,
        capacity=0.2,
    )
    read = Sheet.model_validate(yaml.safe_load(yaml_text(sheet)))
    assert read.version == sheet.version
    attributes = {rule.label: (rule.when, rule.points) for rule in read.attributes}
    assert attributes["Source: Fair or It's a friend"] == ("source IN ('Fair', 'It''s a friend')", 12)
    assert attributes["Source: 9 values (source_1)"] == ("source IN source_1", 9)
    assert attributes["Size: 50 or more"][1] == 4
    assert attributes["Size: 50 or more (2)"][1] == -3
    assert next(iter(attributes)) == "Source: Fair or It's a friend"  # most points first
    assert read.actions[0].points == 7
    assert read.base == {"fit": 43}  # 50, less half a unit of log-odds
    # A fifth of the totals 43 … 142 is above the first threshold, a twentieth above the second.
    stages = (read.thresholds.mql, read.thresholds.sql)
    assert [stage.points for stage in stages if stage] == [123, 138]
