"""What `monitor` found as its page shows it: every number a text, every table a list of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leadlens.models.judging.verdicts import MIN_LEADS
from leadlens.pipeline.report.words import MISSING, share, signed

if TYPE_CHECKING:
    from datetime import datetime

    from leadlens.pipeline.drift.monitoring import Monitoring, WeekAbove

TOO_FEW = "too few to say"
_CUT = 60  # of the score: twice the odds of the average lead


def monitor_view(monitoring: Monitoring) -> dict[str, Any]:
    """Everything the template names."""
    tables = [
        _findings(monitoring),
        _outcomes(monitoring),
        _calibration(monitoring),
        _checkpoints(monitoring),
        _weeks(monitoring),
        _features(monitoring),
        _sources(monitoring),
    ]
    alarm, near = bool(monitoring.alarms), bool(monitoring.warnings)
    return {
        "project": monitoring.project,
        "subject": "monitor",
        "headline": monitoring.headline(),
        "status": {
            "level": "bad" if alarm else "care" if near else "good",
            "words": "Alarm" if alarm else "Near a limit" if near else "No alarm",
        },
        "advice": "",
        "about": f"{monitoring.version}, as of {monitoring.as_of:%Y-%m-%d}.",
        "checks": [],
        "story": monitoring.story(),
        "tables": [table for table in tables if table["rows"]],
        "setup": [
            ("Scores judged", f"Those that stood on {monitoring.looked_back:%Y-%m-%d}, one per lead"),
            ("Threshold", "A score of 60: twice the odds of the average lead"),
            ("Sales capacity", share(monitoring.capacity)),
            ("Data", "As they are now, against the training and the last seven nights"),
        ],
    }


def _findings(monitoring: Monitoring) -> dict[str, Any]:
    return {
        "id": "findings",
        "title": "Alarms and warnings",
        "intro": "An alarm is beyond its limit; a warning is beyond half of it, or beyond chance. The summary has them in words.",
        "head": ("What", "Level", "Code", "Value", "Limit"),
        "rows": [
            (
                each.subject,
                "alarm" if each.level == "stop" else "warning",
                each.code,
                f"{each.value:g}",
                f"{each.limit:g}",
            )
            for each in monitoring.findings
        ],
    }


def _outcomes(monitoring: Monitoring) -> dict[str, Any]:
    return {
        "id": "outcomes",
        "title": "What became of earlier scores",
        "intro": f"Leads as they were scored by {monitoring.looked_back:%Y-%m-%d}: how many converted within the horizon after that.",
        "head": ("Score then", "Leads", "Expected", "Converted", "Share", "90 % interval"),
        "rows": [
            (
                each.band,
                f"{each.leads:,}",
                f"{each.expected:,.1f}",
                f"{each.converted:,}",
                share(each.rate) if each.leads >= MIN_LEADS else TOO_FEW,
                f"{share(each.low)} to {share(each.high)}" if each.leads >= MIN_LEADS else TOO_FEW,
            )
            for each in monitoring.outcomes
        ],
    }


def _calibration(monitoring: Monitoring) -> dict[str, Any]:
    bins = monitoring.matured.bins if monitoring.matured else ()
    return {
        "id": "calibration",
        "title": "Expected and observed",
        "intro": "Fifths of the leads, from the least likely on; the interval is that of the observed share.",
        "head": ("Fifth", "Leads", "Expected", "Converted", "90 % interval"),
        "rows": [
            (
                f"{number}",
                f"{each.leads:,}",
                share(each.expected),
                share(each.observed),
                f"{share(each.low)} to {share(each.high)}",
            )
            for number, each in enumerate(bins, 1)
        ],
    }


def _checkpoints(monitoring: Monitoring) -> dict[str, Any]:
    return {
        "id": "inflation",
        "title": "Above the threshold, month by month",
        "intro": f"If scores rise and conversions do not, the threshold tells less. Sales can call {share(monitoring.capacity)}.",
        "head": ("Day", "Open leads", "Score 60 or more", "MQL by the sheet", "Converted within the horizon"),
        "rows": [
            (
                f"{each.date:%Y-%m-%d}",
                f"{each.leads:,}",
                f"{each.hot:,} ({share(each.hot / each.leads)})",
                MISSING if each.mql is None else f"{each.mql:,} ({share(each.mql / each.leads)})",
                MISSING
                if each.converted is None
                else f"{each.converted:,} ({share(each.converted / each.leads)})",
            )
            for each in monitoring.checkpoints
        ],
    }


def _weeks(monitoring: Monitoring) -> dict[str, Any]:
    """By the score of 60 and by the sheet's own threshold, as the page has them for any."""
    weeks: dict[datetime, dict[int | None, WeekAbove]] = {}
    for each in monitoring.weeks:
        if each.cut in (_CUT, None):
            weeks.setdefault(each.date, {})[each.cut] = each
    return {
        "id": "weeks",
        "title": "Above the threshold, week by week",
        "intro": "Open leads, those above each threshold, and how many of these converted within the horizon, once that is over.",
        "head": ("Day", "Open leads", "Score 60 or more", "Converted", "MQL by the sheet", "Converted"),
        "rows": [
            (
                f"{date:%Y-%m-%d}",
                f"{next(iter(by_cut.values())).leads:,}",
                *_above(by_cut.get(_CUT)),
                *_above(by_cut.get(None)),
            )
            for date, by_cut in sorted(weeks.items())
        ],
    }


def _above(week: WeekAbove | None) -> tuple[str, str]:
    if week is None or not week.leads:
        return MISSING, MISSING
    converted = MISSING if week.converted is None else f"{week.converted:,}"
    return f"{week.above:,} ({share(week.above / week.leads)})", converted


def _features(monitoring: Monitoring) -> dict[str, Any]:
    return {
        "id": "features",
        "title": "How far scores and inputs moved",
        "intro": "Population stability index beyond chance, and the lowest and highest bin in standard deviations of chance. What is made "
        "of events moves by itself.",
        "head": ("Feature", "PSI, training", "PSI, last nights", "Lowest bin", "Highest bin", "Tails (z)"),
        "rows": [
            (
                each.label,
                _index(each.psi_training),
                _index(each.psi_nights),
                MISSING if each.low_tail is None else share(each.low_tail),
                MISSING if each.high_tail is None else share(each.high_tail),
                MISSING if each.tail_z is None else signed(each.tail_z, 1),
            )
            for each in (*filter(None, [monitoring.scores]), *monitoring.features)
        ],
    }


def _sources(monitoring: Monitoring) -> dict[str, Any]:
    return {
        "id": "sources",
        "title": "Latest rows",
        "intro": "When the latest row of each source came in.",
        "head": ("Source", "Latest row"),
        "rows": [
            (table, MISSING if latest is None else f"{latest:%Y-%m-%d %H:%M}")
            for table, latest in monitoring.sources.items()
        ],
    }


def _index(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f}"
