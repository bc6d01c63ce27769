"""Groups in the model card: leads counted once, in the order that people expect."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leadlens.features import FeatureColumn
from leadlens.models.statistics import wilson
from leadlens.pipeline.registry.card import groups_of


def test_a_lead_counts_once_in_each_group_as_of_its_first_snapshot_there() -> None:
    """100 leads at three ages, the rows of a lead alike but for a label that is 1 at the first age alone."""
    created = pd.Timestamp("2025-01-01")
    ages = np.array([30.0, 1.0, 7.0])  # in no order
    spine = pd.DataFrame(
        {
            "lead_id": np.repeat([f"L{at:03}" for at in range(100)], 3),
            "created_at": created,
            "as_of": created + pd.to_timedelta(np.tile(ages, 100), "D"),
        }
    )
    city = np.where(np.arange(300) < 180, "Bern", "Oslo")
    label = ((np.arange(300) % 15 < 3) & np.tile(ages == 1, 100)).astype(float)  # every fifth lead
    column = FeatureColumn(name="city", kind="category", label="City", family="demographic", condition="city")
    found = pd.DataFrame(
        groups_of(
            spine,
            pd.DataFrame({"city": city}),
            {"city": column},
            pd.Series({"city": 1.0}),
            np.tile(ages / 100, 100),
            label,
            by_age=True,
        )
    )
    assert list(found["group"]) == ["1 day", "7 days", "30 days", "Bern"], "40 leads of Oslo are too few"
    assert list(found["leads"]) == [100, 100, 100, 60]
    assert list(found["rows"]) == [100, 100, 100, 180]
    assert np.allclose(found["converted"], [0.2, 0, 0, 0.2])
    assert np.allclose(found["predicted"], [0.01, 0.07, 0.3, 0.01]), "as of the first snapshot"
    assert np.allclose(found.loc[3, ["low", "high"]].astype(float), np.ravel(wilson(12, 60)))
