"""A night's drill on PostgreSQL: everything that goes wrong at night, one after the other, on one table.

After each step: what readers see, what the run's record says, here and in ``scoring_runs``, and the exit code.
"""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest

from leadlens.pipeline.runs import RunRecord, RunStore
from tests.forked_jobs import ForkedJob, ForkedJobs
from tests.kill_nights import trained_state
from tests.pipeline.little_project import Answer, LittleProject, leadlens
from tests.pipeline.postgres import DATABASE, RunningServer
from tests.score_kills import KINDS, ScoreKills, table_of

GOOD, NEXT, LATER = "2024-05-24", "2024-05-25", "2024-05-26"
# The server's disk cannot be filled by a test: its error is raised in the middle of the merge.
FULL_DISK = """
    CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE 'could not extend file "base/5/1": No space left on device' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER full_disk BEFORE UPDATE ON scoring_runs FOR EACH ROW WHEN (new.status = 'done') EXECUTE FUNCTION full_disk()
"""
# What lets one run at a time merge: whoever holds it makes the others wait with all of their rows sent.
MERGING = "pg_advisory_lock(hashtextextended('leadlens write-back', 0))"
MERGES = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


class Drill:
    """A project, its state, its table, and those who read it."""

    def __init__(self, folder: Path, server: RunningServer, url: str, patch: pytest.MonkeyPatch) -> None:
        self.server, self.url, self.patch = server, url, patch
        self.project = LittleProject(folder / "project")
        self.project.folder.mkdir()
        self.project.leads["kind"] = "b2b"
        self.project.data["leads"]["where"] = "kind = 'b2b'"
        self.project.data["aliases"] = {"read": "aliases.csv"}
        self.project.files = {"aliases.csv": b"old_id,lead_id\n"}
        self.config = self.project.write()
        self.jobs = ForkedJobs(folder / "printed")
        self.move(folder / "home")
        self.seen: Any = None

    def move(self, home: Path) -> None:
        """Use another state folder."""
        self.home = home
        self.patch.setenv("LEADLENS_HOME", str(home))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True, options="-c timezone=UTC") as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def score(self, *options: str | Path, to: str | None = None) -> Answer:
        return leadlens("score", self.config, "--to", to or self.url, *options)

    def start(self, *options: str | Path, file_size: int | None = None) -> ForkedJob:
        """The same in a process of its own."""
        return self.jobs.start(
            "score", self.config, "--to", self.url, *options, home=self.home, file_size=file_size
        )

    def local(self) -> dict[str, RunRecord]:
        return {record.run_id: record for record in RunStore(self.home / "runs").records()}

    def latest(self) -> RunRecord:
        """What the state folder says of the last run; no lock of one that is over is left."""
        assert not list((self.home / "runs").glob("*.running"))
        return next(iter(self.local().values()))

    def told(self, run_id: str) -> tuple[Any, ...] | None:
        """What ``scoring_runs`` says of a run: its status and error."""
        found = self.query(f"SELECT status, error FROM scoring_runs WHERE run_id = '{run_id}'")
        return found[0] if found else None

    def recorded(self, status: str, code: int | None, error: str | None) -> RunRecord:
        """The last run ended so, says the record here and the one in the target."""
        record = self.latest()
        assert (record.status, record.exit_code) == (status, code)
        if error is None:
            assert record.error is None
        else:
            assert error in (record.error or "")
        assert self.told(record.run_id) == (status, record.error)
        return record

    def readers(self) -> dict[str, Any]:
        """All that whoever reads the tables and the view can see."""
        return {
            table: self.query(f"SELECT * FROM {table} ORDER BY lead_id, run_id")
            for table in ("lead_scores", "lead_scores_history", "open_lead_scores")
        }

    def look(self) -> None:
        self.seen = self.readers()

    def nothing_changed(self) -> None:
        """Since readers were last asked."""
        assert self.readers() == self.seen

    def open(self) -> set[str]:
        return {lead for (lead,) in self.query("SELECT lead_id FROM open_lead_scores")}

    def run_while_another_merges(
        self, count: int, then: Callable[[list[ForkedJob]], None]
    ) -> list[ForkedJob]:
        """Start runs, and do something once all of them wait to merge their rows."""
        with psycopg.connect(self.url, autocommit=True) as other:
            other.execute(f"SELECT {MERGING}")
            jobs: list[ForkedJob] = []
            for number in range(1, count + 1):
                jobs.append(self.start("--as-of", LATER))
                assert jobs[-1].until(lambda: self.query(MERGES) == [(number,)]), jobs[-1].err  # noqa: B023
            self.nothing_changed()
            then(jobs)
        return jobs


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder with a champion."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield trained_state(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def drill(
    tmp_path: Path,
    trained: Path,
    postgres_server: RunningServer,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Drill:
    shutil.copytree(trained, tmp_path / "home")
    return Drill(tmp_path, postgres_server, postgres_url, monkeypatch)


def test_nothing_is_lost_and_nothing_doubled(
    tmp_path: Path, trained: Path, postgres_server: RunningServer, postgres_url: str
) -> None:
    """Some of what ``python -m tests.score_kills`` does two hundred times."""
    kills = ScoreKills(tmp_path, trained, postgres_server, 3, targets=["PostgreSQL"], times=3)
    for kind in KINDS:
        kills.kill(kind)
    assert [tally.wrong for tally in kills.tallies.values()] == [[]] * len(KINDS), table_of(kills.tallies)
    assert [tally.right for tally in kills.tallies.values()] == [1] * len(KINDS)
    assert all(tally.looks for tally in kills.tallies.values())


def test_a_nights_drill(drill: Drill, tmp_path: Path) -> None:
    """The steps build on one another, as nights do."""
    _good_night(drill)
    _closed_leads(drill)
    _empty_events(drill)
    _renamed_type(drill)
    _older_as_of(drill)
    _stale_data(drill)
    _wrong_password(drill)
    _full_disk_here(drill)
    _full_disk_there(drill)
    _told_to_stop(drill)
    _killed_while_it_scores(drill)
    _killed_while_it_writes(drill)
    _two_at_once(drill)
    _moved_state(drill, tmp_path)
    _whole_story(drill)


def _good_night(drill: Drill) -> None:
    answer = drill.score("--as-of", GOOD)
    assert answer.code == 0, answer.err
    record = drill.recorded("done", 0, None)
    bought = drill.project.conversions.query(f"converted_at < '{GOOD}'")["lead_id"]
    leads = set(drill.project.leads["lead_id"]) - set(bought)
    assert drill.open() == leads
    assert (record.rows, record.inserted, record.closed) == (len(leads), len(leads), 0)
    assert {row[0] for row in drill.query("SELECT confirmed_as_of::date::text FROM open_lead_scores")} == {
        GOOD
    }


def _closed_leads(drill: Drill) -> None:
    project, yesterday = drill.project, sorted(drill.open())
    # The 25th has buyers of its own.
    bought = set(project.conversions.query(f"'{GOOD}' <= converted_at < '{NEXT}'")["lead_id"])
    buyer, lost, gone, private, twin, test, other = [lead for lead in yesterday if lead not in bought][:7]
    when = pd.Timestamp(GOOD) + pd.Timedelta(hours=12)
    sale = pd.DataFrame({"lead_id": [buyer], "converted_at": [when], "kind": "sale", "value": 1.0})
    project.conversions = pd.concat([project.conversions, sale])
    project.leads.loc[project.leads["lead_id"] == lost, "closed_at"] = when
    project.leads.loc[project.leads["lead_id"] == private, "kind"] = "b2c"
    project.leads = project.leads[project.leads["lead_id"] != gone]
    project.files["aliases.csv"] = f"old_id,lead_id\n{twin},{other}\n".encode()
    project.settings["hygiene"] = {"exclude_leads": f"lead_id = '{test}'"}
    project.write()
    before = dict(drill.query("SELECT lead_id, score FROM lead_scores"))
    answer = drill.score("--as-of", NEXT)
    assert answer.code == 0, answer.err
    reasons = {
        buyer: "converted",
        lost: "closed",
        gone: "vanished",
        private: "filtered",
        test: "filtered",
        twin: "merged",
    }
    reasons |= dict.fromkeys(bought & set(yesterday), "converted")
    closed = dict(drill.query("SELECT lead_id, closed_reason FROM lead_scores WHERE status = 'closed'"))
    assert closed == reasons
    assert drill.open() == set(yesterday) - set(reasons)
    kept = dict(drill.query("SELECT lead_id, score FROM lead_scores WHERE status = 'closed'"))
    assert kept == {lead: before[lead] for lead in reasons}, "closed leads keep their last score"
    assert drill.recorded("done", 0, None).closed == len(reasons)
    drill.look()


def _empty_events(drill: Drill) -> None:
    events = drill.project.events
    drill.project.events = events.iloc[:0]
    _refused_by_the_gate(drill, "rows of events: 0, after")
    drill.project.events = events


def _renamed_type(drill: Drill) -> None:
    events = drill.project.events
    drill.project.events = events.replace({"event_type": {"page_viewed": "pageview"}})
    _refused_by_the_gate(drill, "new are pageview: was it renamed?")
    drill.project.events = events


def _refused_by_the_gate(drill: Drill, words: str) -> None:
    drill.project.write()
    answer = drill.score("--as-of", LATER)
    assert answer.code == 1
    assert words in answer.err
    record = drill.recorded("refused", 1, "tonight is unlike the nights before")
    found = [
        difference["code"] for difference in record.notes["differences"] if difference["level"] == "stop"
    ]
    assert found
    drill.nothing_changed()


def _older_as_of(drill: Drill) -> None:
    drill.project.write()
    for as_of in (GOOD, "2024-05-10"):  # the second is far beyond the limits of the gate, too
        answer = drill.score("--as-of", as_of)
        assert answer.code == 1
        assert "--replace-newer" in answer.err
        drill.recorded("refused", 1, f"these scores are as of {as_of} 00:00, and the table has newer ones")
        drill.nothing_changed()


def _stale_data(drill: Drill) -> None:
    answer = drill.score()
    assert answer.code == 1
    assert "the data end at 2024-05-24 12:00" in answer.err
    assert "--as-of 2024-05-25" in answer.err
    record = drill.recorded("refused", 1, "")
    assert "stale" in [difference["code"] for difference in record.notes["differences"]]
    drill.nothing_changed()


def _wrong_password(drill: Drill) -> None:
    answer = drill.score("--as-of", LATER, to=drill.server.url(DATABASE, password="wr0ng"))
    assert answer.code == 3
    assert "rejects the user or the password" in answer.err
    record = drill.latest()
    assert (record.status, record.exit_code) == ("failed", 3)
    assert "rejects the user or the password" in (record.error or "")
    assert "wr0ng" not in answer.err + record.to_json()
    assert drill.told(record.run_id) is None, "the table could not be told; the next run does"
    drill.nothing_changed()


def _full_disk_here(drill: Drill) -> None:
    unreached = drill.latest()
    assert leadlens("check", drill.config, "--only-read").code == 0
    job = drill.start("--as-of", LATER, file_size=12_000)
    assert job.end() == 4, job.err
    assert "free some space" in job.err
    drill.recorded("failed", 4, "the scores cannot be kept until all of them are there")
    assert drill.told(unreached.run_id) == ("failed", unreached.error), "what the wrong password hid"
    drill.nothing_changed()


def _full_disk_there(drill: Drill) -> None:
    drill.query(FULL_DISK)
    answer = drill.score("--as-of", LATER)
    drill.query("DROP FUNCTION full_disk CASCADE")
    assert answer.code == 4
    assert "the disk of the PostgreSQL server is full" in answer.err
    drill.recorded("failed", 4, "the disk of the PostgreSQL server is full")
    drill.nothing_changed()


def _told_to_stop(drill: Drill) -> None:
    job = drill.start("--as-of", LATER)
    assert job.until(lambda: _stage(job) == "Scoring open leads"), job.err
    job.signal(signal.SIGTERM)
    assert job.end() == 143
    assert "Traceback" not in job.err
    drill.recorded("stopped", 143, "stopped by SIGTERM")
    drill.nothing_changed()


def _killed_while_it_scores(drill: Drill) -> None:
    job = drill.start("--as-of", LATER)
    assert job.until(lambda: _stage(job) == "Scoring open leads"), job.err
    _kill(drill, job)


def _killed_while_it_writes(drill: Drill) -> None:
    (job,) = drill.run_while_another_merges(1, lambda jobs: _kill(drill, *jobs))
    assert (_stage(job) or "").startswith("Writing to ")


def _kill(drill: Drill, job: ForkedJob) -> None:
    job.signal(signal.SIGKILL)
    assert job.end() == 137
    record = job.record()
    assert record is not None
    assert (record.status, drill.told(record.run_id)) == ("started", ("started", None)), (
        "nobody has said more"
    )
    drill.nothing_changed()


def _stage(job: ForkedJob) -> str | None:
    record = job.record()
    return None if record is None else record.stage


def _two_at_once(drill: Drill) -> None:
    killed = [record.run_id for record in drill.local().values() if record.status in ("started", "killed")]
    assert len(killed) == 2
    jobs = drill.run_while_another_merges(2, lambda jobs: None)
    assert [job.end() for job in jobs] == [0, 0], [job.err for job in jobs]
    for run_id in killed:
        record = drill.local()[run_id]
        assert (record.status, record.exit_code) == ("killed", None)
        assert drill.told(run_id) == ("killed", record.error), "the next run says what became of them"
    records = [job.record() for job in jobs]
    assert [record and record.status for record in records] == ["done", "done"]
    assert {drill.told(record.run_id) for record in records if record} == {("done", None)}
    assert {row[0] for row in drill.query("SELECT confirmed_as_of::date::text FROM open_lead_scores")} == {
        LATER
    }
    wrote = {
        run_id for (run_id,) in drill.query(f"SELECT run_id FROM lead_scores WHERE as_of::date = '{LATER}'")
    }
    assert len(wrote) <= 1, "the second one found nothing to change"
    drill.look()


def _moved_state(drill: Drill, folder: Path) -> None:
    drill.home.rename(folder / "elsewhere")
    drill.move(folder / "elsewhere")
    before = drill.seen
    answer = drill.score("--as-of", LATER)
    assert answer.code == 0, answer.err
    record = drill.recorded("done", 0, None)
    assert (record.inserted, record.updated, record.closed) == (0, 0, 0)
    after = drill.readers()
    assert [after[table] for table in ("lead_scores", "lead_scores_history")] == [
        before[table] for table in ("lead_scores", "lead_scores_history")
    ]


def _whole_story(drill: Drill) -> None:
    """The table is what one good night into an empty place gives, and every run has its line in both places."""
    twin = drill.home.parent / "twin.parquet"
    shown = ["lead_id", "score", "grade", "reasons_text"]
    assert drill.score("--as-of", LATER, to=str(twin)).code == 0
    fresh = pd.read_parquet(twin)[shown].sort_values("lead_id")
    rows = drill.query(f"SELECT {', '.join(shown)} FROM open_lead_scores ORDER BY lead_id")
    assert list(fresh.itertuples(index=False, name=None)) == rows
    records = [record for record in drill.local().values() if record.table and "parquet" not in record.target]
    assert {record.run_id: (record.status, record.error) for record in records} == {
        run_id: (status, error)
        for run_id, status, error in drill.query("SELECT run_id, status, error FROM scoring_runs")
    }
    assert Counter(record.status for record in records) == {
        "done": 5,  # good, closed leads, two at once, moved state
        "refused": 5,  # empty events, renamed type, twice an older as-of, stale data
        "failed": 3,  # wrong password, full disk here and there
        "stopped": 1,
        "killed": 2,
    }
