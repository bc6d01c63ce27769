"""The short table that a comparison shows of itself in a notebook."""

from __future__ import annotations

from html import escape

from leadlens.models.judging.lenses import LENSES
from leadlens.models.judging.metrics import METRICS
from leadlens.models.judging.result import ComparisonResult
from leadlens.models.judging.story import headline, sentences
from leadlens.models.judging.wording import METRIC_NAMES, by_name


def summary_html(comparison: ComparisonResult) -> str:
    """Headline, figures (the clearly better lens in bold) and story; what users typed is escaped."""
    measures = by_name(comparison.measures, "lens", "metric")
    better = {row["metric"]: row["better"] for row in by_name(comparison.difference, "metric").values()}
    at = comparison.capacity
    rows = [
        _row(f"Leads reached that convert, in {at.calls:,} calls", [f"{at.model:,.0f}", f"{at.rules:,.0f}"])
    ]
    for metric in METRICS:
        cells = []
        for lens in LENSES:
            figure = measures[lens, metric]
            value = f"{figure['value']:.3f}"
            span = f"<small>({figure['low']:.3f} to {figure['high']:.3f})</small>"
            cells.append(f"<b>{value}</b> {span}" if better[metric] == lens else f"{value} {span}")
        rows.append(_row(METRIC_NAMES[metric], cells))
    story = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences(comparison)[1:])
    return (
        f"<div><p><b>{escape(headline(comparison))}</b></p>"
        f"<table><thead>{_row('', ['Model', 'Score sheet'])}</thead><tbody>{''.join(rows)}</tbody></table>"
        f"<ul>{story}</ul></div>"
    )


def _row(name: str, cells: list[str]) -> str:
    right = "".join(f"<td style='text-align:right'>{cell}</td>" for cell in cells)
    return f"<tr><th style='text-align:left'>{name}</th>{right}</tr>"
