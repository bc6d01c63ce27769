"""What page and report show of a comparison: places in charts are the numbers of the tables, and little is said of few leads."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from leadlens.models.judging import Comparison, compare
from leadlens.models.judging.lenses import MODEL, RULES
from leadlens.models.judging.verdicts import FLAGGED
from leadlens.pipeline.views.axes import Box
from leadlens.pipeline.views.comparison import ComparisonView
from tests.models.judged_example import judged_example


@pytest.fixture(scope="module")
def result() -> Comparison:
    return compare(*judged_example(), resamples=40)


@pytest.fixture(scope="module")
def view(result: Comparison) -> ComparisonView:
    return ComparisonView.of(result)


def value(box: Box, y: float) -> float:
    """What lies so high."""
    return (box.y.start - y) / (box.y.start - box.y.end) * box.y.high


def test_the_dots_of_the_gains_curve_are_the_headlines_leads(
    result: Comparison, view: ComparisonView
) -> None:
    chart, at = view.gains_chart, result.capacity
    for kind, reached in (("model", at.model), ("sheet", at.rules)):
        assert value(chart.box, chart.dots[kind]) == pytest.approx(reached / result.conversions, abs=0.002)
        assert f"{chart.at},{chart.dots[kind]}" in chart.lines[kind].split(), "on the curve"
    own = next(row for row in view.reached if row["share"] == 0.2 and row["stage"] is None)
    assert own["model"] * result.conversions == pytest.approx(at.model)
    assert own["calls"] == at.calls


def test_the_sheets_own_thresholds_stand_among_the_capacities(
    result: Comparison, view: ComparisonView
) -> None:
    stages = {row["stage"]: row for row in view.reached if row["stage"]}
    assert set(stages) == {cut.name for cut in result.cuts} == {"MQL", "SQL"}
    for cut in result.cuts:
        assert stages[cut.name]["sheet"] * result.conversions == pytest.approx(cut.rules)
    shares = [row["share"] for row in view.reached]
    assert shares == sorted(shares)


def test_a_band_is_drawn_where_it_has_thirty_leads(result: Comparison, view: ComparisonView) -> None:
    chart = view.bands_chart
    assert chart is not None
    said = result.bands[result.bands["leads"] >= 30]
    for kind, lens in (("model", MODEL), ("sheet", RULES)):
        bars = [bar for bar in chart.bars if bar.kind == kind]
        rates = said[said["lens"] == lens]["rate"].tolist()
        assert 0 < len(rates) < len(result.bands[result.bands["lens"] == lens])
        assert [value(chart.box, bar.y) for bar in bars] == pytest.approx(rates, abs=0.002)
        assert all(bar.high <= bar.y <= bar.low for bar in bars), "the interval holds the rate"
    few = replace(result, bands=result.bands.assign(leads=29))
    assert ComparisonView.of(few).bands_chart is None


def test_calibration_lies_on_the_diagonal_where_it_is_right(result: Comparison) -> None:
    right = result.calibration.assign(actual=result.calibration["claimed"])
    chart = ComparisonView.of(replace(result, calibration=right)).calibration_chart
    for points in chart.points.values():
        for point in points:
            across = (point.x - chart.box.x.start) / (chart.box.x.end - chart.box.x.start)
            up = (chart.box.y.start - point.y) / (chart.box.y.start - chart.box.y.end)
            assert across == pytest.approx(up, abs=0.001)


def test_rules_share_a_scale_and_the_flagged_come_first(result: Comparison, view: ComparisonView) -> None:
    audit = result.audit.set_index("rule")
    verdicts = [rule["verdict"] for rule in view.rules]
    assert verdicts[: len(view.flagged)] == [rule["verdict"] for rule in view.flagged]
    assert {rule["verdict"] for rule in view.others}.isdisjoint(FLAGGED)
    places = {rule: strip for rule, strip in view.strips.items() if strip.given is not None}
    order = sorted(places, key=lambda rule: audit.loc[rule, "worth"])
    assert [places[rule].worth for rule in order] == sorted(places[rule].worth for rule in order)
    for rule, strip in places.items():
        assert (strip.zero < strip.low) == (audit.loc[rule, "low"] > 0) or strip.zero == strip.low
    assert set(view.strips) == set(audit.index[audit["worth"].notna()])


def test_what_flagging_by_chance_would_give_is_said_where_a_rule_is_flagged(result: Comparison) -> None:
    assert ComparisonView.of(result).by_chance.startswith("Of ")
    sound = replace(result, audit=result.audit.assign(verdict="Supported"))
    assert ComparisonView.of(sound).by_chance == ""


def test_grades_are_shaded_by_how_often_they_convert(result: Comparison, view: ComparisonView) -> None:
    cells = [cell for grid in view.grades.values() for cell in grid["cells"].values()]
    frame = pd.DataFrame(cells).sort_values("rate")
    assert frame["shade"].is_monotonic_increasing
    assert (frame["shade"].min(), frame["shade"].max()) == (0, 4)
    assert len(cells) == (result.grades["leads"] > 0).sum()
