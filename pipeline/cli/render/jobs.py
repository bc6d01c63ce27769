"""What each command prints for people: short lines, the important first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from pipeline.jobs.check import Check
    from pipeline.jobs.explain import Explanation
    from pipeline.jobs.list_features import FeatureList
    from pipeline.jobs.score import Scoring
    from pipeline.jobs.train import Training


def render_check(found: Check) -> list[str]:
    """`leadlens check`."""
    readiness = found.readiness
    lines = [f"{found.project}: {readiness.level}"]
    lines += [f"  {reason.message}" for reason in readiness.reasons]
    lines += ["", "Data"]
    lines += [f"  {count:>11,}  {_TABLES[table]}" for table, count in found.counts.items() if count]
    if found.clock == "time":
        lines.append(f"  {found.first:%Y-%m-%d} to {found.data_end:%Y-%m-%d}")
    else:
        order = (
            "their order is known, not their dates"
            if found.clock == "sequence"
            else "no order in time is known"
        )
        lines.append(f"  {order}")
    if found.label_rate is not None:
        lines.append(f"  {found.label_rate:.1%} of mature rows convert ({found.conversions:,} leads)")
    lines.append(f"  {found.features:,} features")
    gaps = sorted(((share, name) for name, share in found.missing.items() if share >= 0.05), reverse=True)
    if gaps:
        lines += ["", "Missing values"]
        lines += [f"  {share:>5.0%}  {name}" for share, name in gaps[:15]]
        lines += [f"         … and {len(gaps) - 15} more columns"] * (len(gaps) > 15)
    if found.constant:
        lines += ["", f"Always the same: {', '.join(found.constant)}"]
    notes = [
        *(finding.message for finding in found.findings),
        *(suspect.message for suspect in found.suspects),
    ]
    if notes:
        lines += ["", "Look at these", *(f"  - {note}" for note in notes)]
    return lines


_TABLES = {
    "leads": "leads",
    "accounts": "accounts",
    "events": "events",
    "conversions": "conversions",
    "changes": "changes of attributes",
    "verdicts": "verdicts of sales",
    "answers": "answers of customers",
    "spine": "rows (a lead at a moment)",
    "mature": "of them mature (their outcome is known)",
}


def render_features(found: FeatureList) -> list[str]:
    """`leadlens features`."""
    rows = [(column.family, column.name, column.label, column.sentence) for column in found.columns]
    lines = _table(("family", "name", "label", "how"), rows)
    lines += ["", f"{len(found.columns)} features. --explain prints the SQL."]
    if found.ran:
        lines += [
            "",
            *_table(
                ("step", "rows", "seconds"), [(r.name, f"{r.rows:,}", f"{r.seconds:.2f}") for r in found.ran]
            ),
        ]
    if found.written:
        lines.append(f"wrote {found.written}")
    return lines


def render_training(done: Training, config: str) -> list[str]:
    """`leadlens train`."""
    learned, judged = done.rows["train"], done.rows["test"]
    lines = [
        f"{done.project} version {done.version} is registered as challenger.",
        f"Learned from {learned:,} rows ({done.conversions['train']:,} followed by a conversion), judged on "
        f"{judged:,} later rows ({done.conversions['test']:,}).",
        "",
    ]
    names = ("roc_auc", "average_precision", "log_loss", "brier", "ece")
    lines += _table(
        ("on later leads", *names),
        [(lens, *(f"{figures[name]:.4f}" for name in names)) for lens, figures in done.figures.items()],
    )
    if done.comparison is not None:
        lines += ["", *done.comparison.story()]
    if done.dropped:
        lines += [
            "",
            "Left out because they mostly tell the time (model.drop_time_proxies: false keeps them):",
        ]
        lines += [f"  - {name}: {reason}" for name, reason in done.dropped.items()]
    if done.warnings:
        lines += ["", "Look at these", *(f"  - {warning}" for warning in done.warnings)]
    compare = f"leadlens compare {config}, then " if done.comparison is not None else ""
    return [*lines, "", f"next: {compare}leadlens promote {config}"]


def render_explanation(found: Explanation) -> list[str]:
    """`leadlens explain`."""
    lines = [
        f"Lead {found.lead_id} as of {found.as_of:%Y-%m-%d %H:%M} UTC",
        "",
        f"Model {found.version} ({found.alias}): score {found.shown}, grade {found.grade}, "
        f"probability {_percent(found.probability)}",
        f"  {found.start:>+8.1f}  every lead starts at",
    ]
    shown = [reason for reason in found.reasons if abs(reason.points) >= 0.5]
    lines += [f"  {reason.points:>+8.1f}  {reason.text}" for reason in shown]
    rest = sum(reason.points for reason in found.reasons) - sum(reason.points for reason in shown)
    if len(shown) < len(found.reasons):
        lines.append(f"  {rest:>+8.1f}  {len(found.reasons) - len(shown)} smaller reasons")
    lines.append(f"  {found.score:>8.1f}  = score (50 is the average lead, +10 doubles the odds; shown 1–99)")
    if found.rule_points is None:
        return lines
    lines += ["", f"Sheet: {found.rule_points:g} points, grade {found.rule_grade}, stage {found.rule_stage}"]
    if found.route:
        lines.append(f"  what to do: {found.route}")
    if found.disqualified_by:
        lines.append(f"  disqualified: {found.disqualified_by}")
    counted = found.ledger[found.ledger["counts"].astype(bool)] if len(found.ledger) else found.ledger
    for line in counted.to_dict("records"):
        date = " " * 16 if pd.isna(line["occurred_at"]) else f"{line['occurred_at']:%Y-%m-%d %H:%M}"
        lost = [("time", line["taken_by_decay"]), ("the cap", line["taken_by_cap"])]
        taken = ", ".join(f"{what} took {points:g}" for what, points in lost if points)
        lines.append(f"  {line['points']:>+8g}  {date}  {line['rule']}{f'  ({taken})' if taken else ''}")
    lines.append(f"  {found.rule_points:>8g}  = points")
    return lines


def render_scoring(done: Scoring) -> list[str]:
    """`leadlens score`."""
    lines = [*(f"note: {warning}" for warning in done.warnings)]
    lines.append(
        f"{len(done.scores):,} open leads scored as of {done.as_of:%Y-%m-%d %H:%M} UTC with {done.version} ({done.alias})."
    )
    if done.written is None:
        lines.append("Dry run: nothing was written.")
    else:
        told = done.written
        lines.append(
            f"Written to {told.target_shown}: {told.inserted:,} new, {told.updated:,} changed, {told.unchanged:,} as before."
        )
    if len(done.scores):
        best = done.scores.sort_values(["score", "lead_id"], ascending=[False, True]).head(5)
        rules = "rule_points" in best
        rows = [
            (
                str(row["lead_id"]),
                str(row["score"]),
                str(row["grade"]),
                f"{row['rule_points']:g}" if rules else "–",
                str(row["reasons_text"]),
            )
            for row in best.to_dict("records")
        ]
        lines += ["", *_table(("lead", "score", "grade", "sheet", "why"), rows)]
    return lines


def _percent(probability: float) -> str:
    # Nobody's forecast is good enough to tell 1 % from 3 %.
    if probability < 0.06:
        return "below 6 %"
    return "above 94 %" if probability > 0.94 else f"{100 * probability:.0f} %"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], widest: int = 60) -> list[str]:
    cells = [
        head,
        *(
            [_cut(str(cell), widest if i + 1 < len(head) else 160) for i, cell in enumerate(row)]
            for row in rows
        ),
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _cut(text: str, widest: int) -> str:
    # What leads typed must not steer the terminal.
    plain = "".join(character if character.isprintable() else " " for character in text)
    return plain if len(plain) <= widest else plain[: widest - 1] + "…"
