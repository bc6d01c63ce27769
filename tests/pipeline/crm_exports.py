"""One made-up history of leads, written as the exports of many CRMs: their headers, languages, delimiters and dates.

Headers are those of public documentation and of code that reads such exports. `Truth` says what each export means.
"""

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

_PIPEDRIVE = {
    "de": ("Deal", "ID", "Titel", "Wert", "Status", "Phase", "Deal erstellt am", "Gewonnen am", "Verloren am", "Grund für Verlust", "Letzte Phasenänderung", "Nächste Aktivität am",
        "Letzte Aktivität am", "Erledigte Aktivitäten", "Besitzer", "Kontaktperson", "Quelle", "Wahrscheinlichkeit", "Gewonnen", "Verloren", "Offen"),
    "fr": ("Affaire", "ID", "Titre", "Valeur", "Statut", "Étape", "Affaire créée le", "Date de gain", "Date de perte", "Raison de la perte", "Dernier changement d'étape", "Date de la prochaine activité",
        "Date de la dernière activité", "Activités terminées", "Propriétaire", "Personne à contacter", "Source", "Probabilité", "Gagné", "Perdu", "En cours"),
    "es": ("Negocio", "ID", "Título", "Valor", "Estado", "Etapa", "Negocio creado el", "Fecha de ganado", "Fecha de perdido", "Razón de la pérdida", "Último cambio de etapa", "Fecha de próxima actividad",
        "Fecha de última actividad", "Actividades completadas", "Propietario", "Persona de contacto", "Origen", "Probabilidad", "Ganado", "Perdido", "Abierto"),
    "en": ("Deal", "ID", "Title", "Value", "Status", "Stage", "Deal created", "Won time", "Lost time", "Lost reason", "Last stage change", "Next activity date",
        "Last activity date", "Done activities", "Owner", "Contact person", "Source", "Probability", "Won", "Lost", "Open"),
}  # fmt: skip


def pipedrive(
    language: str,
    date: Callable[[datetime | None], str],
    delimiter: str,
    number: Callable[[float], str] = comma,
) -> Writer:
    """Deals of Pipedrive in one file."""
    (
        record,
        key,
        title,
        value,
        status,
        stage,
        created,
        won,
        lost,
        reason,
        changed,
        upcoming,
        latest,
        done,
        owner,
        person,
        source,
        chance,
        is_won,
        is_lost,
        is_open,
    ) = _PIPEDRIVE[language]

    def column(name: str) -> str:
        return f"{record} - {name}"

    def write(folder: Path, leads: Sequence[Lead]) -> Truth:
        write_csv(
            folder / f"deals-{language}.csv",
            [
                {
                    column(key): 4000 + lead.number, column(title): f"{lead.name} – {lead.title}", column(value): number(lead.value),
                    column(status): is_won if lead.won else is_lost if lead.lost else is_open, column(stage): "Demo" if lead.number % 3 else "Qualified",
                    column(created): date(lead.created), column(won): date(lead.won), column(lost): date(lead.lost),
                    column(reason): "Budget" if lead.lost else "", column(changed): date(lead.created + timedelta(days=1)),
                    column(upcoming): date(None if lead.won or lead.lost else LAST_DAY + timedelta(days=5)), column(latest): date(lead.last_act),
                    column(done): len(lead.acts), column(owner): "Kim Seller", column(person): lead.name, column(source): lead.source,
                    column(chance): 90 if lead.won else 10, "Person - E-Mail" if language == "de" else "Person - Email": lead.email, "Person - Position": lead.title,
                }
                for lead in leads
            ],
            delimiter,
        )  # fmt: skip
        late = [status, stage, won, lost, reason, changed, upcoming, latest, done, owner, value, chance]
        # `closed_at` takes the date of the lost ones, so it is no attribute
        return Truth(
            column(key),
            column(created),
            [column(name) for name in late if name != lost],
            [column(source), "Person - Position"],
            events=False,
        )

    return write


def pipedrive_folder(folder: Path, leads: Sequence[Lead]) -> Truth:
    """People, deals and activities of Pipedrive in English, dates as ISO."""
    write_csv(folder / "people-7654321-1.csv", [
        {"Person - ID": 100 + lead.number, "Person - Name": lead.name, "Person - Email - Work": lead.email, "Person - Phone - Mobile": lead.phone,
         "Person - Person created": iso(lead.created), "Person - Update time": iso(LAST_DAY), "Person - Open deals": 0 if lead.won else 1,
         "Person - Closed deals": 1 if lead.won else 0, "Person - Job title": lead.title, "Person - Lead source": lead.source,
         "Person - Last activity date": iso(lead.last_act)[:10], "Person - Total activities": len(lead.acts), "Person - Owner": "Sam"}
        for lead in leads
    ])  # fmt: skip
    write_csv(folder / "deals-7654321-2.csv", [
        {"Deal - ID": 9000 + lead.number, "Deal - Title": f"{lead.name} deal", "Deal - Person ID": 100 + lead.number, "Deal - Status": "won" if lead.won else "lost" if lead.lost else "open",
         "Deal - Value": f"{lead.value:.2f}", "Deal - Stage": "Negotiation", "Deal - Deal created": iso(lead.created + timedelta(days=1)),
         "Deal - Won time": iso(lead.won), "Deal - Lost time": iso(lead.lost), "Deal - Lost reason": "", "Deal - Owner": "Sam"}
        for lead in leads if lead.number % 4 or lead.won
    ])  # fmt: skip
    _activities(folder / "activities-7654321-3.csv", leads, {
        "id": "Activity - ID", "who": "Activity - Person ID", "at": "Activity - Marked as done time", "type": "Activity - Type", "page": "Activity - Subject"
    }, key=lambda lead: 100 + lead.number)  # fmt: skip
    late = [
        "Person - Update time",
        "Person - Open deals",
        "Person - Closed deals",
        "Person - Last activity date",
        "Person - Total activities",
        "Person - Owner",
    ]
    return Truth(
        "Person - ID",
        "Person - Person created",
        late,
        ["Person - Job title", "Person - Lead source"],
        leads="people-7654321-1.csv",
    )


def _activities(
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
    _activities(folder / "All Activities.csv", leads, {"id": "(Do Not Modify) Activity", "who": "Regarding (Lead)", "at": "Actual End", "type": "Activity Type", "page": "Subject"},
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
    _activities(
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


def unknown(folder: Path, leads: Sequence[Lead]) -> Truth:
    """A house's own system in Danish, dates with dots, with a log of what happened; no name of it is in a list of ours but by its words."""
    write_csv(folder / "henvendelser.csv", [
        {"Sagsnr": f"S-{lead.number:05}", "Modtaget": dotted(lead.created), "Navn": lead.name, "Adresse (mail)": lead.email, "Rolle": lead.title, "Via": lead.source, "Ansatte": lead.employees,
         "Tilstand": "Aftale" if lead.won else "Afslag" if lead.lost else "I gang", "Aftale den": dotted(lead.won), "Sum": comma(lead.value) if lead.won else "", "Sidst rørt": dotted(lead.last_act)}
        for lead in leads
    ], ";")  # fmt: skip
    _activities(
        folder / "handlinger.csv",
        leads,
        {"id": "Lbnr", "who": "Sag", "at": "Tidspunkt", "type": "Hvad", "page": "Hvor"},
        key=lambda lead: f"S-{lead.number:05}",
        date=dotted,
        delimiter=";",
    )
    return Truth(
        "Sagsnr",
        "Modtaget",
        ["Tilstand", "Aftale den", "Sum", "Sidst rørt"],
        ["Rolle", "Via", "Ansatte"],
        leads="henvendelser.csv",
    )


def plain_english(folder: Path, leads: Sequence[Lead]) -> Truth:
    """An agency's sheet with other words for everything, American dates, a status log by e-mail address."""
    write_csv(folder / "enquiries 2024-2025.csv", [
        {"Enquiry No": 31_000 + lead.number, "Came in": american(lead.created), "Contact mail": lead.email, "Their role": lead.title, "Heard of us through": lead.source, "Staff": lead.employees,
         "Where it stands": "Signed" if lead.won else "Dropped" if lead.lost else "Talking", "Agreement": american(lead.won), "Fee": f"{lead.value:,.2f}" if lead.won else "", "Touched": american(lead.last_act)}
        for lead in leads
    ])  # fmt: skip
    _activities(
        folder / "touchpoints.csv",
        leads,
        {"id": "Ref", "who": "Mail", "at": "When", "type": "What", "page": "Detail"},
        key=lambda lead: lead.email.upper(),
        date=american,
    )
    return Truth(
        "Enquiry No",
        "Came in",
        ["Where it stands", "Agreement", "Fee", "Touched"],
        ["Their role", "Heard of us through", "Staff"],
        leads="enquiries 2024-2025.csv",
    )


EXPORTS: dict[str, Writer] = {
    "pipedrive de": pipedrive("de", dotted, ";"),
    "pipedrive fr": pipedrive("fr", slashed, ";"),
    "pipedrive es": pipedrive("es", slashed, ";"),
    "pipedrive en": pipedrive("en", iso, ",", lambda number: f"{number:.2f}"),
    "pipedrive folder": pipedrive_folder,
    "ga4": ga4,
    "segment": segment,
    "odoo": odoo,
    "mautic": mautic,
    "zoho": zoho,
    "dynamics": dynamics,
    "close": close_io,
    "freshsales": freshsales,
    "unknown danish": unknown,
    "unknown english": plain_english,
}
