"""Charts as pictures, for places that keep files rather than pages (MLflow artifacts)."""

from __future__ import annotations

import json

import altair as alt

from models.judging import Comparison
from pipeline.report import charts
from pipeline.report.theme import Drawing


def figures(comparison: Comparison) -> dict[str, bytes]:
    """``gains`` and ``reliability`` as PNG and SVG, by file name; drawn offline by vl-convert."""
    drawn = {
        "gains": charts.gains_chart(comparison, width=560, height=380),
        "reliability": charts.calibration_chart(comparison, width=420, height=420),
    }
    pictures: dict[str, bytes] = {}
    for name, chart in drawn.items():
        on_white = chart.properties(background="white")
        pictures[f"{name}.png"], pictures[f"{name}.svg"] = _png(on_white), _svg(on_white)
    return pictures


def _png(chart: Drawing) -> bytes:
    import vl_convert

    return vl_convert.vegalite_to_png(json.dumps(chart.to_dict()), vl_version=vega_lite_version(), scale=2)


def _svg(chart: Drawing) -> bytes:
    import vl_convert

    return vl_convert.vegalite_to_svg(json.dumps(chart.to_dict()), vl_version=vega_lite_version()).encode()


def vega_lite_version() -> str:
    """The Vega-Lite that the installed Altair writes, as vl-convert names it (``6.4``)."""
    return ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
