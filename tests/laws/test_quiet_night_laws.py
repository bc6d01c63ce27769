"""Laws of a night on which nothing happened: a lead who did nothing has the reasons of the night before."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlens.features.attributes.wording import attribute_column
from leadlens.features.columns import days_before, format_date
from leadlens.features.matrix import FeatureMatrix, build_matrix, plan_columns
from leadlens.features.plan import AttributeFeature, FeaturePlan
from leadlens.models.reason_columns import reason_columns
from leadlens.models.reasons import worded_as
from tests.laws.histories import START, Tables, open_tables, tables
from tests.laws.test_features_laws import EXAMPLES, PLAN
from tests.models.histories import DAY, open_small, set_spine

LAST = START + timedelta(days=80)  # nothing happens from then on
COLUMNS = {column.name: column for column in plan_columns(PLAN)}
# What counts within a window may change when something leaves the window.
WINDOWED = re.compile(r"_\d+d$|__trend$|__surge$|_30d$")
STEADY = [name for name, column in COLUMNS.items() if not WINDOWED.search(worded_as(column, COLUMNS).name)]


def reasons(matrix: FeatureMatrix, names: list[str], seed: int) -> list[tuple[str, str]]:
    """Of contributions that are the same every night, in which any of these columns may lead."""
    points = np.random.default_rng(seed).normal(0, 5, (len(matrix), len(names))).round(2)
    table = reason_columns(
        pd.DataFrame(points, columns=names),
        {name: column.reset_index(drop=True) for name, column in matrix.frame.items()},  # type: ignore[misc]
        COLUMNS,
        base_value=50.0,
        most=10,
        as_of=matrix.spine["as_of"].to_numpy("datetime64[us]"),
    )
    return list(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))


nights = st.tuples(
    st.builds(timedelta, hours=st.integers(0, 40), microseconds=st.sampled_from([0, 0, 1, 999_999, 123_457])),
    st.sampled_from([timedelta(days=1), timedelta(days=1, microseconds=7), timedelta(hours=23, minutes=59)]),
)


@EXAMPLES
@given(found=tables(), night=nights, seed=st.integers(0, 99))
def test_the_next_night_has_the_same_reasons(
    found: Tables, night: tuple[timedelta, timedelta], seed: int
) -> None:
    """Whatever leads but a window; and a window too, once all was longer ago than it is long."""
    history, (since, pause) = open_tables(found), night
    late = since + timedelta(days=31)
    moments = [LAST + after for after in (since, since + pause, late, late + pause)]
    leads = [str(lead["lead_id"]) for lead in found["leads"]]
    spine = set_spine(history, [(lead, moment) for moment in moments for lead in leads])
    built = build_matrix(history, PLAN, spine)
    nightly = [built.take(built.frame.index[built.spine["as_of"] == moment]) for moment in moments]
    assert reasons(nightly[0], STEADY, seed) == reasons(nightly[1], STEADY, seed)
    assert reasons(nightly[2], list(COLUMNS), seed) == reasons(nightly[3], list(COLUMNS), seed)


def test_no_column_is_worded_by_an_age() -> None:
    for column in COLUMNS.values():
        assert "ago" not in worded_as(column, COLUMNS).phrase
    assert {name for name in COLUMNS if COLUMNS[name].names_date} >= {
        *("any__recency", "page_viewed__recency", "any__first", "lead_age", "bought__recency"),
        *("account_last_activity", "account_last_conversion"),
    }


DATES = [
    "2026-04-01 09:00",
    "2026-03-31 23:59:59.999999",
    "2026-04-01",
    "2027-02-28",
    "1946-02-17",
    "1903-11-30",
]


@pytest.mark.parametrize("as_of", [START + 30 * DAY, START + 31 * DAY + timedelta(seconds=1, microseconds=3)])
def test_a_date_of_an_attribute_is_named_as_it_is(as_of: datetime) -> None:
    """Also one that lies ahead, and one so long ago that a double of days is not exact to a microsecond."""
    leads = [{"lead_id": f"L{at}", "contract_end": pd.Timestamp(date)} for at, date in enumerate(DATES)]
    leads.append({"lead_id": "L9", "contract_end": None})
    history = open_small(leads, lead_attributes={"contract_end": "time"})
    feature = AttributeFeature("lead", "contract_end", "age", "Contract end", "demographic")
    spine = set_spine(history, [(str(lead["lead_id"]), as_of) for lead in leads])
    built, column = (
        build_matrix(history, FeaturePlan(attributes=(feature,)), spine),
        attribute_column(feature),
    )
    told = [column.format(value, as_of) for value in built.frame[feature.name]]
    days = ["1 Apr 2026", "31 Mar 2026", "1 Apr 2026", "28 Feb 2027", "17 Feb 1946", "30 Nov 1903"]
    assert told == [*(f"Contract end: {day}" for day in days), "Contract end: not known"]


@given(st.datetimes(datetime(1700, 1, 1), datetime(2250, 1, 1)), st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)))  # fmt: skip
def test_dates_survive_the_way_through_a_number_of_days(then: datetime, as_of: datetime) -> None:
    micros = (as_of - then) // timedelta(microseconds=1)
    day = days_before(np.array([as_of], "datetime64[us]"), np.array([micros / 8.64e10]))[0]
    if abs(as_of - then) > timedelta(days=14_600):  # then a double is exact to a millisecond only
        assert day in (np.datetime64((then + timedelta(milliseconds=ms)).date()) for ms in (-1, 0, 1))
    else:
        assert day == np.datetime64(then.date())
        assert format_date(day) == f"{then.day} {then:%b} {then.year}"


@pytest.mark.parametrize("years", [1, 39, 120])
def test_midnights_stay_on_their_day(years: int) -> None:
    """What has a date and no time of day is a whole number of days ago only as of midnight. So do days' last moments."""
    rng = np.random.default_rng(years)
    then = np.datetime64("2025-06-30", "D") - rng.integers(0, 365 * years, 20_000)
    as_of = np.datetime64("2025-07-01", "us") + rng.integers(0, 86_400_000_000, 20_000)
    days = (as_of - then.astype("datetime64[us]")).astype(np.int64) / 8.64e10
    np.testing.assert_array_equal(days_before(as_of, days), then)
    last = np.timedelta64(86_399_999_999 if years < 40 else 86_399_999_000, "us")  # as exact as a double is
    days = (as_of - (then.astype("datetime64[us]") + last)).astype(np.int64) / 8.64e10
    np.testing.assert_array_equal(days_before(as_of, days), then)


def test_a_column_told_by_another_says_what_that_one_says() -> None:
    overdue = worded_as(COLUMNS["any__overdue"], COLUMNS)
    assert overdue.format(3.0, datetime(2025, 12, 1)) == "Any activity, last on 28 Nov 2025"
