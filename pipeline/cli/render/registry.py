"""What `promote`, `retrain`, `rollback` and `models` print for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from leadlens.pipeline.cli.render.tables import table

if TYPE_CHECKING:
    from leadlens.models.judging.signal import Signal
    from leadlens.pipeline.jobs.promote import Promotion
    from leadlens.pipeline.jobs.retrain import Retraining, Rollback
    from leadlens.pipeline.registry.versions import Version


def render_promotion(gate: Promotion) -> list[str]:
    """`leadlens promote`."""
    name = f"{gate.project}/{gate.version}"
    if not gate.rows:
        kept = [f"It was promoted by force: {gate.forced}."] if gate.forced else []
        return [f"{name} is already champion; nothing changed.", *kept]
    low, high = gate.interval
    verdict = ": better" if high < 0 else ": worse" if low > 0 else ": no clear difference"
    if gate.overruled:
        verdict = f" by force ({gate.forced})"
    elif gate.judgement:  # whom calls reach, not probabilities: one judgement, the same as of `compare`
        verdict = ""
    note = "note: the former champion may have learned from some of these rows, which favours it."
    return [
        f"{name} is champion now{verdict}.",
        *([f"{gate.judgement}."] if gate.judgement else []),
        *([note] if gate.rival_has_seen else []),
        *(f"note: {told}" for told in gate.notes),
        f"On {gate.rows:,} out-of-time rows: log loss {gate.log_loss:.4f} against {gate.rival_log_loss:.4f} of "
        f"{gate.rival} (difference {gate.difference:+.4f}, 90 % interval {low:+.4f} to {high:+.4f}).",
        *(signal_lines(gate.signal) if gate.signal else []),
        *(f"Overruled: {refusal.what}." for refusal in gate.overruled),
    ]


def render_retraining(run: Retraining) -> list[str]:
    """`leadlens retrain`."""
    training = run.training
    warnings = (
        ["Please check", *(f"  - {warning}" for warning in training.warnings)] if training.warnings else []
    )
    return [
        f"{training.project} version {training.version} learned from {training.rows['train']:,} rows.",
        *render_promotion(run.promotion),
        *warnings,
        f"the run's record: {run.run_id}",
    ]


def render_rollback(back: Rollback, config: object) -> list[str]:
    """`leadlens rollback`."""
    return [
        f"{back.project}/{back.version} is champion again, in place of {back.project}/{back.left}: {back.reason}.",
        f"next: leadlens score {config}, to replace the scores of the other model",
    ]


def render_models(project: str, found: Sequence[Version]) -> list[str]:
    """`leadlens models`."""
    if not found:
        return [f"{project} has no model yet: leadlens train"]
    rows = [
        (
            each.version,
            ", ".join(each.aliases),
            each.trained_to[:10],
            "" if each.train_rows is None else f"{each.train_rows:,}",
            *(
                f"{each.figures[name]:.4f}" if name in each.figures else ""
                for name in ("roc_auc", "log_loss")
            ),
            "" if each.promoted_at is None else each.promoted_at[:10],
        )
        for each in found
    ]
    headers = ("version", "serves as", "data to", "rows", "roc_auc", "log_loss", "promoted")
    remarks = []
    for each in found:
        name = f"{project}/{each.version}"
        if each.rolled_back_at:
            again = (
                ", and has been promoted again since"
                if each.rolled_back_at < (each.promoted_at or "")
                else ""
            )
            remarks.append(f"{name} was rolled back on {each.rolled_back_at[:10]}{again}: {each.rolled_back}")
        if each.forced:
            remarks.append(f"{name} was promoted by force: {each.forced}")
        if each.leaks:
            remarks.append(f"{name} uses proven leaks: {each.leaks}")
    return [
        *table(rows, headers).split("\n"),
        "roc_auc and log_loss come from each version's own out-of-time rows: versions were judged on different rows.",
        *remarks,
    ]


def signal_lines(signal: Signal) -> list[str]:
    return [f"{_sentence(signal.verdict)} {signal.figures}.", _sentence(signal.ranking.power)]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
