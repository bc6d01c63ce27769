"""Column names that people or software usually fill in while a lead is worked on or after it is decided.

``lexicon.yaml`` lists them. A name is no more than a suspicion: a probe checks the data before it flags a column.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import NamedTuple

import yaml


class Habit(NamedTuple):
    """A group of names, and why such columns are usually known too late."""

    pattern: re.Pattern[str]
    why: str


def _habits() -> tuple[Habit, ...]:
    lexicon = yaml.safe_load((files("leadlens.pipeline.audit") / "lexicon.yaml").read_text(encoding="utf-8"))
    of = f"(?:{'|'.join(lexicon['of'])})"
    return tuple(
        Habit(re.compile(rf"(?:^|_)(?:{'|'.join(habit['names'])})(?:_|$)".replace("OF", of)), habit["why"])
        for habit in lexicon["habits"]
    )


HABITS = _habits()


def habit_of(name: str) -> Habit | None:
    """The first group that a column's name belongs to.

    >>> habit_of("Lead Quality").why
    'staff judge the lead by what it turned out to be'
    >>> habit_of("leadQuality") == habit_of("lead_quality"), habit_of("poutcome"), habit_of("landing_page_id")
    (True, None, None)
    """
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    snake = re.sub(r"[^a-z0-9]+", "_", snake.lower()).strip("_")
    return next((habit for habit in HABITS if habit.pattern.search(snake)), None)
