"""Simulated out-of-time leads with a known truth, for examples, tests and trying the report."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlens.models.scale import score as on_the_scale
from leadlens.models.statistics import expit, log_odds, logit

Floats = NDArray[np.float64]
CUTS = (0.25, 0.5, 0.75)


class Rule(NamedTuple):
    """A hand-written rule and the truth about it: share of leads it matches, its true effect in log-odds."""

    label: str
    dimension: str
    points: float
    share: float
    worth: float


RULES = (
    Rule("Decision maker", "fit", 20, 0.18, 1.0),
    Rule("Right industry", "fit", 15, 0.40, 0.75),
    Rule("Free-mail address", "fit", -10, 0.30, -0.5),
    Rule("Opened an e-mail", "engagement", 5, 0.55, 0.25),
    Rule("Downloaded a white paper", "engagement", 20, 0.22, 0.0),
    Rule("Viewed the pricing page", "engagement", 5, 0.15, 1.4),
    Rule("Visited the careers page", "engagement", 10, 0.08, -1.6),
    Rule("Asked for a demo", "engagement", 25, 0.07, 1.6),
    Rule("Spoke to us at the fair", "engagement", 20, 0.004, 0.8),
)


def judged_example(
    leads: int = 1500, snapshots: int = 1, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, object]]:
    """``(judged, ledger, meta)`` as :func:`leadlens.models.judging.compare` takes them.

    The model sees the truth through a little noise; the sheet gives the points of :data:`RULES`, of which
    some are right, one has no effect, one has too few points, one has the wrong direction, and one is too rare to judge.
    ``snapshots`` is the number of rows per lead, a week apart; its outcome is drawn once, and it leaves after the last of them.
    """
    rng = np.random.default_rng(seed)
    matched = rng.random((leads, len(RULES))) < [rule.share for rule in RULES]
    student = rng.random(leads) < 0.04
    hidden = rng.normal(0, 0.8, leads)
    truth = -3.0 + matched @ np.array([rule.worth for rule in RULES]) + hidden - 2.5 * student
    label = (rng.random(leads) < expit(truth)).astype(int)

    lead = np.repeat(np.arange(leads), snapshots)
    rows = np.arange(leads * snapshots)
    probability = expit(truth[lead] + rng.normal(0, 0.4, len(rows)) - 0.08)
    points = (matched @ np.array([rule.points for rule in RULES]))[lead]
    average = log_odds(float(label.mean()))
    out = student[lead]
    days = np.tile(np.arange(snapshots) * 7, leads)
    created = pd.Timestamp("2024-05-01") + pd.to_timedelta(np.sort(rng.uniform(0, 92, leads)), unit="D")
    fit_cut, activity_cut = probability * 4, rng.random(len(rows))
    judged = pd.DataFrame(
        {
            "row_id": rows,
            "lead_id": [f"L{number:05d}" for number in lead],
            "as_of": (created[lead] + pd.to_timedelta(days, unit="D")).floor("s"),
            "label": label[lead],
            "left_at": (
                created[lead] + pd.to_timedelta(np.where(label[lead] == 1, 7 * snapshots + 9, 60), unit="D")
            ).floor("s"),
            "probability": probability,
            "score": on_the_scale(logit(probability), average),
            "grade": _grade(fit_cut, 0.5 * activity_cut + probability),
            "rule_points": points,
            "rule_probability": expit(-2.6 + 0.033 * points),
            "rule_grade": _grade(points / 30, activity_cut * points / 40),
            "rule_stage": np.select(
                [out, points >= 60, points >= 30], ["Disqualified", "SQL", "MQL"], "Lead"
            ),
            "disqualified": out,
            "disqualified_by": pd.Series("Student", index=rows).where(out),
        }
    )
    lines = [
        pd.DataFrame(
            {
                "row_id": rows[matched[lead, i]],
                "rule": rule.label,
                "dimension": rule.dimension,
                "points": rule.points,
            }
        )
        for i, rule in enumerate(RULES)
    ]
    ledger = pd.concat(lines, ignore_index=True).merge(judged[["row_id", "lead_id", "as_of"]], on="row_id")
    ledger = ledger.rename(columns={"as_of": "occurred_at"}).assign(
        raw_points=ledger["points"], taken_by_cap=0.0
    )
    return judged, ledger, _meta()


def _meta() -> dict[str, object]:
    return {
        "project": "b2b_demo",
        "horizon": "30 days",
        "model_version": "b2b_demo v3",
        "sheet_version": "b2b 5f1c2a",
        "dropped_columns": ["crm_status (filled in after the sale)"],
        "rules": {rule.label: rule.points for rule in RULES} | {"Called us first": 15.0},
    }


def _grade(fit: Floats, activity: Floats) -> list[str]:
    letters, digits = np.digitize(fit, CUTS), np.digitize(activity, CUTS)
    return [f"{'DCBA'[letter]}{1 + digit}" for letter, digit in zip(letters, digits, strict=True)]
