"""Scorecards: hand-written sheets, compiled to engine steps, with a dated ledger that sums to the score."""

from models.scorecard.book import BookScores, SheetBook, score_book
from models.scorecard.ledger import SheetScores, score_sheet, write_sheet
from models.scorecard.probability import PointsCalibration, calibrate_points
from models.scorecard.rules import ActionRule, AttributeRule, Disqualifier
from models.scorecard.sheet import Sheet

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
