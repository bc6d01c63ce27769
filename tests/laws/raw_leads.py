"""A random history with all that may befall a lead, and each of its leads as the JSON that a form or a CRM would send."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

START = datetime(2024, 1, 1)
LEADS, ACCOUNTS, DAYS = 160, 30, 150
_PAGES = ("Pricing", "Careers", "Docs", "N/A", " Home ", None)
_MAILS = ("m1", "m2", None)
_SHEET = """
sheet: random
base: {fit: 5}
attributes:
  - {label: Large firm, when: account.employees > 100, points: 20}
  - {label: Rome, when: city = 'Rome', points: 10}
  - {label: Phone, when: phone IS NOT NULL, points: 3}
actions:
  - {label: Pricing, when: "event_type = 'page_viewed' AND page = 'Pricing'", points: 8, per: each, cap: 30, decay: {half_life: 10d}}
  - {label: Clicked, when: event_type = 'mail_clicked', points: 4, per: day, within: 60d}
  - {label: Busy, when: event_type = 'page_viewed', points: 6, at_least: 3}
disqualify:
  - {label: Student, when: city = 'Oslo' AND income < 1200}
thresholds: {mql: 30, sql: 60}
routes:
  - {label: Call, when: city IS NOT NULL, action: call, queue: sales}
"""


@dataclass
class RandomWorld:
    """Raw rows as the files have them, all of them text or missing, by the names of the source."""

    leads: list[dict[str, str | None]]
    accounts: list[dict[str, str | None]]
    events: list[dict[str, str | None]]
    conversions: list[dict[str, str | None]]
    changes: list[dict[str, str | None]]

    @classmethod
    def make(cls, seed: int) -> RandomWorld:
        chance = random.Random(seed)
        leads: list[dict[str, str | None]] = []
        events: list[dict[str, str | None]] = []
        conversions: list[dict[str, str | None]] = []
        for number in range(LEADS):
            lead, keen = f"{number:03}_1", chance.random() < 0.4
            created = START + timedelta(days=chance.uniform(0, DAYS), microseconds=chance.randrange(10**6))
            closed = created + timedelta(days=chance.uniform(5, 90)) if chance.random() < 0.2 else None
            leads.append(
                {
                    "Key": lead,
                    "created_at": _time(created, chance),
                    "account_id": chance.choice(
                        [None, "-", *(f"A{chance.randrange(ACCOUNTS)}" for _ in "1234")]
                    ),
                    "closed_at": None if closed is None else _time(closed, chance),
                    "income": chance.choice(
                        ["N/A", "-1", *(f"{chance.uniform(1e3, 3e3):.2f}" for _ in "1234")]
                    ),
                    "Town": chance.choice(["Rome", " Rome", "Bern", "Oslo", "NULL", "undefined", ""]),
                    "phone": chance.choice([None, "+41 44 668 18 00", "079 123 45 67"]),
                    "consent": chance.choice(["true", "false", "None"]),
                    "born": chance.choice(["1980-02-29", "n/a", "1999-12-31"]),
                    "contract": "signed" if keen else None,
                }
            )
            events += _events(chance, lead, created, keen)
            if keen and chance.random() < 0.7:
                conversions.append(
                    {
                        "lead_id": lead,
                        "converted_at": _time(created + timedelta(days=chance.uniform(3, 40)), chance),
                        "kind": "sale",
                        "value": f"{chance.uniform(10, 900):.1f}",
                    }
                )
        accounts: list[dict[str, str | None]] = [
            {
                "account_id": f"A{number}",
                "employees": chance.choice(["N/A", str(chance.randrange(1, 900))]),
                "industry": chance.choice(["IT", "Steel", None]),
            }
            for number in range(ACCOUNTS - 5)
        ]
        changes: list[dict[str, str | None]] = [
            {
                "entity": "account",
                "id": f"A{chance.randrange(ACCOUNTS)}",
                "attribute": "employees",
                "value": chance.choice(["12", "400", None]),
                "known_at": _time(START + timedelta(days=chance.uniform(0, DAYS)), chance),
            }
            for _ in range(25)
        ]
        return cls(leads, accounts, events, conversions, changes)

    def write(self, folder: Path) -> Path:
        """The files and the project file; returns its path."""
        (folder / "data").mkdir(parents=True)
        for name, rows in vars(self).items():
            pd.DataFrame(rows).to_csv(folder / "data" / f"{name}.csv", index=False)
        (folder / "sheet.yaml").write_text(_SHEET, encoding="utf-8")
        read = {name: {"read": f"data/{name}.csv"} for name in vars(self)}
        read["leads"] |= {"columns": {"lead_id": "Key", "city": "Town"}, "missing": ["-1"]}
        read["events"] |= {
            "columns": {"event_type": "type"},
            "where": "event_type <> 'test' AND (seconds IS NULL OR seconds < 500)",
        }
        settings = {
            "name": "raw_lead_laws",
            "data": read,
            "outcome": {"horizon": "20d"},
            "known_after": ["contract"],
            "hygiene": {"bots": {"mode": "filter"}},
            "spine": {"at_ages": ["1d", "10d", "30d"]},
            "features": {"min_support": 0.02},
            "scorecards": ["sheet.yaml"],
            "model": {"trials": 1},
        }
        path = folder / "project.yaml"
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        return path

    def raw(self, lead_id: str, as_of: datetime, chance: random.Random) -> dict[str, Any]:
        """A lead as JSON, as of then: its rows in random order, its own or the history's names, and numbers as numbers or text."""
        (lead,) = (row for row in self.leads if row["Key"] == lead_id)
        names = {"Key": "lead_id", "Town": "city", "type": "event_type"}

        def row(found: Mapping[str, str | None], leave_out: str = "") -> dict[str, Any]:
            items = [(name, value) for name, value in found.items() if name != leave_out]
            chance.shuffle(items)
            return {
                names[name] if name in names and chance.random() < 0.5 else name: _value(name, value, chance)
                for name, value in items
            }

        mine = [row(event, "lead_id") for event in self.events if event["lead_id"] == lead_id]
        bought = [row(event, "lead_id") for event in self.conversions if event["lead_id"] == lead_id]
        chance.shuffle(mine)
        return {"lead": row(lead), "events": mine, "conversions": bought, "as_of": as_of.isoformat()}


def _events(chance: random.Random, lead: str, created: datetime, keen: bool) -> list[dict[str, str | None]]:
    rows: list[dict[str, str | None]] = []
    for number in range(chance.randrange(0, 18 if keen else 9)):
        occurred = created + timedelta(days=chance.uniform(-10, 60))
        kind = chance.choice(["page_viewed", "page_viewed", "mail_clicked", "mail_opened", "test"])
        known = occurred + timedelta(days=chance.uniform(-1, 5)) if chance.random() < 0.3 else None
        gone = occurred + timedelta(days=chance.uniform(0, 30)) if chance.random() < 0.1 else None
        event: dict[str, str | None] = {
            "event_id": f"{lead}-{number}" if chance.random() < 0.8 else None,
            "lead_id": lead,
            "occurred_at": _time(occurred, chance),
            "type": kind,
            "known_at": None if known is None else _time(known, chance),
            "retracted_at": None if gone is None else _time(gone, chance),
            "page": chance.choice(_PAGES) if kind == "page_viewed" else None,
            "mail_id": chance.choice(_MAILS) if kind.startswith("mail") else None,
            "link": chance.choice("abc") if kind == "mail_clicked" else None,
            "seconds": chance.choice(["nan", f"{chance.uniform(0, 600):.1f}"])
            if kind == "page_viewed"
            else None,
        }
        rows.append(event)
        if chance.random() < 0.1:
            rows.append(dict(event))  # recorded twice
        if chance.random() < 0.2:  # another event of the same id: the one that was known first counts
            other = _time(occurred + timedelta(days=chance.uniform(0, 4)), chance)
            page = chance.choice(_PAGES) if kind == "page_viewed" else None
            rows.append({**event, "page": page, "known_at": chance.choice([None, other, event["known_at"]])})
        if kind == "mail_clicked" and chance.random() < 0.3:  # a scanner clicks all links at once
            rows += [
                {
                    **event,
                    "event_id": None,
                    "link": link,
                    "occurred_at": _time(occurred + timedelta(seconds=2), chance),
                }
                for link in "bcd"
            ]
    return rows


def _time(at: datetime, chance: random.Random) -> str:
    """As programs write it, with any zone or none."""
    if chance.random() < 0.5:
        return at.isoformat(sep=" ")
    hours = chance.choice([-5, 0, 2])
    return f"{(at + timedelta(hours=hours)).isoformat()}{hours:+03}:00"


def _value(name: str, value: str | None, chance: random.Random) -> Any:
    if value is None or chance.random() < 0.5:
        return value
    if name == "consent" and value in ("true", "false"):
        return value == "true"
    try:
        return float(value) if name in ("income", "seconds", "value") and value != "nan" else value
    except ValueError:
        return value
