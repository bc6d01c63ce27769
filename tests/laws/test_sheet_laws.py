"""The SQL of score sheets against the oracle, on random sheets and histories: every column of every row."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.models.scorecard import Sheet, SheetScores, score_sheet
from tests.laws.histories import Tables, open_tables
from tests.laws.random_sheets import EXAMPLES, TESTS, Content, Spine, as_sheet, sheets, spines, worlds
from tests.laws.sheet_oracle import Line, SheetOracle, moves
from tests.models.histories import set_spine

NUMBERS = ["total", "score", "trend", "surge"]
TEXTS = ["grade", "stage", "disqualified_by", "product", "route", "action", "queue", "reason"]
Told = tuple[Any, ...]


@EXAMPLES
@given(data=st.data(), world=worlds(), content=sheets())
def test_scores_and_ledger_are_the_oracles(data: st.DataObject, world: Tables, content: Content) -> None:
    sheet, spine = as_sheet(content), data.draw(spines(world))
    history = open_tables(world)
    rows = set_spine(history, spine)
    check(sheet, world, spine, score_sheet(sheet, history, rows, movement=True))


def check(sheet: Sheet, world: Tables, spine: Spine, found: SheetScores) -> None:
    oracle = SheetOracle(sheet, TESTS, world)
    rows = found.scores.to_dict("records")
    assert [(row["lead_id"], row["as_of"].to_pydatetime()) for row in rows] == spine
    for row_id, (lead_id, as_of) in enumerate(spine):
        expected, lines = oracle.score(lead_id, as_of)
        row = {name: None if pd.isna(value) else value for name, value in rows[row_id].items()}
        ledger = found.lines(row_id)
        told = of_ledger(ledger)
        expected_lines = of_oracle(sheet, lines)
        # which of two lines of one moment a cap cuts is open: what was seen, and what the cap took, each by itself
        assert Counter(line[:6] for line in told) == Counter(line[:6] for line in expected_lines)
        assert Counter(line[:3] + line[4:] for line in told) == Counter(
            line[:3] + line[4:] for line in expected_lines
        )
        for name in (*sheet.all_dimensions, *NUMBERS):
            assert row[name] == pytest.approx(expected[name], abs=1e-8), name
        for name in TEXTS:
            assert row[name] == expected[name], name


def of_ledger(ledger: pd.DataFrame) -> list[Told]:
    """Dimension, rule, moment, detail, raw, taken by decay, taken by the cap, points."""
    columns = [
        "dimension",
        "rule",
        "occurred_at",
        "detail",
        "raw_points",
        "taken_by_decay",
        "taken_by_cap",
        "points",
    ]
    return [
        (*line[:2], None if pd.isna(line[2]) else line[2].to_pydatetime(),
         # what was seen of a lead depends on how its condition is written; see the cases written by hand
         None if pd.isna(line[2]) or pd.isna(line[3]) else line[3], *rounded(line[4:]))
        for line in ledger[columns].itertuples(index=False, name=None)
    ]  # fmt: skip


def of_oracle(sheet: Sheet, lines: list[Line]) -> list[Told]:
    found: list[Told] = [
        (name, "Starting points", None, None, *rounded((points, 0, 0, points)))
        for name, points in sheet.base.items()
    ]
    for line in lines:
        numbers = rounded((line.raw, line.raw - line.decayed, line.decayed - line.points, line.points))
        found += [(name, line.rule.label, line.moment, line.detail, *numbers) for name in moves(line.rule)]
    return found


def rounded(numbers: Any) -> tuple[float, ...]:
    """All points have nine decimals, so nothing lies between two of them but noise; no -0.0."""
    return tuple(round(number, 9) + 0.0 for number in numbers)
