"""What is kept of a history: when it is read again, what is found when it is damaged, and what is cleaned up."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from leadlens.features import DataError, UsageError
from leadlens.pipeline.config import load_project
from leadlens.pipeline.prepared import differences, machine_clicks, open_prepared, preparing
from leadlens.pipeline.prepared.click_marking import ClickMarking, MachineClicks
from leadlens.pipeline.prepared.folder import _KEPT_VERSIONS, PreparedFolder
from leadlens.pipeline.prepared.manifest import FileMark
from leadlens.pipeline.prepared.opening import PreparedHistory
from leadlens.pipeline.prepared.sources import EventReader, NewSource
from leadlens.pipeline.sources import cleaning
from tests.pipeline.little_project import START, LittleProject, leadlens


class Growing:
    """The little project with its events in files that come one by one."""

    def __init__(self, folder: Path) -> None:
        self.project = LittleProject(folder)
        self.project.data["events"] = {"read": "data/days/*.parquet"}
        self.path, self.days = self.project.write(), folder / "data" / "days"
        self.days.mkdir()
        self.add("first", self.project.events)

    def add(self, name: str, events: pd.DataFrame) -> None:
        events.to_parquet(self.days / f"{name}.parquet", index=False)

    def open(self) -> PreparedHistory:
        return open_prepared(load_project(self.path))

    def events(self) -> int:
        with self.open().history() as history:
            return history.engine.count("events")


@pytest.fixture
def growing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Growing:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "state"))
    return Growing(tmp_path)


def day(number: int, lead: str = "L001", event_id: str | None = None) -> pd.DataFrame:
    at = START + timedelta(days=200 + number)
    columns = ["event_id", "lead_id", "occurred_at", "event_type", "page", "seconds"]
    return pd.DataFrame([(event_id or f"n{number}", lead, at, "page_viewed", "Home", 2.0)], columns=columns)


def test_nothing_new_is_not_read_again(growing: Growing) -> None:
    first = growing.open()
    before = sorted((path, path.stat().st_mtime_ns) for path in first.folder.path.rglob("*.parquet"))
    again = growing.open()
    assert again.manifest == first.manifest
    assert before == sorted((path, path.stat().st_mtime_ns) for path in first.folder.path.rglob("*.parquet"))


def test_of_new_files_only_those_are_read(growing: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, first = growing.events(), growing.open()
    growing.add("second", day(1))
    read, really = [], EventReader.read

    def noted(self: EventReader, marks: Iterable[FileMark]) -> list[NewSource]:
        read.extend(Path(mark.path).name for mark in marks)
        return really(self, marks)

    monkeypatch.setattr(EventReader, "read", noted)
    second = growing.open()
    assert read == ["second.parquet"]
    assert second.version == first.version + 1
    assert growing.events() == rows + 1


def test_an_edited_and_a_vanished_file(growing: Growing) -> None:
    rows = growing.events()
    growing.add("second", pd.concat([day(1), day(2), day(3)]))
    assert growing.events() == rows + 3
    growing.add("second", day(2))
    assert growing.events() == rows + 1
    (growing.days / "second.parquet").unlink()
    assert growing.events() == rows


def test_a_file_that_is_late_is_another_matter_than_one_that_never_was(growing: Growing) -> None:
    wrong = growing.path.with_name("typo.yaml")
    wrong.write_text(growing.path.read_text().replace("data/leads.csv", "data/lead.csv"))
    growing.open()
    (growing.days / "first.parquet").unlink()
    late = leadlens("check", growing.path)
    assert late.code == 3, "a scheduler tries again"
    assert "data.events: a file that was read before is not there" in late.err
    assert "received: data/days/*.parquet" in late.err
    typo = leadlens("check", wrong)
    assert typo.code == 2, "trying again does not help"
    assert "did you mean: data/leads.csv" in typo.err


def test_a_lead_without_events_may_vanish_between_others_with_new_ones(growing: Growing) -> None:
    """Its number is used by nobody then; the names of those around it are written as before."""
    project = growing.project
    silent = project.leads.iloc[[0]].assign(lead_id="L0015")  # named between L001 and L002
    project.leads = pd.concat([project.leads, silent], ignore_index=True)
    project.write()
    rows = growing.events()
    project.leads = project.leads[project.leads["lead_id"] != "L0015"]
    project.write()
    leads = sorted(project.leads["lead_id"])
    growing.add("second", pd.concat([day(number, lead) for number, lead in enumerate(leads)]))
    assert growing.events() == rows + len(leads)
    assert differences(load_project(growing.path), growing.open()) == ()


def test_what_a_vanished_file_had_displaced_counts_again(growing: Growing) -> None:
    rows = growing.events()
    growing.add("second", day(1, "L005", event_id="same"))
    growing.add("third", day(3, "L007", event_id="same"))
    assert growing.events() == rows + 1
    (growing.days / "second.parquet").unlink()
    with growing.open().history() as history:
        assert history.engine.count("events WHERE lead_id = 'L007'") == 3 + 1
        assert history.engine.count("events WHERE lead_id = 'L005'") == 3


def test_properties_may_have_any_name_where_rows_of_one_event_are_compared(growing: Growing) -> None:
    """The winner is the row that was known first, whatever a column of the user's says of it."""
    names = ("why", "winner", "nth", "is_new", "was_aside", "known_order", "first_source", "filename", "rows")
    same = pd.concat(
        [day(3, "L007", event_id="same"), day(1, "L005", event_id="same"), day(1, "L005", event_id="same")]
    )
    for place, name in enumerate(names):
        same[name] = ["repeated", "shared", "shared"] if place % 2 else [1.0, 0.0, 0.0]
    growing.add("second", same)
    file = load_project(growing.path)
    with open_prepared(file).history() as history:
        assert history.engine.count("events WHERE lead_id = 'L005'") == 3 + 1
        assert history.engine.count("events WHERE lead_id = 'L007'") == 3
        assert {"event-repeated", "event-id-shared"} <= {finding.code for finding in history.findings}
    assert differences(file, growing.open()) == ()


@pytest.mark.parametrize("harm", ["gone", "shorter", "another byte"])
@pytest.mark.parametrize("table", ["events", "leads", "numbers"])
def test_a_damaged_file_is_found_and_made_again(growing: Growing, table: str, harm: str) -> None:
    rows, first = growing.events(), growing.open()
    path = first.folder.path / first.manifest.tables[table].files[0].path
    content = bytearray(path.read_bytes())
    if harm == "gone":
        path.unlink()
    elif harm == "shorter":
        path.write_bytes(content[:-9])
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    again = growing.open()
    assert again.version != first.version or again.manifest.made_at != first.manifest.made_at
    assert again.folder.damaged(again.manifest, thorough=True) == []
    assert growing.events() == rows


def test_a_broken_manifest_or_log_is_no_obstacle(growing: Growing) -> None:
    rows, first = growing.events(), growing.open()
    (first.folder.path / "manifest.json").write_text("{", encoding="utf-8")
    for log in first.folder.path.glob("*/_delta_log/*.json"):
        log.write_text("broken", encoding="utf-8")
    growing.add("second", day(1))
    assert growing.events() == rows + 1


def test_two_commands_at_once(growing: Growing) -> None:
    """Both start without a prepared history; one prepares it, the other waits and finds it."""
    command = [
        sys.executable,
        "-m",
        "leadlens",
        "check",
        str(growing.path),
        "--only-read",
        "--json",
    ]
    with ThreadPoolExecutor(2) as pool:
        done = [*pool.map(lambda _: subprocess.run(command, capture_output=True, text=True), range(2))]
    assert [run.returncode for run in done] == [0, 0], done[0].stderr + done[1].stderr
    assert len({run.stdout for run in done}) == 1
    assert growing.open().version == 1


def test_few_rows_are_read_without_what_takes_long_to_load(growing: Growing) -> None:
    """Most of what such a command would cost; where nothing is new, pandas is not loaded either."""
    code = (
        "import sys\nfrom leadlens.pipeline.cli.main import main\n"
        f"sys.argv = ['leadlens', 'check', {str(growing.path)!r}, '--only-read', '--json']\n"
        "try: main()\nfinally: print(' '.join(sys.modules))"
    )
    for heavy in ({"numba", "scipy", "sqlglot"}, {"numba", "scipy", "sqlglot", "pandas"}):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert not heavy & set(done.stdout.splitlines()[-1].split())


def test_what_somebody_reads_is_not_removed(growing: Growing) -> None:
    rows = growing.events()
    with growing.open().history() as history:
        for number in range(_KEPT_VERSIONS + 2):
            growing.add("second", day(number))
            growing.open()
        assert history.engine.count("events") == rows
    growing.add("second", day(99))
    folder = growing.open().folder.path
    assert len([*(folder / "versions").glob("*.json")]) == _KEPT_VERSIONS


def test_an_earlier_version_is_as_it_was(growing: Growing) -> None:
    rows, first = growing.events(), growing.open()
    for number in range(3):
        growing.add(f"more-{number}", day(number))
        growing.open()
    with growing.open().at(first.version).history() as history:
        assert history.engine.count("events") == rows
        assert history.version == first.version
    with pytest.raises(DataError, match="no longer kept"):
        growing.open().at(77)


def test_delta_readers_see_the_same_rows(growing: Growing) -> None:
    """The tables are Delta tables, which others can read as they are."""
    from deltalake import DeltaTable

    rows = growing.events()
    growing.add("second", day(1))
    prepared = growing.open()
    table = DeltaTable(str(prepared.folder.path / "events"))
    assert table.to_pyarrow_table().num_rows == rows + 1
    assert table.version() == prepared.manifest.tables["events"].version


def test_verify_finds_what_no_checksum_tells(growing: Growing) -> None:
    """A prepared history of other rows, whole in itself: only reading all again says so."""
    growing.open()
    assert differences(load_project(growing.path), growing.open()) == ()
    prepared = growing.open()
    stored = prepared.manifest.tables["conversions"]
    shorter = stored.model_copy(update={"files": ()})
    false = prepared.manifest.model_copy(
        update={"tables": prepared.manifest.tables | {"conversions": shorter}}
    )
    (prepared.folder.path / "manifest.json").write_text(false.model_dump_json(), encoding="utf-8")
    answer = leadlens("check", growing.path, "--verify")
    assert answer.code != 0
    assert "conversions" in answer.err + answer.out
    assert leadlens("check", growing.path, "--verify").code == 0, "it is made again by itself"


def test_rows_beyond_the_cursor_are_all_that_is_read(growing: Growing, tmp_path: Path) -> None:
    import duckdb

    base = tmp_path / "events.duckdb"
    with duckdb.connect(str(base)) as connection:
        events = growing.project.events.assign(row=range(len(growing.project.events)))
        connection.register("frame", events)
        connection.execute("CREATE TABLE events AS SELECT * FROM frame")
    growing.project.data["events"] = {"read": str(base), "table": "events", "cursor": "row"}
    growing.project.write()
    rows = growing.events()
    with duckdb.connect(str(base)) as connection:
        connection.execute(
            "INSERT INTO events SELECT * REPLACE ('x' AS event_id, 100000 AS row) FROM events WHERE row = 3"
        )
        connection.execute("UPDATE events SET lead_id = 'L002' WHERE row = 0")  # beyond what a cursor sees
    assert growing.events() == rows + 1
    file = load_project(growing.path)
    assert "events" in differences(file, open_prepared(file)), "verify sees what the cursor does not"


def test_crowds_of_clicks_are_counted_among_the_new_ones_alone(growing: Growing) -> None:
    """Night after night, late clicks and bursts that only a new click completes, as among all clicks at once."""
    draw = np.random.default_rng(3)
    for night in range(6):
        seconds = draw.integers(60 * night, 60 * night + 1500, 300)
        growing.add(
            f"clicks-{night}",
            pd.DataFrame(
                {
                    "event_id": [f"c{night}-{n}" for n in range(300)],
                    "lead_id": [f"L{n:03}" for n in draw.integers(0, 8, 300)],
                    "occurred_at": [datetime(2024, 6, 1) + timedelta(seconds=int(s)) for s in seconds],
                    "event_type": "email_clicked",
                }
            ),
        )
        grown = growing.open().manifest.events.crowds
        assert grown is not None
        folder = growing.open().folder
        fresh = open_prepared(load_project(growing.path), PreparedFolder(folder.path.parent / "fresh"))
        assert grown == fresh.manifest.events.crowds
        assert 0 < grown.crowded < grown.clicks == 300 * (night + 1)
        shutil.rmtree(folder.path.parent / "fresh")


class _InThreeDays(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> _InThreeDays:
        return super().now(tz) + timedelta(days=3)


@pytest.mark.parametrize("mode", ["filter", "feature", "report"])
def test_of_clicks_only_leads_with_others_are_looked_at_again(
    growing: Growing, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Late clicks and opens, a file that is edited, one that vanishes, clicks of the future: as among all at once."""
    looked = list[bool]()
    really = ClickMarking.anew

    def noted(self: ClickMarking, *arguments: Any) -> MachineClicks | None:
        made = really(self, *arguments)
        looked.append(made is not None)
        return made

    monkeypatch.setattr(ClickMarking, "anew", noted)
    growing.project.settings["hygiene"] = {"bots": {"mode": mode, "burst": 2, "within": "60s"}}
    growing.project.write()
    draw, present = np.random.default_rng(5), datetime.now(UTC).replace(tzinfo=None)

    def mails(night: int, start: datetime, leads: int) -> pd.DataFrame:
        seconds = draw.integers(0, 3000, 60)
        return pd.DataFrame(
            {
                "event_id": [f"c{night}-{n}" for n in range(60)],
                "lead_id": [f"L{n:03}" for n in draw.integers(0, leads, 60)],
                "occurred_at": [start + timedelta(seconds=int(s)) for s in seconds],
                "event_type": draw.choice(["email_clicked", "email_opened"], 60),
            }
        )

    first = datetime(2024, 6, 1)
    changes: list[Callable[[], None]] = [
        lambda: growing.add("mails-0", mails(0, first, 40)),
        lambda: growing.add("mails-1", mails(1, first, 10)),
        lambda: growing.add("mails-0", mails(0, first, 40).iloc[:50]),
        lambda: growing.add("mails-2", mails(2, present + timedelta(days=2), 10)),
        lambda: growing.add("mails-3", mails(3, first + timedelta(days=1), 5)),
        lambda: (growing.days / "mails-1.parquet").unlink(),
        lambda: monkeypatch.setattr(machine_clicks, "datetime", _InThreeDays),
        lambda: growing.add("mails-4", mails(4, START - timedelta(days=9), 5)),  # an open before all others
    ]
    for number, change in enumerate(changes):
        change()
        growing.add(f"page-{number}", day(number))
        prepared = growing.open()
        fresh = open_prepared(
            load_project(growing.path), PreparedFolder(prepared.folder.path.parent / "fresh")
        )
        assert prepared.manifest.events.bots == fresh.manifest.events.bots
        assert prepared.manifest.events.opens_since == fresh.manifest.events.opens_since
        marked = [
            one.folder.path / file.path
            for one in (prepared, fresh)
            for file in one.manifest.tables["machine_clicks"].files
        ]
        if mode != "report":
            grown, anew = (
                pd.read_parquet(path).sort_values(["_lead_no", "_event_key"]).reset_index(drop=True)
                for path in marked
            )
            pd.testing.assert_frame_equal(grown, anew)
            assert grown["since"].notna().any()
        shutil.rmtree(fresh.folder.path)
    assert looked[-1] is False, "all are looked at where the first open is another"
    assert all(looked[:-1])
    assert len(looked) >= 6


def test_an_incomplete_event_of_a_lead_that_comes_only_to_be_left_out(growing: Growing) -> None:
    """Events of leads that are left out are no findings of their own, whenever the lead came."""
    growing.project.settings["hygiene"] = {"exclude_leads": "lead_id = 'L900'"}
    growing.project.write()
    events = day(1, "L900")
    growing.add("second", pd.concat([events, events.assign(event_id="x", event_type=None)]))
    with growing.open().history() as history:
        assert "event-incomplete" in {finding.code for finding in history.findings}
    project = growing.project
    project.leads = pd.concat([project.leads, project.leads.iloc[[0]].assign(lead_id="L900")])
    project.write()
    with growing.open().history() as history:
        assert "event-incomplete" not in {finding.code for finding in history.findings}
    assert differences(load_project(growing.path), growing.open()) == ()


def test_rows_of_the_future_count_when_their_time_has_come(
    growing: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sources that stand still are read again then; before and afterwards they are not."""
    tomorrow = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(days=1)
    project = growing.project
    late = project.leads.iloc[[0]].assign(lead_id="L900", created_at=tomorrow)
    project.leads = pd.concat([project.leads.astype({"created_at": "datetime64[us]"}), late])
    project.write()

    def leads() -> int:
        with growing.open().history() as history:
            return history.engine.count("leads")

    count, version = leads(), growing.open().version
    assert leads() == count
    assert growing.open().version == version
    for module in (preparing, cleaning):
        monkeypatch.setattr(module, "datetime", _InThreeDays)
    assert leads() == count + 1
    assert growing.open().version == version + 1
    assert leads() == count + 1
    assert growing.open().version == version + 1


def test_a_property_that_is_read_another_way_now_tells_other_clicks_apart(growing: Growing) -> None:
    """Links were numbers but for one; with more texts they are text, also of leads with nothing new."""
    growing.project.settings["hygiene"] = {"bots": {"mode": "filter", "burst": 50, "links": 3}}
    growing.project.write()
    start = datetime(2024, 6, 1)

    def clicks(lead: str, links: list[str], every: timedelta) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "event_id": [f"{lead}-{link}" for link in links],
                "lead_id": lead,
                "occurred_at": [start + at * every for at in range(len(links))],
                "event_type": "email_clicked",
                "link": links,
            }
        )

    hours, seconds = timedelta(hours=1), timedelta(seconds=4)
    person = clicks("L002", [str(at) for at in range(200, 400)], hours)
    growing.add("first", pd.concat([person, clicks("L001", ["101", "102", "unsubscribe"], seconds)]))
    assert growing.open().manifest.events.properties["link"] == "number"
    growing.add("second", clicks("L003", [f"promo-{at}" for at in range(40)], hours))
    prepared = growing.open()
    assert prepared.manifest.events.properties["link"] == "text"
    assert [note.count for note in prepared.manifest.events.bots if note.code == "bots-every-link"] == [3]
    assert differences(load_project(growing.path), prepared) == ()


def test_a_row_whose_time_comes_while_events_are_read(
    growing: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where leads are left out, their tables are read again with new events, though only findings count those."""
    project = growing.project
    tomorrow = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(days=1)
    late = project.leads.iloc[[0]].assign(lead_id="L900", created_at=tomorrow)
    project.leads = pd.concat([project.leads.astype({"created_at": "datetime64[us]"}), late])
    project.settings["hygiene"] = {"exclude_leads": "lead_id = 'L003'"}
    project.write()
    with growing.open().history() as history:
        before = history.engine.count("leads")
    monkeypatch.setattr(
        cleaning, "datetime", _InThreeDays
    )  # not yet for the one who asks whether it has come
    growing.add("second", day(1))
    with growing.open().history() as history:
        assert history.engine.count("leads") == before + 1
    assert differences(load_project(growing.path), growing.open()) == ()


def test_a_column_that_is_hidden_and_gone_is_told_where_leads_are_left_out(growing: Growing) -> None:
    growing.project.settings |= {"hygiene": {"exclude_leads": "lead_id = 'L003'"}, "known_after": ["note"]}
    growing.project.write()
    growing.add("second", day(1).assign(note="seen"))
    growing.open()
    growing.add("second", day(1))
    with pytest.raises(UsageError, match="known_after lists a column that is not in the data"):
        growing.open()


def test_an_incomplete_event_of_a_lead_that_is_left_out_later(growing: Growing) -> None:
    """The lead comes after its event, with another lead that has a whole one, and is left out another day."""
    project = growing.project
    project.settings["hygiene"] = {"exclude_leads": "city = 'Nowhere'"}
    project.write()
    growing.add("second", pd.concat([day(1, "L900").assign(event_type=None), day(2, "L901")]))
    growing.open()
    arrived = [project.leads.iloc[[0]].assign(lead_id=lead) for lead in ("L900", "L901")]
    project.leads = pd.concat([project.leads, *arrived])
    project.write()
    assert differences(load_project(growing.path), growing.open()) == ()
    project.leads.loc[project.leads["lead_id"] == "L900", "city"] = "Nowhere"
    project.write()
    with growing.open().history() as history:
        assert "event-incomplete" not in {finding.code for finding in history.findings}
    assert differences(load_project(growing.path), growing.open()) == ()


@pytest.mark.parametrize("how", ["a query over CSV", "a table of a DuckDB file"])
def test_of_a_file_that_grows_only_rows_beyond_the_cursor_are_new(
    growing: Growing, tmp_path: Path, how: str
) -> None:
    """Rows of before were counted once more each time."""
    events = growing.project.events.drop(columns="event_id").assign(row=range(len(growing.project.events)))
    path = tmp_path / ("grows.csv" if "CSV" in how else "grows.duckdb")
    growing.project.data["events"] = {"read": str(path), "cursor": "row"}
    growing.project.data["events"] |= {"query": "SELECT * FROM source"} if "query" in how else {}
    growing.project.data["events"] |= {"table": "events"} if "DuckDB" in how else {}
    for rows in (300, 350, len(events)):
        some = events[:rows]
        if "CSV" in how:
            some.to_csv(path, index=False)
        else:
            with duckdb.connect(str(path)) as connection:
                connection.from_df(some).create("new")
                connection.execute("DROP TABLE IF EXISTS events")
                connection.execute("ALTER TABLE new RENAME TO events")
        file = load_project(growing.project.write())
        prepared = open_prepared(file)
        with prepared.history() as history:
            assert history.engine.count("events") == rows
        assert differences(file, prepared) == ()


@pytest.mark.parametrize(
    "table",
    ["ev(row, lead_id, occurred_at, event_type)", "ev(row INTEGER, lead_id, occurred_at, event_type)"],
)
@pytest.mark.parametrize(
    "query", ["SELECT * FROM ev", "SELECT row + 0 AS row, lead_id, occurred_at, event_type FROM ev"]
)
def test_a_cursor_of_sqlite_whose_type_it_does_not_say(
    growing: Growing, tmp_path: Path, table: str, query: str
) -> None:
    events = growing.project.events[["lead_id", "occurred_at", "event_type"]].astype(str)
    events.insert(0, "row", range(len(events)))
    path = tmp_path / "events.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE {table}")
    growing.project.data["events"] = {"read": f"sqlite:///{path}", "query": query, "cursor": "row"}
    for first, end in ((0, 99), (99, 102), (102, len(events))):
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany("INSERT INTO ev VALUES (?, ?, ?, ?)", events[first:end].values.tolist())
        with open_prepared(load_project(growing.project.write())).history() as history:
            assert history.engine.count("events") == end


@pytest.mark.parametrize(
    ("text", "refused"),
    [("{}", True), ("{}.5", True), ("-{}", True), ("20240{:03}", False), ("id-{}", False)],
)
def test_a_cursor_of_numbers_as_text_is_refused_unless_they_sort(
    growing: Growing, tmp_path: Path, text: str, refused: bool
) -> None:
    events = growing.project.events.assign(row=[text.format(n) for n in range(len(growing.project.events))])
    events.to_parquet(tmp_path / "text.parquet")
    growing.project.data["events"] = {"read": str(tmp_path / "text.parquet"), "cursor": "row"}
    file = load_project(growing.project.write())
    if not refused:
        assert open_prepared(file).manifest.events.sources[0].cursor == max(events["row"])
        return
    with pytest.raises(DataError, match="the cursor holds numbers as text") as told:
        open_prepared(file)
    ((query),) = re.findall("`query`: (.+)$", str(told.value))
    growing.project.data["events"]["query"] = f"SELECT * REPLACE ({query}) FROM source"
    with open_prepared(load_project(growing.project.write())).history() as history:
        assert history.engine.count("events") == len(events)


def test_numbers_as_text_that_grow_longer_are_refused(growing: Growing, tmp_path: Path) -> None:
    """Those of 100 to 399 are in order; 1000 would come before them, and be missed."""
    events = growing.project.events.assign(row=[str(100 + n) for n in range(len(growing.project.events))])
    events.to_parquet(tmp_path / "text.parquet")
    growing.project.data["events"] = {"read": str(tmp_path / "text.parquet"), "cursor": "row"}
    file = load_project(growing.project.write())
    open_prepared(file)
    more = events[:2].assign(event_id=["x", "y"], row=["600", "1000"])
    pd.concat([events, more]).to_parquet(tmp_path / "text.parquet")
    with pytest.raises(DataError, match="the cursor holds numbers as text"):
        open_prepared(file)
