"""Feedback for tests, and the car dealer of docs/scorecards/feedback.md: five kinds of leads and what was said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from tests.pipeline.little_project import START, LittleProject

LEADS = 120
_VISIT, _DRIVE = ("page_viewed", "Directions"), ("test_drive", None)
_MAIL, _CAREERS = ("email_opened", None), ("page_viewed", "Careers")
_KINDS = ("driver", "reader", "neighbour", "applicant", "quiet")
_DONE = {
    "driver": (_DRIVE, _MAIL),
    "reader": (_VISIT, *[_MAIL] * 4),
    "neighbour": (_VISIT, _MAIL),
    "applicant": (_VISIT, _MAIL, _CAREERS),
    "quiet": (_MAIL,),
}
_REASONS = {
    "reader": ("Only after the newsletter", "only after the newsletter", "No budget"),
    "neighbour": ("Came for the workshop", "No budget"),
    "applicant": ("Looks for a job",),
    "quiet": ("Cannot be reached", None),
    "driver": ("No budget",),
}
_ANSWERS = {
    "driver": "The test drive",
    "reader": "A friend told me",
    "neighbour": "You are just around the corner",
}
SHEET: dict[str, Any] = {
    "sheet": "little",
    "attributes": [{"label": "From Bern", "when": "city = 'Bern'", "points": 10}],
    "actions": [
        {"label": "Prices", "when": "page = 'Pricing'", "points": 20},
        {"label": "Mail", "when": "event_type = 'email_opened'", "points": 10},
    ],
    "thresholds": {"mql": 30},
}


def project(folder: Path) -> LittleProject:
    """The project with both tables of feedback, not written yet."""
    leads, events, verdicts, answers, sales = [], [], [], [], []
    for number in range(LEADS):
        lead, created, kind = f"L{number:03}", START + timedelta(hours=9 * number), _KINDS[number * 7 % 5]
        turn = number // 5
        leads.append((lead, created, "Bern" if kind == "neighbour" else ("Rome", "Oslo")[turn % 2]))
        for hours, (event_type, page) in enumerate(_DONE[kind], start=1):
            events.append((lead, created + timedelta(hours=hours), event_type, page))
        likes = {"driver": turn % 8 != 0, "reader": turn % 4 == 0, "neighbour": turn % 3 != 0}.get(
            kind, False
        )
        if kind != "quiet" or turn % 2:
            reasons = _REASONS[kind]
            said = ("accepted", None) if likes else ("rejected", reasons[turn % len(reasons)])
            verdicts.append((lead, created + timedelta(days=1), *said, ("Ann", "Ben")[turn % 2]))
        if likes and turn % 5 != 1:
            sales.append((lead, created + timedelta(days=6)))
            if turn % 5 != 2:
                answered = created + timedelta(days=20)
                answers.append((lead, answered, "What made you buy?", _ANSWERS[kind]))
    found = LittleProject(
        folder,
        leads=pd.DataFrame(leads, columns=["lead_id", "created_at", "city"]),
        events=pd.DataFrame(events, columns=["lead_id", "occurred_at", "event_type", "page"]),
        conversions=pd.DataFrame(sales, columns=["lead_id", "converted_at"]),
    )
    give(
        found, "verdicts", pd.DataFrame(verdicts, columns=["lead_id", "given_at", "verdict", "reason", "by"])
    )
    give(found, "answers", pd.DataFrame(answers, columns=["lead_id", "answered_at", "question", "answer"]))
    return found


def give(found: LittleProject, table: str, rows: pd.DataFrame, **source: object) -> None:
    """Add a table as CSV, with further settings of its source."""
    found.files[f"data/{table}.csv"] = rows.to_csv(index=False).encode()
    found.data[table] = {"read": f"data/{table}.csv", **source}


def parts(page: str, language: str) -> Iterator[str]:
    """The blocks of one language in a Markdown page."""
    for block in page.split("```")[1::2]:
        name, _, text = block.partition("\n")
        if name.strip() == language:
            yield text


def verdicts(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["lead_id", "given_at", "verdict", "reason"])


def answers(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["lead_id", "answered_at", "question", "answer"])


def created(lead: str) -> datetime:
    return START + timedelta(hours=12 * int(lead[1:]))
