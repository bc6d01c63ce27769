"""From points to what sales acts on: the grade (fit A to D, engagement 4 to 1) and the stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.scorecard.sheet import Grades, Thresholds

FIT_LETTERS = "ABCD"
ENGAGEMENT_DIGITS = "4321"
STAGES = ("Lead", "MQL", "SQL", "Disqualified")


def grade_sql(grades: Grades) -> str:
    """SQL of the grade, ``A4`` … ``D1``, over ``fit`` and ``engagement``; a cut is part of its grade."""
    letter = _by_cuts("fit", grades.fit, FIT_LETTERS)
    digit = _by_cuts("engagement", grades.engagement, ENGAGEMENT_DIGITS)
    return f"concat({letter}, {digit})"


def stage_sql(thresholds: Thresholds | None) -> str:
    """SQL of the stage over ``total`` and ``bar`` (set: disqualified); a threshold is part of its stage."""
    whens = ["WHEN bar IS NOT NULL THEN 'Disqualified'"]
    if thresholds is not None:
        if thresholds.sql is not None:
            whens.append(f"WHEN total >= {thresholds.sql!r} THEN 'SQL'")
        whens.append(f"WHEN total >= {thresholds.mql!r} THEN 'MQL'")
    return f"CASE {' '.join(whens)} ELSE 'Lead' END"


def _by_cuts(column: str, cuts: Sequence[float], names: str) -> str:
    whens = " ".join(
        f"WHEN {column} >= {cut!r} THEN '{name}'" for cut, name in zip(cuts, names, strict=False)
    )
    return f"CASE {whens} ELSE '{names[-1]}' END"
