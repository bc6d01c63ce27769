"""Exports as HubSpot, Salesforce and Pipedrive write them, in several languages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tests.pipeline.crm_world import (
    LAST_DAY,
    Lead,
    Truth,
    Writer,
    american,
    comma,
    iso,
    write_activities,
    write_csv,
)

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
    write_activities(folder / "activities-7654321-3.csv", leads, {
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


_HUBSPOT = {
    "de": ("Datensatz-ID – Kontakt", "Vorname", "Nachname", "E-Mail", "Lifecycle-Phase", "Lead-Status", "Erstelldatum", "Datum, an dem der Kontakt ein Lead wurde", "Datum, an dem der Kontakt zum Kunden wurde",
        "Abschlussdatum", "Ursprüngliche Quelle", "Jobtitel", "Mitarbeiterzahl", "Anzahl der Seitenaufrufe", "Datum der letzten Aktivität", "HubSpot-Score", "Gesamtumsatz", "Zuständiger Mitarbeiter", "Kunde", "Lead", "Neu"),
    "fr": ("ID de l'enregistrement", "Prénom", "Nom de famille", "E-mail", "Phase du cycle de vie", "Statut du lead", "Date de création", "Date à laquelle le contact est devenu un lead",
        "Date à laquelle le contact est devenu un client", "Date de fermeture", "Source d'origine", "Intitulé du poste", "Nombre d'employés", "Nombre de pages vues", "Date de la dernière activité", "Score HubSpot",
        "Revenu total", "Propriétaire du contact", "Client", "Lead", "Nouveau"),
    "es": ("ID de registro", "Nombre", "Apellidos", "Correo", "Etapa del ciclo de vida", "Estado del lead", "Fecha de creación", "Fecha en que se convirtió en lead", "Fecha en que se convirtió en cliente",
        "Fecha de cierre", "Fuente original", "Cargo", "Número de empleados", "Número de visitas a páginas", "Fecha de la última actividad", "Puntuación HubSpot", "Ingresos totales", "Propietario del contacto", "Cliente", "Lead", "Nuevo"),
}  # fmt: skip


def hubspot(language: str, date: Callable[[datetime | None], str]) -> Writer:
    """Contacts of HubSpot in an account that speaks another language."""
    *names, customer, lead_stage, new = _HUBSPOT[language]

    def write(folder: Path, leads: Sequence[Lead]) -> Truth:
        write_csv(folder / "hubspot-crm-exports.csv", [
            dict(zip(names, (5000 + lead.number, lead.first, lead.last, lead.email, customer if lead.won else lead_stage, new, date(lead.created), date(lead.created + timedelta(days=1)), date(lead.won), date(lead.won),
                lead.source, lead.title, lead.employees, len(lead.acts), date(lead.last_act), 40, comma(lead.value) if lead.won else "", "Kim"), strict=True))
            for lead in leads
        ], ";")  # fmt: skip
        return Truth(names[0], names[6], [*names[4:6], *names[7:10], *names[13:18]], names[10:13])

    return write


def pipedrive_of_deals(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Activities that name deals by their titles: then the deals are the leads, and the people belong to them."""
    write_csv(folder / "deals.csv", [
        {"Deal - ID": 9000 + lead.number, "Deal - Title": f"Deal {lead.number}", "Deal - Contact person": lead.name, "Deal - Person ID": 100 + lead.number, "Deal - Status": "Won" if lead.won else "Lost" if lead.lost else "Open",
         "Deal - Deal created": iso(lead.created), "Deal - Won time": iso(lead.won), "Deal - Lost time": iso(lead.lost), "Deal - Value": lead.value, "Deal - Probability": 50, "Deal - Total activities": len(lead.acts)}
        for lead in leads
    ])  # fmt: skip
    write_csv(folder / "persons.csv", [
        {"Person - ID": 100 + lead.number, "Person - Name": lead.name, "Person - Email": lead.email, "Person - Job title": lead.title, "Person - Person created": iso(lead.created), "Person - Won deals": int(lead.won is not None)}
        for lead in leads
    ])  # fmt: skip
    write_activities(
        folder / "activities.csv",
        leads,
        {
            "id": "Activity - ID",
            "who": "Activity - Deal",
            "at": "Activity - Add time",
            "type": "Activity - Type",
            "page": "Activity - Subject",
        },
        key=lambda lead: f"Deal {lead.number}",
    )
    return Truth(
        "Deal - ID",
        "Deal - Deal created",
        ["Deal - Status", "Deal - Won time", "Deal - Value", "Deal - Probability", "Deal - Total activities"],
        ["Deal - Title"],
        leads="deals.csv",
    )


def hubspot_deals(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Contacts that do not say who converted, and deals with several contacts in one value."""
    write_csv(folder / "all-contacts.csv", [
        {"Record ID": 5000 + lead.number, "First Name": lead.first, "Last Name": lead.last, "Email": lead.email, "Lifecycle Stage": "Lead", "Create Date": iso(lead.created)[:16],
         "Original Traffic Source": lead.source, "Job Title": lead.title, "Number of Sessions": 3, "Contact owner": "Kim", "Lead Status": "New"}
        for lead in leads
    ])  # fmt: skip
    write_csv(folder / "all-deals.csv", [
        {"Record ID": 90_000 + lead.number, "Deal Name": f"d{lead.number}", "Deal Stage": "Closed Won" if lead.won else "Closed Lost" if lead.lost else "Appointment scheduled", "Pipeline": "Sales",
         "Close Date": iso(lead.won or lead.lost or lead.created + timedelta(days=90)), "Create Date": iso(lead.created + timedelta(days=1)), "Amount": lead.value,
         "Associated Contact IDs": f"{5000 + lead.number};77" if lead.number % 10 == 0 else str(5000 + lead.number), "Is Closed Won": "true" if lead.won else "false"}
        for lead in leads if lead.number % 3 or lead.won
    ])  # fmt: skip
    return Truth(
        "Record ID",
        "Create Date",
        ["Lifecycle Stage", "Number of Sessions", "Contact owner", "Lead Status"],
        ["Original Traffic Source", "Job Title"],
        events=False,
        leads="all-contacts.csv",
    )


def salesforce_report(folder: Path, leads: Sequence[Lead]) -> Truth:
    """A report of Salesforce with its labels, in American dates without a clock."""
    write_csv(folder / "report1712345.csv", [
        {"Lead ID": f"00Q{lead.number:012}", "First Name": lead.first, "Last Name": lead.last, "Title": lead.title, "Company / Account": "Acme", "Email": lead.email, "Lead Source": lead.source,
         "Lead Status": "Closed - Converted" if lead.won else "Open", "Rating": "Hot", "Create Date": american(lead.created)[:10], "Last Activity": american(lead.last_act)[:10], "Converted": 1 if lead.won else 0,
         "Converted Date": american(lead.won)[:10], "Lead Owner": "Sam", "No. of Employees": lead.employees}
        for lead in leads
    ], encoding="cp1252")  # fmt: skip
    late = ["Lead Status", "Rating", "Last Activity", "Converted", "Converted Date", "Lead Owner"]
    return Truth("Lead ID", "Create Date", late, ["Title", "Lead Source", "No. of Employees"], events=False)
