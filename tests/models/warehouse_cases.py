"""Sheets and a history for the export to a warehouse: every mechanism of the language, ties, late and NULL facts."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from leadlens.features import History
from leadlens.features.spine import Spine
from leadlens.models.scorecard import Sheet, SheetScores, score_sheet
from tests.models.histories import DAY, START, open_small

AS_OF = START + 60 * DAY
LEAD = {"age": "number", "city": "category", "vip": "boolean", "born": "time", "total money": "number"}
ACCOUNT = {"staff": "number", "industry": "category"}
EVENT = {"page": "category", "value": "number", "paid": "boolean"}
HOUR = timedelta(hours=1)
_CITIES = ("Bern", "Rome", "O'Neil\\", "", None)

RICH: dict[str, Any] = {
    "sheet": "rich",
    "about": "every mechanism at once",
    "base": {"fit": 5, "engagement": 0.1, "services": -1},
    "lists": {"good_pages": ["pricing", "it's \\ odd"]},
    "dimensions": ["platform", "services"],
    "products": ["platform", "services"],
    "total": ["fit", "engagement", "platform"],
    "scale": {"zero": -20, "hundred": 80},
    "groups": [{"name": "mail", "cap": 12.5}, {"name": "who", "cap": 9}],
    "attributes": [
        {"label": "Grown up", "when": "age >= 30", "points": 8, "key": "grown", "group": "who"},
        {"label": "It's \\ 'Rome'", "when": "city = 'Rome' OR vip", "points": 6, "group": "who", "also": ["services"]},
        {"label": "Old", "when": "born < DATE '1980-01-01' OR age / 0 > 1", "points": -3.5, "dimension": "platform"},
        {"label": "IT", "when": "account.industry ILIKE 'it%' AND account.staff * 0.1 > 1.5", "points": 7},
        {"label": "Odd", "when": "city LIKE '%\\' OR length(trim(city)) = 0", "points": 2, "also": ["platform"]},
    ],
    "actions": [
        {"label": "Page", "when": "event_type = 'page_viewed'", "points": 1.5, "per": "each", "cap": 7},
        {"label": "Priced", "when": "page IN good_pages", "points": 10, "decay": {"half_life": "5d"}, "key": "priced"},
        {"label": "Ages ago", "when": "event_type = 'call'", "points": 9, "decay": {"half_life": "1h"}, "per": "each"},
        {"label": "Mail days", "when": "event_type ILIKE 'E_MAIL%'", "points": 4, "per": "day", "group": "mail",
         "within": "30d", "decay": {"to_zero": "20d"}, "also": ["services"]},
        {"label": "Bounces", "when": "event_type = 'e_mail_bounced'", "points": -6, "per": "each", "group": "mail"},
        {"label": "Values", "when": "value > 0.05", "points": 2, "per": "value", "of": "value", "cap": 5,
         "dimension": "services"},
        {"label": "Pages", "when": "TRUE", "points": 1, "per": "value", "of": "page", "within": "14d"},
        {"label": "Thrice", "when": "event_type = 'page_viewed'", "points": 5, "at_least": 3, "key": "thrice"},
        {"label": "On 2 days lately", "when": "event_type = 'page_viewed'", "points": 3, "at_least": {"days": 2},
         "within": "21d"},
        {"label": "2 pages", "when": "TRUE", "points": 2.5, "at_least": {"values": 2}, "of": "page"},
        {"label": "After a call", "when": "event_type = 'page_viewed'", "points": 3, "per": "each", "cap": 6,
         "after": "event_type = 'call' AND paid"},
        {"label": "Silent", "when": "event_type <> 'call'", "points": -7, "silent": "9d", "key": "silent"},
        {"label": "Signal", "when": "paid AND value / 0.1 > 0.5", "points": 0, "key": "signal", "within": "40d"},
    ],
    "disqualify": [
        {"label": "Too young", "when": "age < 12"},
        {"label": "Asked 'out'", "when": "event_type = 'opt_out'", "on": "action"},
    ],
    "thresholds": {
        "mql": {"points": 22, "keep": 15},
        "sql": {"points": 34, "keep": 25, "when": "NOT rule.silent AND (age > 20 OR lead.vip OR rule.priced)"},
    },
    "grades": {"fit": [20, 12, 4], "engagement": [20, 10, 4.5]},
    "routes": [
        {"label": "Now", "when": "stage = 'SQL' AND surge > 2 AND trend > 0", "action": "call", "queue": "reps",
         "reason": "Hot: it's rising"},
        {"label": "Out", "when": "disqualified", "action": "drop"},
        {"label": "Product", "when": "product = 'services' AND account.staff > 10", "action": "mail", "queue": "serv"},
        {"label": "Kept", "when": "stage <> 'Lead' AND (rule.signal OR grade IN ('A4', 'B3', 'A3') OR score > 50)",
         "action": "text"},
        {"label": "Grown", "when": "rule.grown AND fit_grade <= 'B' AND city IS NULL", "action": "wait"},
    ],
}  # fmt: skip


def rich_history(seed: int = 0, leads: int = 40) -> History:
    """Leads with and without accounts, events late, taken back and at the same moment, changes to NULL and to misfits."""
    draw = random.Random(seed)

    def moment() -> datetime:
        return START + draw.randrange(0, 66) * DAY + draw.choice((0, 0, 0, 1, 7)) * HOUR + _hair(draw)

    people = [
        {"lead_id": f"ld {number:03}'", "created_at": START + draw.randrange(0, 65) * DAY,
         "account_id": draw.choice((None, "x", "y", "nobody")), "age": draw.choice((None, 8.0, 25.0, 44.0)),
         "city": draw.choice(_CITIES), "vip": draw.choice((None, True, False)), "total money": draw.random(),
         "born": draw.choice((None, datetime(1970, 5, 1), datetime(1999, 1, 1)))}
        for number in range(leads)
    ]  # fmt: skip
    events = []
    for number in range(leads * 16):
        at = moment()
        events.append(
            {"event_id": f"e{number}", "lead_id": draw.choice(people)["lead_id"], "occurred_at": at,
             "known_at": at + draw.choice((0, 0, 0, 1, 48)) * HOUR, "retracted_at": draw.choice((None,) * 6 + (moment(),)),
             "event_type": draw.choice(("page_viewed",) * 4 + ("e_mail_opened", "e_mail_bounced", "call", "Email")),
             "page": draw.choice((None, "pricing", "it's \\ odd", "team")), "paid": draw.choice((None, True, False)),
             "value": draw.choice((None, 0.1, 2.0, -3.5, 1e6, 12345.678))}
        )  # fmt: skip
    events += [dict(draw.choice(events), event_type="opt_out") for _ in range(4)]
    told = {"age": ("31", "abc", None, " 12.5 ", "7"), "city": ("Rome", None, "Bern"), "vip": ("true", "false", None),
            "born": ("1975-01-01 00:00:00", "2001-02-03", "never")}  # fmt: skip
    changes = [
        {"entity": "lead", "id": draw.choice(people)["lead_id"], "attribute": name, "value": draw.choice(told[name]),
         "known_at": START + draw.randrange(0, 66) * DAY}
        for name in told for _ in range(leads)
    ]  # fmt: skip
    changes += [
        {"entity": "account", "id": account, "attribute": "staff", "value": value, "known_at": START + day * DAY}
        for account, value, day in (("x", None, 9), ("x", "16", 20), ("y", "20", 5), ("y", None, 40), ("x", "3", 62))
    ]  # fmt: skip
    accounts = [{"account_id": "x", "staff": 12.0, "industry": "IT"}, {"account_id": "y", "industry": "Itä"}]
    return open_small(people, events, accounts, changes, LEAD, ACCOUNT, EVENT)  # type: ignore[arg-type]


def _hair(draw: random.Random) -> timedelta:
    return timedelta(microseconds=draw.choice((0, 0, 0, 1, -1)))


def expected(sheet: Sheet, history: History, as_of: datetime, movement: bool = False) -> SheetScores:
    """What the engine makes of the leads that exist then."""
    at = history.engine.dialect.literal(as_of)
    rows = f"SELECT row_number() OVER (ORDER BY lead_id) - 1 AS row_id, lead_id, {at} AS as_of, created_at "
    with Spine.make(history.engine, "spine", f"{rows} FROM leads WHERE created_at <= {at}") as spine:
        return score_sheet(sheet, history, spine, movement=movement)


def check_scores(got: pd.DataFrame, wanted: SheetScores) -> None:
    """The export's rows are the engine's, column by column, to 1e-9."""
    scores = wanted.scores.drop(columns="row_id")
    assert sorted(got.columns) == sorted(scores.columns)
    _alike(got, scores, ["lead_id"])


def check_ledger(got: pd.DataFrame, wanted: SheetScores) -> None:
    """The export's lines are the engine's, in any order."""
    lines = wanted.ledger.drop(columns="row_id")
    assert list(got.columns) == list(lines.columns)
    _alike(got, lines, ["lead_id", "dimension", "rule", "occurred_at", "detail", "points"])


def _alike(got: pd.DataFrame, wanted: pd.DataFrame, keys: Iterable[str]) -> None:
    found, wished = (_plain(frame, wanted, list(keys)) for frame in (got, wanted))
    pd.testing.assert_frame_equal(found, wished, rtol=0, atol=1e-9)


def _plain(frame: pd.DataFrame, like: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    told: dict[str, Any] = {}
    for name in like.columns:
        if pd.api.types.is_numeric_dtype(like[name]):
            told[name] = frame[name].astype("float64")
        elif pd.api.types.is_datetime64_any_dtype(like[name]):
            told[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
        else:
            told[name] = frame[name].astype("object").where(frame[name].notna(), None).astype("str")
    return pd.DataFrame(told).sort_values(keys, na_position="first").reset_index(drop=True)
