"""The page's fixed texts: what each measure, quadrant and term means, without jargon."""

from __future__ import annotations

METRIC_WORDS = {
    "roc_auc": "How often a lead that converts is ranked above one that does not. 0.5 is a coin, 1 perfect.",
    "average_precision": "How pure the top of the list is, averaged over all conversions. Higher is better.",
    "log_loss": "How surprised the percentages are by what happened. Lower is better; a coin has 0.693.",
    "brier": "Mean squared gap between percentage and outcome. Lower is better.",
    "ece": "Mean gap between claimed and actual conversion in ten bins of equal count. Lower is better.",
}

QUADRANT_WORDS = {
    "both": {"title": "Both hot", "words": "Marketing's points and the data agree: call these first."},
    "model only": {"title": "Only the model", "words": "The points overlook these; the data like them."},
    "rules only": {"title": "Only the sheet", "words": "The points like these; the data do not."},
    "neither": {"title": "Neither", "words": "Nobody would call these first: nurture."},
}

GLOSSARY = {
    "Later leads": (
        "Leads from after the training period. Neither the model nor the percentages read from the sheet's "
        "points have seen them."
    ),
    "A look": (
        "One lead at one moment. Where leads are looked at several times, every look counts in the tables, "
        "but intervals treat all looks at a lead as one witness."
    ),
    "Same calls": (
        "Both lenses choose equally many leads, best first. Where a lens ranks leads alike, it gets what a "
        "random pick among them would find."
    ),
    "Score": (
        "50 is the average lead, ten points double the odds of converting. It is shown from 1 to 99. The "
        "sheet's points are put on the same scale by what they meant on earlier leads."
    ),
    "Disqualified": "Ranked at the very bottom by the sheet, whatever the points.",
    "90 % interval": (
        "Where the figure would fall nine times out of ten, had other leads like these come in (whole leads "
        "drawn with replacement many times; Wilson's interval for single shares)."
    ),
    "Data say": (
        "What a rule is worth with all rules weighed together (ridge logistic regression), so that two rules "
        "which fire on the same leads are told apart. A rule with few leads is held near zero until the data "
        "speak."
    ),
    "Verdict on a rule": (
        "“About right” within three points of the interval. “Too generous” and “too mean” compare what is "
        "given with what it is worth, also below zero: −5 for what is worth −20 is too generous."
    ),
}
