"""Leads, activities and histories out of a CRM: all of them once, then what changed, whatever the server does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from leadlens.features import LeadlensError
from leadlens.pipeline.config import load_project
from leadlens.pipeline.crm.http import Patience
from leadlens.pipeline.jobs.pull import pull
from leadlens.pipeline.sources import open_history
from tests.pipeline.little_project import leadlens
from tests.pipeline.pull_server import Records, serving

PATIENT = Patience(tries=8, first=0.001, longest=0.002)
KINDS = ("hubspot", "salesforce")


def at(day: int, hour: int = 0) -> str:
    return f"2026-01-{day:02}T{hour:02}:00:00.000Z"


def lead_id(kind: str, number: int) -> str:
    return str(100 + number) if kind == "hubspot" else f"00Q{number:015}"


def filled(kind: str) -> Records:
    """Ten leads, of which two have edits, with two activities each."""
    records, name = Records(), "city" if kind == "hubspot" else "City"
    tasks = "tasks" if kind == "hubspot" else "Task"
    for number in range(10):
        lead = lead_id(kind, number)
        records.contacts[lead] = {"created": at(1, number), "modified": at(2, number), name: "Bern", "Email" if kind == "salesforce" else "email": f"{number}@x.com"}  # fmt: skip
        records.history[lead] = (
            {name: [(at(1, number), "Rome"), (at(2, number), "Bern")]} if number < 2 else {}
        )
        for place in range(2):
            task = {"created": at(3, number), "modified": at(3, number), "of": [lead], "hs_timestamp": at(3, number), "hs_task_status": "DONE", "Status": "Done"}  # fmt: skip
            records.activities.setdefault(tasks, {})[str(1000 + 2 * number + place)] = task
    return records


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name = request.param.upper()
    monkeypatch.delenv(f"{name}_ACCESS_TOKEN", raising=False)
    monkeypatch.setenv(f"{name}_CLIENT_ID", "our-app")
    monkeypatch.setenv(f"{name}_CLIENT_SECRET", "hush-hush-1")
    monkeypatch.setenv("HUBSPOT_REFRESH_TOKEN", "refresh-me-1")
    return str(request.param)


@pytest.fixture
def crm(kind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    monkeypatch.setattr("leadlens.pipeline.pulling.hubspot._PAGE", 3)
    monkeypatch.setattr("leadlens.pipeline.pulling.hubspot._BATCH", 2)
    with serving(filled(kind)) as records:
        yield records


def address(kind: str, crm: Records) -> str:
    return f"{kind}://{crm.origin}/{'contacts' if kind == 'hubspot' else 'Lead'}"


def tables(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {path.stem: pq.read_table(path).to_pylist() for path in sorted(folder.glob("*.parquet"))}


def test_everything_comes_once_then_what_changed(kind: str, crm: Records, tmp_path: Path) -> None:
    first = pull(address(kind, crm), tmp_path / "crm", patience=PATIENT)
    assert first.rows == {"leads": 10, "events": 20, "changes": 4, "aliases": 0}
    found = tables(tmp_path / "crm")
    lead = lead_id(kind, 0)
    edits = [(row["value"], row["known_at"]) for row in found["changes"] if row["id"] == lead]
    assert sorted(edits) == [("Bern", at(2, 0)), ("Rome", at(1, 0))]
    assert {row["lead_id"] for row in found["events"]} == set(crm.contacts)
    asked = crm.requests
    again = pull(address(kind, crm), tmp_path / "crm", patience=PATIENT)
    assert again.changed == {}
    assert crm.requests - asked < asked
    name = "city" if kind == "hubspot" else "City"
    crm.contacts[lead] |= {"modified": at(9), name: "Oslo"}
    crm.history[lead].setdefault(name, []).append((at(9), "Oslo"))
    changed = pull(address(kind, crm), tmp_path / "crm", patience=PATIENT)
    assert changed.changed == {"leads": 1, "changes": 1}
    assert [row[name] for row in tables(tmp_path / "crm")["leads"] if row["lead_id"] == lead] == ["Oslo"]
    whole = pull(address(kind, crm), tmp_path / "anew", patience=PATIENT)
    assert tables(tmp_path / "anew") == tables(tmp_path / "crm")
    assert whole.rows == changed.rows


def test_deleted_leads_go_and_merged_ones_stay_known(kind: str, crm: Records, tmp_path: Path) -> None:
    pull(address(kind, crm), tmp_path / "crm", patience=PATIENT)
    deleted, old, survivor = (lead_id(kind, number) for number in (3, 4, 5))
    crm.contacts[deleted] |= {"archived": True, "modified": at(9)}
    if kind == "hubspot":
        crm.contacts[old] |= {"archived": True}
        crm.contacts[survivor] |= {"merged": f"{old};{survivor}", "modified": at(9)}
    else:
        crm.contacts[old] |= {"merged": survivor, "modified": at(9)}
    pull(address(kind, crm), tmp_path / "crm", patience=PATIENT)
    found = tables(tmp_path / "crm")
    assert {row["lead_id"] for row in found["leads"]} == set(crm.contacts) - {deleted, old}
    assert found["aliases"] == [{"old_id": old, "lead_id": survivor}]
    did = {row["lead_id"] for row in found["events"]}
    assert deleted not in did
    assert old in did
    pull(address(kind, crm), tmp_path / "crm", patience=PATIENT)
    assert tables(tmp_path / "crm") == found
    # When the lead that it became is not read any more, what it was merged into is still known.
    crm.contacts[lead_id(kind, 0)] |= {"modified": at(11)}
    for _ in range(2):
        pull(address(kind, crm), tmp_path / "crm", patience=PATIENT)
    assert {row["lead_id"] for row in tables(tmp_path / "crm")["events"]} == did


def test_a_server_that_is_busy_and_forgets_tokens(kind: str, crm: Records, tmp_path: Path) -> None:
    crm.busy, crm.expired = 0.2, 0.1
    done = pull(address(kind, crm), tmp_path / "crm", patience=PATIENT)
    assert done.rows == {"leads": 10, "events": 20, "changes": 4, "aliases": 0}
    assert done.retried > 0
    assert crm.tokens > 1


@pytest.mark.parametrize("after", [1, 4, 7, 11])
def test_a_pull_that_breaks_off_goes_on(
    kind: str, crm: Records, tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadlens.pipeline.jobs.pull._AT_ONCE", 1)
    crm.break_after = after
    hasty = Patience(tries=2, first=0.001, longest=0.002)
    with pytest.raises(LeadlensError):
        pull(address(kind, crm), tmp_path / "crm", patience=hasty)
    crm.break_after = None
    pull(address(kind, crm), tmp_path / "crm", patience=PATIENT)
    pull(address(kind, crm), tmp_path / "whole", patience=PATIENT)
    assert tables(tmp_path / "crm") == tables(tmp_path / "whole")


def test_more_than_one_search_can_give(
    crm: Records, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadlens.pipeline.pulling.hubspot._MOST", 6)
    assert pull(address(kind, crm), tmp_path / "crm", patience=PATIENT).rows["leads"] == 10


def test_a_project_reads_what_was_pulled(kind: str, crm: Records, tmp_path: Path) -> None:
    done = pull(address(kind, crm), tmp_path / "crm", patience=PATIENT)
    text = f"name: pulled\n{done.project.replace(done.folder, 'crm')}\n  conversions: {{read: sales.csv}}\noutcome: {{horizon: 30d}}\n"
    (tmp_path / "project.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "sales.csv").write_text(f"lead_id,converted_at\n{lead_id(kind, 1)},2026-01-20\n")
    with open_history(load_project(tmp_path / "project.yaml")) as history:
        assert history.engine.count("leads") == 10
        assert history.engine.count("events") == 20
        assert history.engine.count("changes") == 4


def test_another_source_does_not_mix_with_this_one(kind: str, crm: Records, tmp_path: Path) -> None:
    pull(address(kind, crm), tmp_path / "crm", patience=PATIENT)
    with pytest.raises(LeadlensError, match="pulled from somewhere else"):
        pull(
            "hubspot://deals" if kind == "hubspot" else "salesforce://a.my.salesforce.com/Lead",
            tmp_path / "crm",
        )


def test_the_command(kind: str, crm: Records, tmp_path: Path) -> None:
    done = leadlens("pull", address(kind, crm), str(tmp_path / "crm"), "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["rows"]["leads"] == 10
    told = leadlens("pull", address(kind, crm), str(tmp_path / "crm"))
    assert "nothing changed" in told.out
    assert "hush-hush" not in told.out + told.err + done.out
    assert leadlens("pull", "https://x.example/y", str(tmp_path / "z")).code == 2
