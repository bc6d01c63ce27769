"""Columns that predict the outcome too well, alone or beside all the others."""

from __future__ import annotations

from collections.abc import Iterator

from leadlens.pipeline.audit.data import GOOD, AuditData
from leadlens.pipeline.audit.evidence import Evidence, Strength
from leadlens.pipeline.audit.measures import auc_low, univariate
from leadlens.pipeline.audit.registry import probe

_BEYOND_DOUBT, _TOO_GOOD = 0.95, 0.9
_ENTROPY = 0.5
_ERRORS_LEFT = 0.5  # of the pairs ranked wrongly without the column, at most this share is left with it


@probe("too-good-alone", "A single column that predicts conversions better than any legitimate one does.")
def too_good_alone(data: AuditData) -> Iterator[Evidence]:
    if not data.enough:
        return
    for subject, values in data.columns.items():
        candidates = []
        for name, part in data.parts:
            converted = data.converted[part]
            value, entropy = univariate(values[part], converted)
            candidates.append(
                (auc_low(value, int(converted.sum()), int((~converted).sum())), value, entropy, name)
            )
        low, value, entropy, name = max(candidates)
        strength: Strength
        if low >= _BEYOND_DOUBT:
            strength = "proof"
        elif low >= _TOO_GOOD or entropy >= _ENTROPY:
            strength = "strong"
        else:
            continue
        yield Evidence(
            "too-good-alone",
            subject,
            strength,
            f"alone predicts conversions with a ROC AUC of {value:.3f} {name} and explains {max(entropy, 0):.0%} of the outcome",
            {"auc": round(value, 4), "entropy": round(entropy, 4)},
        )


@probe(
    "too-good-beside-the-others",
    "A column without which a model makes at least twice the errors, although it has all the others.",
    late=True,
)
def too_good_together(data: AuditData) -> Iterator[Evidence]:
    for gain in data.gains:
        if gain.with_it >= GOOD and 1 - gain.with_it <= _ERRORS_LEFT * (1 - gain.without):
            yield Evidence(
                "too-good-beside-the-others",
                gain.subject,
                "strong",
                f"raises a model that has all the other columns from a ROC AUC of {gain.without:.3f} to {gain.with_it:.3f}",
                {"auc_without": round(gain.without, 4), "auc_with": round(gain.with_it, 4)},
            )
