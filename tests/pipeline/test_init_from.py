"""`leadlens init --from`: exports in the form of many CRMs and languages are taken for what they are, and the project works as it is written."""

from __future__ import annotations

import datetime as dt
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from leadlens.features import DataError, UsageError
from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.audit import audit
from leadlens.pipeline.jobs.check import check
from leadlens.pipeline.starting.proposing import Proposal, propose
from leadlens.pipeline.starting.systems import recognise, systems
from leadlens.pipeline.starting.tables import read_export
from leadlens.pipeline.starting.writing import Asking, init_from
from tests.pipeline.crm_exports import EXPORTS
from tests.pipeline.crm_of_houses import plain_english
from tests.pipeline.crm_world import Lead, dotted, iso, make_leads, slashed, write_csv
from tests.pipeline.little_project import leadlens
from tests.pipeline.workbooks import write_xlsx

LEADS = make_leads(500)


def proposed(folder: Path, **choices: str) -> Proposal:
    return propose(read_export(str(folder), folder.parent / "project" / "project.yaml"), **choices)


def write(name: str, folder: Path, leads: list[Lead] = LEADS) -> Path:
    folder.mkdir()
    EXPORTS[name](folder, leads)
    return folder


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_taken_for_what_it_is(name: str, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    truth = EXPORTS[name](tmp_path / "export", LEADS)
    found = proposed(tmp_path / "export")
    assert found.leads.id.name == truth.id
    assert found.leads.created.name == truth.created
    assert not truth.leads or found.leads.table.label == truth.leads
    assert found.conversions is not None
    assert not found.conversions.flat
    assert found.conversions.leads == sum(lead.won is not None for lead in LEADS)
    seen = {
        column
        for column in found.leads.table.export.columns
        if column not in (*found.known_after, *found.columns.values())
    }
    assert not seen & set(truth.late)
    assert set(truth.early) <= seen
    assert bool(found.events) or not truth.events
    assert 45 <= found.horizon.length.days <= 120


@pytest.mark.parametrize("name", ["pipedrive de", "mautic", "unknown danish"])
def test_the_project_checks_and_leaks_nothing(name: str, tmp_path: Path) -> None:
    started = init_from(tmp_path / "project", str(write(name, tmp_path / "export", make_leads(900))))
    file = load_project(started.written[0])
    report = check(file)
    assert report.readiness.level != "unusable"
    assert not report.suspects
    assert not [
        finding
        for finding in report.findings
        if finding.code in ("sheet-nothing", "event-unknown-lead", "conversion-early")
    ]
    assert audit(file, sample=10).exit_code == 0


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_columns_and_the_names_of_files_say_little(seed: int, tmp_path: Path) -> None:
    draw, export = random.Random(seed), write("unknown english", tmp_path / "export")
    for number, path in enumerate(sorted(export.iterdir())):
        header, *rows = [line.split(",") for line in path.read_text().replace('"', "").splitlines()]
        if any(len(row) != len(header) for row in rows):  # thousands with a comma in them
            rows = [
                row if len(row) == len(header) else [*row[: len(header) - 2], "1", row[-1]] for row in rows
            ]
        order = draw.sample(range(len(header)), len(header))
        path.write_text("\n".join(",".join(row[place] for place in order) for row in [header, *rows]))
        path.rename(export / f"{draw.choice('xyz')}{number}.csv")
    found = proposed(export)
    assert found.leads.id.name == "Enquiry No"
    assert found.leads.created.name == "Came in"
    assert found.conversions is not None
    assert found.conversions.named == "Agreement"
    assert len(found.events) == 1


def test_dates_that_could_be_read_in_two_ways_are_read_like_those_that_cannot(tmp_path: Path) -> None:
    early = [replace(lead, created=lead.created.replace(day=1 + lead.number % 12)) for lead in LEADS]
    export = tmp_path / "export"
    export.mkdir()
    write_csv(export / "leads.csv", [{"Lead ID": lead.number, "Created": slashed(lead.created), "Email": lead.email, "Won on": slashed(lead.won), "Status": "Won" if lead.won else "Open"} for lead in early])  # fmt: skip
    found = proposed(export)
    assert "%d/%m/%Y" in found.leads.created.sql
    assert not found.leads.created.doubt
    alone = [
        {
            "Lead ID": lead.number,
            "Created": slashed(lead.created),
            "Email": lead.email,
            "Won": "yes" if lead.won else "no",
        }
        for lead in early
    ]
    write_csv(export / "leads.csv", alone)
    assert "no date says which" in " ".join(proposed(export).check)


def test_a_last_contact_is_no_event_whatever_it_is_called(tmp_path: Path) -> None:
    """To know that nothing happened after it is to know the future."""
    export = write("unknown english", tmp_path / "export")
    found = proposed(export)
    assert "Touched" in found.known_after
    assert not any("Touched" in each.query for each in found.events)


def test_a_day_without_a_clock_is_known_when_it_is_over(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    write_csv(export / "leads.csv", [{"id": lead.number, "created_at": iso(lead.created), "email": lead.email, "demo_date": iso(lead.acts[0][0])[:10] if lead.acts and lead.number % 2 else "", "won_date": iso(lead.won)[:10]} for lead in LEADS])  # fmt: skip
    write_csv(export / "activities.csv", [{"lead_id": lead.number, "date": iso(at)[:10], "type": kind} for lead in LEADS for at, kind, _ in lead.acts])  # fmt: skip
    found = proposed(export)
    assert len(found.events) == 2
    assert all("+ INTERVAL 1 DAY AS known_at" in each.query for each in found.events)
    assert found.conversions is not None
    assert "date_trunc('day', " in found.conversions.query  # of a lead of the same day, from its creation on


def test_stages_planned_after_the_export_are_no_events(tmp_path: Path) -> None:
    export, future = tmp_path / "export", dt.datetime(2025, 12, 1)
    export.mkdir()
    rows = [{"id": lead.number, "created_at": iso(lead.created), "email": lead.email, "became_an_opportunity_date": iso(future if lead.number % 5 == 0 else lead.created + dt.timedelta(days=2)), "won_at": iso(lead.won)} for lead in LEADS]  # fmt: skip
    write_csv(export / "leads.csv", rows)
    started = init_from(tmp_path / "project", str(export))
    assert check(load_project(started.written[0])).data_end < dt.datetime(2025, 8, 1)


def test_events_that_are_the_sale_itself_are_the_conversions_and_no_events(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    write_csv(export / "signups.csv", [{"user_id": f"u{lead.number}", "signup_date": iso(lead.created), "email": lead.email} for lead in LEADS])  # fmt: skip
    rows = [
        {"user_id": f"u{lead.number}", "event_name": kind, "event_time": iso(at)}
        for lead in LEADS
        for at, kind, _ in lead.acts
    ]
    rows += [
        {"user_id": f"u{lead.number}", "event_name": "purchase", "event_time": iso(lead.won)}
        for lead in LEADS
        if lead.won
    ]
    write_csv(export / "events.csv", rows)
    found = proposed(export)
    assert found.conversions is not None
    assert found.conversions.leads == sum(lead.won is not None for lead in LEADS)
    assert "purchase" not in found.events[0].types
    assert "NOT IN ('purchase')" in found.events[0].query


def test_a_history_gives_edits_only_where_it_is_whole(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    write_csv(export / "leads.csv", [{"Id": f"L{lead.number}", "CreatedDate": iso(lead.created), "Email": lead.email, "Title": lead.title, "Segment": "B", "ConvertedDate": iso(lead.won)} for lead in LEADS])  # fmt: skip
    edits = [
        {"LeadId": f"L{lead.number}", "Field": name, "OldValue": "", "NewValue": value, "CreatedDate": iso(lead.created + dt.timedelta(days=2))}
        for lead in LEADS[::3] for name, value in (("Title", lead.title), ("Segment", "A"))
    ]  # fmt: skip
    write_csv(export / "LeadHistory.csv", edits)
    found = proposed(export)
    assert [field.column for each in found.changes for field in each.fields] == ["Title"]
    assert "Segment" in found.known_after
    assert "Title" not in found.known_after
    started = init_from(tmp_path / "project", str(export))
    assert check(load_project(started.written[0])).counts["changes"] == 2 * len(LEADS[::3])


def test_a_workbook_with_a_sheet_for_each_table(tmp_path: Path) -> None:
    leads = [["Lead ID", "Created Date", "Email", "Job Title", "Won Date"]]
    leads += [[lead.number, lead.created, lead.email, lead.title, lead.won] for lead in LEADS]
    acts = [["Lead ID", "Activity Date", "Activity Type"]]
    acts += [[lead.number, at, kind] for lead in LEADS for at, kind, _ in lead.acts[:5]]
    book = write_xlsx(tmp_path / "crm.xlsx", {"Leads": leads, "Activities": acts})
    started = init_from(tmp_path / "project", str(book))
    assert started.proposal.leads.table.label == "crm.xlsx [Leads]"
    assert [each.table.export.stem for each in started.proposal.events] == ["Activities"]
    assert check(load_project(started.written[0])).counts["events"] > 1000


def test_files_of_one_table_are_read_together_and_the_same_rows_once(tmp_path: Path) -> None:
    export = write("zoho", tmp_path / "export", LEADS[:250])
    EXPORTS["zoho"](tmp_path, LEADS[250:])
    shutil.move(tmp_path / "Leads_001.csv", export / "Leads_002.csv")
    shutil.copy(export / "Leads_002.csv", export / "Leads_003.csv")
    found = proposed(export)
    assert found.leads.table.export.rows == len(LEADS)
    assert found.leads.table.export.source.reads == ("../export/Leads_001.csv", "../export/Leads_002.csv")
    assert any("the same rows as Leads_002.csv" in text for text in found.left_out)


def test_windows_text_is_read(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    write_csv(export / "kontakte.csv", [{"Kontakt-ID": lead.number, "Erstellt am": dotted(lead.created), "Straße": "Größe", "E-Mail": lead.email, "Kunde seit": dotted(lead.won)} for lead in LEADS], ";", "cp1252")  # fmt: skip
    started = init_from(tmp_path / "project", str(export))
    assert load_project(started.written[0]).project.data.sources("leads")[0].encoding == "cp1252"


def test_nothing_is_overwritten_and_no_folder_is_left_behind(tmp_path: Path) -> None:
    export = write("zoho", tmp_path / "export")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "project.yaml").write_text("mine")
    with pytest.raises(UsageError, match="already exists"):
        init_from(tmp_path / "project", str(export))
    assert (tmp_path / "project" / "project.yaml").read_text() == "mine"
    with pytest.raises(UsageError, match="no table of this export can be the leads"):
        init_from(tmp_path / "new" / "deep", str(_things(tmp_path)))
    assert not (tmp_path / "new").exists()


def _things(folder: Path) -> Path:
    (folder / "things").mkdir()
    write_csv(
        folder / "things" / "prices.csv",
        [{"item": f"i{number % 7}", "price": number} for number in range(40)],
    )
    return folder / "things"


def test_a_question_that_is_left_leaves_nothing_behind(tmp_path: Path) -> None:
    def left(proposal: Proposal) -> tuple[str, ...]:
        raise KeyboardInterrupt

    asking = Asking(conversion=lambda ways, leads: ways[0], domains=lambda found: (), late=left)
    with pytest.raises(KeyboardInterrupt):
        init_from(tmp_path / "new" / "deep", str(write("zoho", tmp_path / "export")), asking=asking)
    assert not (tmp_path / "new").exists()


def test_a_log_with_names_of_people_is_no_table_of_leads(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    write_csv(export / "a.csv", [{"Ref": f"R{lead.number}", "First name": lead.first, "Email": lead.email, "Created": iso(lead.created), "Won on": iso(lead.won)} for lead in LEADS])  # fmt: skip
    rows = [{"No": f"{lead.number}-{place}", "Ref": f"R{lead.number}", "First name": lead.first, "Last name": lead.last, "Email": lead.email, "Created": iso(at), "What": kind} for lead in LEADS for place, (at, kind, _) in enumerate(lead.acts)]  # fmt: skip
    write_csv(export / "b.csv", rows)
    found = proposed(export)
    assert found.leads.table.label == "a.csv"
    assert found.leads.others == ()


def test_errors_say_what_was_seen(tmp_path: Path) -> None:
    project = tmp_path / "project"
    with pytest.raises(UsageError, match="there is no such file or folder"):
        init_from(project, str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="this folder is empty"):
        init_from(project, str(tmp_path / "empty"))
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    with pytest.raises(UsageError, match="nothing here can be read"):
        init_from(project, str(tmp_path / "logo.png"))
    (tmp_path / "broken.csv").write_text('a,b\n1,2\n"3,4\n5,6,7\n')
    with pytest.raises(DataError):
        init_from(project, str(tmp_path / "broken.csv"))
    (tmp_path / "header.csv").write_text("id,created_at\n")
    with pytest.raises(DataError, match="no table of this export has a row"):
        init_from(project, str(tmp_path / "header.csv"))
    with pytest.raises(UsageError, match=r"prices\.csv: 40 rows"):
        init_from(project, str(_things(tmp_path)))
    assert not project.exists()


def test_two_tables_that_may_both_be_the_leads(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    for name, some in (("leads_north.csv", LEADS[:250]), ("leads_south.csv", LEADS[250:])):
        more = {"Region": "x"} if "south" in name else {}
        write_csv(export / name, [{"Lead ID": lead.number, "Created Date": iso(lead.created), "Email": lead.email, "Won Date": iso(lead.won), **more} for lead in some])  # fmt: skip
    with pytest.raises(UsageError, match="several tables may be the leads") as error:
        proposed(export)
    assert "leads_north.csv" in str(error.value)
    assert "--leads" in str(error.value)
    assert proposed(export, leads="leads_south").leads.table.label == "leads_south.csv"
    with pytest.raises(UsageError, match="no such table") as error:
        proposed(export, leads="leads_soth.csv")
    assert "leads_south.csv" in error.value.nearest


def test_without_conversions_the_open_point_is_marked(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    write_csv(export / "leads.csv", [{"Lead ID": lead.number, "Created Date": iso(lead.created), "Email": lead.email, "Job Title": lead.title} for lead in LEADS])  # fmt: skip
    answer = leadlens("init", tmp_path / "project", "--from", export)
    assert answer.code == 0
    assert "OPEN: nothing says who converted" in answer.out
    text = (tmp_path / "project" / "project.yaml").read_text()
    assert "OPEN POINT: it is not known who converted" in text
    done = text.replace(
        "  # conversions: {read: sales.csv, columns: {lead_id: Lead ID, converted_at: Won on}}",
        "  conversions: {read: sales.csv}",
    )
    (tmp_path / "project" / "project.yaml").write_text(done)
    write_csv(
        tmp_path / "project" / "sales.csv",
        [{"lead_id": lead.number, "converted_at": iso(lead.won)} for lead in LEADS if lead.won],
    )
    assert leadlens("check", tmp_path / "project").code == 0
    with pytest.raises(UsageError, match="nothing in the export has this name") as error:
        proposed(export, conversion="Job Titel")
    assert "Job Title" in str(error.value)


def test_a_flag_without_a_date_makes_a_flat_project(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    write_csv(export / "leads.csv", [{"Lead ID": lead.number, "Created Date": iso(lead.created), "Email": lead.email, "Title": lead.title, "Converted": "Yes" if lead.won else "No"} for lead in LEADS])  # fmt: skip
    started = init_from(tmp_path / "project", str(export))
    project = load_project(started.written[0]).project
    assert project.outcome.column == "Converted"
    assert project.outcome.positive == ("yes",)
    assert check(load_project(started.written[0])).label_rate == pytest.approx(
        sum(lead.won is not None for lead in LEADS) / len(LEADS)
    )


def test_ids_that_occur_twice_are_kept_once(tmp_path: Path) -> None:
    export = write("zoho", tmp_path / "export")
    lines = (export / "Leads_001.csv").read_text().splitlines()
    again = lines[5].replace("Contacted", "Called")
    (export / "Leads_001.csv").write_text("\n".join([*lines, again]))
    started = init_from(tmp_path / "project", str(export))
    assert any("occurs more than once in 1 rows" in text for text in started.proposal.check)
    assert check(load_project(started.written[0])).counts["leads"] == len(LEADS)


NASTY = [
    'He said "x"',
    "a'; DROP TABLE leads; --",
    "line\nbreak",
    "# comment: {no}",
    "{a: b}",
    "Ünïcödé 名前",
    "\x1b[31mred",
]


def test_names_of_columns_and_values_are_never_code(tmp_path: Path) -> None:
    export = tmp_path / "export"
    export.mkdir()
    rows = [{"Lead ID": lead.number, "Created Date": iso(lead.created), "Email": lead.email, "Won Date": iso(lead.won), **{name: lead.title + name for name in NASTY}, "Job Title": NASTY[lead.number % 7] + " CEO"} for lead in LEADS]  # fmt: skip
    write_csv(export / "leads.csv", rows)
    write_csv(export / "acti'vit\"ies.csv", [{"Lead ID": lead.number, "Activity Date": iso(at), "Activity Type": NASTY[place % 7]} for lead in LEADS for place, (at, _, _) in enumerate(lead.acts)])  # fmt: skip
    started = init_from(tmp_path / "project", str(export))
    report = check(load_project(started.written[0]))
    assert report.counts["leads"] == len(LEADS)
    assert report.counts["events"] == sum(len(lead.acts) for lead in LEADS)


def test_what_is_answered_holds(tmp_path: Path) -> None:
    asked: list[str] = []
    export = write("zoho", tmp_path / "export")
    asking = Asking(
        conversion=lambda ways, leads: asked.append("conversion") or next(way for way in ways if way.flat),
        domains=lambda found: asked.append("domains") or ("ours.com",),
        late=lambda proposal: asked.append("late") or ("Lead Owner", "Rating"),
    )
    started = init_from(tmp_path / "project", str(export), asking=asking)
    assert asked == ["conversion", "domains", "late"]
    project = load_project(started.written[0]).project
    assert project.outcome.column is not None
    assert project.hygiene.internal_domains == ("ours.com",)
    assert set(project.known_after) == {"Lead Owner", "Rating"}


def test_at_no_terminal_nothing_is_asked_and_options_settle(tmp_path: Path) -> None:
    export = write("pipedrive folder", tmp_path / "export")
    answer = leadlens(
        "init",
        tmp_path / "project",
        "--from",
        export,
        "--domain",
        "ours.com",
        "--leads",
        "people-7654321-1",
        "--conversion",
        "Deal - Won time",
    )
    assert answer.code == 0, answer.err
    assert "own domain   ours.com (as you said; 0 leads there)" in answer.out
    assert "leadlens score" in answer.out
    assert "the export ends on 2025-06-30: " in answer.out
    assert "--as-of 2025-07-01, or export again" in answer.out, (
        "a date is its beginning, and the last day counts"
    )
    alone = leadlens("init", tmp_path / "other", "--domain", "ours.com")
    assert alone.code == 2
    assert "belong to an export" in alone.err


def test_the_systems_files_are_sound() -> None:
    assert {each.system for each in systems()} >= {
        "HubSpot",
        "Salesforce",
        "Pipedrive",
        "Odoo",
        "Mautic",
        "web events",
    }
    for system in systems():
        for table in system.tables:
            assert table.least <= len(table.signs)
    assert recognise(["lead_id", "created_at", "email"]) is None


def test_the_starter_is_what_it_was(tmp_path: Path) -> None:
    assert leadlens("init", tmp_path / "starter").code == 0
    assert (tmp_path / "starter" / "data" / "leads.csv").exists()
    assert plain_english(tmp_path, LEADS).id == "Enquiry No"


def test_a_time_of_the_leads_beside_activities_is_looked_at(tmp_path: Path) -> None:
    """Of a lead with `signed` beside its creation it is asked whether that is the time of its last activity."""
    folder = tmp_path / "export"
    folder.mkdir()
    with (folder / "leads.csv").open("w", encoding="utf-8") as file:
        file.write("lead_id,email,source,created_at,signed\n")
        for number in range(200):
            signed = f"2025-03-{1 + number % 28:02} 10:00:00" if number % 5 == 0 else ""
            file.write(
                f"L{number:04},p{number}@firm{number}.example,web,2025-01-{1 + number % 28:02} 09:00:00,{signed}\n"
            )
    with (folder / "activities.csv").open("w", encoding="utf-8") as file:
        file.write("lead_id,activity,happened_at\n")
        for number in range(600):
            file.write(f"L{number % 200:04},call,2025-02-{1 + number % 28:02} 09:00:00\n")
    found = proposed(folder)
    assert found.leads.id.name == "lead_id"
    assert found.events


def test_a_date_that_stands_for_none_is_no_conversion(tmp_path: Path) -> None:
    with (tmp_path / "leads.csv").open("w", encoding="utf-8") as file:
        file.write("Lead ID,Email,Created Date,Converted Date\n")
        for number in range(300):
            won = (
                f"2025-02-{1 + number % 28:02}"
                if number % 6 == 0
                else "9999-12-31"
                if number % 6 == 1
                else ""
            )
            file.write(f"L{number:04},p{number}@firm{number}.example,2025-01-{1 + number % 28:02},{won}\n")
    found = proposed(tmp_path / "leads.csv")
    assert found.conversions is not None
    assert found.conversions.leads == 50
    assert found.horizon.length.days <= 60
