"""Exports of systems that nobody knows, in languages of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.pipeline.crm_world import (
    Lead,
    Truth,
    american,
    comma,
    dotted,
    iso,
    slashed,
    write_activities,
    write_csv,
)


def unknown(folder: Path, leads: Sequence[Lead]) -> Truth:
    """A house's own system in Danish, dates with dots, with a log of what happened; no name of it is in a list of ours but by its words."""
    write_csv(folder / "henvendelser.csv", [
        {"Sagsnr": f"S-{lead.number:05}", "Modtaget": dotted(lead.created), "Navn": lead.name, "Adresse (mail)": lead.email, "Rolle": lead.title, "Via": lead.source, "Ansatte": lead.employees,
         "Tilstand": "Aftale" if lead.won else "Afslag" if lead.lost else "I gang", "Aftale den": dotted(lead.won), "Sum": comma(lead.value) if lead.won else "", "Sidst rørt": dotted(lead.last_act)}
        for lead in leads
    ], ";")  # fmt: skip
    write_activities(
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
    write_activities(
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


def italian(folder: Path, leads: Sequence[Lead]) -> Truth:
    """A small Italian system."""
    write_csv(folder / "contatti.csv", [
        {"Codice": f"C{lead.number:04}", "Nome": lead.first, "Cognome": lead.last, "Posta elettronica": lead.email, "Ruolo": lead.title, "Provenienza": lead.source, "Data di inserimento": slashed(lead.created),
         "Stato": "Vinto" if lead.won else "Perso" if lead.lost else "Aperto", "Data chiusura": slashed(lead.won or lead.lost), "Importo": comma(lead.value), "Ultimo contatto": slashed(lead.last_act), "Responsabile": "Gianni"}
        for lead in leads
    ], ";")  # fmt: skip
    write_activities(
        folder / "attivita.csv",
        leads,
        {"id": "N.", "who": "Codice cliente", "at": "Data", "type": "Tipo", "page": "Oggetto"},
        key=lambda lead: f"C{lead.number:04}",
        date=slashed,
        delimiter=";",
    )
    return Truth(
        "Codice",
        "Data di inserimento",
        ["Stato", "Importo", "Ultimo contatto", "Responsabile"],
        ["Ruolo", "Provenienza"],
        leads="contatti.csv",
    )


def japanese(folder: Path, leads: Sequence[Lead]) -> Truth:
    """Names of columns and values in Japanese."""
    write_csv(folder / "リード.csv", [
        {"番号": f"JP{lead.number}", "登録日時": iso(lead.created), "氏名": lead.name, "メールアドレス": lead.email, "役職": lead.title, "流入経路": lead.source,
         "ステータス": "成約" if lead.won else "失注" if lead.lost else "商談中", "成約日": iso(lead.won)[:10], "最終接触日": iso(lead.last_act)}
        for lead in leads
    ])  # fmt: skip
    return Truth(
        "番号", "登録日時", ["ステータス", "成約日", "最終接触日"], ["役職", "流入経路"], events=False
    )
