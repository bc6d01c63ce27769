"""Many small files of events: read together, and nothing else than they are one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from leadlens.features import DataError
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import open_prepared, sources
from leadlens.pipeline.prepared.event_scan import EventScan
from leadlens.pipeline.prepared.event_update import EventUpdate
from leadlens.pipeline.prepared.folder import PreparedFolder
from leadlens.pipeline.prepared.opening import PreparedHistory
from tests.pipeline.little_project import LittleProject

HEADER = "event_id,lead_id,occurred_at,event_type,page,seconds"
ODD_FILES = {
    "empty": f"{HEADER}\n",
    "numbers": f"{HEADER}\nn1,L001,2024-05-01 10:00:00,1.10,7,3\nn2,L002,2024-05-01 11:00:00,1.1,12,4.5",
    "codes": f"{HEADER}\nc1,L001,2024-05-02 10:00:00,1.10,007,n/a\nc2,,2024-05-02 11:00:00,1.1,,\nc3,L003,,1.1,,",
    "strangers": f"{HEADER}\ns1,X9,2024-05-03,call,Home,1\ns2,L004,2024-05-03,call,Home,\ns3,X8,2024-05-03,call,,2",
    "repeats": f"{HEADER}\nn1,L001,2024-05-01 10:00:00,1.10,7,3\nn2,L005,2024-05-04T11:00:00Z,late,x,4\nn3,L006,2024-05-04,a,,",
    "words": f"{HEADER}\nw1,L001,2024-05-05,a,unknown,N/A\nw2,L001,2024-05-06,a,-,NULL\nw3,L001,2024-05-06,a,Home,5",
    "other": "lead_id,occurred_at,event_type,colour\nL002,2024-05-07,a,red\nL003,2024-05-07,a,true",
    "again": "lead_id,occurred_at,event_type,colour\nL002,2024-05-08,a,true\nL004,2024-05-08,a,false",
    "alone": "occurred_at;lead_id;event_type\n2024-05-09;L009;b",
}


class Days:
    """The little project with its events in a folder of small files, opened twice: read together, and one by one."""

    def __init__(self, folder: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEADLENS_HOME", str(folder / "state"))
        self.project, self.patch = LittleProject(folder), monkeypatch
        self.project.data["events"] = {"read": f"data/days/*.{form}"}
        self.path, self.days = self.project.write(), folder / "data" / "days"
        self.days.mkdir()

    def open(self, together: bool) -> PreparedHistory:
        place = PreparedFolder(self.days.parent / ("together" if together else "apart"))
        with self.patch.context() as patch:
            if not together:
                patch.setattr(sources, "SMALL", 0)
            return open_prepared(load_project(self.path), place)

    def assert_equal(self) -> PreparedHistory:
        """All that is known of each file, and every row."""
        together, apart = self.open(True), self.open(False)
        mine, theirs = together.manifest.events, apart.manifest.events
        assert [_known(source) for source in mine.sources] == [_known(source) for source in theirs.sources]
        assert (mine.types, mine.properties, mine.read) == (theirs.types, theirs.properties, theirs.read)
        assert (mine.strangers, mine.stranger) == (theirs.strangers, theirs.stranger)
        with together.history() as one, apart.history() as other:
            assert one.findings == other.findings
            rows = "SELECT * FROM events ORDER BY ALL"
            pd.testing.assert_frame_equal(one.engine.frame(rows), other.engine.frame(rows))
        return together


def _known(source: Any) -> dict[str, Any]:
    return {**source.model_dump(), "tallies": {name: n for name, n in source.tallies.items() if n}}


@pytest.fixture
def csv_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Days:
    days = Days(tmp_path, "csv", monkeypatch)
    for name, text in ODD_FILES.items():
        (days.days / f"{name}.csv").write_text(text, encoding="utf-8")
    return days


def test_odd_csv_files_together_are_what_they_are_one_by_one(csv_days: Days) -> None:
    first = csv_days.assert_equal()
    assert first.properties["page"] == "category"
    kinds = {path: source.fits["page"] for path, source in _by_name(first).items() if "page" in source.fits}
    assert "BIGINT" in kinds["numbers"]
    assert kinds["codes"] == ()
    assert _by_name(first)["words"].words["seconds"] == {"N/A": 1, "NULL": 1}
    assert _by_name(first)["strangers"].tallies["source rows"] == 3


def test_files_come_change_and_go_in_a_history_read_together(csv_days: Days) -> None:
    first = csv_days.assert_equal().manifest.events
    (csv_days.days / "strangers.csv").unlink()
    without = csv_days.assert_equal().manifest.events
    assert (first.strangers, without.strangers) == (2, 0)
    assert {source.number for source in without.sources} < {source.number for source in first.sources}
    (csv_days.days / "numbers.csv").write_text(f"{HEADER}\nn2,L002,2024-05-01,b,8,", encoding="utf-8")
    (csv_days.days / "later.csv").write_text(f"{HEADER}\nl1,X7,2024-05-01,b,8,", encoding="utf-8")
    (csv_days.days / "words.csv").rename(csv_days.days / "renamed.csv")
    after = csv_days.assert_equal()
    assert after.manifest.events.strangers == 1
    for name in ("codes", "renamed", "repeats", "later"):
        (csv_days.days / f"{name}.csv").unlink()
    assert csv_days.assert_equal().manifest.events.strangers == 0


def test_parquet_files_together_are_what_they_are_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(tmp_path, "parquet", monkeypatch)
    at = pd.Timestamp("2024-05-01")
    for number in range(6):
        rows = pd.DataFrame(
            {
                "lead_id": ["L001", "L002", "X"],
                "occurred_at": [at, at + pd.Timedelta(number, "h"), None],
                "event_type": ["a", "b", None],
                "page": ["n/a", f"p{number}", " p "],
                "paid": [True, None, False],
                "tags": [["x"], ["y", "z"], None],
            }
        )
        if number % 2:
            rows["occurred_at"] = rows["occurred_at"].dt.tz_localize("UTC").dt.as_unit("ns")
        rows.to_parquet(days.days / f"{number}.parquet", index=False)
    days.assert_equal()
    (days.days / "3.parquet").unlink()
    days.assert_equal()


def test_files_of_the_same_columns_are_one_scan(csv_days: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many they are; or a folder of thousands takes minutes."""
    for number in range(30):
        rows = f"{HEADER}\nd{number},L001,2024-06-01,a,Home,{number}"
        (csv_days.days / f"day-{number}.csv").write_text(rows, encoding="utf-8")
    scans, really = list[EventScan](), EventUpdate.begin

    def noted(self: EventUpdate) -> None:
        really(self)
        scans.extend(self.scans)

    monkeypatch.setattr(EventUpdate, "begin", noted)
    csv_days.open(together=True)
    assert sorted(len(scan.numbers) for scan in scans) == [1, 2, 36]


def test_an_error_names_the_file_that_it_is_in(csv_days: Days) -> None:
    (csv_days.days / "codes.csv").write_text(f"{HEADER}\nc1,L001,2024-05-02,a,b,1,too many", encoding="utf-8")
    with pytest.raises(DataError, match=r"codes\.csv"):
        csv_days.open(together=True)


def _by_name(prepared: PreparedHistory) -> dict[str, Any]:
    return {Path(source.mark.path).stem: source for source in prepared.manifest.events.sources if source.mark}
