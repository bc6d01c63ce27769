"""Charts as pictures, for places that keep files rather than pages (MLflow artifacts)."""

from __future__ import annotations

from leadlens.models.judging import Comparison
from leadlens.pipeline.report.page import chart, style
from leadlens.pipeline.views.comparison import ComparisonView


def chart_files(comparison: Comparison) -> dict[str, str]:
    """``gains`` and ``calibration`` as SVG, by file name: the drawings of page and report, with their style inside."""
    view = ComparisonView.of(comparison)
    drawn = {"gains": view.gains_chart, "calibration": view.calibration_chart}
    return {f"{name}.svg": _alone(chart(name, each)) for name, each in drawn.items()}


def _alone(html: str) -> str:
    """The drawing out of a figure, as a document of its own."""
    drawing = html[html.index("<svg") : html.index("</svg>") + len("</svg>")]
    head, _, rest = drawing.partition(">")
    return f"{head}><style>{style()} .chart {{ background: var(--paper); }}</style>{rest}"
