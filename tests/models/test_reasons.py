"""Reasons: grouped by behaviour, strongest first, exact in sum; fit and engagement points make the grade."""

from __future__ import annotations

import pandas as pd
import pytest

from leadlens.features.columns import FeatureColumn
from leadlens.models.prediction import named
from leadlens.models.reasons import family_points, model_grades, reasons_of, reasons_text
from leadlens.models.scorecard import ScorecardSet, Sheet

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


def test_a_line_is_worded_by_what_moves_it_its_way() -> None:
    points = pd.DataFrame(
        [[6.0, -4.0, 0.0, 0.0], [4.0, -6.0, 0.0, 0.0]], columns=list(COLUMNS), index=[10, 20]
    )
    up, down = (lines[0] for lines in reasons_of(points, VALUES, COLUMNS))
    assert (up.text, up.points) == ("Saw 3 demos", 2.0)
    assert (down.text, down.points) == ("Saw a demo 90 days ago", -2.0)


def rules_and_features() -> tuple[dict[str, FeatureColumn], pd.DataFrame]:
    """Features of two behaviours and two attributes, and a sheet's rules about some of them; one lead's points."""
    measured = {
        "webinar__count": ("event_type = 'webinar'", -4.3),
        "webinar__recency": ("event_type = 'webinar'", 0.1),
        "pricing__count": ("event_type = 'page_viewed' AND page = 'pricing'", 2.0),
        "industry": ("accounts.industry", 1.0),
        "age": ("leads.age", 3.0),
    }
    features = tuple(
        FeatureColumn(name=name, label=name, family="behavioural", condition=condition)
        for name, (condition, _) in measured.items()
    )
    sheet = Sheet.model_validate(
        {
            "sheet": "s",
            "attributes": [
                {"label": "Young", "when": "age < 30 AND age > 17", "points": 3},
                {"label": "IT", "when": "account.industry IN ('IT', 'Tech')", "points": 3},
                {"label": "Young in IT", "when": "age < 30 AND account.industry = 'IT'", "points": 3},
                {"label": "Many webinars", "when": "feature.webinar__count > 3", "points": 3},
            ],
            "actions": [
                {"label": "Webinar", "when": "event_type='webinar'", "points": 3},
                {
                    "label": "Pricing",
                    "when": "(event_type = 'page_viewed') and page = 'pricing'",
                    "points": 3,
                },
                {"label": "Prices", "when": "page IN ('pricing')", "points": 3},
                {"label": "Any page__1", "when": "event_type = 'page_viewed'", "points": 3},
                {"label": "Any page__2", "when": "event_type IN ('webinar', 'page_viewed')", "points": 3},
            ],
        }
    )
    columns = named(features, ScorecardSet((sheet,)))
    points = [points for _, points in measured.values()] + [2.0, 2.0, 2.0, 2.0, 4.8, 5.0, 5.0, 1.0, 1.0]
    return columns, pd.DataFrame([points], columns=list(columns))


def test_a_rule_and_the_features_of_the_same_events_or_attribute_share_one_line() -> None:
    columns, points = rules_and_features()
    lines = {reason.columns: reason for reason in reasons_of(points, points, columns)[0]}
    assert set(lines) == {
        ("webinar__count", "webinar__recency", "sheet: Many webinars", "sheet: Webinar"),
        ("pricing__count", "sheet: Pricing", "sheet: Prices"),
        ("industry", "sheet: IT"),
        ("age", "sheet: Young"),
        ("sheet: Young in IT",),
        ("sheet: Any page__1",),
        ("sheet: Any page__2",),
    }
    webinar = lines["webinar__count", "webinar__recency", "sheet: Many webinars", "sheet: Webinar"]
    assert webinar.text == "Webinar (sheet)"
    assert webinar.points == pytest.approx(2.6)
    assert sum(line.points for line in lines.values()) == pytest.approx(points.to_numpy().sum())


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
