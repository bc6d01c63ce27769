"""Laws of the ledger, on random sheets and histories: it sums to the score, and the future cannot move it."""

from __future__ import annotations

import copy
import random
from datetime import timedelta
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from leadlens.features import DuckDBEngine, History
from leadlens.models.scorecard import ActionRule, Sheet, SheetScores, score_sheet
from leadlens.pipeline.sources.cleaning import Cleaner
from tests.laws.histories import Tables, open_tables, timestamps
from tests.laws.random_sheets import EXAMPLES, PAIRS, Content, Spine, as_sheet, sheets, spines, worlds
from tests.models.histories import set_spine

DAY = timedelta(days=1)


def scored(world: Tables, content: Content, spine: Spine) -> SheetScores:
    return scored_in(open_tables(world), content, spine)


def scored_in(history: History, content: Content, spine: Spine) -> SheetScores:
    rows = set_spine(history, spine)
    return score_sheet(as_sheet(content), history, rows, movement=True)


def same_scores(left: SheetScores, right: SheetScores) -> None:
    pd.testing.assert_frame_equal(left.scores, right.scores, rtol=0, atol=1e-9)


def same(left: SheetScores, right: SheetScores) -> None:
    same_scores(left, right)
    by = ["row_id", "dimension", "rule", "occurred_at"]
    # which of two lines of one rule and moment a cap cuts is open
    amounts = ["raw_points", "taken_by_decay", "taken_by_cap", "points"]
    for columns in (["detail"], amounts):
        mine, other = (
            found.ledger[by + columns].sort_values(by + columns).reset_index(drop=True)
            for found in (left, right)
        )
        pd.testing.assert_frame_equal(mine, other, rtol=0, atol=1e-9)


@EXAMPLES
@given(data=st.data(), world=worlds(), content=sheets())
def test_the_ledger_sums_to_every_dimension_and_to_the_total(
    data: st.DataObject, world: Tables, content: Content
) -> None:
    found = scored(world, content, data.draw(spines(world)))
    sheet, scores, ledger = found.sheet, found.scores, found.ledger
    sums = ledger.pivot_table(index="row_id", columns="dimension", values="points", aggfunc="sum")
    sums = sums.reindex(index=scores["row_id"], columns=list(sheet.all_dimensions)).fillna(0.0)
    for name in sheet.all_dimensions:
        assert abs(sums[name].to_numpy() - scores[name].to_numpy()).max() < 1e-8
    total = sums[list(sheet.total)].sum(axis=1).to_numpy()
    assert abs(total - scores["total"].to_numpy()).max() < 1e-8
    told = ledger["taken_by_decay"] + ledger["taken_by_cap"] + ledger["points"]
    assert ledger.empty or (ledger["raw_points"] - told).abs().max() < 1e-8
    assert scores["score"].between(0, 100).all()


@EXAMPLES
@given(data=st.data(), world=worlds(), content=sheets())
def test_caps_hold_and_neither_decay_nor_caps_turn_a_sign(
    data: st.DataObject, world: Tables, content: Content
) -> None:
    found = scored(world, content, data.draw(spines(world)))
    ledger, rules = found.ledger, {rule.label: rule for rule in found.sheet.rules}
    decayed = ledger["raw_points"] - ledger["taken_by_decay"]
    for less, more in ((decayed, ledger["raw_points"]), (ledger["points"], decayed)):
        assert (less * more >= 0).all()
        assert (less.abs() <= more.abs() + 1e-8).all()
    # a line stands once for each dimension that it moves: look at the first
    first = {name: rule.moves[0] for name, rule in rules.items()}
    lines = ledger[ledger["rule"].map(first) == ledger["dimension"]]
    for (_, label), part in lines.groupby(["row_id", "rule"]):
        rule = rules[str(label)]
        assert part["points"].abs().sum() <= most_of(rule) + 1e-8
        assert len(part) == 1 or (isinstance(rule, ActionRule) and rule.per != "once")
    for group in found.sheet.groups:
        of_group = lines[
            lines["rule"].isin([name for name, rule in rules.items() if rule.group == group.name])
        ]
        for side in (of_group[of_group["points"] > 0], of_group[of_group["points"] < 0]):
            assert (side.groupby("row_id")["points"].sum().abs() <= group.cap + 1e-8).all()


def most_of(rule: Any) -> float:
    if isinstance(rule, ActionRule) and rule.per != "once":
        return float("inf") if rule.cap is None else rule.cap
    return float(abs(rule.points))


@PAIRS
@given(data=st.data(), world=worlds(), content=sheets(), seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(
    data: st.DataObject, world: Tables, content: Content, seed: int
) -> None:
    shuffled = copy.deepcopy(world)
    for rows in shuffled.values():
        random.Random(seed).shuffle(rows)
    spine = data.draw(spines(world))
    same(scored(world, content, spine), scored(shuffled, content, spine))


@PAIRS
@given(
    data=st.data(),
    world=worlds(),
    content=sheets(),
    again=st.lists(st.tuples(st.integers(0, 13), st.booleans())),
)
def test_an_event_that_is_told_twice_counts_once(
    data: st.DataObject, world: Tables, content: Content, again: list[tuple[int, bool]]
) -> None:
    twice, spine = copy.deepcopy(world), data.draw(spines(world))
    for number, later in again:
        for event in world["events"][number : number + 1]:
            more = {"known_at": event["known_at"] + DAY, "value": 2.0} if later else {}
            twice["events"].append(event | more)
    found = []
    for each in (world, twice):
        history = open_tables(each)
        assert isinstance(history.engine, DuckDBEngine)
        Cleaner(history.engine).events()  # what every opening does
        found.append(scored_in(history, content, spine))
    same(*found)


@PAIRS
@given(
    data=st.data(),
    world=worlds(),
    content=sheets(),
    more=st.lists(st.tuples(timestamps, timestamps, st.booleans()), min_size=1, max_size=4),
)
def test_what_lies_or_becomes_known_ahead_changes_nothing(
    data: st.DataObject, world: Tables, content: Content, more: list[tuple[Any, Any, bool]]
) -> None:
    """Nor does it change what stage was kept: events ahead are added, and those that stand are taken back ahead."""
    last = data.draw(spines(world))[0][1]
    spine = [(lead["lead_id"], last) for lead in world["leads"]]
    ahead = copy.deepcopy(world)
    for event in ahead["events"]:
        if event["retracted_at"] is None or event["retracted_at"] >= last:
            event["retracted_at"] = data.draw(st.sampled_from([None, last, last + DAY]))
    for number, (occurred, known, exactly) in enumerate(more):
        template = {"event_id": f"new{number}", "lead_id": spine[0][0], "page": "Pricing", "value": 5.0}
        known = last if exactly else max(known, last)
        ahead["events"].append(
            {
                **template,
                "event_type": "call",
                "occurred_at": occurred,
                "known_at": known,
                "retracted_at": None,
            }
        )
    same(scored(world, content, spine), scored(ahead, content, spine))


@PAIRS
@given(data=st.data(), world=worlds(), content=sheets(keys=False))
def test_splitting_rules_by_disjoint_conditions_changes_only_the_labels(
    data: st.DataObject, world: Tables, content: Content
) -> None:
    split = copy.deepcopy(content)
    split["attributes"] = [
        half
        for rule in content["attributes"]
        for half in halves(rule, "city = 'Bern'", "(city <> 'Bern' OR city IS NULL)")
    ]
    split["actions"] = [
        half
        for rule in content["actions"]
        for half in (
            halves(rule, "page = 'Pricing'", "(page <> 'Pricing' OR page IS NULL)")
            if rule.get("per") == "each" and rule["cap"] is None
            else [rule]
        )
    ]
    spine = data.draw(spines(world))
    whole, parts = scored(world, content, spine), scored(world, split, spine)
    same_scores(whole, parts)
    for found in (whole, parts):
        found.ledger["rule"] = found.ledger["rule"].str.replace(" (rest)", "", regex=False)
    columns = [
        "row_id",
        "dimension",
        "rule",
        "occurred_at",
        "raw_points",
        "taken_by_decay",
        "taken_by_cap",
        "points",
    ]
    left, right = (
        found.ledger[columns].sort_values(columns).reset_index(drop=True) for found in (whole, parts)
    )
    pd.testing.assert_frame_equal(left, right, rtol=0, atol=1e-9)


def halves(rule: Content, one: str, other: str) -> list[Content]:
    return [
        rule | {"when": f"({rule['when']}) AND {one}"},
        rule | {"when": f"({rule['when']}) AND {other}", "label": f"{rule['label']} (rest)"},
    ]


@PAIRS
@given(data=st.data(), world=worlds(), content=sheets())
def test_a_row_scores_the_same_alone_and_among_others(
    data: st.DataObject, world: Tables, content: Content
) -> None:
    spine = data.draw(spines(world))
    together, alone = scored(world, content, spine), scored(world, content, spine[-1:])
    pd.testing.assert_frame_equal(
        together.scores.iloc[[-1]].drop(columns="row_id").reset_index(drop=True),
        alone.scores.drop(columns="row_id"),
        rtol=0,
        atol=1e-9,
    )
    last = SheetScores(together.sheet, alone.scores, together.lines(len(spine) - 1).assign(row_id=0))
    same(last, alone)


@EXAMPLES
@given(content=sheets())
def test_a_random_sheet_is_the_same_after_a_round_trip(content: Content) -> None:
    sheet = as_sheet(content)
    again = Sheet.model_validate(sheet.content())
    assert again == sheet
    assert again.version == sheet.version
