"""Excel and OpenDocument workbooks as sources: what their CSV would be, with dates known by the kind of a cell."""

from __future__ import annotations

import datetime as dt
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import leadlens
from leadlens.features import DataError, UsageError
from leadlens.features.engines.duckdb_connections import connect_in_memory
from leadlens.pipeline.prepared import open_history
from leadlens.pipeline.sources.csv_files import read_csv_files
from leadlens.pipeline.sources.workbooks import open_workbook
from tests.pipeline.little_project import LittleProject
from tests.pipeline.little_project import leadlens as command
from tests.pipeline.workbooks import Sheets, write_ods, write_xlsx

DATA = Path(os.environ.get("LEADLENS_DATA") or Path(__file__).parents[3] / "shared" / "data")
CONTACTS = DATA / "crm_exports" / "hubspot"
Write = Callable[[Path, Sheets], Path]
WRITERS = pytest.mark.parametrize(
    ("write", "ending"), [(write_xlsx, ".xlsx"), (write_ods, ".ods")], ids=["xlsx", "ods"]
)


def rows_of(path: Path, sheet: str | None = None, missing: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [row for block in open_workbook(path, sheet, "here", missing) for row in block.to_pylist()]


@WRITERS
def test_cells_are_read_by_their_kind(write: Write, ending: str, tmp_path: Path) -> None:
    path = write(
        tmp_path / f"book{ending}",
        {
            "Leads": [
                [None, None],
                ["Record ID", "Name", None, "Seen", "Share", "Keen", "Zip"],
                [116234, "Ünal", None, dt.datetime(2024, 1, 31, 9, 30, 15), 0.25, True, "007"],
                [None] * 7,
                [116235, "unknown", None, dt.date(2024, 2, 1), -3, False, "'=1"],
            ],
            "Notes": [],
        },
    )
    assert rows_of(path, missing=("unknown",)) == [
        {
            "Record ID": "116234",
            "Name": "Ünal",
            "Seen": "2024-01-31 09:30:15",
            "Share": "0.25",
            "Keen": "true",
            "Zip": "007",
        },
        {
            "Record ID": "116235",
            "Name": None,
            "Seen": "2024-02-01",
            "Share": "-3",
            "Keen": "false",
            "Zip": "'=1",
        },
    ]


@WRITERS
@pytest.mark.parametrize("table", ["leads", "events", "conversions"])
def test_a_history_of_workbooks_is_that_of_csv_files(
    write: Write, ending: str, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    built = LittleProject(tmp_path)
    frame = getattr(built, table)
    built.data[table] = {"read": f"data/{table}.csv"}
    path = built.write()
    frame.to_csv(tmp_path / "data" / f"{table}.csv", index=False)
    with open_history(leadlens.load_project(path)) as history:
        wanted = history.engine.frame(f"SELECT * FROM {table} ORDER BY ALL")
    values = frame.astype(object).where(frame.notna(), None)
    cells = [list(frame), *values.map(_cell).values.tolist()]
    write(tmp_path / f"{table}{ending}", {"About": [["made by hand"]], "Export": cells})
    built.data[table] = {"read": f"{table}{ending}", "table": "Export"}
    with open_history(leadlens.load_project(built.write())) as history:
        found = history.engine.frame(f"SELECT * FROM {table} ORDER BY ALL")
    assert len(found)
    pd.testing.assert_frame_equal(found, wanted)


def _cell(value: Any) -> Any:
    return value.to_pydatetime() if isinstance(value, pd.Timestamp) else value


@pytest.mark.skipif(not CONTACTS.is_dir(), reason="the exports are not here: set LEADLENS_DATA")
def test_an_export_as_a_workbook_is_that_export_as_csv() -> None:
    """A CRM writes both: every type and every value is the same."""
    with connect_in_memory() as connection:
        for kind in ("csv", "xlsx"):
            (path,) = CONTACTS.glob(f"*contacts*.{kind}")
            read_csv_files(connection, kind, [str(path)], "utf-8", "here")
        columns = [connection.execute(f"DESCRIBE {kind}").fetchall() for kind in ("csv", "xlsx")]
        assert columns[0] == columns[1]
        rows = [
            connection.execute(f"SELECT * FROM {kind} ORDER BY ALL").fetchall() for kind in ("csv", "xlsx")
        ]
        assert rows[0] == rows[1]
        assert len(rows[0]) == 3_000


def test_days_in_workbooks_are_read_together_and_only_the_new_one_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    built = LittleProject(tmp_path)
    days = tmp_path / "days"
    days.mkdir()
    built.data["events"] = {"read": "days/*.xlsx", "columns": {"occurred_at": "when", "event_type": "what"}}
    head = ["lead_id", "when", "what"]
    at = dt.datetime(2024, 3, 2, 12)
    write_xlsx(days / "1.xlsx", {"a": [head, ["L001", at, "page_viewed"]]})
    write_xlsx(days / "2.xlsx", {"b": [head, ["L002", at, "page_viewed"]]})
    path = built.write()
    assert command("check", path, "--only-read", "--json").facts["counts"]["events"] == 2
    write_xlsx(days / "3.xlsx", {"c": [head, ["L003", at, "email_opened"]]})
    assert command("check", path, "--only-read", "--json").facts["counts"]["events"] == 3


def test_which_sheet_is_asked_for_and_a_wrong_name_is_corrected(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "two.xlsx", {"Leads 2024": [["a"], [1]], "Leads 2025": [["a"], [2]]})
    with pytest.raises(UsageError, match="which sheet to read is not set") as unset:
        rows_of(path)
    assert "table: Leads 2024" in str(unset.value)
    assert rows_of(path, "Leads 2025") == [{"a": "2"}]
    with pytest.raises(UsageError, match="no such sheet") as wrong:
        rows_of(path, "Leads2025")
    assert "did you mean: Leads 2025" in str(wrong.value)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([["lead_id"], [1.2345678901234567e18]], "cell A2"),
        ([["a", None], [1, 2]], "cell B2"),
        ([["a", "A"], [1, 2]], "differ only by case"),
        ([], "empty"),
    ],
)
def test_what_would_be_lost_is_refused(cells: list[list[Any]], words: str, tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "bad.xlsx", {"Sheet": cells})
    with pytest.raises(DataError, match=words):
        rows_of(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no workbook at all"])
def test_a_broken_workbook_is_said_to_be_broken(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.xlsx"
    path.write_bytes(content)
    with pytest.raises(DataError, match="workbook cannot be read"):
        rows_of(path)


def test_a_workbook_with_a_password_is_named(tmp_path: Path) -> None:
    """Excel wraps an encrypted workbook into the container of its old format."""
    path = tmp_path / "secret.ods"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        file.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry '
            'manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry></manifest:manifest>',
        )
        file.writestr("content.xml", b"\x00\x01")
    with pytest.raises(DataError, match="needs a password"):
        rows_of(path)
