"""A workbook for people, and CSV that a CRM imports: whole, ours alone to overwrite, and nothing in them runs."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from leadlens.features.errors import DataError, UsageError
from leadlens.pipeline.config.crm import Crm
from leadlens.pipeline.crm.fields import import_layout
from leadlens.pipeline.writeback import stage_scores, write_scores
from leadlens.pipeline.writeback.laid_out import LaidOutWriter
from leadlens.pipeline.writeback.layout import Layout, for_people
from leadlens.pipeline.writeback.run import WriteResult
from tests.pipeline.writeback_samples import run, scores

HOSTILE = [
    "=1+1",
    "=cmd|'/c calc'!A0",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "{=1}",
    "https://evil.example/x",
    "007",
]
HUBSPOT = import_layout(Crm(), "hubspot")


def written(path: Path, frame: pd.DataFrame, layout: Layout | None = None, **facts: object) -> WriteResult:
    with stage_scores(str(path), run=run(**facts), layout=layout) as staged:  # type: ignore[arg-type]
        staged.add(frame)
        return staged.commit()


def cells(path: Path, sheet: str = "Leads") -> list[list[object]]:
    return CalamineWorkbook.from_path(path).get_sheet_by_name(sheet).to_python()


def test_a_workbook_has_the_best_leads_first_under_a_header_that_stays(tmp_path: Path) -> None:
    path = tmp_path / "scores.xlsx"
    frame = scores(40).assign(route="call", stage="MQL")
    assert written(path, frame).inserted == 40
    header, *rows = cells(path)
    assert header == for_people().headings
    best = frame.sort_values(["score", "lead_id"], ascending=[False, True])
    assert [row[0] for row in rows] == list(best["lead_id"])
    assert [row[1] for row in rows] == list(best["score"]), "numbers are numbers"
    assert rows[0][header.index("Why")] == best["reasons_text"].iloc[0]
    assert rows[0][header.index("As of")] == "2026-03-01"
    with zipfile.ZipFile(path) as book:
        xml = book.read("xl/worksheets/sheet1.xml").decode()
    assert 'state="frozen"' in xml
    assert "<autoFilter" in xml
    assert xml.count("<col ") > 8, "columns have widths"


def test_a_workbook_names_leads_where_the_project_keeps_names(tmp_path: Path) -> None:
    path = tmp_path / "scores.xlsx"
    written(path, scores().assign(lead_name="Ann", lead_owner="=Bob"), people=("lead_name", "lead_owner"))
    header, first, *_ = cells(path)
    assert header[:4] == ["Lead", "Name", "Owner", "Score"]
    assert first[1:3] == ["Ann", "=Bob"]


def test_what_a_lead_typed_is_text_in_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "scores.xlsx"
    frame = scores(len(HOSTILE)).assign(route=HOSTILE, reasons_text=HOSTILE, stage=HOSTILE)
    frame["lead_id"] = [f"{text}-{number}" for number, text in enumerate(HOSTILE)]
    frame["explanation_url"] = HOSTILE
    written(path, frame)
    header, *rows = cells(path)
    assert {row[header.index("What to do")] for row in rows} == set(HOSTILE), "unchanged, digit for digit"
    with zipfile.ZipFile(path) as book:
        for name in book.namelist():
            xml = book.read(name).decode(errors="replace")
            assert "<f>" not in xml
            assert "<f " not in xml
            assert "hyperlink" not in xml


def test_a_workbook_is_compared_with_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "scores.xlsx"
    written(path, scores())
    again = written(path, scores(), run_id="run-2", day=1)
    assert (again.inserted, again.unchanged) == (0, 0), "as of another day"
    assert written(path, scores(), run_id="run-2", day=1).unchanged == 5
    frame = scores(6).iloc[1:].assign(grade="B2")
    after = written(path, frame, run_id="run-3", day=1)
    assert (after.inserted, after.updated, after.closed) == (1, 4, 1)
    with pytest.raises(DataError, match="newer ones"):
        written(path, scores(), run_id="run-4")


@pytest.mark.parametrize("name", ["scores.xlsx", "hubspot.csv"])
def test_a_file_of_somebody_else_is_left_alone(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    layout = None if path.suffix == ".xlsx" else HUBSPOT
    import xlsxwriter

    book = xlsxwriter.Workbook(str(tmp_path / "theirs.xlsx"))
    book.add_worksheet("Leads").write(0, 0, "Lead")
    book.close()
    for raw in (b"Lead,Score\n1,2\n", (tmp_path / "theirs.xlsx").read_bytes(), b"\xff\0"):
        path.write_bytes(raw)
        with pytest.raises(DataError, match="does not contain scores"):
            written(path, scores(), layout)
        assert path.read_bytes() == raw


def test_a_layout_has_the_names_of_the_crm(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    settings = Crm(id="Ours__c", fields={"trend": None, "points": "Points__c", "score": "Rating__c"})
    frame = scores().assign(stage="MQL", route=["=1+1", None, "call", "call", "call"])
    written(path, frame, import_layout(settings, "salesforce"))
    raw = path.read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf"), "an import would take it for a part of the first name"
    rows = list(csv.DictReader(raw.decode().splitlines()))
    assert list(rows[0])[:2] == ["Ours__c", "Rating__c"]
    assert "Points__c" in rows[0]
    assert "Leadlens_Trend__c" not in rows[0]
    assert [int(row["Rating__c"]) for row in rows] == sorted(frame["score"], reverse=True)
    assert {row["Leadlens_Route__c"] for row in rows} == {"'=1+1", "", "call"}
    assert {row["Leadlens_As_Of__c"] for row in rows} == {"2026-03-01"}
    assert {row["Leadlens_Status__c"] for row in rows} == {"open"}
    assert HUBSPOT.headings[:2] == ["Record ID", "leadlens_score"]
    assert written(path, frame, import_layout(settings, "salesforce")).unchanged == 5


def test_a_layout_is_for_csv(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"layout hubspot is for .csv"):
        written(tmp_path / "scores.xlsx", scores(), HUBSPOT)


def test_a_worksheet_that_is_too_short_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadlens.pipeline.writeback.laid_out.MOST_ROWS", 4)
    with pytest.raises(DataError, match="holds fewer leads"):
        write_scores(scores(), str(tmp_path / "scores.xlsx"), run=run())
    assert not (tmp_path / "scores.xlsx").exists()
    assert LaidOutWriter.__doc__
