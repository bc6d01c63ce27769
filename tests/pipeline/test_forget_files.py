"""Somebody who is forgotten goes out of files that commands wrote where the user chose; what is the user's own is named."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from leadlens.features import DataError
from leadlens.pipeline.config import ProjectFile, load_project
from leadlens.pipeline.crm.destination import parse_destination
from leadlens.pipeline.crm.fields import Record
from leadlens.pipeline.crm.journal import Journal, journal_path
from leadlens.pipeline.elsewhere import noting_written, written_elsewhere
from leadlens.pipeline.forgetting.person import Person
from leadlens.pipeline.forgetting.score_targets import forget_in_target
from leadlens.pipeline.forgetting.tables import forget_in_file, rows_in_file
from leadlens.pipeline.jobs.forget import forget
from leadlens.pipeline.jobs.person import person
from leadlens.pipeline.jobs.places import places_beyond, targets_of
from leadlens.pipeline.logs import logged
from leadlens.pipeline.prepared import open_prepared
from leadlens.pipeline.pulling.files import PulledFiles
from leadlens.pipeline.pulling.source import Page
from leadlens.pipeline.runs import RunRecord, RunStore, recorded_run
from leadlens.pipeline.runs.record import Status
from leadlens.pipeline.sources.forgotten import Forgotten
from leadlens.pipeline.state import at_work, state_folder
from leadlens.pipeline.views.csv_text import BEGINS, csv_lines
from leadlens.pipeline.webhooks.messages import Message
from leadlens.pipeline.webhooks.outbox import Outbox
from leadlens.pipeline.writeback import write_scores
from tests.pipeline.little_project import LittleProject, leadlens
from tests.pipeline.writeback_samples import Database, run, scores

LEAD = 'rosa "77" <ü>'
HARD = (
    "=1+2",
    "-7 x",
    "@rosa",
    'a"b',
    "o'neil",
    "<b>&",
    "Zoë\u0301",
    "価格/7",
    "a,b;c",
    "007",
    " x",
    "\uff1dx",
)


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    """One lead has an id that every format writes in another way."""
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    found = LittleProject(tmp_path / "little")
    for frame in (found.leads, found.events, found.conversions):
        frame["lead_id"] = frame["lead_id"].replace("L004", LEAD)
    found.settings["scores"] = {"to": f"duckdb:///{tmp_path}/scores.duckdb"}
    return found


@pytest.fixture
def file(little: LittleProject) -> ProjectFile:
    found = load_project(little.write())
    open_prepared(found)
    return found


@contextmanager
def by(command: str, *paths: Path, project: str = "little", database: bool = False) -> Iterator[None]:
    """As a command of the project writes files."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    with noting_written(project, command, *paths, database=database) as note:
        yield
    assert note is None


def test_a_report_that_somebody_chose_a_folder_for(file: ProjectFile, tmp_path: Path) -> None:
    out = tmp_path / "for the boss"
    page, payload, leads = (out / name for name in ("report.html", "report.json", "report_leads.csv"))
    other = out / "mine.html"
    with by("compare", page, payload, leads):
        page.write_text("<th>rosa &#34;77&#34; &lt;ü&gt;</th>", encoding="utf-8")
        payload.write_text(json.dumps({"lead_id": LEAD}), encoding="utf-8")
        rows = [("cell", "lead_id", "name"), ("both", LEAD, "Rosa"), ("both", "L001", "Ann, =1+1")]
        leads.write_text(BEGINS + csv_lines(rows), encoding="utf-8", newline="")
    other.write_text(LEAD)
    result = forget(file, LEAD)
    assert result.failed == ()
    removed = {Path(each.where).name: each.what for each in result.removed}
    assert "leadlens compare writes it again" in removed["report.html"]
    assert "leadlens compare writes it again" in removed["report.json"]
    assert removed["report_leads.csv"] == "rows removed"
    assert not page.exists()
    assert not payload.exists()
    assert leads.read_bytes().startswith(BEGINS.encode())
    assert [*pd.read_csv(leads)["lead_id"]] == ["L001"]
    assert other.exists()
    # What was removed is not asked for; what was only written and is gone may have been moved.
    assert not any("no longer there" in text for text in result.beyond)
    leads.rename(out / "moved.csv")
    assert any("report_leads.csv" in text and "--also" in text for text in forget(file, LEAD).beyond)


def test_a_report_that_was_edited_stays_and_is_named(file: ProjectFile, tmp_path: Path) -> None:
    page = tmp_path / "out" / "monitor.json"
    with by("monitor", page):
        page.write_text("{}")
    page.write_text(json.dumps({"my note": LEAD}))
    result = forget(file, LEAD)
    assert page.exists()
    [left] = result.left
    assert left.path == page
    assert "edited since leadlens monitor wrote it" in str(left)
    # It is named as long as it is so, and no longer.
    assert len(forget(file, LEAD).left) == 1
    page.write_text("{}")
    assert forget(file, LEAD).left == ()


def test_a_database_of_any_name_stays_one(file: ProjectFile, tmp_path: Path) -> None:
    """Of a DuckDB file rows go, whatever it is called, and nothing else that is in it."""
    path = tmp_path / "scores.db"
    with by("score", path, database=True):
        write_scores(scores().assign(lead_id=[LEAD, *"abcd"]), f"duckdb:///{path}", run=run())
    with by("score", path, project="other", database=True):
        pass  # into another table of it
    assert [each.what for each in forget(file, LEAD).removed][:2] == [
        "rows of scores",
        "rows of earlier scores",
    ]
    assert Database(f"duckdb:///{path}").query("SELECT count(*) FROM lead_scores") == [(4,)]


def test_what_a_link_leads_to_is_removed(file: ProjectFile, tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    link.symlink_to(real)
    with by("compare", link):
        link.write_text(json.dumps([LEAD]))
    assert [each.where for each in forget(file, LEAD).removed][:1] == [str(link)]
    assert not real.exists()


def test_files_of_other_leads_and_of_other_projects_stay(file: ProjectFile, tmp_path: Path) -> None:
    own, others = tmp_path / "own.json", tmp_path / "others.json"
    with by("compare", own):
        own.write_text('{"lead_id": "rosa 77"}')
    with by("compare", others, project="other"):
        others.write_text(json.dumps({"lead_id": LEAD}))
    assert forget(file, LEAD).left == ()
    assert own.exists()
    assert others.exists()


def test_matrices_and_part_files(file: ProjectFile, tmp_path: Path) -> None:
    whole, parts = tmp_path / "m" / "features.parquet", tmp_path / "spark" / "features.parquet"
    frame = pd.DataFrame({"lead_id": [LEAD, "L001"], "x": [1.5, 2.5]})
    with by("features", whole, parts):
        frame.to_parquet(whole)
        parts.mkdir()
        frame.to_parquet(parts / "part-0.parquet")
        (parts / ".part-0.parquet.crc").write_bytes(b"of the file as it was")
    shown = {each.where: each.rows for each in person(file, LEAD).places}
    assert shown[str(whole)] == ({"lead_id": LEAD, "x": 1.5},)
    forget(file, LEAD)
    for path in (whole, parts / "part-0.parquet"):
        assert pd.read_parquet(path)["lead_id"].tolist() == ["L001"]
    assert not (parts / ".part-0.parquet.crc").exists()


def test_a_workbook_goes_if_it_has_the_lead(file: ProjectFile, tmp_path: Path) -> None:
    def workbook(path: Path, *leads: str) -> None:
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet("Leads")
            for at, lead in enumerate(("Lead", *leads)):
                sheet.write_string(at, 0, lead)

    having, without, edited = (tmp_path / name for name in ("a.xlsx", "b.xlsx", "c.xlsx"))
    with by("score", having, without, edited):
        workbook(having, LEAD)
        workbook(without, "L001")
        workbook(edited, LEAD)
    workbook(edited, LEAD, "mine")
    result = forget(file, LEAD)
    assert not having.exists()
    assert without.exists()
    assert [each.path for each in result.left] == [edited]


def test_a_log_is_blackened_in_its_place(file: ProjectFile, tmp_path: Path) -> None:
    log = tmp_path / "night.log"
    with logged("score", "text", log) as (lines, _):
        lines.event("warning", f"lead {LEAD}: ü is odd")
        size = log.stat().st_size
        forget(file, LEAD)
        lines.event("info", "goes on")
    text = log.read_text(encoding="utf-8")
    assert LEAD not in text
    assert "ü is odd\n" in text
    assert text.endswith("goes on\n")
    assert len(text.encode()) > size
    with logged("score", "json", tmp_path / "machine.log"):
        pass
    assert [Path(each.path).name for each in written_elsewhere("little")] == ["night.log"]


@pytest.mark.parametrize("lead", HARD)
@pytest.mark.parametrize("kind", ["csv", "parquet", "layout"])
def test_hard_ids_are_found_in_what_we_write(tmp_path: Path, lead: str, kind: str) -> None:
    """As `score` writes them: a CSV for spreadsheets has a quote before a formula."""
    path = tmp_path / ("scores.parquet" if kind == "parquet" else "scores.csv")
    frame = scores().assign(lead_id=[lead, "L001", "L002", f"{lead}x", f"x{lead}"])
    if kind == "layout":
        frame[["lead_id", "score"]].to_csv(path, index=False)
    else:
        write_scores(frame, str(path), run=run())
    assert forget_in_file(path, [lead.strip()]) == 1
    assert rows_in_file(path, [lead.strip()]) == []
    left = pd.read_csv(path, dtype=str) if path.suffix == ".csv" else pd.read_parquet(path)
    assert len(left) == 4


@pytest.mark.parametrize("lead", HARD)
def test_hard_ids_are_found_in_texts(lead: str) -> None:
    from html import escape
    from urllib.parse import quote

    from markupsafe import escape as escape_also

    who = Person((lead.strip(),))
    for text in (escape(lead), str(escape_also(lead)), json.dumps([lead]), quote(lead.strip(), safe="")):
        assert who.mentioned_in(f"<td>{text}</td>"), text
        assert who.mentioned_in(json.dumps({"text": f"see\n{lead}"}))
        assert not who.mentioned_in("<td>another</td>")


def test_numbers_are_the_ids_that_a_source_would_have(tmp_path: Path) -> None:
    """One lead stands as a text, a whole number, a number with a decimal point and a decimal, as data bring it."""
    for values in (["7", "70"], [7, 70], [7.0, 70.0], [7, None]):
        path = tmp_path / "rows.parquet"
        pd.DataFrame({"lead_id": values, "score": [70, 7]}).to_parquet(path)
        assert forget_in_file(path, ["7"]) == 1
        assert pq.read_table(path).num_rows == 1
    for values in (["007", "7"], ["7.5", "7"]):
        pd.DataFrame({"lead_id": values}).to_parquet(path)
        assert forget_in_file(path, ["7"]) == 1


def test_an_id_that_is_a_score_elsewhere_removes_nobody_else(file: ProjectFile, tmp_path: Path) -> None:
    """In a file without lead_id the first column is that of ids: an id 90 is no score of 90."""
    path = tmp_path / "import.csv"
    path.write_text("Id,Score\n7,90\n90,50\n", encoding="utf-8")
    [found] = forget_in_target(str(path), "lead_scores", ["90"])
    assert found.number == 1
    assert path.read_text(encoding="utf-8").split() == ['"Id","Score"', '"7","90"']
    path.write_text(f'Score,Id\n90,"{LEAD.replace(chr(34), chr(34) * 2)}"\n', encoding="utf-8")
    [left] = forget(file, LEAD, also=[path]).left
    assert "in a column that is not for ids" in str(left)


def test_named_files_are_looked_into_whatever_they_are(file: ProjectFile, tmp_path: Path) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    (folder / "rows.csv").write_text("lead_id\nL001\n", encoding="utf-8")
    (folder / "notes.txt").write_text(f"call {LEAD}", encoding="utf-8")
    (folder / "bad.csv").write_bytes(b'lead_id,x\n"' + LEAD.encode() + b"\n\xff,1,2,3\n")
    (folder / "bad.parquet").write_bytes(b"nothing")
    result = forget(file, LEAD, also=[folder])
    assert result.failed == ()
    # Of what cannot be read nobody knows whether it has the lead: that is not passed over in silence.
    (folder / "bad.xlsx").write_bytes(b"nothing")
    with by("score", folder / "ours.xlsx"):
        (folder / "ours.xlsx").write_bytes(b"half written")
    again = forget(file, LEAD, also=[folder])
    assert again.failed == ()
    assert {each.path.name: "cannot be read" in str(each) for each in (*result.left, *again.left)} == {
        "bad.csv": True, "bad.parquet": True, "notes.txt": False, "bad.xlsx": True, "ours.xlsx": True,
    }  # fmt: skip
    assert (folder / "ours.xlsx").exists()


def test_files_of_a_pull_lose_the_person(little: LittleProject, tmp_path: Path) -> None:
    folder = tmp_path / "little" / "crm"
    PulledFiles.of(folder, "hubspot://api.hubapi.com/contacts").add(
        [
            Page(
                rows={
                    "leads": [
                        {"lead_id": lead, "created_at": "2024-03-01"} for lead in (LEAD, "L001", "L002")
                    ],
                    "changes": [
                        {"id": "L001", "attribute": "note", "known_at": "2024-03-02", "value": LEAD},
                        {"id": LEAD, "attribute": "city", "known_at": "2024-03-02", "value": "Rome"},
                    ],
                    "aliases": [{"old_id": "old", "lead_id": LEAD}],
                }
            )
        ]
    )
    little.data["leads"] = {"read": "crm/leads.parquet"}
    little.settings["features"] = {}
    file = load_project(little.write())
    result = forget(file, LEAD)
    rows = {path.stem: pq.read_table(path).to_pylist() for path in folder.glob("*.parquet")}
    assert [row["lead_id"] for row in rows["leads"]] == ["L001", "L002"]
    assert [row["id"] for row in rows["changes"]] == ["L001"], "what another has as a value is another's"
    assert rows["aliases"] == []
    assert any("hubspot://api.hubapi.com/contacts" in text and "next pull" in text for text in result.beyond)


def test_rows_that_a_model_of_another_project_wrote_stay(tmp_path: Path) -> None:
    to = f"duckdb:///{tmp_path}/scores.duckdb"
    write_scores(scores(), to, run=run(model_version="other/1"))
    assert forget_in_target(to, "lead_scores", ["lead-3"], project="little") == []
    assert len(forget_in_target(to, "lead_scores", ["lead-3"], project="other")) == 2
    assert Database(to).query("SELECT count(*) FROM lead_scores") == [(4,)]


def test_who_works_meanwhile_is_waited_for(file: ProjectFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A night that began before may write the person once more: it is waited for, and if too long that is said."""
    monkeypatch.setattr("leadlens.pipeline.jobs.forget.WAIT_SECONDS", 0.1)
    with at_work("little"), at_work("other"):
        result = forget(file, LEAD)
    assert len(result.failed) == 1
    assert "still working" in result.failed[0]
    assert Forgotten.of("little").holds(LEAD), "it is left out of what begins from now on"
    with at_work("other"):
        assert forget(file, LEAD).failed == ()


@pytest.mark.parametrize("job", ["score", "compare", "list_features", "backtest", "monitor", "push", "train"])
def test_every_job_that_writes_leads_says_that_it_works(
    file: ProjectFile, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    from importlib import import_module

    entered = []

    @contextmanager
    def seen(project: str) -> Iterator[None]:
        entered.append(project)
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("leadlens.pipeline.jobs.working.at_work", seen)
    with pytest.raises(KeyboardInterrupt):
        getattr(import_module(f"leadlens.pipeline.jobs.{job}"), job)(file)
    assert entered == ["little"]


def test_a_database_of_an_old_run_that_nothing_reaches_is_named(file: ProjectFile) -> None:
    with recorded_run("little", folder=state_folder() / "runs", target="postgresql://crm:***@db.example/crm"):
        pass
    assert any("db.example" in text and "--to" in text for text in forget(file, LEAD).beyond)


def test_the_list_of_files_is_not_lost_in_silence(file: ProjectFile, tmp_path: Path) -> None:
    with by("compare", tmp_path / "a.json"):
        (tmp_path / "a.json").write_text("{}")
    place = state_folder() / "elsewhere.json"
    assert place.stat().st_mode & 0o077 == 0
    place.write_text("{")
    with pytest.raises(DataError, match="list of files"):
        forget(file, LEAD)


def test_a_name_that_is_no_text_is_kept(file: ProjectFile, tmp_path: Path) -> None:
    """A path may have any byte."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xff.json"))
    with by("compare", path):
        path.write_text(json.dumps([LEAD]))
    assert any(each.what.startswith("file removed") for each in forget(file, LEAD).removed)
    assert not path.exists()


def test_commands_note_what_they_write(
    little: LittleProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder of its own and by a relative name; what goes to the state folder is known anyway."""
    path = little.write()
    monkeypatch.chdir(tmp_path)
    done = leadlens("features", path, "--out", "matrix.parquet")
    assert done.code == 0, done.err
    [written] = written_elsewhere("little")
    assert written.path == str(tmp_path / "matrix.parquet")
    assert written.is_as_written
    answer: dict[str, Any] = leadlens("forget", path, LEAD, "--yes", "--json").facts
    assert [each for each in answer["removed"] if each["where"].endswith("matrix.parquet")]
    assert LEAD not in pd.read_parquet(written.path)["lead_id"].tolist()


def test_targets_that_a_run_never_wrote_to_are_not_asked_for(file: ProjectFile, tmp_path: Path) -> None:
    """A mistyped one would be named at every call, and could never be reached."""
    store = RunStore(state_folder() / "runs")
    begun: dict[str, tuple[Status, list[str]]] = {
        "refused": ("refused", ["model", "read", "drift"]),
        "failed": ("failed", ["model", "read"]),
        "failed_writing": ("failed", ["model", "read", "write"]),
        "failed_on_a_full_disk": ("failed", []),
        "killed": ("killed", ["model"]),
    }
    for name, (status, stages) in begun.items():
        (tmp_path / f"{name}.duckdb").touch()
        for target in (f"duckdb:///{tmp_path}/{name}.duckdb", f"postgresql://crm/{name}"):
            record = RunRecord(project="little", target=target, stages=[{"name": stage} for stage in stages])
            store.begin(record)
            record.end(status, 1)
            store.end(record)
    named = {"failed_writing", "failed_on_a_full_disk", "killed"}
    assert {Path(each).stem for each in targets_of(file, ()) if str(tmp_path) in each} >= named
    assert not {"refused", "failed"} & {Path(each).stem for each in targets_of(file, ())}
    asked = [text for text in places_beyond(file) if text.startswith("postgresql://")]
    assert [text.partition(",")[0].rpartition("/")[2] for text in asked] == sorted(named)


def test_what_a_push_and_a_webhook_keep_is_shown(file: ProjectFile) -> None:
    """The journal of what a CRM has, with its words, and messages that wait."""
    destination = parse_destination("hubspot://contacts")
    with Journal(journal_path(state_folder(), "little", destination, None)) as journal:
        journal.keep([], [(Record.of(LEAD, {"score": 1}), "no such contact"), (Record.of("L001", {}), "x")])
    with Outbox(state_folder() / "webhooks" / "little.sqlite") as outbox:
        bodies = ({"data": {"lead_id": LEAD}}, {"data": {"lead_id": "L001", "score": 77}})
        outbox.add("run", [Message(str(at), json.dumps(body)) for at, body in enumerate(bodies)])
    shown = {each.what: each.rows for each in person(file, LEAD).places}
    [row] = shown["rows of lead"]
    assert (row["lead_id"], row["error"], row["tries"]) == (LEAD, "no such contact", 1)
    assert shown["rows of message"] == ({"body": bodies[0]},)
    forget(file, LEAD)
    assert [each for each in person(file, LEAD).places if each.rows] == []
