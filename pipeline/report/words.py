"""The fixed texts of reports, and how their numbers read."""

from __future__ import annotations

import math

from leadlens.models.judging.lenses import MODEL, RULES
from leadlens.models.judging.verdicts import MEANING
from leadlens.models.judging.wording import percent

MISSING = "–"
NAMES = {MODEL: "Model", RULES: "Sheet"}

METRIC_WORDS = {
    "roc_auc": "How often a converting lead ranks above one that does not convert. 0.5 is a coin, 1 is perfect.",
    "average_precision": "Precision at the top of the list, averaged over all conversions. Higher is better.",
    "log_loss": "Penalty for probabilities far from the outcome. Lower is better; a coin has 0.693.",
    "brier": "Average squared gap between probability and outcome. Lower is better.",
    "ece": "Average gap between predicted and actual conversion in ten bins of equal count. Lower is better.",
}

GLOSSARY = {
    "Out-of-time leads": (
        "Leads from after the training period. Neither the model nor the calibration of the sheet's points "
        "was fitted on them."
    ),
    "Snapshot": (
        "One lead as of one time. Where a lead has several, it counts once everywhere but in the five measures and the "
        "calibration, which are about single predictions: in a band, a grade or a stage as of the first time it was there. "
        "Intervals are drawn over leads."
    ),
    "Same calls": (
        "Sales' weeks are replayed for both lenses. Every seven days there is a list of the leads that are open as of then, each by "
        "its latest snapshot; the best are called, capacity times as many as are new on the list, and nobody twice. A lead that "
        "converted or closed is on no later list. Where the data do not say when leads came and left, all leads are on one list."
    ),
    "Reached": (
        "A lead that is open when it is called, and converts within the horizon of the snapshot by which it is called. Reached is "
        "not caused: some would have converted without a call."
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
    "Worth": (
        "What a rule is worth in a ridge logistic regression on all rules, so that rules matching the same leads "
        "are separated. Rules with few leads are shrunk towards zero. Where raw rates point the other way, other rules explain it."
    ),
    "If dropped": (
        "What the sheet's ROC AUC, and the leads that it reaches in the same calls, would change by without the rule. "
        "Points that the cap of a group had taken are not given back."
    ),
    "Verdict on a rule": (
        "It follows from the numbers in its row. "
        + " ".join(f"“{name}”: {meaning}." for name, meaning in MEANING.items())
        + " The first that holds counts. Sizes are compared with what one point of the sheet is worth, which is uncertain too. A "
        "disqualifier, and a rule without points, is judged by its direction alone. The suggestion is the nearest end of the interval, "
        "or 0 where the direction is wrong."
    ),
}


def signed(value: float, digits: int = 0) -> str:
    """A number with its sign, a dash where there is none to show."""
    if not math.isfinite(value):
        return MISSING
    rounded = round(value, digits)
    return f"{rounded:+,.{digits}f}".replace("-", "−") if rounded else "0"


def share(value: float) -> str:
    """A share in percent, a dash where nothing was counted."""
    return percent(value) if math.isfinite(value) else MISSING
