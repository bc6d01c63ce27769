"""Laws of the ledger, on random sheets and histories: it sums to the score, and the future cannot move it."""

from __future__ import annotations

import copy
import os
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import compact
from models.scorecard import Sheet, SheetScores, score_sheet
from tests.laws.histories import START, Tables, moments, open_tables, tables
from tests.laws.sheet_oracle import Line, OracleRule, Row, Test, ledger_of
from tests.models.histories import set_spine

_COUNT = int(os.environ.get("LEADLENS_EXAMPLES", "40"))
EXAMPLES = settings(
    max_examples=_COUNT,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
PAIRS = settings(EXAMPLES, max_examples=max(1, _COUNT // 3))  # laws that score twice
Spine = list[tuple[str, Any]]


def above(row: Row, name: str, limit: float) -> bool | None:
    return None if row[name] is None else row[name] > limit


# The same condition twice: in SQL for the sheet, in Python for the oracle.
ACTIONS: list[tuple[str, Test]] = [
    ("event_type = 'email_opened'", lambda e: e["event_type"] == "email_opened"),
    ("event_type IN ('call', 'page_viewed')", lambda e: e["event_type"] in ("call", "page_viewed")),
    ("page = 'Pricing'", lambda e: None if e["page"] is None else e["page"] == "Pricing"),
    ("page IS NULL", lambda e: e["page"] is None),
    ("NOT page ILIKE 'c%'", lambda e: None if e["page"] is None else not e["page"].lower().startswith("c")),
    ("value > 1", lambda e: above(e, "value", 1)),
    (
        "value * 2 > 1 AND event_type <> 'call'",
        lambda e: above(e, "value", 0.5) and e["event_type"] != "call",
    ),
    ("occurred_at >= DATE '2024-03-10'", lambda e: e["occurred_at"] >= START + timedelta(days=13)),
    ("TRUE", lambda e: True),
]
ATTRIBUTES: list[tuple[str, Test]] = [
    ("city = 'Bern'", lambda lead: None if lead["city"] is None else lead["city"] == "Bern"),
    ("city IS NULL OR city = 'Rome'", lambda lead: lead["city"] in (None, "Rome")),
    ("email ILIKE '%@GMAIL.com'", lambda lead: lead["email"] and lead["email"].endswith("@gmail.com")),
    ("account.staff > 10", lambda lead: above(lead, "staff", 10)),
    ("account.industry IS NOT NULL", lambda lead: lead["industry"] is not None),
]  # fmt: skip
points = st.sampled_from([1, 3, 7, -4, -10, 0, 2.5, 0.1])


@st.composite
def rules(draw: st.DrawFn) -> list[tuple[OracleRule, str]]:
    found = []
    for number in range(draw(st.integers(1, 5))):
        also = tuple(draw(st.sampled_from([(), (), ("services",), ("services", "platform")])))
        if draw(st.integers(0, 2)) == 0:
            sql, test = draw(st.sampled_from(ATTRIBUTES))
            found.append((OracleRule(f"rule {number}", test, draw(points), "attribute", also=also), sql))
            continue
        sql, test = draw(st.sampled_from(ACTIONS))
        per = draw(st.sampled_from(["once", "each"]))
        cap = draw(st.sampled_from([None, 1, 5, 9, 0.25])) if per == "each" else None
        days = draw(st.sampled_from([None, None, 1, 7, 30]))
        within = None if days is None else timedelta(days=days)
        found.append(
            (OracleRule(f"rule {number}", test, draw(points), "action", per, within, cap, also), sql)
        )
    return found


def as_sheet(found: list[tuple[OracleRule, str]], base: int = 0) -> Sheet:
    def written(rule: OracleRule, sql: str) -> dict[str, Any]:
        told: dict[str, Any] = {
            "label": rule.label,
            "when": sql,
            "points": rule.points,
            "also": list(rule.also),
        }
        if rule.on == "action":
            told |= {"per": rule.per, "cap": rule.cap, "within": rule.within and compact(rule.within)}
        return told

    return Sheet.model_validate(
        {
            "sheet": "law",
            "base": base,
            "dimensions": ["services", "platform"],
            "attributes": [written(rule, sql) for rule, sql in found if rule.on == "attribute"],
            "actions": [written(rule, sql) for rule, sql in found if rule.on == "action"],
            "disqualify": [{"label": "From Oslo", "when": "city = 'Oslo'"}],
            "thresholds": {"mql": 5, "sql": 12},
        }
    )


def spine_of(world: Tables) -> Spine:
    ages = (timedelta(0), timedelta(days=7), timedelta(days=31, microseconds=1))
    return [(lead["lead_id"], START + timedelta(days=14) + age) for lead in world["leads"] for age in ages]


def scored(world: Tables, sheet: Sheet, spine: Spine) -> SheetScores:
    history = open_tables(world)
    set_spine(history, spine)
    return score_sheet(sheet, history)


def same(left: SheetScores, right: SheetScores) -> None:
    pd.testing.assert_frame_equal(left.scores, right.scores, rtol=0, atol=1e-9)
    pd.testing.assert_frame_equal(left.ledger, right.ledger, rtol=0, atol=1e-9)


def rounded(lines: list[Line]) -> Counter[Line]:
    return Counter((*line[:3], round(line[3], 6), round(line[4], 6) + 0.0) for line in lines)


@EXAMPLES
@given(world=tables(), found=rules())
def test_the_ledger_is_the_oracles(world: Tables, found: list[tuple[OracleRule, str]]) -> None:
    world = {**world, "changes": []}
    spine = spine_of(world)
    ledger = scored(world, as_sheet(found), spine).ledger
    accounts = {account["account_id"]: account for account in world["accounts"]}
    leads = {
        lead["lead_id"]: {"staff": None, "industry": None} | lead | accounts.get(lead["account_id"], {})
        for lead in world["leads"]
    }
    for row_id, (lead_id, as_of) in enumerate(spine):
        events = [event for event in world["events"] if event["lead_id"] == lead_id]
        expected = ledger_of([rule for rule, _ in found], leads[lead_id], events, as_of)
        columns = ["dimension", "rule", "occurred_at", "raw_points", "points"]
        lines: list[Any] = list(
            ledger.loc[ledger["row_id"] == row_id, columns].itertuples(index=False, name=None)
        )
        got = [
            (*line[:2], None if pd.isna(line[2]) else line[2].to_pydatetime(), *line[3:]) for line in lines
        ]
        assert rounded(got) == rounded(expected)


@EXAMPLES
@given(world=tables(), found=rules(), base=st.integers(-3, 9))
def test_the_ledger_sums_to_every_dimension_and_to_the_total_and_caps_hold(
    world: Tables, found: list[tuple[OracleRule, str]], base: int
) -> None:
    result = scored(world, as_sheet(found, base), spine_of(world))
    sums = result.ledger.pivot_table(index="row_id", columns="dimension", values="points", aggfunc="sum")
    sums = sums.reindex(index=result.scores["row_id"], columns=list(result.sheet.all_dimensions)).fillna(0.0)
    for name in result.sheet.all_dimensions:
        assert abs(sums[name].to_numpy() - result.scores[name].to_numpy()).max() < 1e-9
    total = sums["fit"].to_numpy() + sums["engagement"].to_numpy()
    assert abs(total - result.scores["total"].to_numpy()).max() < 1e-9
    taken = result.ledger["raw_points"] - result.ledger["points"] - result.ledger["taken_by_cap"]
    assert taken.abs().max() < 1e-9 or result.ledger.empty
    _holds_caps(result.ledger, [rule for rule, _ in found])


def _holds_caps(ledger: pd.DataFrame, found: list[OracleRule]) -> None:
    moved = ledger.groupby(["dimension", "rule", "row_id"], as_index=False)["points"].sum()
    for label, most in moved.groupby("rule")["points"].agg(lambda points: points.abs().max()).items():
        for rule in found:
            limit = abs(rule.points) if rule.per == "once" else rule.cap
            assert rule.label != label or limit is None or most <= limit + 1e-9


@PAIRS
@given(world=tables(), found=rules(), seed=st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(
    world: Tables, found: list[tuple[OracleRule, str]], seed: int
) -> None:
    shuffled = copy.deepcopy(world)
    for rows in shuffled.values():
        random.Random(seed).shuffle(rows)
    sheet, spine = as_sheet(found), spine_of(world)
    same(scored(world, sheet, spine), scored(shuffled, sheet, spine))


@PAIRS
@given(world=tables(), found=rules(), more=st.lists(st.tuples(moments, moments, st.booleans()), max_size=4))
def test_what_lies_or_becomes_known_ahead_changes_nothing(
    world: Tables, found: list[tuple[OracleRule, str]], more: list[tuple[Any, Any, bool]]
) -> None:
    sheet, last = as_sheet(found), START + timedelta(days=20)
    spine = [(lead["lead_id"], last) for lead in world["leads"]]
    ahead = copy.deepcopy(world)
    for number, (occurred, known, exactly) in enumerate(more):
        template = {"event_id": f"new{number}", "lead_id": spine[0][0], "page": "Pricing", "value": 5.0}
        known = last if exactly else max(known, last)
        ahead["events"].append({**template, "event_type": "call", "occurred_at": occurred, "known_at": known})
    same(scored(world, sheet, spine), scored(ahead, sheet, spine))


@PAIRS
@given(world=tables(), found=rules())
def test_splitting_a_rule_by_disjoint_conditions_changes_only_the_labels(
    world: Tables, found: list[tuple[OracleRule, str]]
) -> None:
    each = [(replace(rule, per="each", cap=None), sql) for rule, sql in found if rule.on == "action"]
    parts = ("page = 'Pricing'", "(page <> 'Pricing' OR page IS NULL)")
    halves = [
        (replace(rule, label=f"{rule.label} {part}"), f"({sql}) AND {part}")
        for rule, sql in each
        for part in parts
    ]
    spine = spine_of(world)
    whole, split = scored(world, as_sheet(each), spine), scored(world, as_sheet(halves), spine)
    pd.testing.assert_frame_equal(whole.scores, split.scores, rtol=0, atol=1e-9)
    assert len(whole.ledger) == len(split.ledger)


@PAIRS
@given(world=tables(), found=rules())
def test_a_row_scores_the_same_alone_and_among_others(
    world: Tables, found: list[tuple[OracleRule, str]]
) -> None:
    sheet, spine = as_sheet(found), spine_of(world)
    together, alone = scored(world, sheet, spine), scored(world, sheet, spine[-1:])
    pd.testing.assert_frame_equal(
        together.scores.iloc[[-1]].drop(columns="row_id").reset_index(drop=True),
        alone.scores.drop(columns="row_id"),
        rtol=0,
        atol=1e-9,
    )
