"""From points to grades: fit A to D, engagement 4 to 1."""

from __future__ import annotations

from collections.abc import Sequence

FIT_LETTERS = "ABCD"
ENGAGEMENT_DIGITS = "4321"
STAGES = ("Lead", "MQL", "SQL", "Disqualified")
_NAMES = {"fit": FIT_LETTERS, "engagement": ENGAGEMENT_DIGITS}


def cut_sql(dimension: str, cuts: Sequence[float]) -> str:
    """SQL of the grade of fit or of engagement by its points; a cut is part of its grade."""
    names = _NAMES[dimension]
    whens = " ".join(
        f"WHEN {dimension} >= {cut!r} THEN '{name}'" for cut, name in zip(cuts, names, strict=False)
    )
    return f"CASE {whens} ELSE '{names[-1]}' END"
