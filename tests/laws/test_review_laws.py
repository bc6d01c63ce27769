"""Laws of stages that are kept: reviews in rounds from the latest backwards say what reviews of all times say, and end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leadlens.features.engines import Step, StepReport
from leadlens.features.history import History
from leadlens.models.scorecard import Sheet, score_sheet
from leadlens.models.scorecard.scoring import reviews
from tests.models.histories import DAY, START, open_small, set_spine

_ALL = (10**9,)  # one round of all times, which is how a stage that is kept is defined
_SHORT = (*range(5, 100, 10), *range(200, 2_000, 200), 10**9)
SHEET = Sheet.model_validate(
    {
        "sheet": "kept",
        "actions": [
            {"label": "Looked", "when": "event_type = 'looked'", "points": 2, "per": "each", "decay": {"half_life": "4d"}},
            {"label": "Asked", "when": "event_type = 'asked'", "points": 6, "decay": {"to_zero": "9d"}},
            {"label": "Left", "when": "event_type = 'left'", "points": -7, "within": "3d"},
        ],
        "thresholds": {"mql": {"points": 9, "keep": 3}, "sql": {"points": 12, "when": "total < 40", "keep": 5}},
    }
)  # fmt: skip


def _walks(seed: int) -> tuple[History, list[tuple[str, Any]]]:
    rng = np.random.default_rng(seed)
    leads = [f"L{n}" for n in range(40)]
    events = [
        {
            "lead_id": lead,
            "occurred_at": START + float(rng.uniform(0, 40)) * DAY,
            "event_type": str(rng.choice(["looked", "asked", "left"], p=[0.7, 0.2, 0.1])),
        }
        for lead in leads
        for _ in range(rng.integers(0, 25))
    ]
    history = open_small([{"lead_id": lead} for lead in leads], events)
    return history, [(lead, START + float(rng.uniform(5, 45)) * DAY) for lead in leads for _ in range(2)]


@pytest.mark.parametrize("seed", range(2))
def test_rounds_decide_as_all_times_together(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    history, rows = _walks(seed)
    spine = set_spine(history, rows)
    monkeypatch.setattr(reviews, "ROUNDS", _ALL)
    whole = score_sheet(SHEET, history, spine)
    monkeypatch.setattr(reviews, "ROUNDS", _SHORT)
    rounds = score_sheet(SHEET, history, spine)
    pd.testing.assert_frame_equal(rounds.scores, whole.scores)
    assert rounds.undecided == whole.undecided == 0
    below = whole.scores[whole.scores["total"].between(3, 8.99)]
    assert {"MQL", "Lead"} <= set(below["stage"])  # some kept it, and others never had it or lost it


def _read(history: History, monkeypatch: pytest.MonkeyPatch) -> list[StepReport]:
    """What the steps of an engine make from now on."""
    reports, run = list[StepReport](), history.engine.run

    def watched(steps: Iterable[Step]) -> None:
        run(steps, reports.append)

    monkeypatch.setattr(history.engine, "run", watched)
    return reports


@pytest.mark.parametrize("number", [300, 1200])
def test_the_latest_times_are_enough_where_they_decide(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [
        {"lead_id": "A", "occurred_at": START + n * DAY / number, "event_type": "looked"}
        for n in range(number)
    ]
    events.append({"lead_id": "A", "occurred_at": START + 2 * DAY, "event_type": "left"})
    sheet = SHEET.model_copy(
        update={"actions": [rule.model_copy(update={"cap": 14}) for rule in SHEET.actions]}
    )
    history = open_small([{"lead_id": "A"}], events)
    spine = set_spine(history, [("A", START + 2.5 * DAY)])
    monkeypatch.setattr(reviews, "ROUNDS", (10 * number, 40 * number, 10**9))
    reports = _read(history, monkeypatch)
    scores = score_sheet(sheet, history, spine)
    assert scores.scores["stage"].tolist() == ["SQL"]
    assert sum(report.rows for report in reports if report.name == "review_visible") <= 40 * number


def test_looking_back_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [
        {"lead_id": "A", "occurred_at": START + n * DAY / 100, "event_type": "asked"} for n in range(500)
    ]
    sheet = SHEET.model_copy(update={"actions": SHEET.actions[1:2]})  # 6 at most: in between for all its life
    history = open_small([{"lead_id": name} for name in "AB"], events)
    spine = set_spine(history, [(name, START + 5 * DAY) for name in "AB"])
    monkeypatch.setattr(reviews, "ROUNDS", (1_000, 5_000))
    reports = _read(history, monkeypatch)
    scores = score_sheet(sheet, history, spine)
    assert scores.scores["stage"].tolist() == ["Lead", "Lead"]
    assert scores.undecided == 1
    assert 0 < sum(report.rows for report in reports if report.name == "review_visible") <= 5_000
