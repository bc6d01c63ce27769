"""Monitoring: what became of scores that were written, alarms, and what they are not raised by."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from leadlens import load_project, train
from leadlens.models.judging.matured import judge_matured
from leadlens.pipeline.app.nights import command_of
from leadlens.pipeline.config import Drift
from leadlens.pipeline.drift.histogram import Histogram
from leadlens.pipeline.drift.monitoring import Checkpoint, calibration, inflation
from leadlens.pipeline.drift.profile import Profile
from leadlens.pipeline.drift.watching import feature_moves
from leadlens.pipeline.published.monitored import read_monitored
from leadlens.pipeline.runs import RunStore
from leadlens.pipeline.state import state_folder
from tests.pipeline.little_project import START, LittleProject, leadlens

THEN, NOW = START + timedelta(days=60), START + timedelta(days=80)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleProject:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    little = LittleProject(tmp_path / "little")
    little.settings["model"] = {"trials": 1, "folds": 2}
    little.settings["scores"] = {"to": f"duckdb:///{tmp_path / 'scores.duckdb'}"}
    return little


def test_scores_are_held_against_what_became_of_the_leads(project: LittleProject, tmp_path: Path) -> None:
    path = project.write()
    early = leadlens("monitor", path, "--as-of", NOW.isoformat())
    assert early.code == 1
    assert "no model of 'little' is registered" in early.err
    assert "LEADLENS_HOME says where models are" in early.err
    train(load_project(path))
    for date in (THEN, NOW):
        assert leadlens("score", path, "--as-of", date.isoformat(), "--force", "a test").code == 0

    file = tmp_path / "leadlens.prom"
    done = leadlens(
        "monitor", path, "--as-of", NOW.isoformat(), "--back", "20d", "--json", "--metrics-file", file
    )
    facts = done.facts
    looked = datetime.fromisoformat(facts["looked_back"])
    assert looked == THEN
    with duckdb.connect(str(tmp_path / "scores.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "SELECT lead_id, probability FROM lead_scores_history WHERE as_of = ?", [THEN]
        ).df()
    converted = project.conversions.set_index("lead_id")["converted_at"]
    when = rows["lead_id"].map(converted)
    rows = rows[~(when < looked)]
    within = (when >= looked) & (when < looked + timedelta(days=10))
    assert facts["matured"]["leads"] == len(rows) > 50
    assert facts["matured"]["observed"] == int(within.sum()) > 0
    assert facts["matured"]["expected"] == pytest.approx(rows["probability"].sum())
    assert [each["date"] for each in facts["checkpoints"]][-1] == facts["as_of"]
    bands = facts["outcomes"]
    assert sum(each["leads"] for each in bands) == len(rows)
    assert sum(each["converted"] for each in bands) == int(within.sum())
    assert sum(each["expected"] for each in bands) == pytest.approx(rows["probability"].sum())
    weeks = {(each["date"], each["cut"]): each for each in facts["weeks"]}
    latest = weeks[facts["as_of"], 60]
    assert (latest["leads"], latest["above"]) == (
        facts["checkpoints"][-1]["leads"],
        facts["checkpoints"][-1]["hot"],
    )
    assert latest["converted"] is None, "the horizon is not over"
    over = [each for each in facts["weeks"] if each["converted"] is not None]
    assert over
    assert all(each["converted"] <= each["above"] <= each["leads"] for each in over)
    kept = read_monitored("little")
    assert kept is not None
    assert kept.facts["run_id"] == facts["run_id"]
    assert kept.weeks(60)[-1]["above"] == latest["above"]
    assert facts["sources"]["events"] == project.events["occurred_at"].max().isoformat()

    assert done.code == (1 if facts["alarms"] else 0)
    record = RunStore(tmp_path / "home" / "runs").records()[0]
    assert (record.run_id, record.status) == (facts["run_id"], "done")
    assert record.notes["alarms"] == facts["alarms"]
    metrics = file.read_text(encoding="utf-8")
    assert f'leadlens_monitor_exit_code{{project="little"}} {done.code}\n' in metrics
    assert (
        f'leadlens_monitor_conversions{{project="little",kind="observed"}} {int(within.sum())}\n' in metrics
    )
    page = Path(facts["page"]).read_text(encoding="utf-8")
    assert "<title>little: monitor</title>" in page
    assert "<script" not in page
    assert json.loads(Path(facts["json"]).read_text(encoding="utf-8"))["headline"] == facts["headline"]

    early = leadlens("monitor", path, "--as-of", (THEN - timedelta(days=2)).isoformat(), "--json").facts
    assert early["matured"] is None
    assert early["checkpoints"] == []
    assert any("no score was written by" in note for note in early["notes"])
    assert any(f"as of {NOW:%Y-%m-%d %H:%M} were written too" in note for note in early["notes"])

    late = leadlens("monitor", path, "--as-of", (NOW + timedelta(days=40)).isoformat(), "--json")
    assert late.code == 1
    assert "stale" in {alarm["code"] for alarm in late.facts["alarms"]}
    said = leadlens("monitor", path, "--as-of", (NOW + timedelta(days=40)).isoformat()).out
    for alarm in late.facts["alarms"]:
        assert said.count(alarm["message"]) == 1
    short = leadlens("monitor", path, "--back", "3d")
    assert short.code == 2
    assert "a lead has 10 days to convert" in short.err
    files = leadlens("monitor", path, "--to", tmp_path / "scores.csv", "--metrics-file", file)
    assert files.code == 2
    assert "a file holds the latest run alone" in files.err
    assert "leadlens_monitor_exit_code" in file.read_text(encoding="utf-8")
    assert "} 2\n" in file.read_text(encoding="utf-8")


def test_the_latest_night_is_looked_at_though_the_data_end_before_it(
    project: LittleProject, tmp_path: Path
) -> None:
    """Scores are as of the date that was asked for, such as the midnight after the last event."""
    path = project.write()
    train(load_project(path))
    data_end = max(project.events["occurred_at"].max(), project.conversions["converted_at"].max())
    midnight = datetime.combine(data_end.date(), datetime.min.time()) + timedelta(days=1)
    assert data_end < midnight
    for date in (midnight - timedelta(days=20), midnight):
        assert leadlens("score", path, "--as-of", date.isoformat(), "--force", "a test").code == 0

    facts = leadlens("monitor", path, "--as-of", midnight.isoformat(), "--json").facts
    with duckdb.connect(str(tmp_path / "scores.duckdb"), read_only=True) as connection:
        (counts,) = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE score >= 60) FROM open_lead_scores"
        ).fetchall()
    latest = facts["checkpoints"][-1]
    assert facts["as_of"] == latest["date"] == midnight.isoformat()
    assert (latest["leads"], latest["hot"]) == counts
    assert counts[0] > 0
    past_the_last = data_end + timedelta(microseconds=1)
    assert datetime.fromisoformat(facts["looked_back"]) == past_the_last - timedelta(days=10), (
        "outcomes are known until the data's end"
    )
    assert not any("not looked at" in note for note in facts["notes"])
    assert not any("no run that was written" in note for note in facts["notes"])


def test_a_target_without_scores_is_refused_and_not_green_for_ever(
    project: LittleProject, tmp_path: Path
) -> None:
    path, missing = project.write(), tmp_path / "score.duckdb"
    train(load_project(path))
    assert leadlens("score", path, "--as-of", NOW.isoformat(), "--force", "a test").code == 0
    typo = leadlens("monitor", path, "--as-of", NOW.isoformat(), "--to", f"duckdb:///{missing}")
    assert typo.code == 2
    assert "there is no such file" in typo.err
    assert f"did you mean: duckdb:///{tmp_path / 'scores.duckdb'}?" in typo.err
    assert "leadlens score" in typo.err
    assert not missing.exists()
    assert not list(tmp_path.rglob("monitor.html")), "nothing is written for it"

    # The challenger scores beside the champion, into a target of its own.
    assert leadlens("promote", path, "--force", "a test").code == 0
    train(load_project(path))
    shadow = f"duckdb:///{tmp_path / 'shadow.duckdb'}"
    for date in (THEN, NOW):
        night = ("--as-of", date.isoformat(), "--force", "a test")
        assert leadlens("score", path, *night, "--challenger", "--to", shadow).code == 0
    looked = ("monitor", path, "--as-of", NOW.isoformat(), "--back", "20d", "--json")
    own, other = leadlens(*looked).facts, leadlens(*looked, "--challenger", "--to", shadow).facts
    assert (own["model_version"], other["model_version"]) == ("little/1", "little/2")
    assert own["matured"] is None, "the champion had not scored by then"
    assert other["matured"]["leads"] > 50
    kept = read_monitored("little")
    assert kept is not None
    assert kept.facts["model_version"] == "little/1", "not the challenger's"
    assert [Path(each["page"]).name for each in (own, other)] == ["monitor.html", "monitor_challenger.html"]
    watched = [run for run in RunStore(state_folder() / "runs").records() if run.command == "monitor"]
    assert [command_of(run) for run in watched[:2]] == ["monitor --challenger", "monitor"], (
        "Health tells them apart"
    )


def test_conversions_far_from_expected_are_an_alarm_and_near_ones_are_none() -> None:
    def codes(p: float, converted: int, limit: float = 1.5) -> list[tuple[str, str]]:
        matured = judge_matured([p] * 1000, [1] * converted + [0] * (1000 - converted))
        return [
            (each.code, each.level)
            for each in calibration(matured, NOW, Drift(conversions=limit))
            if each.code == "calibration"
        ]

    assert codes(0.1, 100) == []
    assert codes(0.1, 118) == [], "beyond chance, and of no consequence"
    assert codes(0.1, 130) == [("calibration", "warning")]
    assert codes(0.1, 200) == codes(0.1, 40) == [("calibration", "stop")]
    assert codes(0.1, 200, limit=2.5) == [("calibration", "warning")]
    assert codes(0.1, 200, limit=4) == []


def test_scores_that_do_not_rank_are_an_alarm_where_they_could_have() -> None:
    p = [0.1 + 0.001 * (n * 7 % 400) for n in range(2000)]
    blind = judge_matured(p, [int(n % 5 == 0) for n in range(2000)])
    assert [each.code for each in calibration(blind, NOW, Drift()) if each.level == "stop"] == ["ranking"]
    few = judge_matured(p[:60], [int(n % 5 == 0) for n in range(60)])
    assert "ranking" not in {each.code for each in calibration(few, NOW, Drift())}


def months(hot: list[int], converted: list[int | None]) -> tuple[Checkpoint, ...]:
    return tuple(
        Checkpoint(date=START + timedelta(days=30 * n), leads=1000, hot=h, mql=None, converted=c)
        for n, (h, c) in enumerate(zip(hot, converted, strict=True))
    )


@pytest.mark.parametrize(
    ("hot", "converted", "level"),
    [
        ([150, 160, 150, 155, 400], [50, 50, 50, 50, None], "stop"),
        ([150, 160, 150, 155, 215], [50, 50, 50, 50, None], "warning"),
        ([150, 160, 150, 155, 160], [50, 50, 50, 50, None], None),
        ([50, 60, 50, 55, 150], [50, 50, 50, 50, None], None),  # sales can call all of them
        ([150, 160, 150, 155, 400], [50, 50, 50, 90, None], None),  # and more leads convert
        ([150, 400], [50, None], None),
    ],
)
def test_more_leads_above_the_threshold_than_sales_can_call(
    hot: list[int], converted: list[int | None], level: str | None
) -> None:
    found = [each.level for each in inflation(months(hot, converted), 0.2, Drift())]
    assert found == ([] if level is None else [level])
    wider = [each.level for each in inflation(months(hot, converted), 0.2, Drift(hot=3.0))]
    assert wider == (["warning"] if level == "stop" else [])


def test_a_feature_moves_in_the_middle_and_in_the_tails() -> None:
    values = pd.Series(range(1000), dtype=float)
    trained = Histogram.of(values, label="Income", moves=False)

    def night(shift: float) -> Profile:
        income = {"income": trained.count(values + shift)}
        return Profile(as_of=NOW, data_end=NOW).scored("little/1", 1000, {}, income)

    (same,) = feature_moves(night(0), night(0), [night(0)])
    assert (same.psi_training, same.psi_nights, same.tail_z) == (0, 0, 0)
    assert (same.low_tail, same.high_tail) == pytest.approx((0.1, 0.1), abs=0.01)
    (moved,) = feature_moves(night(300), night(0), [])
    assert moved.psi_training is not None
    assert moved.psi_training > 0.25
    assert moved.psi_nights is None
    assert moved.tail_z is not None
    assert abs(moved.tail_z) > 5
