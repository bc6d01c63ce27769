"""Colours and style that all charts share; they read well on light and on dark."""

from __future__ import annotations

from typing import Literal, TypeAlias

import altair as alt
import pandas as pd

from models.judging.lenses import MODEL, RULES

NAMES = {MODEL: "Model", RULES: "Score sheet"}
MODEL_COLOUR, RULES_COLOUR, QUIET = "#2f74d0", "#e08a1e", "#8a919c"
HEAT = ["#e4eefb", "#9cc2ef", "#4a8ee0", "#1c5bb5", "#0b3470"]

Width: TypeAlias = int | Literal["container"]
Drawing: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart


def lens_colour(legend: alt.Legend | None = None) -> alt.Color:
    """Blue for the model, orange for the sheet: distinguishable with colour-vision deficiency too."""
    scale = alt.Scale(domain=list(NAMES.values()), range=[MODEL_COLOUR, RULES_COLOUR])
    return alt.Color(
        "lens:N", scale=scale, legend=legend or alt.Legend(orient="top", title=None, symbolOpacity=1)
    )


def with_names(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the lenses' names as people read them."""
    return frame.assign(lens=frame["lens"].map(NAMES))


def styled(chart: Drawing, description: str, width: Width, height: int) -> Drawing:
    """Size, text description and shared style."""
    drawing: Drawing = (
        chart.properties(width=width, height=height, description=description, background="transparent")
        .configure(font="system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif")
        .configure_view(stroke=None)
        .configure_axis(
            gridColor="rgba(128,128,128,0.18)",
            domainColor="rgba(128,128,128,0.5)",
            tickColor="rgba(128,128,128,0.5)",
            labelColor="#5b6472",
            titleColor="#5b6472",
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=8,
            labelPadding=5,
        )
        .configure_legend(labelColor="#5b6472", labelFontSize=13, symbolSize=120, padding=4, columnPadding=16)
    )
    return drawing
