"""The made-up leads behind the exports in `crm_exports.py`, how dates are written, and what an export means."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

FIRST, LAST_DAY = datetime(2024, 2, 1), datetime(2025, 6, 30)
_NAMES = [
    ("Anna", "Schmidt"),
    ("Tom", "Weber"),
    ("Léa", "Martin"),
    ("Sofía", "García"),
    ("Liam", "Smith"),
    ("Eva", "Novak"),
]
_TITLES = ["CEO", "Head of Marketing", "IT Director", "Student", "Consultant", "Sales Manager"]
_SOURCES = ["Organic Search", "Paid Search", "Referral", "Trade show", "Direct"]
_DOMAINS = ["acme.io", "globex.de", "gmail.com", "initech.com", "umbrella.fr"]


@dataclass
class Lead:
    """A made-up lead: what it is, what it did, and what became of it."""

    number: int
    created: datetime
    first: str
    last: str
    email: str
    title: str
    source: str
    employees: int
    value: float
    phone: str
    won: datetime | None = None
    lost: datetime | None = None
    acts: list[tuple[datetime, str, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def last_act(self) -> datetime | None:
        return max((at for at, _, _ in self.acts), default=None)

    def count(self, kind: str) -> int:
        return sum(each == kind for _, each, _ in self.acts)


def make_leads(count: int = 900, seed: int = 1) -> list[Lead]:
    """Leads that convert by title, source and by what they do; about one in six."""
    draw = random.Random(seed)
    leads = [_lead(number, draw) for number in range(count)]
    return sorted(leads, key=lambda lead: lead.created)


def _lead(number: int, draw: random.Random) -> Lead:
    created = FIRST + timedelta(seconds=draw.uniform(0, (LAST_DAY - FIRST).total_seconds() - 86400))
    first, last = draw.choice(_NAMES)
    lead = Lead(
        number, created, first, last, f"{first}.{number}@{draw.choice(_DOMAINS)}".lower().replace("é", "e").replace("í", "i"),
        draw.choice(_TITLES), draw.choice(_SOURCES), draw.choice([5, 25, 120, 800]), round(draw.uniform(900, 25_000), 2),
        f"+49 30 {draw.randrange(10**5, 10**6)}" if draw.random() < 0.6 else "",
    )  # fmt: skip
    eager = draw.random() + 0.5 * (lead.title in _TITLES[:3]) + 0.3 * (lead.source == "Referral")
    chance = 0.45 if eager > 1.1 else 0.12 if eager > 0.7 else 0.03
    if draw.random() < chance:
        lead.won = created + timedelta(days=min(draw.expovariate(1 / 25) + 2, 110))
        if lead.won > LAST_DAY:
            lead.won = None
    elif draw.random() < 0.5:
        lead.lost = created + timedelta(days=draw.expovariate(1 / 40) + 3)
        if lead.lost > LAST_DAY:
            lead.lost = None
    end = min(each for each in (lead.won, lead.lost, LAST_DAY) if each is not None)
    at = created
    while (at := at + timedelta(days=draw.expovariate(0.12 + 0.25 * eager))) < end:
        kind = draw.choices(
            ["page", "open", "click", "form", "call", "meeting"], [8, 5, 2, 1 + eager, 1, 0.4 + eager]
        )[0]
        lead.acts.append((at, kind, draw.choice(["/", "/pricing", "/blog/news", "/demo", "/careers"])))
    return lead


Row = Mapping[str, Any]


def write_csv(path: Path, rows: Iterable[Row], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    """Rows as a CSV file; the first names the columns."""
    rows = list(rows)
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(
            {name: "" if value is None else value for name, value in row.items()} for row in rows
        )
    return path


def iso(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M:%S")


def dotted(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%d.%m.%Y %H:%M")


def slashed(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%d/%m/%Y %H:%M")


def american(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%m/%d/%Y %I:%M %p")


def zulu(at: datetime | None) -> str:
    return "" if at is None else at.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def comma(number: float) -> str:
    whole, part = f"{number:,.2f}".split(".")
    return f"{whole.replace(',', '.')},{part}"


@dataclass(frozen=True)
class Truth:
    """What an export means: the column of ids and of creation, columns that must be kept out, and columns that must not."""

    id: str
    created: str
    late: Sequence[str]
    early: Sequence[str]
    events: bool = True
    leads: str = ""


Writer = Callable[[Path, Sequence[Lead]], Truth]


def write_activities(
    path: Path,
    leads: Sequence[Lead],
    names: Mapping[str, str],
    key: Callable[[Lead], Any],
    date: Callable[[datetime | None], str] = iso,
    delimiter: str = ",",
) -> None:
    rows = [
        {
            names["id"]: f"A{lead.number}-{place}",
            names["who"]: key(lead),
            names["at"]: date(at),
            names["type"]: kind,
            names["page"]: page,
        }
        for lead in leads
        for place, (at, kind, page) in enumerate(lead.acts)
    ]
    write_csv(path, rows, delimiter)
