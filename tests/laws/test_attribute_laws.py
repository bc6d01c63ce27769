"""Laws of demographic and firmographic features: equal to the oracle, blind to the future, and to who is asked."""

from __future__ import annotations

import copy
import math
import os
from datetime import datetime, timedelta
from typing import get_args
from unittest import mock

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadlens.features.accounts import steps as account_steps
from leadlens.features.errors import DataError
from leadlens.features.matrix import build_matrix, plan_columns
from leadlens.features.oracle.matrix import oracle_features
from leadlens.features.plan import AttributeFeature, FeaturePlan, Reading
from leadlens.features.spine import SpinePolicy, build_spine
from tests.laws.attribute_histories import ACCOUNTS, attribute_tables, firm_tables, open_attribute_tables
from tests.laws.histories import START, Tables, timestamps

EXAMPLES = settings(
    max_examples=int(os.environ.get("LEADLENS_EXAMPLES", "40")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_READ: dict[str, tuple[Reading, ...]] = {
    "email": ("email_kind", "email_valid", "email_country", "filled"),
    "title": ("seniority", "function"),
    "born": ("age", "years", "age_band"),
    "age": ("range", "age_band", "category"),
    "postcode": ("postcode_area",),
    "keen": ("flag",),
    "mobile": ("phone_valid", "phone_kind"),
    "size": ("range", "size_band"),
    "staff": ("number", "size_band"),
    "revenue": ("revenue_band",),
    "founded": ("years",),
    "since": ("years",),
}
_KEPT = ("CH", "DE", "80", "25-34")


def _feature(column: str, reading: Reading, beside: str = "") -> AttributeFeature:
    source, family = ("account", "firmographic") if column in ACCOUNTS else ("lead", "demographic")
    return AttributeFeature(source, column, reading, column, family, _KEPT, beside)  # type: ignore[arg-type]


PLAN = FeaturePlan(
    attributes=(
        *(_feature(column, reading) for column, readings in _READ.items() for reading in readings),
        *(
            _feature("phone", reading, "country")
            for reading in ("phone_valid", "phone_kind", "phone_country")
        ),
    )
)
ROLLUP_PLAN = FeaturePlan(colleagues=True)


def _ages(*days: float) -> SpinePolicy:
    return SpinePolicy(at_ages=tuple(timedelta(days=day) for day in days), repeat=True)


FEW = _ages(0, 1, 33)
POLICIES = st.sampled_from([FEW, _ages(0, 2, 7.000001, 14, 21, 30, 30.000001, 33, 45), _ages(45), _ages(1)])


def matrix(found: Tables, policy: SpinePolicy = FEW, plan: FeaturePlan = ROLLUP_PLAN) -> pd.DataFrame | None:
    history = open_attribute_tables(found)
    try:
        spine = build_spine(history, policy)
    except DataError:
        return None
    built = build_matrix(history, plan, spine)
    return pd.concat([built.spine.set_index("row_id"), built.frame], axis=1)


def equals_the_oracle(found: Tables, policy: SpinePolicy, plan: FeaturePlan) -> None:
    built = matrix(found, policy, plan)
    if built is None:
        return
    spine = [{"lead_id": row.lead_id, "as_of": row.as_of.to_pydatetime()} for row in built.itertuples()]
    for row, expected in zip(built.to_dict("records"), oracle_features(found, plan, spine), strict=True):
        for column in plan_columns(plan):
            got, want = row[column.name], expected[column.name]
            if want is None:
                assert got != got, (column.name, got)
            elif isinstance(want, int | str):
                assert got == want, (column.name, got, want)
            else:
                assert math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-9), (column.name, got, want)


def test_every_reading_is_held_to_the_oracle() -> None:
    assert {feature.reading for feature in PLAN.attributes} == set(get_args(Reading))


@EXAMPLES
@given(attribute_tables())
def test_attributes_equal_the_oracle(found: Tables) -> None:
    equals_the_oracle(found, FEW, PLAN)


@EXAMPLES
@given(firm_tables(), POLICIES, st.sampled_from([0, 8]))
def test_rollups_equal_the_oracle(found: Tables, policy: SpinePolicy, few_leads: int) -> None:
    with mock.patch.object(account_steps, "_FEW_LEADS", few_leads):  # small firms take the big ones' way too
        equals_the_oracle(found, policy, ROLLUP_PLAN)


def test_what_begins_or_ends_at_the_first_snapshot_of_an_account() -> None:
    """Events known, or no longer recent, exactly as of the first row: too rare a tie for random histories."""
    first = timedelta(days=45)
    leads = [
        {"lead_id": lead_id, "created_at": START + timedelta(days=age), "account_id": "x", "closed_at": None}
        for lead_id, age in (("a", 0), ("b", 0), ("c", 1))
    ]
    days = ((5, 5), (10, 45), (15, 15))  # occurred, known
    events = [
        {"lead_id": "b", "occurred_at": START + timedelta(days=occurred), "known_at": START + timedelta(days=known),
         "retracted_at": None, "event_type": "call"}
        for occurred, known in days
    ]  # fmt: skip
    for some in (events, events[:2], events[2:]):
        found = {"leads": leads, "accounts": [], "events": some, "conversions": [], "changes": []}
        equals_the_oracle(found, SpinePolicy(at_ages=(first,), repeat=True), ROLLUP_PLAN)


@EXAMPLES
@given(firm_tables(), st.lists(timestamps, min_size=1, max_size=3))
def test_what_colleagues_do_later_never_matters(found: Tables, later: list) -> None:  # type: ignore[type-arg]
    """Leads, events and conversions from a timestamp on leave every row up to that timestamp as it was."""
    changed = copy.deepcopy(found)
    first = found["leads"][0]
    for number, timestamp in enumerate(later):
        lead_id = f"new{number}"
        changed["leads"].append({**first, "lead_id": lead_id, "created_at": timestamp})
        changed["events"].append(
            {"lead_id": lead_id, "occurred_at": timestamp, "known_at": timestamp, "retracted_at": None,
             "event_type": "call"}
        )  # fmt: skip
        changed["conversions"].append({"lead_id": first["lead_id"], "converted_at": timestamp, "kind": None})
    before, after = matrix(found), matrix(changed)
    if before is None or after is None:
        return
    _same_rows(before[before["as_of"] <= min(later)], after)


@EXAMPLES
@given(attribute_tables(), st.sampled_from(["phone", "country", "email", "title", "age"]), timestamps)
def test_what_is_learned_later_never_matters(found: Tables, column: str, timestamp: datetime) -> None:
    """A change of an attribute that has changed before is unseen up to its timestamp."""
    lead = found["leads"][0]["lead_id"]
    first = {"entity": "lead", "id": lead, "attribute": column, "value": "CH", "known_at": START}
    found = {**found, "changes": [*found["changes"], first]}
    changed = {
        **found,
        "changes": [*found["changes"], {**first, "value": "+1 415 555 2671", "known_at": timestamp}],
    }
    before, after = matrix(found, plan=PLAN), matrix(changed, plan=PLAN)
    if before is None or after is None:
        return
    _same_rows(before[before["as_of"] <= timestamp], after)


@EXAMPLES
@given(firm_tables(), POLICIES)
def test_a_lead_is_no_colleague_of_its_own(found: Tables, policy: SpinePolicy) -> None:
    """Whatever the lead itself does, the roll-ups of its account stay as they are."""
    lead = found["leads"][0]["lead_id"]
    without = found | {
        table: [row for row in found[table] if row["lead_id"] != lead] for table in ("events", "conversions")
    }
    before, after = matrix(found, policy), matrix(without, policy)
    if before is None or after is None:
        return
    _same_rows(before[before["lead_id"] == lead], after)


@EXAMPLES
@given(firm_tables(), POLICIES)
def test_spine_rows_do_not_change_each_other(found: Tables, policy: SpinePolicy) -> None:
    """More timestamps of an account, or fewer: the same lead at the same timestamp has the same values."""
    many, few = (
        matrix(found, policy),
        matrix(found, _ages(*(age / timedelta(days=1) for age in policy.at_ages[:1]))),
    )
    if many is None or few is None:
        return
    _same_rows(few, many)


def test_a_plan_survives_its_record() -> None:
    some = FeaturePlan(attributes=PLAN.attributes, colleagues=("colleagues", "account_conversions"))
    for plan in (PLAN, ROLLUP_PLAN, some):
        assert FeaturePlan.from_dict(plan.to_dict()) == plan


def _same_rows(few: pd.DataFrame, many: pd.DataFrame) -> None:
    """The rows of ``few`` are in ``many``, with the same values."""
    few = few.set_index(["lead_id", "as_of"])
    pd.testing.assert_frame_equal(
        few, many.set_index(["lead_id", "as_of"]).loc[few.index], rtol=1e-12, atol=1e-12
    )
