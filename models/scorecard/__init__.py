"""Scorecards: hand-written sheets, compiled to engine steps, with a dated ledger that sums to the score."""

from models.scorecard.language.rules import ActionRule, AttributeRule, Disqualifier
from models.scorecard.language.sheet import Sheet
from models.scorecard.scoring.ledger import SheetScores, score_sheet, write_sheet
from models.scorecard.scoring.probability import PointsCalibration, calibrate_points
from models.scorecard.scoring.scorecard_set import BookScores, SheetBook, score_book

__all__ = [
    "ActionRule",
    "AttributeRule",
    "BookScores",
    "Disqualifier",
    "PointsCalibration",
    "Sheet",
    "SheetBook",
    "SheetScores",
    "calibrate_points",
    "score_book",
    "score_sheet",
    "write_sheet",
]
