"""Columns with names that staff or software usually fill in later, where the data agree."""

from __future__ import annotations

from collections.abc import Iterator

from leadlens.pipeline.audit.data import AuditData
from leadlens.pipeline.audit.evidence import Evidence
from leadlens.pipeline.audit.lexicon import habit_of
from leadlens.pipeline.audit.measures import univariate
from leadlens.pipeline.audit.registry import probe

_PREDICTIVE = 0.05  # of the outcome's entropy


@probe(
    "named-after-the-fact",
    "A column with a name that staff or software usually fill in later; suspicious if it predicts the outcome.",
)
def named_after_the_fact(data: AuditData) -> Iterator[Evidence]:
    if not data.enough:
        return
    for subject, values in data.columns.items():
        habit = habit_of(subject.name)
        if habit is None or subject in data.changed or values.nunique(dropna=False) < 2:
            continue
        entropy = max(univariate(values[part], data.converted[part])[1] for _, part in data.parts)
        predictive = entropy >= _PREDICTIVE
        yield Evidence(
            "named-after-the-fact",
            subject,
            "strong" if predictive else "weak",
            f"has a name that is usually filled in later ({habit.why})"
            + (f", and explains {entropy:.0%} of the outcome" if predictive else ""),
            {"entropy": round(entropy, 4)},
        )
