"""Scorecards: hand-written sheets, compiled to engine steps, with a dated ledger that sums to the score."""

from models.scorecard.ledger import SheetScores, score_sheet
from models.scorecard.points import compile_sheet
from models.scorecard.probability import PointsCalibration, calibrate_points
from models.scorecard.sheet import ActionRule, AttributeRule, Disqualifier, Sheet

__all__ = [
    "ActionRule",
    "AttributeRule",
    "Disqualifier",
    "PointsCalibration",
    "Sheet",
    "SheetScores",
    "calibrate_points",
    "compile_sheet",
    "score_sheet",
]
