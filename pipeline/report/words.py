"""The page's fixed texts: what each measure, quadrant and term stands for."""

from __future__ import annotations

METRIC_WORDS = {
    "roc_auc": "How often a converting lead ranks above one that does not convert. 0.5 is a coin, 1 is perfect.",
    "average_precision": "Precision at the top of the list, averaged over all conversions. Higher is better.",
    "log_loss": "Penalty for probabilities far from the outcome. Lower is better; a coin has 0.693.",
    "brier": "Average squared gap between probability and outcome. Lower is better.",
    "ece": "Average gap between predicted and actual conversion in ten bins of equal count. Lower is better.",
}

QUADRANT_WORDS = {
    "both": {"title": "Both hot", "words": "Marketing's points and the data agree: call these first."},
    "model only": {"title": "Only the model", "words": "Low points, but leads like these convert."},
    "rules only": {"title": "Only the sheet", "words": "High points, but leads like these seldom convert."},
    "neither": {"title": "Neither", "words": "Nurture these."},
}

GLOSSARY = {
    "Out-of-time leads": (
        "Leads from after the training period. Neither the model nor the calibration of the sheet's points "
        "was fitted on them."
    ),
    "Snapshot": (
        "One lead as of one time. Where a lead has several snapshots, each counts in the tables, but intervals "
        "are drawn over leads, since snapshots of one lead are not independent."
    ),
    "Same calls": (
        "Both lenses select equally many leads, best first. Ties count at the expected value of a random pick "
        "among them."
    ),
    "Score": (
        "50 is the average lead, ten points double the odds of converting. It is shown from 1 to 99. The "
        "sheet's points are put on the same scale by a calibration on the training leads."
    ),
    "Disqualified": "Ranked last by the sheet, whatever the points.",
    "90 % interval": (
        "Where the figure would fall nine times out of ten with other leads like these (bootstrap over whole "
        "leads; Wilson's interval for single shares)."
    ),
    "Data say": (
        "What a rule is worth in a ridge logistic regression on all rules, so that rules matching the same leads "
        "are separated. Rules with few leads are shrunk towards zero."
    ),
    "Verdict on a rule": (
        "“About right” is within three points of the interval. “Too high” and “too low” compare the points with "
        "what the rule is worth, also below zero: −5 is too high for a rule worth −20."
    ),
}
