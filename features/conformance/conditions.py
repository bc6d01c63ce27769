"""Promises about users' conditions: the same rows hold, whatever is missing or oddly written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pandas as pd

from leadlens.features.conditions.condition import Condition
from leadlens.features.conformance.case import Case, differences
from leadlens.features.engines import Engine

_KINDS: dict[str, Any] = {
    "page": "category", "amount": "number", "paid": "boolean", "at": "time", 'odd "name`': "text",
}  # fmt: skip
_ROWS: list[dict[str, Any]] = [
    {"page": "Pricing", "amount": 10.0, "paid": True, "at": datetime(2024, 3, 1), 'odd "name`': "it's 100%"},
    {"page": "pricing/old", "amount": 0.0, "paid": False, "at": datetime(2024, 2, 29, 23, 59, 59, 999_999), 'odd "name`': "a\\b"},
    {"page": None, "amount": None, "paid": None, "at": None, 'odd "name`': None},
    {"page": "ÜBER", "amount": -2.5, "paid": True, "at": datetime(1999, 1, 1), 'odd "name`': "${x} `y`"},
    {"page": "", "amount": 0.3, "paid": None, "at": datetime(2024, 3, 1), 'odd "name`': ""},
]  # fmt: skip
_ODD = '"odd ""name`"'


def _held(row: dict[str, Any], name: str, test: Callable[[Any], bool]) -> bool:
    return row[name] is not None and test(row[name])


_CONDITIONS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "page = 'Pricing'": lambda r: r["page"] == "Pricing",
    "page <> 'Pricing'": lambda r: _held(r, "page", lambda v: v != "Pricing"),
    "page <> 'Pricing' OR page IS NULL": lambda r: r["page"] != "Pricing",
    "NOT page IN ('Pricing', '')": lambda r: _held(r, "page", lambda v: v not in ("Pricing", "")),
    "page ILIKE '%pricing%'": lambda r: _held(r, "page", lambda v: "pricing" in v.lower()),
    "page LIKE '%pricing%'": lambda r: _held(r, "page", lambda v: "pricing" in v),
    "page NOT LIKE 'P_icing'": lambda r: _held(r, "page", lambda v: v != "Pricing"),
    "page ILIKE 'üb%'": lambda r: r["page"] == "ÜBER",
    "lower(page) = 'über'": lambda r: r["page"] == "ÜBER",
    "upper(trim(page)) = 'PRICING'": lambda r: r["page"] == "Pricing",
    "length(page) = 4": lambda r: r["page"] == "ÜBER",
    "amount > 0.1 + 0.1": lambda r: _held(r, "amount", lambda v: v > 0.2),
    "amount / 0 > 1 OR amount = -2.5": lambda r: r["amount"] == -2.5,
    "amount BETWEEN -2.5 AND 0": lambda r: _held(r, "amount", lambda v: -2.5 <= v <= 0),
    "coalesce(amount, 7) * 2 = 14": lambda r: r["amount"] is None,
    "paid": lambda r: r["paid"] is True,
    "NOT paid": lambda r: r["paid"] is False,
    "paid IS NOT TRUE": lambda r: r["paid"] is not True,
    "paid = FALSE OR amount IN (0.3, 10)": lambda r: r["paid"] is False or r["amount"] in (0.3, 10.0),
    "at >= DATE '2024-03-01'": lambda r: _held(r, "at", lambda v: v >= datetime(2024, 3, 1)),
    "at < '2024-03-01T00:00:00Z'": lambda r: _held(r, "at", lambda v: v < datetime(2024, 3, 1)),
    f"{_ODD} = 'it''s 100%'": lambda r: r['odd "name`'] == "it's 100%",
    f"{_ODD} LIKE 'a\\_'": lambda r: r['odd "name`'] == "a\\b",
    f"{_ODD} LIKE '${{x}}%'": lambda r: r['odd "name`'] == "${x} `y`",
    f"{_ODD} LIKE '%100%' AND amount > 1": lambda r: r["amount"] == 10.0,
}


def _conditions(engine: Engine, _: int) -> Iterator[str]:
    frame = pd.DataFrame({"id": range(len(_ROWS)), **{name: [row[name] for row in _ROWS] for name in _KINDS}})
    engine.register("conf_rows", frame.astype({"at": "datetime64[us]"}))
    flags = ", ".join(
        f"coalesce({Condition.parse(text, _KINDS).sql(engine.dialect, 'r')}, FALSE) AS c{number}"
        for number, text in enumerate(_CONDITIONS)
    )
    got = engine.frame(f"SELECT id, {flags} FROM conf_rows AS r ORDER BY id")
    got = got.rename(columns={f"c{number}": text for number, text in enumerate(_CONDITIONS)})
    wanted = [
        {"id": number} | {text: holds(row) for text, holds in _CONDITIONS.items()}
        for number, row in enumerate(_ROWS)
    ]
    yield from differences(got, wanted, ("id",))
    engine.drop("conf_rows")


CONDITION_CASES = (Case("conditions", "a condition holds for the same rows on every engine", _conditions),)
