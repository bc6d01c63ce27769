"""A model without a sheet is judged by itself, by the same figures as beside one."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from leadlens.features import UsageError
from leadlens.models.judging import METRICS, Comparison, compare, report_model
from leadlens.models.judging.lenses import MODEL
from leadlens.pipeline.report.page import model_page, refuse_others, write_report
from tests.models.judged_example import judged_example

OF_MODEL = ["row_id", "lead_id", "as_of", "label", "left_at", "probability", "score", "grade"]


@pytest.fixture(scope="module")
def beside() -> Comparison:
    return compare(*judged_example())


def test_the_figures_are_those_beside_a_sheet(beside: Comparison) -> None:
    judged, _, meta = judged_example()
    alone = report_model(judged[OF_MODEL], meta)
    mine = beside.measures[beside.measures["lens"] == MODEL].set_index("metric")
    for metric in METRICS:
        assert alone.measure(MODEL, metric) == beside.measure(MODEL, metric)
        assert alone.measures.set_index("metric").loc[metric, "low"] == mine.loc[metric, "low"]
    assert (alone.found, alone.calls) == (beside.capacity.model, beside.capacity.calls)
    assert alone.found_interval == beside.capacity.model_interval
    assert (alone.random, alone.tied, alone.bias) == (
        beside.capacity.random,
        beside.capacity.model_tied,
        beside.bias,
    )
    for name in ("gains", "calibration", "bands", "grades", "hot_band", "thresholds"):
        frame = getattr(beside, name)
        same = frame[frame["lens"] == MODEL].reset_index(drop=True)
        pd.testing.assert_frame_equal(getattr(alone, name).reset_index(drop=True), same, check_dtype=False)


def test_it_tells_renders_and_is_json() -> None:
    judged, _, meta = judged_example()
    alone = report_model(judged[OF_MODEL], {**meta, "project": "<b>x</b>", "warnings": ["few <i>leads</i>"]})
    story = " ".join(alone.story())
    assert "There is no score sheet to compare it with" in story
    assert f"{alone.found:,.0f} of the {alone.conversions:,} leads that convert in {alone.calls:,}" in story
    assert "sheet" not in alone.headline()
    told = json.loads(json.dumps(alone.to_dict(), allow_nan=False))
    assert told["headline"] == alone.headline()
    assert told["advice"] == alone.advice() == "Call by the model's score."
    assert "not shown to reach more" in replace(alone, found_interval=(alone.random, 99.0)).advice()
    assert replace(alone, conversions=29).advice().startswith("Change nothing")
    assert {check["title"] for check in told["trust"]} >= {"Enough evidence", "Note"}
    page = model_page(alone)
    assert "&lt;b&gt;x&lt;/b&gt;: the model alone</title>" in page
    assert "<b>x</b>" not in page
    assert "<i>leads" not in page
    assert "<script" not in page
    assert f"{alone.measure(MODEL, 'roc_auc'):.3f}" in page
    assert "<i>leads" not in alone._repr_html_()
    with pytest.raises(KeyError):
        alone.measure("scorecard", "roc_auc")


def test_it_may_be_written_over_and_nothing_else(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("report")
    page, payload = folder / "report.html", folder / "report.json"
    judged, _, meta = judged_example()
    alone = report_model(judged[OF_MODEL], meta, resamples=20)
    write_report(alone, page, payload)
    refuse_others(page, payload)
    page.write_text("<title>mine</title>")
    with pytest.raises(UsageError, match="not a Leadlens report"):
        refuse_others(page)


def test_a_sheet_is_needed_for_both_lenses() -> None:
    judged, ledger, meta = judged_example()
    with pytest.raises(UsageError, match="rule_points"):
        compare(judged[OF_MODEL], ledger, meta)
