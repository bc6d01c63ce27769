"""Exports of trackers, of Odoo and Mautic, and of CRMs that are known by words alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tests.pipeline.crm_world import (
    LAST_DAY,
    Lead,
    Truth,
    american,
    iso,
    write_activities,
    write_csv,
    zulu,
)


def ga4(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Leads of a form with their client ids, events as Google Analytics 4 exports them: microseconds, names of events."""
    write_csv(folder / "leads.csv", [
        {"lead_id": f"L{lead.number:05}", "submitted_at": zulu(lead.created), "email": lead.email, "job_title": lead.title, "utm_source": lead.source,
         "ga_client_id": f"{lead.number * 7919}.{17 + lead.number}", "became_customer_at": zulu(lead.won), "lead_grade": "A" if lead.won else "C"}
        for lead in leads
    ])  # fmt: skip
    names = {
        "page": "page_view",
        "open": "session_start",
        "click": "scroll",
        "form": "form_submit",
        "call": "click",
        "meeting": "file_download",
    }
    rows = [
        {"event_date": at.strftime("%Y%m%d"), "event_timestamp": int(at.timestamp() * 1_000_000), "event_name": names[kind],
         "user_pseudo_id": f"{lead.number * 7919}.{17 + lead.number}", "page_location": f"https://www.ours.com{page}", "traffic_source.medium": "cpc",
         "user_first_touch_timestamp": int(lead.created.timestamp() * 1_000_000)}
        for lead in leads for at, kind, page in lead.acts
    ]  # fmt: skip
    write_csv(folder / "ga4_events.csv", rows)
    return Truth(
        "lead_id",
        "submitted_at",
        ["became_customer_at", "lead_grade"],
        ["job_title", "utm_source"],
        leads="leads.csv",
    )


def segment(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Users and tracks of Segment in a warehouse; orders in a file of their own."""
    write_csv(folder / "users.csv", [
        {"id": f"u_{lead.number:06x}", "created_at": zulu(lead.created), "email": lead.email, "title": lead.title, "company_size": lead.employees, "last_seen": zulu(lead.last_act)}
        for lead in leads
    ])  # fmt: skip
    write_csv(folder / "tracks.csv", [
        {"id": f"ev-{lead.number}-{place}", "anonymous_id": f"an-{lead.number % 50}", "user_id": f"u_{lead.number:06x}", "event": f"{kind}_done", "event_text": f"{kind.capitalize()} done",
         "timestamp": zulu(at), "received_at": zulu(at + timedelta(seconds=3)), "context_page_path": page}
        for lead in leads for place, (at, kind, page) in enumerate(lead.acts)
    ])  # fmt: skip
    write_csv(folder / "orders.csv", [
        {"order_no": 70_000 + lead.number, "customer": f"u_{lead.number:06x}", "ordered_at": zulu(lead.won), "amount": lead.value} for lead in leads if lead.won
    ])  # fmt: skip
    return Truth("id", "created_at", ["last_seen"], ["title", "company_size"], leads="users.csv")


def odoo(folder: Path, leads: Sequence[Lead]) -> Truth:
    """crm.lead by its technical names."""
    write_csv(folder / "crm_lead.csv", [
        {"id": lead.number + 1, "name": f"Request {lead.number}", "contact_name": lead.name, "email_from": lead.email, "phone": lead.phone, "function": lead.title,
         "stage_id/name": "Won" if lead.won else "New", "create_date": iso(lead.created), "write_date": iso(LAST_DAY), "date_closed": iso(lead.won or lead.lost),
         "date_open": iso(lead.created + timedelta(hours=5)), "date_last_stage_update": iso(lead.won or lead.created), "active": "FALSE" if lead.lost else "TRUE",
         "probability": 100 if lead.won else 0 if lead.lost else 20.5, "automated_probability": 88 if lead.won else 12.1, "expected_revenue": lead.value, "day_close": 3.5 if lead.won else "",
         "user_id/name": "Mitchell Admin", "source_id/name": lead.source, "medium_id/name": "Website", "priority": "2" if lead.won else "0"}
        for lead in leads
    ])  # fmt: skip
    late = [
        "stage_id/name",
        "write_date",
        "date_last_stage_update",
        "active",
        "probability",
        "automated_probability",
        "expected_revenue",
        "day_close",
        "user_id/name",
        "priority",
    ]
    return Truth("id", "create_date", late, ["function", "source_id/name"])


def mautic(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Tables of Mautic, and contracts by e-mail address out of another system."""
    write_csv(folder / "leads.csv", [
        {"id": lead.number + 1, "owner_id": 1 + lead.number % 3, "stage_id": 2, "is_published": 1, "date_added": iso(lead.created), "date_modified": iso(LAST_DAY), "points": 5 * len(lead.acts),
         "last_active": iso(lead.last_act), "date_identified": iso(lead.created + timedelta(minutes=3)), "preferred_profile_image": "gravatar", "firstname": lead.first, "lastname": lead.last,
         "email": lead.email, "position": lead.title, "companysize": lead.employees}
        for lead in leads
    ])  # fmt: skip
    pages = [(lead, act) for lead in leads for act in lead.acts if act[1] == "page"]
    write_csv(folder / "page_hits.csv", [
        {"id": place, "lead_id": lead.number + 1, "date_hit": iso(at), "url": f"https://ours.com{page}", "code": 200, "referer": "", "tracking_id": f"t{place}"}
        for place, (lead, (at, _, page)) in enumerate(pages)
    ])  # fmt: skip
    mails = [(lead, act) for lead in leads for act in lead.acts if act[1] in ("open", "click")]
    write_csv(folder / "email_stats.csv", [
        {"id": place, "email_id": place % 7, "lead_id": lead.number + 1, "email_address": lead.email, "date_sent": iso(at - timedelta(hours=2)), "is_read": 1, "date_read": iso(at), "open_count": 1}
        for place, (lead, (at, _, _)) in enumerate(mails)
    ])  # fmt: skip
    write_csv(folder / "contracts.csv", [{"Contract": f"C-{lead.number}", "E-mail": lead.email, "Signed on": iso(lead.won)[:10]} for lead in leads if lead.won])  # fmt: skip
    late = ["owner_id", "stage_id", "date_modified", "points", "last_active", "date_identified"]
    return Truth("id", "date_added", late, ["position", "companysize"], leads="leads.csv")


def zoho(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Leads and deals of Zoho; the deals name the lead's contact."""
    write_csv(folder / "Leads_001.csv", [
        {"Record Id": f"zcrm_{5725767000 + lead.number}", "Lead Owner": "Sam", "First Name": lead.first, "Last Name": lead.last, "Company": "Acme", "Email": lead.email, "Designation": lead.title,
         "Lead Source": lead.source, "Lead Status": "Contacted", "No. of Employees": lead.employees, "Rating": "Active", "Created Time": iso(lead.created), "Modified Time": iso(LAST_DAY),
         "Last Activity Time": iso(lead.last_act), "Is Converted": "true" if lead.won else "false", "Converted Date Time": iso(lead.won), "Lead Conversion Time": 12 if lead.won else "", "Number Of Chats": lead.count("call"),
         "Unsubscribed Mode": "", "Tag": "", "Most Recent Visit": iso(lead.last_act), "Average Time Spent (Minutes)": len(lead.acts)}
        for lead in leads
    ])  # fmt: skip
    late = [
        "Lead Owner",
        "Lead Status",
        "Rating",
        "Modified Time",
        "Last Activity Time",
        "Is Converted",
        "Converted Date Time",
        "Lead Conversion Time",
        "Number Of Chats",
        "Most Recent Visit",
        "Average Time Spent (Minutes)",
    ]
    return Truth(
        "Record Id", "Created Time", late, ["Designation", "Lead Source", "No. of Employees"], events=False
    )


def dynamics(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Leads of Dynamics 365 as its static worksheet has them, dates as in the United States; activities beside."""
    write_csv(folder / "My Leads.csv", [
        {"(Do Not Modify) Lead": f"8f3c{lead.number:08x}-1111-4a2b-9c3d-000000000000", "(Do Not Modify) Row Checksum": f"{lead.number * 31337:x}==", "(Do Not Modify) Modified On": american(LAST_DAY),
         "Name": lead.name, "Topic": f"Interest {lead.number % 9}", "Status Reason": "Qualified" if lead.won else "Lost" if lead.lost else "New", "Status": "Qualified" if lead.won else "Disqualified" if lead.lost else "Open",
         "Created On": american(lead.created), "Job Title": lead.title, "Email": lead.email, "Lead Source": lead.source, "No. of Employees": lead.employees, "Rating": "Hot" if lead.won else "Warm", "Owner": "Kim",
         "Est. Value": f"${lead.value:,.2f}", "Estimated Close Date": american(lead.created + timedelta(days=60)), "Date Converted": american(lead.won), "Qualifying Opportunity": f"Opp {lead.number}" if lead.won else ""}
        for lead in leads
    ])  # fmt: skip
    write_activities(folder / "All Activities.csv", leads, {"id": "(Do Not Modify) Activity", "who": "Regarding (Lead)", "at": "Actual End", "type": "Activity Type", "page": "Subject"},
        key=lambda lead: f"8f3c{lead.number:08x}-1111-4a2b-9c3d-000000000000", date=american)  # fmt: skip
    late = [
        "(Do Not Modify) Modified On",
        "Status Reason",
        "Status",
        "Rating",
        "Owner",
        "Est. Value",
        "Estimated Close Date",
        "Date Converted",
        "Qualifying Opportunity",
    ]
    return Truth(
        "(Do Not Modify) Lead",
        "Created On",
        late,
        ["Job Title", "Lead Source", "No. of Employees"],
        leads="My Leads.csv",
    )


def close_io(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Leads and opportunities of Close; the leads do not say who converted."""
    write_csv(folder / "close-leads.csv", [
        {"id": f"lead_{lead.number:06}Xq", "display_name": f"Firm {lead.number}", "status_label": "Customer" if lead.won else "Potential", "date_created": zulu(lead.created), "date_updated": zulu(LAST_DAY),
         "primary_contact_primary_email": lead.email, "custom.Source": lead.source, "custom.Size": lead.employees, "num_calls": lead.count("call"), "num_emails": lead.count("open"), "last_communication_date": zulu(lead.last_act),
         "primary_opportunity_status_label": "Won" if lead.won else "Active", "primary_opportunity_value": lead.value}
        for lead in leads
    ])  # fmt: skip
    write_csv(folder / "close-opportunities.csv", [
        {"id": f"oppo_{lead.number:06}", "lead_id": f"lead_{lead.number:06}Xq", "status_type": "won" if lead.won else "active", "date_created": zulu(lead.created + timedelta(hours=3)), "date_won": zulu(lead.won), "value": lead.value}
        for lead in leads if lead.number % 2 or lead.won
    ])  # fmt: skip
    write_activities(
        folder / "close-activities.csv",
        leads,
        {"id": "id", "who": "lead_id", "at": "date_created", "type": "_type", "page": "note"},
        key=lambda lead: f"lead_{lead.number:06}Xq",
        date=zulu,
    )
    late = [
        "status_label",
        "date_updated",
        "num_calls",
        "num_emails",
        "last_communication_date",
        "primary_opportunity_status_label",
        "primary_opportunity_value",
    ]
    return Truth("id", "date_created", late, ["custom.Source", "custom.Size"], leads="close-leads.csv")


def freshsales(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Contacts of Freshsales in one workbook-like file with dates in words."""

    def worded(at: datetime | None) -> str:
        return "" if at is None else at.strftime("%d %b %Y %H:%M")

    write_csv(folder / "contacts.csv", [
        {"Contact ID": 15_000_000 + lead.number, "First name": lead.first, "Last name": lead.last, "Emails": lead.email, "Job title": lead.title, "Lifecycle stage": "Customer" if lead.won else "Sales Qualified Lead",
         "Status": "Won" if lead.won else "New", "Created at": worded(lead.created), "Updated at": worded(LAST_DAY), "Source": lead.source, "Score": 80 if lead.won else 30, "Last contacted time": worded(lead.last_act),
         "Won deals count": 1 if lead.won else 0, "Customer since": worded(lead.won), "Sales owner": "Kim", "Lost reason": "", "Subscription status": "Subscribed"}
        for lead in leads
    ])  # fmt: skip
    late = [
        "Lifecycle stage",
        "Status",
        "Updated at",
        "Score",
        "Last contacted time",
        "Won deals count",
        "Customer since",
        "Sales owner",
        "Subscription status",
    ]
    return Truth("Contact ID", "Created at", late, ["Job title", "Source"], events=False)


def snowplow(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Customers of a shop with their cookie ids, and the events of Snowplow."""
    write_csv(folder / "customers.csv", [
        {"customer_id": lead.number + 1, "registered_at": iso(lead.created), "email": lead.email, "domain_userid": f"d{lead.number:08x}", "plan_interest": lead.title, "first_order_at": iso(lead.won),
         "lifetime_value": lead.value if lead.won else 0, "orders_count": 1 if lead.won else 0}
        for lead in leads
    ])  # fmt: skip
    rows = [
        {"event_id": f"e{lead.number}-{place}", "collector_tstamp": iso(at), "derived_tstamp": iso(at), "event_name": kind, "domain_userid": f"d{lead.number:08x}", "page_urlpath": page, "mkt_source": lead.source}
        for lead in leads for place, (at, kind, page) in enumerate(lead.acts)
    ]  # fmt: skip
    write_csv(folder / "atomic_events.csv", rows)
    return Truth(
        "customer_id",
        "registered_at",
        ["first_order_at", "lifetime_value", "orders_count"],
        ["plan_interest"],
        leads="customers.csv",
    )
