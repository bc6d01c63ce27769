"""How protected groups fare, and which features stand in for them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from leadlens.features.columns import FeatureColumn
from leadlens.models.data_checks.proxies import find_proxies
from leadlens.models.judging import compare, report_model
from leadlens.models.judging.calls import reached
from leadlens.models.judging.groups import group_rates
from leadlens.models.judging.lenses import MODEL, RULES, JudgedRows
from leadlens.models.statistics import wilson
from leadlens.pipeline.report.page import model_page
from tests.models.judged_example import judged_example


def rows() -> tuple[pd.DataFrame, pd.DataFrame]:
    """200 leads twice: 120 of group a, 60 of b, 20 of c. Of a every third converts after its first row, of b every other after its
    second; nobody's first row is scored as high as anybody's second."""
    lead = np.repeat(np.arange(200), 2)
    second = np.tile([False, True], 200)
    group = np.where(lead < 120, "a", np.where(lead < 180, "b", "c"))
    label = np.where(group == "a", ~second & (lead % 3 == 0), second & (lead % 2 == 0)).astype(int)
    base = np.where(group == "a", 0.3, 0.1) + 0.001 * (lead % 7)
    frame = pd.DataFrame(
        {
            "row_id": np.arange(400),
            "lead_id": [f"L{at}" for at in lead],
            "as_of": pd.Timestamp("2025-01-01") + pd.to_timedelta(30 * second, "D"),
            "label": label,
            "probability": base + 0.4 * second,
            "score": 50.0,
            "grade": None,
        }
    )
    mixed = np.random.default_rng(0).permutation(400)  # rows are in no order
    return frame.iloc[mixed].reset_index(drop=True), pd.DataFrame({"kind": group[mixed]})


def test_leads_count_once_as_of_their_first_row() -> None:
    judged, groups = rows()
    # Of a those that convert are called, and of b everybody, all of them at their first rows.
    table = JudgedRows.of(judged)
    first = reached(table, np.ones(len(judged), bool))
    converts = (groups["kind"][first] == "a").to_numpy() & ~table.converted
    rates = group_rates(table, groups, {MODEL: np.where(converts, -1, first)}).set_index("group")
    assert list(rates["leads"]) == [120, 60, 20]
    ages = pd.DataFrame(
        {
            "age": np.where(
                groups["kind"] == "a", "100 to 120", np.where(groups["kind"] == "b", "20 to 99", "(unknown)")
            )
        }
    )
    shown = group_rates(table, ages, {MODEL: first})["group"]
    assert list(shown) == ["20 to 99", "100 to 120", "(unknown)"]
    assert list(rates["conversions"]) == [40, 30, 10]
    assert rates.loc["a", "predicted"] == pytest.approx(0.3, abs=0.01)
    assert rates.loc["a", "converted"] == pytest.approx(40 / 120)
    assert rates.loc["b", "converted"] == 0, "after its first row none of b converts"
    assert tuple(rates.loc["a", ["converted_low", "converted_high"]]) == pytest.approx(
        tuple(map(float, wilson(40, 120)))
    )
    assert list(rates["calibration"]) == ["agrees", "too high", "too few"]
    assert rates.loc["a", ["called", "reached"]].to_list() == pytest.approx([40 / 120, 1])
    assert rates.loc["b", ["called", "reached"]].to_list() == [1, 0], (
        "called at the first row, too early for everybody"
    )
    assert tuple(rates.loc["a", ["reached_low", "reached_high"]]) == pytest.approx(
        tuple(map(float, wilson(40, 40)))
    )
    assert rates.loc["c", ["called", "predicted", "converted", "reached"]].isna().all(), (
        "of 20 leads nothing is said"
    )


def test_both_lenses_are_in_the_report_and_in_its_json() -> None:
    judged, ledger, meta = judged_example()
    groups = pd.DataFrame({"<i>sex": np.where(judged["lead_id"].astype(str).str[-1] < "5", "<b>f", "m")})
    both = compare(judged, ledger, meta, groups=groups)
    assert both.protected is not None
    assert set(both.protected["lens"]) == {MODEL, RULES}
    assert json.dumps(both.to_dict()["protected"], allow_nan=False)
    alone = report_model(judged, meta, groups=groups)
    assert alone.protected is not None
    page = model_page(alone)
    assert "Protected groups" in page
    assert "&lt;i&gt;sex: &lt;b&gt;f" in page
    assert "<b>f" not in page
    assert "Protected groups" not in model_page(report_model(judged, meta))


def test_a_feature_that_stands_in_is_named_with_its_figure() -> None:
    rng = np.random.default_rng(1)
    sex = rng.choice(["f", "m", "x"], 2000, p=[0.55, 0.43, 0.02])
    frame = pd.DataFrame(
        {
            "shoe": rng.normal(size=2000) + 2 * (sex == "m"),
            "salutation": np.where(sex == "m", "Mr", rng.choice(["Ms", "Mrs"], 2000)),
            "visits": rng.poisson(2, 2000).astype(float),
            "city": rng.choice([f"c{at}" for at in range(400)], 2000),
        }
    )
    columns = [
        FeatureColumn(name=name, label=name.title(), family="demographic", kind=kind)
        for name, kind in (
            ("shoe", "number"),
            ("salutation", "category"),
            ("visits", "number"),
            ("city", "category"),
        )
    ]
    groups, lead = pd.DataFrame({"sex": sex}), pd.Series(range(2000))
    (found,) = find_proxies(frame, columns, groups, lead)
    assert found.found
    assert found.message.startswith("sex is protected, and features stand in for it: “Salutation” (ROC AUC ")
    assert "“Shoe” (ROC AUC 0.9" in found.message
    assert "Visits" not in found.message
    assert "City" not in found.message, "many rare values tell nothing by chance"
    assert found.together is not None
    assert found.together > 0.95
    (none,) = find_proxies(frame[["visits", "city"]], columns[2:], groups, lead)
    assert not none.found
    assert "no feature stands in for it" in none.message
    assert find_proxies(frame, columns, pd.DataFrame({"sex": ["f"] * 2000}), lead) == []


def test_what_only_many_features_together_say_is_found() -> None:
    """Fifteen weak hints, none of them above 0.65."""
    rng = np.random.default_rng(2)
    sex = rng.random(4000) < 0.5
    frame = pd.DataFrame({f"hint{at}": rng.normal(size=4000) + 0.4 * sex for at in range(15)})
    columns = [FeatureColumn(name=n, label=n, family="demographic", kind="number") for n in frame]
    (found,) = find_proxies(
        frame, columns, pd.DataFrame({"sex": np.where(sex, "f", "m")}), pd.Series(range(4000))
    )
    assert max(auc for _, auc, _ in found.strongest) < 0.7
    assert found.found
    assert "all features together tell" in found.message
