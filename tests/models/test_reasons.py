"""Reasons: grouped by behaviour, strongest first, exact in sum; fit and engagement points make the grade."""

from __future__ import annotations

import pandas as pd

from leadlens.features.columns import FeatureColumn
from leadlens.models.reasons import family_points, model_grades, reasons_of, reasons_text

COLUMNS = {
    "demo__count": FeatureColumn(
        name="demo__count", label="Demos", family="behavioural", phrase="Saw {value} demos"
    ),
    "demo__recency": FeatureColumn(
        name="demo__recency", label="Since", family="behavioural", phrase="Saw a demo {value} days ago"
    ),
    "industry": FeatureColumn(name="industry", label="Industry", family="firmographic", kind="category"),
    "country": FeatureColumn(name="country", label="Country", family="demographic", kind="category"),
}
POINTS = pd.DataFrame(
    [[4.0, 1.0, -8.0, 0.4], [1.0, -6.0, 2.0, -2.5]], columns=list(COLUMNS), index=[10, 20]
)  # fmt: skip
VALUES = pd.DataFrame(
    {
        "demo__count": [3.0, 1.0],
        "demo__recency": [2.0, 90.0],
        "industry": ["IT", "Retail"],
        "country": ["FR", "DE"],
    },
    index=[10, 20],
)


def test_one_line_per_behaviour_worded_by_its_strongest_measure_and_exact_in_sum() -> None:
    first, second = reasons_of(POINTS, VALUES, COLUMNS)
    assert [(reason.text, reason.points) for reason in first] == [
        ("Industry: IT", -8.0),
        ("Saw 3 demos", 5.0),
        ("Country: FR", 0.4),
    ]
    assert second[0].text == "Saw a demo 90 days ago"
    assert second[0].columns == ("demo__count", "demo__recency")
    for row, lines in zip(POINTS.to_numpy(), (first, second), strict=True):
        assert sum(line.points for line in lines) == row.sum()


def test_the_smaller_reasons_are_put_together_without_losing_points() -> None:
    lines = reasons_of(POINTS, VALUES, COLUMNS, most=1)[1]
    assert [(line.text, line.points, line.family) for line in lines] == [
        ("Saw a demo 90 days ago", -5.0, "behavioural"),
        ("2 smaller reasons", -0.5, None),
    ]
    assert len(reasons_of(POINTS, VALUES, COLUMNS, most=3)[0]) == 3
    assert reasons_of(POINTS[[]], VALUES, {}) == [[], []]


def test_the_line_for_a_crm_has_the_strongest_reasons_that_do_not_round_to_zero() -> None:
    first, second = reasons_of(POINTS, VALUES, COLUMNS)
    assert reasons_text(first) == "Industry: IT: -8; Saw 3 demos: +5"
    assert reasons_text(second, most=1) == "Saw a demo 90 days ago: -5"
    assert reasons_text(reasons_of(POINTS, VALUES, COLUMNS, most=1)[0]) == "Industry: IT: -8"


def test_fit_and_engagement_points_make_the_grade() -> None:
    sides = family_points(POINTS, COLUMNS)
    assert sides.loc[10].to_dict() == {"fit": -7.6, "engagement": 5.0}
    cuts = pd.DataFrame({"fit": [6, 5.9, 0, -0.1, -10, -10.1], "engagement": [-10.1, -10, -0.1, 0, 5.9, 6]})
    both = ("demographic", "behavioural")
    assert model_grades(cuts, both).tolist() == ["A1", "B2", "B2", "C3", "C3", "D4"]


def test_a_side_without_columns_has_no_grade() -> None:
    """It is zero for every lead, which used to be B, or 3, for everybody."""
    cuts = pd.DataFrame({"fit": [6.0, 0.0, -11.0], "engagement": [0.0, 0.0, 0.0]}, index=[3, 5, 7])
    assert model_grades(cuts, ("demographic", "firmographic")).tolist() == ["A", "B", "D"]
    assert model_grades(cuts, ("behavioural",)).tolist() == ["3", "3", "3"]
    assert model_grades(cuts, ()).isna().all()
