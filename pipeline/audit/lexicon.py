"""Names of columns that, in CRM systems, people or programs fill in while a lead is worked on or after it is decided.

A name is a suspicion and no more: a probe asks the data before anything is accused of it.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Habit(NamedTuple):
    """A kind of name, and why such columns are mostly known too late."""

    pattern: re.Pattern[str]
    why: str


def _names(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|_)(?:{'|'.join(words)})(?:_|$)")


_OF = "(?:lead|contact|opportunity|deal|prospect|account|customer|sales)"
HABITS: tuple[Habit, ...] = (
    Habit(
        _names("duration", "call_length", "call_seconds", "call_minutes", "talk_time", "handle_time", "time_spent_on_call"),
        "how long a contact took is known when it is over, and contacts that sell take long",
    ),
    Habit(
        _names("tags?", "notes?", "remarks?", "comments?", "disposition", "call_(?:result|outcome|status)", "feedback"),
        "staff write it down while they work on the lead",
    ),
    Habit(
        _names(f"{_OF}_(?:quality|profile|status|stage|grade|rating|rank|priority|temperature|state)"),
        "staff judge the lead by what it turned out to be",
    ),
    Habit(
        _names("(?:activity|profile|engagement|behaviou?r|lead|intent|fit|quality)_(?:score|index|rank|points)"),
        "another program keeps it up to date while the lead goes on acting",
    ),
    Habit(
        _names("won", "lost", "closed?", "closing", "(?:lost|closed?|reject(?:ion|ed)?|churn|cancel(?:led)?)_(?:reason|date|at|ts)",
               "contract", "signed", "onboarding", "invoice", "payment", "deal", "outcome", "result"),
        "it belongs to the deal, not to the lead",
    ),
    Habit(
        _names("(?:last|latest)_(?:\\w+_)?(?:activity|action|event|touch|contact|modified|update|updated|status|stage|call|visit|login|seen)",
               "modified_(?:at|on|date)", "updated_(?:at|on|date)"),
        "it holds the state of the day of the export, which may be newer than the moment one would score at",
    ),
)  # fmt: skip


def habit_of(name: str) -> Habit | None:
    """The first kind that a column's name is of.

    >>> habit_of("Lead Quality").why
    'staff judge the lead by what it turned out to be'
    >>> habit_of("leadQuality") == habit_of("lead_quality"), habit_of("poutcome"), habit_of("landing_page_id")
    (True, None, None)
    """
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    snake = re.sub(r"[^a-z0-9]+", "_", snake.lower()).strip("_")
    return next((habit for habit in HABITS if habit.pattern.search(snake)), None)
