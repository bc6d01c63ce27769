"""Which leads of a published copy are asked for, and the SQL that finds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from unicodedata import combining, normalize

_MOST_WORDS, _LONGEST = 6, 200
Sort = Literal["score", "points", "moved"]
SORTS: tuple[Sort, ...] = ("score", "points", "moved")
SORTED_BY: dict[Sort, str] = {
    "score": "rank",
    "points": "-coalesce(rule_points, -1e9)",
    "moved": "-coalesce(abs(score - score_before), -1)",
}


@dataclass(frozen=True)
class Query:
    """Which leads are listed. ``after`` is where the page before ended: ``Leads.next``.

    ``untouched``: those alone that have been MQL or SQL for so many days without a verdict; ``judged`` are verdicts that the copy does not
    know, the latest of each lead with its time.
    """

    text: str = ""
    owner: str = ""
    stage: str = ""
    grade: str = ""
    status: Literal["open", "closed", "any"] = "open"
    disqualified: bool = False
    sort: Sort = "score"
    after: str = ""
    untouched: int = 0
    judged: Mapping[str, datetime] = field(default_factory=dict)


def condition(query: Query) -> tuple[str, list[Any]]:
    """All of a query but its text, as a condition on ``lead`` with its values."""
    where, values = (["status = ?"], list[Any]([query.status])) if query.status != "any" else (["TRUE"], [])
    for column, value in (("owner", query.owner), ("rule_stage", query.stage), ("grade", query.grade)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    if not query.disqualified and not query.stage and query.status != "any":
        where.append("rule_stage IS DISTINCT FROM 'Disqualified'")
    return " AND ".join(where), values


def words_of(text: str) -> list[str]:
    """The words that a search is for, as the copy has them.

    >>> words_of("Çağla  O'Neil, ada@firm.example")
    ['cagla', 'o', 'neil', 'ada', 'firm', 'example']
    """
    plain = "".join(sign for sign in normalize("NFD", text[:_LONGEST].lower()) if not combining(sign))
    letters = "".join(sign if sign.isalnum() else " " for sign in normalize("NFC", plain))
    return letters.split()[:_MOST_WORDS]


def place_of(after: str) -> tuple[float, int] | None:
    """Where a page begins; from the first lead for what is no place."""
    key, _, rank = after.partition(":")
    try:
        return float(key), int(rank)
    except ValueError:
        return None
