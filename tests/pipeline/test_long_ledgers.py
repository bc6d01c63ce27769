"""A lead with very many events: its row holds a ledger of bounded length that still adds up to its points."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leadlens.models.scorecard import ScorecardSet, Sheet, score_scorecard_set
from leadlens.pipeline.dataset.lead_scores import lead_scores
from leadlens.pipeline.dataset.long_ledgers import MOST_LINES, cut_ledgers, long_ledgers
from leadlens.pipeline.dataset.scored_leads import ScoredLeads
from leadlens.pipeline.jobs.scoring import Tally
from tests.models.histories import DAY, START, open_small, set_spine
from tests.pipeline.test_lead_scores import ledger_of
from tests.pipeline.test_lead_scores import scored as scored  # a fixture


def _cut_slowly(ledger: pd.DataFrame, most: int) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for _, own in ledger.groupby("row_id"):
        kept = own.loc[
            own["points"].abs().sort_values(ascending=False, kind="stable").index[:most]
        ].sort_index()
        lines += kept[["row_id", "dimension", "rule", "points"]].to_dict("records")
        rest = own.drop(index=kept.index)
        for dimension in rest["dimension"].drop_duplicates():
            some = rest[rest["dimension"] == dimension]
            name = f"{len(some):,} more {'line' if len(some) == 1 else 'lines'} with fewer points each"
            points = round(some["points"].sum(), 9)
            lines.append(
                {"row_id": own["row_id"].iloc[0], "dimension": dimension, "rule": name, "points": points}
            )
    return lines


@pytest.mark.parametrize("seed", range(12))
def test_the_largest_lines_stay_and_the_others_add_up(seed: int) -> None:
    rows = np.sort(np.random.default_rng(seed).integers(0, 9, 120)).tolist()
    ledger = ledger_of(rows, seed).assign(lead_id=[f"L{row}" for row in rows])
    cut = cut_ledgers(ledger, 1 + seed)
    slow = pd.DataFrame(_cut_slowly(ledger, 1 + seed))
    pd.testing.assert_frame_equal(cut[list(slow)], slow.astype({"rule": "str", "dimension": "str"}))
    for name in ("points", "taken_by_decay", "taken_by_cap"):
        by = ["row_id", "dimension"]
        pd.testing.assert_series_equal(cut.groupby(by)[name].sum(), ledger.groupby(by)[name].sum())
    rest = cut[cut["rule"].str.contains(" more line")]
    assert rest["occurred_at"].isna().all()
    assert long_ledgers(ledger, 1 + seed) == rest["row_id"].nunique()


def test_ledgers_of_ordinary_length_stay_as_they_are() -> None:
    ledger = ledger_of([1, 1, 2], 0)
    assert cut_ledgers(ledger, 2) is ledger
    assert long_ledgers(ledger, 2) == 0


def test_a_row_holds_a_bounded_ledger_that_adds_up_to_its_points(scored: ScoredLeads) -> None:
    sheet = {
        "sheet": "many",
        "actions": [
            {"label": "Looked", "when": "event_type = 'looked'", "points": 0.1, "per": "each"},
            {"label": "Left", "when": "event_type = 'left'", "points": -3},
        ],
        "thresholds": {"mql": 20},
    }
    events = [
        {"lead_id": "A", "occurred_at": START + n * DAY / 10_000, "event_type": "looked"}
        for n in range(3_000)
    ]
    events.append({"lead_id": "A", "occurred_at": START + 2 * DAY, "event_type": "left"})
    history = open_small([{"lead_id": name} for name in "ABC"], events)
    spine = set_spine(history, [(name, START + 30 * DAY) for name in "ABC"])
    rules = score_scorecard_set(ScorecardSet((Sheet.model_validate(sheet),)), history, spine, movement=True)
    rows = lead_scores(replace(scored, rules=rules)).set_index("lead_id")
    ledger = rows.loc["A", "ledger"]
    assert len(ledger) == MOST_LINES + 1
    assert ledger[-1]["rule"] == "2,001 more lines with fewer points each"
    assert ledger[-1]["detail"] == "2026-03-02 to 2026-03-02"
    assert "Left" in [line["rule"] for line in ledger]
    assert round(sum(line["points"] for line in ledger), 9) == rows.loc["A", "rule_points"] == 297.0
    tally = Tally(long_ledgers=long_ledgers(rules.ledger))
    assert "1 lead has more than 1,000 lines" in tally.warnings()[0]


def test_a_million_lines_are_cut_in_seconds() -> None:
    ledger = pd.concat([ledger_of([3] * 10_000, 0)] * 100, ignore_index=True).assign(lead_id="L3")
    started = time.process_time()
    assert len(cut_ledgers(ledger)) <= MOST_LINES + 2
    assert time.process_time() - started < 15  # 0.6 on an idle machine
