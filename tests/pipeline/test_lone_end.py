"""A few rows far after all others are told, with the rows that they would give an outcome, and how to fix it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from leadlens.pipeline.config import load_project
from leadlens.pipeline.jobs.check import check
from leadlens.pipeline.prepared import event_update, open_history, open_prepared
from leadlens.pipeline.sources.opening import open_history as open_plainly
from tests.pipeline.little_project import LittleProject

Change = Callable[[LittleProject], None]


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    return LittleProject(tmp_path)


def later(table: str, column: str, *days: int) -> Change:
    """The first rows of a table, so many days after the last lead came."""

    def change(little: LittleProject) -> None:
        last = little.leads["created_at"].max().normalize()
        frame = getattr(little, table).reset_index(drop=True)
        for row, many in enumerate(days):
            frame.loc[row, column] = last + pd.Timedelta(many, "D") + pd.Timedelta(10, "h")
        setattr(little, table, frame)

    return change


def told(little: LittleProject) -> list[str]:
    with open_history(load_project(little.write())) as history:
        messages = [finding.message for finding in history.findings if finding.code == "lone-end"]
    with open_plainly(load_project(little.write())) as history:
        assert messages == [finding.message for finding in history.findings if finding.code == "lone-end"]
    return messages


# The last conversion is four days after the last lead: leads come twice a day from 2024-03-01 to 2024-05-19.
@pytest.mark.parametrize(
    ("change", "rows", "columns", "first"),
    [
        (later("events", "occurred_at", 540), 1, "events.occurred_at", "2025-11-10"),
        (later("events", "occurred_at", 30), 1, "events.occurred_at", "2024-06-18"),
        (later("events", "occurred_at", 200, 300, 540), 3, "events.occurred_at", "2024-12-05"),
        (later("conversions", "converted_at", 365), 1, "conversions.converted_at", "2025-05-19"),
        (later("leads", "created_at", 400, 400), 2, "leads.created_at", "2025-06-23"),
    ],
)
def test_lone_moments_are_told(
    little: LittleProject, change: Change, rows: int, columns: str, first: str
) -> None:
    change(little)
    [message] = told(little)
    assert message.startswith(f"{rows} row{'s' * (rows > 1)} of {columns} from {first} on, ")
    assert "data: {ends: 2024-05-2" in message


@pytest.mark.parametrize(
    "change",
    [
        later("events", "occurred_at"),
        later("events", "occurred_at", 5, 9),  # a few days of quiet
        later("events", "occurred_at", *range(60, 80)),  # too many to be a clock
        later("events", "occurred_at", *range(6, 90, 6)),  # thin, but not alone
    ],
    ids=["as it is", "quiet days", "many", "thin"],
)
def test_an_ordinary_end_is_not_told(little: LittleProject, change: Change) -> None:
    change(little)
    assert told(little) == []


def test_check_says_which_share_of_the_rows_it_changes_and_ends_mends_it(little: LittleProject) -> None:
    later("events", "occurred_at", 540)(little)
    found = check(load_project(little.write()))
    [finding] = [finding for finding in found.findings if finding.code == "lone-end"]
    assert finding.level == "warning"
    assert finding.count == 1
    ends = finding.message.rpartition("{ends: ")[2].rstrip("}")
    little.data["ends"] = pd.Timestamp(ends).date()  # type: ignore[assignment]
    mended = check(load_project(little.write()))
    assert "lone-end" not in {finding.code for finding in mended.findings}
    changed = found.counts["mature"] - mended.counts["mature"]
    assert changed > 5
    assert f"so {changed} of 160 rows ({changed / 160:.1%}) have an outcome" in finding.message


def test_events_are_counted_by_day_over_all_parts(
    little: LittleProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_update, "_EVENTS_A_PART", 50)
    prepared = open_prepared(load_project(little.write()))
    assert prepared.parts > 3
    days = little.events["occurred_at"].dt.date.value_counts()
    assert prepared.event_days == days.to_dict()
    assert sum(prepared.event_days.values()) == len(little.events)
