"""What `leadlens scorecard learn` prints."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from leadlens.models.judging.lenses import MODEL
from leadlens.models.judging.wording import percent
from leadlens.pipeline.cli.render.tables import table

if TYPE_CHECKING:
    from leadlens.pipeline.jobs.scorecard.learn import LearnedSheet


def render_learned(result: LearnedSheet, config: str) -> list[str]:
    """The lines, the price, and what to do next."""
    sheet, price = result.sheet, result.price
    lines = [
        f"{sheet.name} {sheet.version}: {len(sheet.rules)} of {result.candidates:,} lines tried, learned from "
        f"{result.leads:,} leads ({result.conversions:,} converted).",
        "",
        *(
            f"  {rule.points:>+4g}  {rule.label}"
            for rule in sorted(sheet.rules, key=lambda rule: -rule.points)
        ),
        "",
    ]
    since = f" since {result.test_from:%Y-%m-%d}" if result.test_from else ""
    lines.append(f"On {price.leads:,} out-of-time leads{since}, {price.conversions:,} of which converted:")
    rows = [_ranking(name, price.of(name)) for name in price.names]
    head = ("", "ROC AUC", "precision", f"reached in {price.calls:,} calls", "kept of the model's gain")
    lines += table(rows, head, "lrrrr").split("\n")
    lines += [
        "reached: converting leads that are called in time, week by week; precision: the average precision, which is "
        f"{price.base_rate:.3f} for a random order. In brackets: 90 % intervals."
    ]
    lines += [f"note: {note}" for note in result.notes]
    path = shlex.quote(str(result.path))
    lines += ["", f"wrote {result.path}"]
    if result.yours:
        lines.append(f"next: leadlens scorecard diff {config} {result.yours} {path}")
    else:
        lines.append(f"next: leadlens scorecard preview {config} --sheet {path}")
    return lines


def _ranking(name: str, of: dict[str, float]) -> tuple[str, ...]:
    kept = f"{percent(of['kept'])} ({percent(of['kept_low'])} to {percent(of['kept_high'])})"
    return (
        "model" if name == MODEL else name,
        f"{of['roc_auc']:.3f}",
        f"{of['average_precision']:.3f}",
        f"{of['found']:,.0f} ({of['found_low']:,.0f} to {of['found_high']:,.0f})",
        "" if name == MODEL else kept,
    )
