"""`leadlens runs`: how the last nights ended, those that failed included, here and in the table that other machines write to."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from leadlens.pipeline.runs import RunRecord, RunStore
from leadlens.pipeline.runs.record import CHALLENGER_NOTE
from leadlens.pipeline.writeback import parse_target, report_runs, write_scores
from tests.pipeline.little_project import LittleProject, leadlens
from tests.pipeline.writeback_samples import AS_OF, run, scores

FIRST = datetime(2026, 11, 26, 2, 10)
DAY = timedelta(days=1)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    return LittleProject(tmp_path).write()


def keep(home: Path, night: int, status: str = "done", seconds: float | None = 48, **facts: Any) -> RunRecord:
    """A record as a run leaves it."""
    began = FIRST + night * DAY
    record = RunRecord(
        project=facts.pop("project", "little"),
        target=facts.pop("target", "duckdb:///scores.duckdb"),
        table="lead_scores",
        run_id=f"run-{night}-{facts.get('command', 'score')}",
        started_at=began,
        **facts,
    )
    store = RunStore(home / "runs")
    store.begin(record)
    if seconds is not None:
        record.status = status  # type: ignore[assignment]
        record.finished_at = began + timedelta(seconds=seconds)
        store.end(record)
    return record


def test_each_night_says_how_it_ended(config: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    scored = {"as_of": FIRST, "model_version": "little/3", "rows": 1_115, "exit_code": 0}
    written = {"inserted": 1_000, "updated": 15, "unchanged": 100, "closed": 3}
    keep(home, 0, **scored, **written, warnings=["attribute " + "income " * 20 + "moved", "grades moved"])
    why = "tonight is unlike the nights before (rows of events: 0, after 46,920 in the last nights; nothing was written)"
    keep(home, 1, "refused", 7_200, error=why, exit_code=1)
    keep(home, 2, "stopped", 4, error="stopped by SIGTERM", exit_code=143, target="scores.csv")
    keep(home, 3, None, None, stage="Reading the history", notes={CHALLENGER_NOTE: True})
    (home / "runs" / "run-3-score.running").unlink()  # its process is gone
    keep(home, 3, "failed", 2, command="monitor", error="no such target", exit_code=2)
    keep(home, 4, project="another")

    shown = leadlens("runs", config)
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "started (UTC)     status    took  as of             leads  written  model"
    assert lines[1] == "2026-11-29 02:10  killed", "nobody knows how long it took"
    assert "2026-11-28 02:10  stopped    4 s" in shown.out
    assert "    to scores.csv\n    stopped by SIGTERM (exit code 143)" in shown.out
    assert "2026-11-27 02:10  refused  2.0 h" in shown.out
    assert "rows of events: 0, after 46,920" in " ".join(shown.out.split())
    assert "2026-11-26 02:10  done      48 s  2026-11-26 02:10  1,115    1,018  3" in shown.out
    assert "    and 1 more warning\n" in shown.out
    assert "grades moved" not in shown.out
    assert lines[-1] == "leadlens monitor, 2026-11-29 02:10: failed: no such target (exit code 2)"
    assert "by the challenger" in shown.out
    assert "another" not in shown.out

    facts = leadlens("runs", config, "--json").facts
    assert [each["status"] for each in facts["runs"]] == ["killed", "stopped", "refused", "done"]
    night = facts["runs"][-1]
    assert (night["started_at"], night["finished_at"]) == ("2026-11-26T02:10:00Z", "2026-11-26T02:10:48Z")
    assert (night["seconds"], night["leads"], night["written"]) == (48.0, 1_115, 1_018)
    assert (night["model_version"], len(night["warnings"])) == ("little/3", 2)
    assert [each["command"] for each in facts["others"]] == ["monitor"]

    last = leadlens("runs", config, "--last", "1", "--to", "scores.csv").out
    assert "stopped" in last
    assert "done" not in last
    watched = leadlens("runs", config, "--command", "monitor").out
    assert "no such target (exit code 2)" in watched


def test_of_one_night_every_warning_is_shown(config: Path, tmp_path: Path) -> None:
    keep(tmp_path / "home", 0, warnings=["income moved", "grades moved"])
    shown = leadlens("runs", config, "--last", "1").out
    assert "warning: income moved\n    warning: grades moved" in shown


def test_what_every_night_warns_of_is_said_of_the_latest(config: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    keep(home, 0, warnings=["it was forced"])
    keep(home, 1, warnings=["it was forced", "income moved"])
    keep(home, 2, warnings=["it was forced", "income moved"])
    keep(home, 3, "killed")
    keep(home, 4, warnings=["it was forced", "income moved"])
    said = [line.strip() for line in leadlens("runs", config).out.splitlines() if line.startswith("    ")]
    assert said == [
        *("warning: it was forced", "and 1 more warning"),
        "no reason was recorded",
        *("the same 2 warnings as above", "the same 2 warnings as above"),
        "warning: it was forced",
    ]


def test_nothing_on_record_is_said(config: Path) -> None:
    shown = leadlens("runs", config)
    assert shown.code == 0
    assert "no run of leadlens score is on record here" in shown.out


@pytest.mark.parametrize("database", ["duckdb", "postgresql"])
def test_a_database_knows_the_nights_of_other_machines(
    database: str, config: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    to = f"duckdb:///{tmp_path / 'scores.duckdb'}"
    if database == "postgresql":
        to = str(request.getfixturevalue("postgres_url"))
    facts = {"model_version": "little/1", "project": "little"}
    write_scores(scores(4), to, run=run("of-another-machine", started_at=FIRST - DAY, **facts))
    write_scores(scores(4), to, run=run("of-another-project", day=1, model_version="cars/1", project="cars"))
    failed = RunRecord(
        project="little", run_id="failed-there", started_at=FIRST, table="lead_scores", target=to
    )
    failed.warnings = ["half of the leads have no city"]
    failed.end("failed", 3, "nobody answers")
    report_runs(to, "lead_scores", [failed])
    keep(tmp_path / "home", 1, target=parse_target(to).shown)

    runs = leadlens("runs", config, "--to", to, "--json").facts["runs"]
    assert [(each["run_id"], each["status"]) for each in runs] == [
        ("run-1-score", "done"),
        ("failed-there", "failed"),
        ("of-another-machine", "done"),
    ]
    assert (runs[1]["error"], runs[1]["warnings"]) == ("nobody answers", ["half of the leads have no city"])
    assert (runs[2]["written"], runs[2]["as_of"]) == (4, f"{AS_OF.isoformat()}Z")
    assert runs[2]["started_at"] == "2026-11-25T02:10:00Z"
    assert leadlens("runs", config, "--to", to, "--last", "2").out.count("2026-") == 2


def test_a_table_of_an_earlier_release_lacks_columns(config: Path, tmp_path: Path) -> None:
    """It gets them from the next run that writes to it."""
    with duckdb.connect(str(tmp_path / "old.duckdb")) as connection:
        connection.sql(
            """
            CREATE TABLE scoring_runs AS
            SELECT 'run-1' AS run_id, 'lead_scores' AS scores_table, TIMESTAMP '2026-11-25 02:10:00' AS started_at,
                TIMESTAMP '2026-11-25 02:11:00' AS finished_at, 'done' AS status, TIMESTAMP '2026-11-25' AS as_of, 7 AS rows,
                'little/1' AS model_version
            """
        )
    (old,) = leadlens("runs", config, "--to", f"duckdb:///{tmp_path}/old.duckdb", "--json").facts["runs"]
    assert (old["status"], old["leads"], old["seconds"], old["warnings"]) == ("done", 7, 60.0, [])


def test_a_target_that_no_run_wrote_to_is_refused(config: Path, tmp_path: Path) -> None:
    keep(tmp_path / "home", 0)
    refused = leadlens("runs", config, "--to", "duckdb:///score.duckdb")
    assert refused.code == 2
    assert "no run ever wrote to this target" in refused.err
    assert "did you mean: duckdb:///scores.duckdb?" in refused.err
