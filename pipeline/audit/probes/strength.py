"""Columns that tell the outcome too well, alone or beside all the others."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.audit.evidence import Evidence, Strength
from pipeline.audit.measures import alone, auc_low
from pipeline.audit.payload import Facts
from pipeline.audit.registry import probe

_BEYOND_DOUBT, _TOO_GOOD = 0.95, 0.9
_ENTROPY = 0.5
_ERRORS_LEFT = 0.5  # of two leads in the wrong order without the column, one or none is left with it
_GOOD = 0.9


@probe("too-good-alone", "A single column that tells conversions apart better than any honest one does.")
def too_good_alone(facts: Facts) -> Iterator[Evidence]:
    if not facts.enough:
        return
    for subject, values in facts.columns.items():
        told = []
        for name, part in facts.parts:
            hit = facts.hit[part]
            value, entropy = alone(values[part], hit)
            told.append((auc_low(value, int(hit.sum()), int((~hit).sum())), value, entropy, name))
        low, value, entropy, name = max(told)
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
            f"alone tells conversions apart with a ROC AUC of {value:.3f} {name} and explains {max(entropy, 0):.0%} of the outcome",
            {"auc": round(value, 4), "entropy": round(entropy, 4)},
        )


@probe(
    "too-good-beside-the-others",
    "A column without which a model makes twice the errors or more, although it has all the other columns.",
    late=True,
)
def too_good_together(facts: Facts) -> Iterator[Evidence]:
    for gain in facts.gains:
        if gain.with_it >= _GOOD and 1 - gain.with_it <= _ERRORS_LEFT * (1 - gain.without):
            yield Evidence(
                "too-good-beside-the-others",
                gain.subject,
                "strong",
                f"lifts a model that has all the other columns from a ROC AUC of {gain.without:.3f} to {gain.with_it:.3f}",
                {"auc_without": round(gain.without, 4), "auc_with": round(gain.with_it, 4)},
            )
