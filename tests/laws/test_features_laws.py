"""Laws of the feature matrix, on random histories: equal to the oracle, blind to the future, one row per row."""

from __future__ import annotations

import copy
import math
import os
import random
from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadlens.features.errors import DataError
from leadlens.features.matrix import build_matrix, plan_columns
from leadlens.features.oracle.matrix import oracle_features
from leadlens.features.plan import AttributeFeature, EventKey, FeaturePlan, Rate, Touch
from leadlens.features.spine import SpinePolicy, build_spine
from tests.laws.histories import AGES, START, Tables, open_tables, tables, timestamps

EXAMPLES = settings(
    max_examples=int(os.environ.get("LEADLENS_EXAMPLES", "25")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
PLAN = FeaturePlan(
    keys=(
        EventKey("any", "Any activity", amounts=("value",), cadence=True),
        EventKey("page_viewed", "Viewed a page", "page_viewed"),
        EventKey(
            "page_viewed:page=Pricing", "Viewed Pricing", "page_viewed", "page", "Pricing", amounts=("value",)
        ),
        EventKey("page=Careers", "Page: Careers", prop="page", value="Careers", share=True),
    ),
    windows=(timedelta(days=1), timedelta(days=7)),
    touches=(
        Touch("last", "event_type", "Last action", ("page_viewed", "email_opened")),
        Touch("last", "page", "Last page", ("Careers", "Pricing")),
        Touch("first", "page", "First page", ("Pricing",)),
    ),
    rates=(Rate("pricing_per_page", "Pricing per page", "page_viewed:page=Pricing", "page_viewed"),),
    hours=True,
    purchases=True,
    attributes=(
        AttributeFeature("lead", "income", "number", "Income", "demographic"),
        AttributeFeature("lead", "city", "category", "City", "demographic", ("Bern", "Rome")),
        AttributeFeature("lead", "email", "email_kind", "E-mail", "demographic"),
        AttributeFeature("lead", "title", "seniority", "Title", "demographic"),
        AttributeFeature("lead", "title", "filled", "Title", "demographic"),
        AttributeFeature("account", "industry", "category", "Industry", "firmographic", ("IT",)),
        AttributeFeature("account", "staff", "number", "Staff", "firmographic"),
    ),
    lead_age=True,
    colleagues=True,
)
POLICY = SpinePolicy(at_ages=AGES, repeat=True)


def matrix(found: Tables, loops: bool = True) -> pd.DataFrame | None:
    history = open_tables(found)
    try:
        spine = build_spine(history, POLICY)
    except DataError:
        return None
    built = build_matrix(history, PLAN, spine, loops=loops)
    return pd.concat([built.spine.set_index("row_id"), built.frame], axis=1)


@EXAMPLES
@given(tables(), st.booleans())
def test_matrix_equals_the_oracle(found: Tables, loops: bool) -> None:
    built = matrix(found, loops)
    if built is None:
        return
    spine = [{"lead_id": row.lead_id, "as_of": row.as_of.to_pydatetime()} for row in built.itertuples()]
    for row, expected in zip(built.to_dict("records"), oracle_features(found, PLAN, spine), strict=True):
        for column in plan_columns(PLAN):
            got, want = row[column.name], expected[column.name]
            if want is None:
                assert got != got, (column.name, got)
            elif isinstance(want, int | str):
                assert got == want, (column.name, got, want)
            else:
                assert math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-9), (column.name, got, want)


@EXAMPLES
@given(tables(), st.randoms(use_true_random=False), st.booleans())
def test_order_of_rows_never_matters(found: Tables, rng: random.Random, loops: bool) -> None:
    shuffled = {name: rng.sample(rows, len(rows)) for name, rows in found.items()}
    _same(matrix(found, loops), matrix(shuffled, loops))


@EXAMPLES
@given(tables(), st.lists(timestamps, max_size=3), st.data())
def test_what_happens_later_never_matters(found: Tables, later: list, data: st.DataObject) -> None:  # type: ignore[type-arg]
    """Added events count from the first microsecond after them, and for no row before."""
    before = matrix(found)
    if before is None:
        return
    later.append(data.draw(st.sampled_from(sorted(before["as_of"])), "a tie").to_pydatetime())
    changed = copy.deepcopy(found)
    lead = found["leads"][0]["lead_id"]
    for number, timestamp in enumerate(later):
        changed["events"].append(
            {"event_id": f"late{number}", "lead_id": lead, "occurred_at": timestamp, "known_at": timestamp,
             "event_type": "page_viewed", "page": "Pricing", "value": 5.0}
        )  # fmt: skip
    changed["changes"].append(
        {"entity": "lead", "id": lead, "attribute": "income", "value": "99", "known_at": min(later)}
    )
    after = matrix(changed)
    if before is None or after is None:
        return
    fence = before["as_of"] <= min(later)
    told = any(change["id"] == lead for change in found["changes"])
    columns = [name for name in before if name != "income" or told]
    _same(before.loc[fence, columns], after.loc[fence, columns])


@EXAMPLES
@given(tables())
def test_a_fact_known_too_late_is_unseen(found: Tables) -> None:
    """Moving known_at beyond every timestamp equals never having had the events."""
    delayed = copy.deepcopy(found)
    for event in delayed["events"]:
        event["known_at"] = START + timedelta(days=400)
    _same(matrix(delayed), matrix({**found, "events": []}))


@EXAMPLES
@given(tables())
def test_exactly_one_row_per_spine_row(found: Tables) -> None:
    built = matrix(found)
    if built is not None:
        assert not built.duplicated(["lead_id", "as_of"]).any()
        opened = {lead["lead_id"]: lead for lead in found["leads"]}
        for row in built.itertuples():
            lead = opened[row.lead_id]
            assert lead["created_at"] <= row.as_of
            assert lead["closed_at"] is None or lead["closed_at"] >= row.as_of


def test_a_plan_survives_its_record() -> None:
    assert FeaturePlan.from_dict(PLAN.to_dict()) == PLAN


def test_a_plan_of_another_version_is_refused_in_words() -> None:
    told = {name: value for name, value in PLAN.to_dict().items() if name != "touches"}
    with pytest.raises(DataError, match="train again"):
        FeaturePlan.from_dict(told)


def _same(left: pd.DataFrame | None, right: pd.DataFrame | None) -> None:
    if left is None or right is None:
        assert left is None
        assert right is None
        return
    pd.testing.assert_frame_equal(left, right, check_exact=False, rtol=1e-12, atol=1e-12)


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
