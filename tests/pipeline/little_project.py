"""A small healthy project on disk that tests break in one place, and the command line in this process."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pandas as pd
import yaml

from leadlens.pipeline.cli.main import main

START = datetime(2024, 3, 1)
LEADS = 160
# Leads come as they mostly do, the rest in the form that is read soonest.
_SUFFIXES = {"leads": ".csv"} | dict.fromkeys(("accounts", "events", "conversions", "changes"), ".parquet")


def leads() -> pd.DataFrame:
    """One lead every twelve hours; half are of the kind that converts, more or less."""
    return pd.DataFrame(
        {
            "lead_id": [f"L{number:03}" for number in range(LEADS)],
            "created_at": [START + timedelta(hours=12 * number) for number in range(LEADS)],
            "account_id": [f"A{number % 20}" for number in range(LEADS)],
            "closed_at": pd.Series([pd.NaT] * LEADS, dtype="datetime64[us]"),
            "income": [1000.0 + 37 * (number * 7 % 41) for number in range(LEADS)],
            "city": [("Bern", "Rome", "Oslo")[number % 3] for number in range(LEADS)],
        }
    )


def events() -> pd.DataFrame:
    """Two page views of every lead within its first hours, and a mail opened by every other."""
    found = leads()
    rows = []
    for number, (lead, created) in enumerate(zip(found["lead_id"], found["created_at"], strict=True)):
        for hours in (1, 5):
            page = "Pricing" if number % 4 < 2 else "Careers"
            rows.append(
                (f"v{number}-{hours}", lead, created + timedelta(hours=hours), "page_viewed", page, 1.5)
            )
        if number % 2:
            rows.append((f"m{number}", lead, created + timedelta(hours=9), "email_opened", None, None))
    names = ["event_id", "lead_id", "occurred_at", "event_type", "page", "seconds"]
    return pd.DataFrame(rows, columns=names)


def conversions() -> pd.DataFrame:
    """Most leads that looked at prices buy after five days, and a few of the others."""
    found = leads()
    buys = [(number % 4 < 2 and number % 5 != 0) or number % 11 == 0 for number in range(LEADS)]
    return pd.DataFrame(
        {
            "lead_id": found.loc[buys, "lead_id"],
            "converted_at": found.loc[buys, "created_at"] + timedelta(days=5),
            "kind": "sale",
            "value": 100.0,
        }
    )


def accounts() -> pd.DataFrame:
    return pd.DataFrame(
        {"account_id": [f"A{number}" for number in range(20)], "industry": ["IT", "Steel"] * 10}
    )


def changes() -> pd.DataFrame:
    return pd.DataFrame(
        {"entity": ["lead"], "id": ["L001"], "attribute": ["city"], "value": ["Lima"], "known_at": [START]}
    )


def _source(name: str) -> dict[str, Any]:
    return {"read": f"data/{name}{_SUFFIXES[name]}"}


@dataclass
class LittleProject:
    """Five tables and the settings, all free to be changed; :meth:`write` puts them into ``folder``.

    ``files`` replaces (or adds) files by their bytes; ``text`` replaces the whole project file.
    """

    folder: Path
    leads: pd.DataFrame = field(default_factory=leads)
    events: pd.DataFrame = field(default_factory=events)
    conversions: pd.DataFrame = field(default_factory=conversions)
    accounts: pd.DataFrame = field(default_factory=accounts)
    changes: pd.DataFrame = field(default_factory=changes)
    settings: dict[str, Any] = field(
        default_factory=lambda: {
            "name": "little",
            "data": {name: _source(name) for name in ("leads", "events", "conversions")},
            "outcome": {"horizon": "10d"},
            "spine": {"at_ages": ["1d"]},
        }
    )
    files: dict[str, bytes] = field(default_factory=dict)
    text: str | bytes | None = None

    @property
    def data(self) -> dict[str, dict[str, Any]]:
        return self.settings["data"]  # type: ignore[no-any-return]

    def use(self, *tables: str) -> LittleProject:
        """Read these tables too: `accounts` and `changes` are left alone otherwise."""
        self.data.update({name: _source(name) for name in tables})
        return self

    def write(self) -> Path:
        """Write tables and settings into the folder; returns the path of the project file."""
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        for name, suffix in _SUFFIXES.items():
            path = self.folder / "data" / f"{name}{suffix}"
            frame = getattr(self, name)
            frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path, index=False)
        for name, raw in self.files.items():
            (self.folder / name).write_bytes(raw)
        text = yaml.safe_dump(self.settings, sort_keys=False, allow_unicode=True)
        path = self.folder / "project.yaml"
        told = text if self.text is None else self.text
        path.write_bytes(told.encode() if isinstance(told, str) else told)
        return path


def thin_out(folder: Path, keep: int = 3) -> None:
    """Keep every third lead of a starter project, with all it did: it trains in less than half the time."""
    kept: set[str] = set()
    for name in ("leads", "events", "conversions"):
        path = folder / "data" / f"{name}.csv"
        table = pd.read_csv(path, dtype=str)
        if name == "leads":
            kept = {lead for lead in table["lead_id"] if int(lead[1:]) % keep == 0}
        table[table["lead_id"].isin(kept)].to_csv(path, index=False)


class Answer(NamedTuple):
    """What a command gave: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        """The JSON object it printed."""
        found: dict[str, Any] = json.loads(self.out)
        return found


def leadlens(*arguments: str | Path) -> Answer:
    """The command line, in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", ["leadlens", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Answer(code, out.getvalue(), err.getvalue())
