"""Columns whose name says that staff or a program fill them in later, where the data agree."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.audit.evidence import Evidence
from pipeline.audit.lexicon import habit_of
from pipeline.audit.measures import alone
from pipeline.audit.payload import Facts
from pipeline.audit.registry import probe

_TELLS = 0.05  # of the outcome's entropy


@probe(
    "named-after-the-fact",
    "A column with a name that staff or another program usually fill in later; suspicious once it tells the outcome.",
)
def named_after_the_fact(facts: Facts) -> Iterator[Evidence]:
    if not facts.enough:
        return
    for subject, values in facts.columns.items():
        habit = habit_of(subject.name)
        if habit is None or subject in facts.changed or values.nunique(dropna=False) < 2:
            continue
        entropy = max(alone(values[part], facts.hit[part])[1] for _, part in facts.parts)
        tells = entropy >= _TELLS
        yield Evidence(
            "named-after-the-fact",
            subject,
            "strong" if tells else "weak",
            f"has the name of a column that is mostly filled in later ({habit.why})"
            + (f", and explains {entropy:.0%} of the outcome" if tells else ""),
            {"entropy": round(entropy, 4)},
        )
