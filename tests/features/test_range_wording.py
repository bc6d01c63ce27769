"""Ranges are numbers to the model, and are shown as the user wrote them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from leadlens.features.attributes.ranges import range_number
from leadlens.features.attributes.wording import attribute_column
from leadlens.features.bulk_wording import word_values
from leadlens.features.matrix import build_matrix
from leadlens.features.plan import AttributeFeature, FeaturePlan
from leadlens.features.planning import plan_vocabulary
from tests.features.test_attributes_planning import NUMBER, START, open_small, set_spine

TEXTS = ("50-74K", "45-54", "1 000 – 2 000", "over 100K", "under 10")


def test_ranges_are_shown_as_they_were_written() -> None:
    leads = [{"lead_id": f"L{n:02}", "income_range": TEXTS[n % len(TEXTS)]} for n in range(NUMBER)]
    history = open_small(leads, lead_attributes={"income_range": "category"})
    spine = set_spine(history, [(lead["lead_id"], START + timedelta(days=1)) for lead in leads])
    plan = plan_vocabulary(history, spine)
    assert FeaturePlan.from_dict(plan.to_dict()) == plan
    matrix = build_matrix(history, plan, spine)
    (column,) = matrix.columns
    values = matrix.frame[column.name]
    shown = [column.format(value) for value in values]
    assert shown == [f"Income range: {TEXTS[n % len(TEXTS)]}" for n in range(NUMBER)]
    codes, texts = word_values(column, values, None)
    assert [texts[code] for code in codes] == shown


def test_numbers_that_nobody_wrote_are_numbers() -> None:
    feature = AttributeFeature(
        "lead", "income", "range", "Income", "demographic", ("50-74K", "50K-74K", "62,001")
    )
    column = attribute_column(feature)
    assert [column.format(value) for value in (62_000.0, 62_001.0, 62_000.5)] == [
        "Income: 50-74K",
        "Income: 62,001",
        "Income: 62,000.5",
    ]
    values = pd.Series([62_000.0, 62_000.5, 62_000.0, np.nan])
    codes, texts = word_values(column, values, None)
    assert [texts[code] for code in codes] == [column.format(value) for value in values]


def test_a_written_number_is_not_taken_for_one_that_is_rounded_alike() -> None:
    feature = AttributeFeature("lead", "income", "range", "Income", "demographic", ("100.03-100.05",))
    column = attribute_column(feature)
    middle = range_number("100.03-100.05")
    assert middle is not None
    values = pd.Series([middle + 0.001, middle, middle + 0.002])
    codes, texts = word_values(column, values, None)
    assert [texts[code] for code in codes] == [column.format(value) for value in values]
    assert texts[codes[1]] == "Income: 100.03-100.05"


def test_models_that_were_trained_before_show_numbers() -> None:
    column = attribute_column(AttributeFeature("lead", "income", "range", "Income", "demographic"))
    assert column.format(62_000.0) == "Income: 62,000"
