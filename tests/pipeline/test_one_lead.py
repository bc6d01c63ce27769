"""The history of one lead: of every table its own rows and its account's, no more and no fewer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from leadlens.features import History
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import open_history, open_lead
from leadlens.pipeline.prepared.records import TABLES
from tests.pipeline.little_project import START, LittleProject

LEAD, ACCOUNT = "L023", "A3"
OTHERS = {"L003", "L043", "L063", "L083", "L103", "L123", "L143"}  # of the same account
WHOSE = {"leads": "lead_id", "events": "lead_id", "conversions": "lead_id", "objections": "lead_id"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = LittleProject(tmp_path_factory.mktemp("one")).use("accounts", "changes")
    rows = [
        ("account", ACCOUNT, "industry", "Coal", 1),
        ("account", ACCOUNT, "industry", "Steel", 9),
        ("account", "A4", "industry", "Gas", 2),
        ("lead", LEAD, "city", "Lima", 3),
        ("lead", "L043", "city", "Cusco", 4),
        ("lead", "L024", "city", "Quito", 5),
        ("account", LEAD, "industry", "Wood", 6),  # an account by the id of a lead
    ]
    built.changes = pd.DataFrame(
        [(*row, START + timedelta(days=day)) for *row, day in rows],
        columns=["entity", "id", "attribute", "value", "known_at"],
    )
    built.accounts = pd.concat([built.accounts, pd.DataFrame([{"account_id": LEAD, "industry": "IT"}])])
    objections = f"lead_id\nL043\n{LEAD}\nL024\n"
    built.files["objections.csv"] = objections.encode()
    built.data["objections"] = {"read": "objections.csv"}
    return built.write()


def _rows(history: History, table: str) -> list[str]:
    return sorted(map(str, history.engine.frame(f"SELECT * FROM {table}").to_dict("records")))


@pytest.mark.parametrize(
    "table", ["events", *(name for name in TABLES if name in (*WHOSE, "accounts", "changes"))]
)
def test_a_lead_has_its_rows_and_those_of_its_account(project: Path, table: str) -> None:
    file = load_project(project)
    with open_history(file) as whole, open_lead(file, LEAD) as one:
        every = whole.engine.frame(f"SELECT * FROM {table}")
        if table in WHOSE:
            own = every[every[WHOSE[table]].isin({LEAD, *OTHERS})]
        elif table == "accounts":
            own = every[every["account_id"] == ACCOUNT]
        else:
            leads = (every["entity"] == "lead") & every["id"].isin({LEAD, *OTHERS})
            own = every[leads | ((every["entity"] == "account") & (every["id"] == ACCOUNT))]
        assert len(own) < len(every)
        assert len(own)
        assert _rows(one, table) == sorted(map(str, own.to_dict("records")))
