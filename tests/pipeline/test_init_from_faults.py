"""`leadlens init --from` says what it does not know: names that a user gives, values that give the outcome away, dates and numbers in doubt."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leadlens.features import UsageError
from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.audit import audit
from leadlens.pipeline.sources import open_history
from leadlens.pipeline.starting.proposing import Proposal, propose
from leadlens.pipeline.starting.tables import read_export
from leadlens.pipeline.starting.writing import Started, init_from
from tests.pipeline.crm_exports import EXPORTS
from tests.pipeline.crm_of_small import activecampaign
from tests.pipeline.crm_world import Lead, iso, make_leads, write_csv
from tests.pipeline.little_project import leadlens

LEADS = make_leads(500)
WON = sum(lead.won is not None for lead in LEADS)
Rows = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))


def of(lead: Lead, **more: Any) -> dict[str, Any]:
    return {"Lead ID": f"L{lead.number}", "Created": iso(lead.created), "Email": lead.email, **more}


def export(folder: Path, leads: Rows, **tables: Rows) -> Path:
    folder = folder / "export"
    folder.mkdir()
    for name, rows in {"leads": leads, **tables}.items():
        write_csv(folder / f"{name}.csv", rows)
    return folder


def proposed(folder: Path, **choices: str) -> Proposal:
    return propose(read_export(str(folder), folder.parent / "project" / "project.yaml"), **choices)


def opened(started: Started, sql: str) -> list[tuple[Any, ...]]:
    with open_history(load_project(started.written[0])) as history:
        return history.engine.connection.execute(sql).fetchall()


def day(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d}"


# what --conversion names

STATES = {True: "Zugeschlagen", False: "Offen"}


def unusual(folder: Path) -> Path:
    """Conversions under names that no word list has."""
    rows = [
        of(
            lead,
            Zuschlag=iso(lead.won),
            Lage=STATES[lead.won is not None],
            **{"Ist dabei": "ja" if lead.won else "nein", "Kontakt": lead.title, "Leer": None},
        )
        for lead in LEADS
    ]
    deals = [
        {"Vorgang": f"V{lead.number}", "Lead": f"L{lead.number}", "Tag": day(lead.won)}
        for lead in LEADS
        if lead.won
    ]
    return export(folder, rows, vorgaenge=deals)


@pytest.mark.parametrize(
    ("named", "flat"),
    [
        ("Zuschlag", False),
        ("zuschlag", False),
        ("Zugeschlagen", False),
        ("Ist dabei", False),
        ("Tag", False),
        ("vorgaenge", False),
    ],
)
def test_a_column_a_value_and_a_table_can_be_named(named: str, flat: bool, tmp_path: Path) -> None:
    started = init_from(tmp_path / "project", str(unusual(tmp_path)), conversion=named)
    way = started.proposal.conversions
    assert way is not None
    assert (way.leads, way.flat) == (WON, flat)
    (count, early) = opened(
        started,
        "SELECT count(DISTINCT lead_id), count(*) FILTER (converted_at < created_at) FROM conversions JOIN leads USING (lead_id)",
    )[0]
    assert (count, early) == (WON, 0)


def test_yes_and_no_without_a_date_make_a_flat_project(tmp_path: Path) -> None:
    rows = [of(lead, **{"Ist dabei": "ja" if lead.won else "nein"}) for lead in LEADS]
    started = init_from(tmp_path / "project", str(export(tmp_path, rows)), conversion="Ist dabei")
    assert started.proposal.conversions is not None
    assert started.proposal.conversions.flat
    assert "positive: [ja]" in started.written[0].read_text()


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("Zuschlagg", ["nothing in the export has this name", "Zuschlag"]),
        ("Zugeschlagenn", ["nothing in the export has this name", "Zugeschlagen"]),
        ("Email", ["does not say who converted", "it holds texts"]),
        (
            "Lage",
            ["does not say who converted", "name the value that says who converted: Offen, Zugeschlagen"],
        ),
        ("Leer", ["does not say who converted", "it is empty"]),
    ],
)
def test_what_cannot_say_who_converted_is_refused(named: str, words: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        proposed(unusual(tmp_path), conversion=named)
    for each in words:
        assert each in str(refused.value)


# values and events that give the outcome away


def telling(folder: Path) -> Path:
    """A category that only converted leads have, at a base rate of one in six, and an event hours before they convert."""
    draw, rows, acts = random.Random(5), [], []
    for lead in make_leads(900):
        others = draw.choice(["Fair", "Web", "Partner"])
        rows.append(
            of(
                lead,
                Group="Old friend" if lead.won and draw.random() < 0.35 else others,
                **{"Won on": iso(lead.won)},
            )
        )
        times = [(at, kind) for at, kind, _ in lead.acts]
        if lead.won:
            times.append((max(lead.created, lead.won - timedelta(hours=draw.uniform(1, 5))), "Contract PDF"))
        acts += [
            {"Activity ID": f"{lead.number}-{n}", "Lead ID": f"L{lead.number}", "Date": iso(at), "Type": kind}
            for n, (at, kind) in enumerate(times)
        ]
    return export(folder, rows, activities=acts)


def test_what_only_converted_leads_have_is_named_and_kept_out(tmp_path: Path) -> None:
    started = init_from(tmp_path / "project", str(telling(tmp_path)))
    assert "Group" in started.proposal.known_after
    assert started.proposal.excluded == ("Contract PDF",)
    text = " ".join(started.notes)
    assert "with 'Old friend', of all leads" in text
    assert "events.Contract PDF is kept out" in text
    file = load_project(started.written[0])
    bare = file.project.model_copy(
        update={"known_after": ("Won on",), "data": file.project.data.without_where("events")}
    )
    suspects = {
        str(item.subject): item
        for item in audit(type(file)(file.path, bare), sample=5).flagged
        if item.suspected
    }
    assert {"leads.Group", "events.Contract PDF"} <= set(suspects)
    assert "with 'Old friend'" in suspects["leads.Group"].evidence[0].message


# dates and numbers


@pytest.mark.parametrize("written", ["%d.%m.%y", "%d/%m/%y %H:%M", "%d-%b-%y"])
def test_years_of_two_digits(written: str, tmp_path: Path) -> None:
    rows = [
        of(lead)
        | {
            "Created": lead.created.strftime(written),
            "Won on": "" if lead.won is None else f"{lead.won:{written}}",
        }
        for lead in LEADS
    ]
    started = init_from(tmp_path / "project", str(export(tmp_path, rows)))
    assert started.proposal.leads.created.first[:4] == "2024"
    assert opened(started, "SELECT min(year(created_at)), count(*) FROM leads") == [(2024, len(LEADS))]


def test_dates_that_are_not_read_are_named(tmp_path: Path) -> None:
    rows = [of(lead) | {"Created": f"{lead.created:%Y}, week {lead.created:%W}"} for lead in LEADS]
    with pytest.raises(UsageError, match=r"Created \('.*, week .*' is not a readable date\)"):
        proposed(export(tmp_path, rows))


def with_budget(rows: Rows, budget: Callable[[int], str]) -> Rows:
    return [row | {"Budget": budget(number)} for number, row in enumerate(rows)]


def test_a_point_that_may_be_either_is_named_or_settled_by_the_other_files(tmp_path: Path) -> None:
    rows = with_budget(
        [of(lead, **{"Won on": iso(lead.won)}) for lead in LEADS], lambda n: f"{1 + n % 9}.{100 + n % 900}"
    )
    folder = export(tmp_path, rows)
    assert [
        text for text in proposed(folder).check if "Budget" in text and "decimals: point, or comma" in text
    ]
    sales = [
        {"Order": f"O{lead.number}", "Lead ID": f"L{lead.number}", "Total": "1.234,50"} for lead in LEADS
    ]
    write_csv(folder / "orders.csv", sales)
    started = init_from(tmp_path / "project", str(folder))
    assert not [text for text in started.proposal.check if "Budget" in text]
    assert "decimals: comma" in started.written[0].read_text()
    assert opened(started, 'SELECT min("Budget") >= 1000 FROM leads') == [(True,)]


# ids, systems, closings, days


def test_small_numbers_as_ids_are_named_for_what_they_are(tmp_path: Path) -> None:
    rows = [of(lead) | {"Lead ID": lead.number + 1, "Won on": iso(lead.won)} for lead in LEADS]
    notes = [
        {"Satz": 7000 + lead.number, "Kunde": lead.number + 1, "Wann": iso(lead.created), "Was": "Anruf"}
        for lead in LEADS
    ]
    found = proposed(export(tmp_path, rows, zeilen=notes))
    (text,) = [each for each in found.left_out if each.startswith("zeilen.csv")]
    assert (
        "the numbers of Kunde occur as Lead ID of leads.csv, but small whole numbers occur anywhere" in text
    )


def test_a_folder_of_two_systems_says_which_file_is_whose(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    EXPORTS["mautic"](folder, LEADS)
    found = proposed(folder)
    assert found.taken_for == "an export of Mautic"
    tables = [
        replace(table, system="Odoo") if table is found.leads.table else table for table in found.tables
    ]
    assert replace(found, tables=tuple(tables)).systems == {
        "Mautic": ["email_stats.csv", "page_hits.csv"],
        "Odoo": ["leads.csv"],
    }
    both = replace(found, tables=tuple(tables)).taken_for
    assert both == "exports of Mautic (email_stats.csv, page_hits.csv) and Odoo (leads.csv)"


def lost(folder: Path, history: bool) -> Path:
    state = {True: "Closed - Converted", False: "Open"}
    rows = [
        of(
            lead,
            Status="Closed - Not Converted" if lead.lost else state[lead.won is not None],
            **{"Converted Date": iso(lead.won)},
        )
        for lead in LEADS
    ]
    edits = [
        {
            "Edit": f"e{lead.number}",
            "Lead ID": f"L{lead.number}",
            "Field": "Status",
            "Old Value": "Open",
            "New Value": "Working",
            "Edit Date": iso(lead.created + timedelta(hours=1)),
        }
        for lead in LEADS
    ]
    edits += [
        {
            "Edit": f"f{lead.number}",
            "Lead ID": f"L{lead.number}",
            "Field": "Status",
            "Old Value": "Working",
            "New Value": "Closed - Not Converted",
            "Edit Date": iso(lead.lost),
        }
        for lead in LEADS
        if lead.lost and history
    ]
    return export(folder, rows, lead_history=edits)


def test_a_history_says_when_leads_were_lost(tmp_path: Path) -> None:
    started = init_from(tmp_path / "project", str(lost(tmp_path, True)))
    assert "closed_at" in started.proposal.columns
    closed = dict(opened(started, "SELECT lead_id, closed_at FROM leads WHERE closed_at IS NOT NULL"))
    assert {lead: iso(at) for lead, at in closed.items()} == {
        f"L{lead.number}": iso(lead.lost) for lead in LEADS if lead.lost
    }
    assert audit(load_project(started.written[0]), sample=5).exit_code == 0


def test_leads_that_were_lost_nobody_knows_when_are_named(tmp_path: Path) -> None:
    found = proposed(lost(tmp_path, False))
    assert "closed_at" not in found.columns
    count = sum(lead.lost is not None for lead in LEADS)
    assert [text for text in found.check if f"{count:,} leads are 'Closed - Not Converted' by Status" in text]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_init_maps_itself_gives_no_findings(elsewhere: bool, tmp_path: Path) -> None:
    """Days of conversions on the day of creation, meetings that are entered before they are held."""
    rows = [of(lead, **({} if elsewhere else {"Won on": day(lead.won and lead.created)})) for lead in LEADS]
    deals = [
        {
            "Deal ID": f"D{lead.number}",
            "Lead ID": f"L{lead.number}",
            "Status": "won",
            "Close date": day(lead.created),
        }
        for lead in LEADS
        if lead.won
    ]
    meetings = [
        {"Meeting ID": f"M{lead.number}", "Lead ID": f"L{lead.number}", "Type": "Demo", "Start time": iso(lead.created + timedelta(days=3)), "Created date": iso(lead.created + timedelta(days=1))}
        for lead in LEADS if lead.created < datetime(2025, 5, 1)
    ]  # fmt: skip
    tables = {"deals": deals} if elsewhere else {}
    started = init_from(tmp_path / "project", str(export(tmp_path, rows, meetings=meetings, **tables)))
    with open_history(load_project(started.written[0])) as history:
        assert [each.message for each in history.findings] == []
        early = "SELECT count(*) FROM conversions JOIN leads USING (lead_id) WHERE converted_at < created_at"
        assert history.engine.value(early) == 0
        assert history.engine.count("conversions") == WON
        assert history.engine.value("SELECT count(*) FROM events WHERE known_at < occurred_at") == 0


def test_a_warning_is_printed_once(tmp_path: Path) -> None:
    started = init_from(tmp_path / "project", str(telling(tmp_path)))
    text = started.written[0].read_text()
    started.written[0].write_text(text.replace("  - Group #", "  # - Group #"))
    answer = leadlens("train", started.written[0])
    assert answer.code == 0, answer.err
    assert answer.out.count("Please check") == 1
    assert answer.out.count("leads.Group") == 1


def test_a_value_of_one_column_can_be_named_and_addresses_differ_by_case(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    activecampaign(folder, LEADS)
    open_point = proposed(folder)
    assert open_point.conversions is None
    assert {each.table.export.stem for each in open_point.events} == {"tracking log"}
    started = init_from(tmp_path / "project", str(folder / "export.zip"), conversion="Status=1")
    assert opened(started, "SELECT count(DISTINCT lead_id) FROM conversions") == [(WON,)]
    acts = sum(len(lead.acts) for lead in LEADS)
    assert opened(started, "SELECT count(*) FROM events") == [(acts,)]


def test_times_of_leads_in_the_query_of_another_table_are_read_once(tmp_path: Path) -> None:
    """Of a query, the project's leads have what their own query gives."""
    folder = tmp_path / "export"
    folder.mkdir()
    EXPORTS["copper"](folder, LEADS)
    started = init_from(tmp_path / "project", str(folder))
    assert started.notes == ()
    assert "LEFT JOIN (SELECT" in started.written[0].read_text()
    assert opened(started, "SELECT count(DISTINCT lead_id) FROM conversions") == [(WON,)]
    assert started.proposal.taken_for == ""


def test_a_history_of_another_language_says_when_leads_were_lost(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    EXPORTS["sugar de"](folder, LEADS)
    started = init_from(tmp_path / "project", str(folder))
    lost = sum(lead.lost is not None for lead in LEADS)
    assert opened(started, 'SELECT count(closed_at), min("Budget") >= 1000 FROM leads') == [(lost, True)]


def test_amounts_with_a_currency_before_them_and_people_in_charge_are_kept_out(tmp_path: Path) -> None:
    rows = [
        of(lead, Value=f"USD {lead.value:,.2f}", Market="EU", **{"Responsible User": "kim", "Lead Status": "CLOSED - Disqualified" if lead.lost else "OPEN", "Converted Date": iso(lead.won)})
        for lead in LEADS
    ]  # fmt: skip
    found = proposed(export(tmp_path, rows))
    assert found.leads.table.export.columns["Value"].kind == "number"
    assert {"Value", "Responsible User", "Lead Status"} <= set(found.known_after)
    assert [text for text in found.check if "leads are 'CLOSED - Disqualified' by Lead Status" in text]
