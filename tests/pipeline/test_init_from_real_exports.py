"""`leadlens init --from` on the simulated exports of HubSpot and Salesforce: from export to scores without an edit by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.audit import audit
from leadlens.pipeline.starting.writing import init_from
from tests.pipeline.little_project import leadlens

EXPORTS = (
    Path(os.environ.get("LEADLENS_DATA") or Path(__file__).parents[3] / "shared" / "data") / "crm_exports"
)
CONTACTS = "hubspot-crm-exports-all-contacts-2025-09-30"
pytestmark = pytest.mark.skipif(not EXPORTS.is_dir(), reason=f"there is no {EXPORTS}: set LEADLENS_DATA")
# what sales or software fill in after a lead came in
HUBSPOT_LATE = {
    "Contact owner", "Lifecycle Stage", "Lead Status", "Became a Lead Date", "Became a Marketing Qualified Lead Date", "Became a Customer Date", "Close Date",
    "Number of Page Views", "Number of Sessions", "Number of Form Submissions", "Marketing emails opened", "Last Activity Date", "HubSpot Score", "Likelihood to close",
    "Total Revenue", "Unsubscribed from all email",
}  # fmt: skip
SALESFORCE_LATE = {
    "Status",
    "LastModifiedDate",
    "IsConverted",
    "ConvertedDate",
    "ConvertedOpportunityId",
    "OwnerId",
    "Rating",
}


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))


@pytest.mark.parametrize("name", ["hubspot", "salesforce"])
def test_from_an_export_to_scores(name: str, tmp_path: Path) -> None:
    project = tmp_path / "my leads"
    begun = leadlens("init", project, "--from", EXPORTS / name, "--json")
    assert begun.code == 0, begun.err
    said = json.loads(begun.out)
    assert said["conversions"]["leads"] == 276
    assert set(said["known_after"]) == (HUBSPOT_LATE if name == "hubspot" else SALESFORCE_LATE)
    assert said["horizon_days"] == 60
    checked = json.loads(leadlens("check", project, "--json").out)
    assert checked["readiness"]["level"] == "usable"
    assert not checked["suspects"]
    assert leadlens("audit", project, "--json").code == 0
    trained = leadlens("train", project, "--trials", "2", "--json")
    assert trained.code == 0, trained.err
    assert json.loads(trained.out)["figures"]["leadlens"]["roc_auc"] > 0.68
    assert leadlens("compare", project, "--out", tmp_path / "report").code == 0
    assert leadlens("score", project, "--as-of", "2025-09-30").code == 0
    head, *rows = CalamineWorkbook.from_path(project / "scores.xlsx").get_sheet_by_index(0).to_python()
    scored = pd.DataFrame(rows, columns=head)
    table, key, status, over = (
        (f"{CONTACTS}.csv", "Record ID - Contact", "Lead Status", "Unqualified")
        if name == "hubspot"
        else ("Lead.csv", "Id", "Status", "Closed - Not Converted")
    )
    leads = pd.read_csv(EXPORTS / name / table, dtype=str).set_index(key)
    assert not (leads.loc[scored["Lead"], status] == over).any(), "nobody calls a lead that is over"
    assert len(scored) > 0.6 * len(leads)
    for column in ("Name", "E-mail", "Company", *(["Owner"] if name == "hubspot" else [])):
        assert (scored[column] != "").mean() > 0.5, column


def test_a_workbook_alone(tmp_path: Path) -> None:
    started = init_from(tmp_path / "project", str(EXPORTS / "hubspot" / f"{CONTACTS}.xlsx"))
    assert set(started.proposal.known_after) == HUBSPOT_LATE
    assert started.proposal.horizon.length.days == 60
    assert [each.types for each in started.proposal.events] == [
        ("Stage: Lead", "Stage: Marketing Qualified Lead")
    ]
    assert not audit(load_project(started.written[0]), sample=10).leaks


def test_the_same_rows_in_two_formats_are_read_once(tmp_path: Path) -> None:
    started = init_from(tmp_path / "project", str(EXPORTS / "hubspot"))
    assert started.proposal.leads.table.label == f"{CONTACTS}.csv"
    assert f"{CONTACTS}.xlsx: the same rows as {CONTACTS}.csv" in started.proposal.left_out
    assert started.proposal.domains.names == ("ourcompany.com",)


def test_edits_of_salesforce_are_changes_and_the_exact_time_of_conversion_is_taken(tmp_path: Path) -> None:
    started = init_from(tmp_path / "project", str(EXPORTS / "salesforce"))
    proposal = started.proposal
    assert [field.column for each in proposal.changes for field in each.fields] == ["Title"]
    assert proposal.conversions is not None
    assert proposal.conversions.named == "leadConverted"
    assert {each.table.label for each in proposal.events} == {
        "CampaignMember.csv",
        "Event.csv",
        "LeadHistory.csv",
        "Task.csv",
    }
    assert all(
        "HasResponded" not in each.query and "FirstRespondedDate" not in each.query
        for each in proposal.events
    )
