"""Scorecards: hand-written sheets, compiled to engine steps, with a dated ledger that sums to the score."""

from leadlens.models.scorecard.language.checking import check_sheet, rules_that_read, rules_that_show
from leadlens.models.scorecard.language.rules import ActionRule, AttributeRule, Disqualifier
from leadlens.models.scorecard.language.sheet import Sheet
from leadlens.models.scorecard.scoring.ledger import SheetScores, score_sheet, write_sheet
from leadlens.models.scorecard.scoring.probability import PointsCalibration, calibrate_points
from leadlens.models.scorecard.scoring.scorecard_set import (
    ScorecardSet,
    ScorecardSetScores,
    score_scorecard_set,
)

__all__ = [
    "ActionRule",
    "AttributeRule",
    "Disqualifier",
    "PointsCalibration",
    "ScorecardSet",
    "ScorecardSetScores",
    "Sheet",
    "SheetScores",
    "calibrate_points",
    "check_sheet",
    "rules_that_read",
    "rules_that_show",
    "score_scorecard_set",
    "score_sheet",
    "write_sheet",
]
