"""Which number properties of events are added up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from leadlens.features.engines import Step
from leadlens.features.planning import plan_vocabulary
from leadlens.features.settings import FeatureSettings
from tests.models.histories import START, open_small, set_spine

LEADS = 20


def added_up(name: str, values: tuple[float, ...]) -> tuple[str, ...]:
    """The amounts planned where each lead has three events with such a number."""
    events = [
        {"lead_id": f"L{n}", "occurred_at": START + timedelta(hours=hour), "event_type": "call"}
        | {name: values[(n + hour) % len(values)]}
        for n in range(LEADS)
        for hour in range(3)
    ]
    history = open_small(
        [{"lead_id": f"L{n}"} for n in range(LEADS)], events, event_properties={name: "number"}
    )
    spine = set_spine(history, [(f"L{n}", START + timedelta(days=1)) for n in range(LEADS)])
    return plan_vocabulary(history, spine, FeatureSettings()).keys[0].amounts


@pytest.mark.parametrize("name", ["clerk", "user_id", "userId", "offer_no", "Product-Code", "sales_rep"])
def test_a_number_that_names_one_of_many_is_not_added_up(name: str) -> None:
    assert added_up(name, (10124.0, 10138.0, 112.0)) == ()
    assert added_up(name, (10124.5, 10138.0, 112.0)) == (
        name,
    )  # a part of a clerk is none: an amount after all


@pytest.mark.parametrize(
    "name", ["value", "cds", "number", "no_of_cds", "employees", "paid", "casino", "users"]
)
def test_amounts_are_added_up_though_they_are_whole(name: str) -> None:
    assert added_up(name, (1.0, 3.0, 2.0)) == (name,)


@pytest.mark.parametrize(("late", "planned"), [(timedelta(0), False), (timedelta(microseconds=1), True)])
def test_only_conversions_strictly_before_a_row_make_purchases_and_rollups(
    late: timedelta, planned: bool
) -> None:
    """Support is counted as of then: a conversion of the very as-of lies in the label's horizon."""
    converted = START + timedelta(days=1)
    leads = [{"lead_id": f"L{n}", "account_id": f"A{n // 2}"} for n in range(LEADS)]
    events = [{"lead_id": f"L{n}", "occurred_at": START, "event_type": "call"} for n in range(LEADS)]
    history = open_small(leads, events)
    at = history.engine.dialect.literal(converted)
    sql = f"SELECT lead_id, {at} AS converted_at, 'sale' AS kind, CAST(NULL AS DOUBLE) AS value FROM leads"
    history.engine.run([Step("conversions", sql)])
    plan = plan_vocabulary(history, set_spine(history, [(f"L{n}", converted + late) for n in range(LEADS)]))
    assert plan.purchases is planned
    assert ("account_conversions" in (plan.colleagues or ())) is planned  # type: ignore[operator]
