"""Exports of CRMs that nobody described: Copper in American English, SugarCRM in German, Zendesk Sell as JSON, ActiveCampaign in an archive."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tests.pipeline.crm_world import LAST_DAY, Lead, Truth, american, dotted, iso, write_csv

_ACTS = {"page": "Website visit", "open": "Email opened", "click": "Email clicked", "form": "Form", "call": "Phone call", "meeting": "Meeting"}  # fmt: skip


def _zulu(at: datetime | None) -> str | None:
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def copper(folder: Path, leads: Sequence[Lead]) -> Truth:
    """People, opportunities that name them with a status and a day of closing, activities."""
    write_csv(folder / "people_export.csv", [
        {"Copper ID": 90_000_000 + lead.number * 7, "Name": lead.name, "Title": lead.title, "Email": lead.email, "Work Phone": lead.phone, "Lead Source": lead.source,
         "Owned By": "Sam Hill", "Tags": "vip", "Interaction Count": len(lead.acts), "Last Contacted": american(lead.last_act)[:10],
         "Inactive Days": (LAST_DAY - (lead.last_act or lead.created)).days, "Created At": american(lead.created), "Updated At": american(lead.last_act or lead.created)}
        for lead in leads
    ])  # fmt: skip
    write_csv(folder / "opportunities_export.csv", [
        {"Opportunity ID": 30_000_000 + lead.number * 3, "Name": f"{lead.last} deal", "Primary Person": lead.name, "Primary Person ID": 90_000_000 + lead.number * 7,
         "Stage": "Proposal", "Status": "Won" if lead.won else "Lost" if lead.lost else "Open", "Loss Reason": "Price" if lead.lost else "", "Value": f"${lead.value:,.2f}",
         "Win Probability": 100 if lead.won else 40, "Close Date": american(lead.won or lead.lost)[:10], "Created At": american(lead.created)}
        for lead in leads if lead.won or lead.lost or lead.number % 3 == 0
    ])  # fmt: skip
    write_csv(folder / "activities_export.csv", [
        {"Activity ID": f"{lead.number}{place:03}", "Activity Type": _ACTS[kind], "Parent Type": "person", "Parent ID": 90_000_000 + lead.number * 7,
         "Activity Date": american(at), "Details": "talked", "User": "Sam Hill"}
        for lead in leads for place, (at, kind, _) in enumerate(lead.acts)
    ])  # fmt: skip
    late = ["Owned By", "Tags", "Interaction Count", "Last Contacted", "Inactive Days", "Updated At"]
    return Truth("Copper ID", "Created At", late, ["Title", "Lead Source"], leads="people_export.csv")


def sugar(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Leads and calls in German, with an audit table in English, as the database has it."""

    def key(lead: Lead) -> str:
        return f"{lead.number:08x}-11ee-4a2b-9c1d-0242ac120002"

    write_csv(folder / "Interessenten.csv", [
        {"ID": key(lead), "Vorname": lead.first, "Nachname": lead.last, "E-Mail-Adresse": lead.email, "Telefon Büro": lead.phone, "Titel": lead.title, "Quelle": lead.source,
         "Status": "Konvertiert" if lead.won else "Tot" if lead.lost else "Neu", "Konvertiert": int(lead.won is not None),
         "Budget": f"{1 + lead.number % 9}.{100 + lead.number % 900}", "Zugewiesen an": "jdoe", "Erstellt am": dotted(lead.created),
         "Geändert am": dotted(lead.last_act or lead.created), "Gelöscht": "0"}
        for lead in leads
    ], delimiter=";")  # fmt: skip
    write_csv(folder / "Anrufe.csv", [
        {"ID": f"c{lead.number}-{place}", "Betreff": kind, "Richtung": "Ausgehend", "Status": "Gehalten", "Startdatum": dotted(at), "Gehört zu": "Leads",
         "Gehört zu ID": key(lead), "Erstellt am": dotted(at)}
        for lead in leads for place, (at, kind, _) in enumerate(lead.acts)
    ], delimiter=";")  # fmt: skip
    steps = {
        lead.number: [(lead.created + timedelta(minutes=9), "New", "Assigned")]
        + ([(lead.won, "Assigned", "Converted")] if lead.won else [])
        + ([(lead.lost, "Assigned", "Dead")] if lead.lost else [])
        for lead in leads
    }
    write_csv(folder / "leads_audit.csv", [
        {"id": f"a{lead.number}-{place}", "parent_id": key(lead), "date_created": iso(at), "created_by": "1", "field_name": "status", "data_type": "enum",
         "before_value_string": before, "after_value_string": after}
        for lead in leads for place, (at, before, after) in enumerate(steps[lead.number])
    ])  # fmt: skip
    late = ["Status", "Konvertiert", "Zugewiesen an", "Geändert am"]
    return Truth("ID", "Erstellt am", late, ["Titel", "Quelle", "Budget"], leads="Interessenten.csv")


def sell(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Records as the interface of Zendesk Sell gives them: what was won is known by the last change of a deal's stage."""
    people = [
        {"id": 5000 + lead.number, "creator_id": 1, "owner_id": 2, "first_name": lead.first, "last_name": lead.last, "organization_name": "X",
         "status": "Converted" if lead.won else "Unqualified" if lead.lost else "New", "title": lead.title, "email": lead.email, "phone": lead.phone,
         "address": {"city": "Bern", "country": "CH" if lead.number % 2 else "NO"}, "tags": ["a"], "custom_fields": {"budget": lead.value},
         "created_at": _zulu(lead.created), "updated_at": _zulu(lead.won or lead.lost or lead.last_act or lead.created)}
        for lead in leads
    ]  # fmt: skip
    deals = [
        {"id": 80_000 + lead.number, "name": "deal", "lead_id": 5000 + lead.number, "value": lead.value, "stage_name": "Won" if lead.won else "Lost",
         "estimated_close_date": f"{lead.won or lead.lost:%Y-%m-%d}", "last_stage_change_at": _zulu(lead.won or lead.lost), "created_at": _zulu(lead.created)}
        for lead in leads if lead.won or lead.lost
    ]  # fmt: skip
    acts = [
        {"id": lead.number * 1000 + place, "resource_type": "lead", "resource_id": 5000 + lead.number, "outcome": kind, "made_at": _zulu(at), "updated_at": _zulu(at)}
        for lead in leads for place, (at, kind, _) in enumerate(lead.acts)
    ]  # fmt: skip
    (folder / "leads.jsonl").write_text("\n".join(map(json.dumps, people)))
    (folder / "deals.jsonl").write_text("\n".join(map(json.dumps, deals)))
    (folder / "calls.json").write_text(json.dumps(acts))
    return Truth(
        "id",
        "created_at",
        ["updated_at", "status", "owner_id", "tags"],
        ["title", "custom_fields.budget"],
        leads="leads.jsonl",
    )


def activecampaign(folder: Path, leads: Sequence[Lead]) -> None:
    """An archive of contacts, deals and a tracking log, linked by addresses, some in capitals; of the deals 1 is won and 2 lost."""
    tables = {
        "contacts": [
            {"Email": lead.email if lead.number % 9 else lead.email.upper(), "First Name": lead.first, "Phone": lead.phone, "Date Created": iso(lead.created),
             "Score": len(lead.acts) * 5, "Company Size": lead.employees}
            for lead in leads
        ],
        "deals": [
            {"Deal ID": lead.number + 1, "Title": "Deal", "Contact Email": lead.email, "Status": 1 if lead.won else 2 if lead.lost else 0,
             "Create Date": iso(lead.created), "Won/Lost Date": iso(lead.won or lead.lost)}
            for lead in leads if lead.won or lead.lost or lead.number % 5 == 0
        ],
        "tracking log": [
            {"Contact": lead.email, "Event": _ACTS[kind], "URL": f"https://www.ours.com{page}", "Timestamp": iso(at)}
            for lead in leads for at, kind, page in lead.acts
        ],
    }  # fmt: skip
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        for name, rows in tables.items():
            archive.write(write_csv(folder / "one.csv", rows), f"{name}.csv")
    (folder / "one.csv").unlink()
