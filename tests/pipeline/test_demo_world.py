"""The demo worlds: the same for the same seed, in contract form, true to their ground truth, leaking as told."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from leadlens import check
from leadlens.features.errors import UsageError
from leadlens.models.scorecard import Sheet
from leadlens.pipeline.config import load_project
from leadlens.pipeline.demo import WORLDS, World, simulate, write_world
from leadlens.pipeline.demo.draws import Draws, pick, poisson_cells
from leadlens.pipeline.prepared import open_history

ROOT = Path(__file__).parents[2]
BOTH = pytest.mark.parametrize("name", sorted(WORLDS))
# Big enough for every driver to show, small enough for a second each.
SIZE = 6_000
SIGN = {"right": +1, "too few points": +1, "wrong direction": -1}


@cache
def world(name: str) -> World:
    return simulate(name, leads=SIZE)


@cache
def lives(name: str) -> duckdb.DuckDBPyConnection:
    """``looks``: leads open two weeks after creation, and whether they convert within the horizon from then."""
    spec, connection = WORLDS[name], duckdb.connect()
    horizon = load_project(ROOT / f"configs/demo_{name}.yaml").project.outcome.horizon
    for table, frame in world(name).tables.items():
        connection.register(table, frame)
    connection.execute(
        """
        CREATE TABLE looks AS
        SELECT l.*, l.created_at + INTERVAL 14 DAY AS as_of,
               coalesce(c.converted_at < l.created_at + INTERVAL 14 DAY + ?::INTERVAL, FALSE) AS label
        FROM leads AS l LEFT JOIN conversions AS c USING (lead_id)
        WHERE coalesce(l.closed_at, c.converted_at, TIMESTAMP '2100-01-01') >= l.created_at + INTERVAL 14 DAY
          AND l.created_at + INTERVAL 14 DAY + ?::INTERVAL <= ?
        """,
        [horizon, horizon, spec.start + timedelta(days=spec.days)],
    )
    return connection


def holds(name: str, when: str, on: str, times: int = 1) -> pd.Series:
    """For each look, whether a condition of a driver or a rule holds by then, for actions so many times."""
    if on == "action":
        test = (
            "(SELECT count(*) FROM events AS e WHERE e.lead_id = looks.lead_id AND e.occurred_at < as_of "
            f"AND coalesce(e.known_at, e.occurred_at) < as_of AND {when}) >= {times}"
        )
        join = ""
    else:
        test, join = when, "LEFT JOIN accounts AS account USING (account_id)" if WORLDS[name].accounts else ""
    found = lives(name).execute(f"SELECT label, coalesce({test}, FALSE) AS met FROM looks {join}").df()
    return found.set_index("label")["met"]


def lift(met: pd.Series) -> float:
    """Conversion where it holds against conversion where it does not."""
    label, met_values = met.index.to_numpy(dtype=bool), met.to_numpy(dtype=bool)
    return float(label[met_values].mean() / label[~met_values].mean())


@BOTH
def test_the_same_seed_gives_identical_frames(name: str) -> None:
    first, second = simulate(name, seed=3, leads=400), simulate(name, seed=3, leads=400)
    for table in first.tables:
        pd.testing.assert_frame_equal(first.tables[table], second.tables[table])
    assert first.truth == second.truth
    other = simulate(name, seed=4, leads=400)
    assert not first.tables["events"].equals(other.tables["events"])


@BOTH
def test_the_tables_are_in_contract_form(name: str) -> None:
    tables = world(name).tables
    assert list(tables) == ["leads", "accounts", "events", "conversions", "changes"]
    leads, accounts, events, conversions = (tables[table] for table in list(tables)[:4])
    assert leads["lead_id"].is_unique
    assert leads["created_at"].notna().all()
    assert accounts["account_id"].is_unique
    assert conversions["lead_id"].is_unique
    for table in ("events", "conversions"):
        assert set(tables[table]["lead_id"]) <= set(leads["lead_id"])
    if "account_id" in leads:
        assert set(leads["account_id"].dropna()) <= set(accounts["account_id"])
    assert events[["event_id", "lead_id", "occurred_at", "event_type"]].notna().all().all()
    for table, frame in tables.items():
        for column in (column for column in frame if str(column).endswith("_at")):
            assert str(frame[column].dtype) == "datetime64[us]", (table, column)


@BOTH
def test_nothing_is_dated_after_the_export(name: str) -> None:
    end = pd.Timestamp(WORLDS[name].start) + timedelta(days=WORLDS[name].days)
    for frame in world(name).tables.values():
        for column in (column for column in frame if str(column).endswith("_at")):
            assert not (frame[column] >= end).any()


@BOTH
def test_lives_are_consistent(name: str) -> None:
    tables = world(name).tables
    leads = tables["leads"].merge(tables["conversions"], on="lead_id", how="left")
    assert not (leads["closed_at"] <= leads["created_at"]).any()
    assert not (leads["converted_at"] <= leads["created_at"]).any()
    assert not (leads["closed_at"].notna() & leads["converted_at"].notna()).any()
    assert 0.05 <= world(name).truth["conversion_rate"] <= 0.12


@BOTH
def test_events_come_late_twice_and_from_before_the_lead_was_known(name: str) -> None:
    tables = world(name).tables
    events = tables["events"].merge(tables["leads"][["lead_id", "created_at"]], on="lead_id")
    assert not (events["known_at"] < events["occurred_at"]).any()
    assert (events["known_at"] > events["occurred_at"] + timedelta(hours=1)).mean() > 0.005
    anonymous = events[events["occurred_at"] < events["created_at"]]
    assert len(anonymous)
    assert (anonymous["known_at"] == anonymous["created_at"]).all()
    repeated = tables["events"][tables["events"].duplicated("event_id", keep=False)]
    assert len(repeated) > 0
    assert repeated.drop_duplicates().shape[0] == repeated["event_id"].nunique()


@BOTH
def test_attributes_are_sometimes_missing_and_sometimes_learned_later(name: str) -> None:
    tables = world(name).tables
    leads, changes = tables["leads"], tables["changes"]
    assert any(not str(person).isascii() for person in leads["full_name"])
    assert 0 < leads["source"].isna().mean() + leads["phone"].isna().mean() < 1
    now = changes[changes["value"].notna() & (changes["attribute"] == "phone")].set_index("id")["value"]
    held = leads.set_index("lead_id").loc[now.index, "phone"]
    assert len(now)
    assert (held == now).all()
    assert changes.groupby(["entity", "id", "attribute"])["known_at"].agg(lambda at: at.is_unique).all()


@BOTH
def test_every_driver_shows_in_the_data(name: str) -> None:
    for driver in world(name).truth["drivers"]:
        found = lift(holds(name, driver["when"], driver["on"]))
        assert found > 1.15 if driver["sign"] > 0 else found < 0.87, (driver["label"], found)


@BOTH
def test_every_written_rule_has_a_verdict_that_shows_in_the_data(name: str) -> None:
    sheet = Sheet.load(ROOT / f"configs/scorecards/demo_{name}.yaml")
    verdicts = {rule["rule"]: rule["verdict"] for rule in world(name).truth["rules"]}
    rules = [(rule, "attribute") for rule in sheet.attributes] + [(rule, "action") for rule in sheet.actions]
    assert [rule.label for rule, _ in rules] == list(verdicts)
    for rule, on in rules:
        verdict = verdicts[rule.label]
        if verdict not in SIGN:
            continue
        sign = np.sign(rule.points) * SIGN[verdict]
        found = lift(holds(name, str(rule.when), on))
        assert found > 1.05 if sign > 0 else found < 0.95, (rule.label, verdict, found)


@BOTH
def test_useless_actions_do_not_tell_buyers_apart(name: str) -> None:
    sheet = Sheet.load(ROOT / f"configs/scorecards/demo_{name}.yaml")
    useless = {rule["rule"] for rule in world(name).truth["rules"] if rule["verdict"] == "useless"}
    for rule in sheet.actions:
        if rule.label in useless:
            # Points for each event are judged where they reach their cap.
            times = int(rule.cap / rule.points) if rule.cap else 1
            met = holds(name, str(rule.when), "action", times)
            converted = np.array([met[True].sum(), (~met[True]).sum()])
            noise = float(np.sqrt((1 / converted).sum()))
            assert abs(np.log(lift(met))) < 0.2 + 2.6 * noise, rule.label


@BOTH
def test_the_planted_leaks_leak(name: str) -> None:
    leaks = world(name).truth["leaks"]
    for met in (
        holds(name, f"{leaks['attribute']} IS NOT NULL", "attribute"),
        holds(name, f"event_type = '{leaks['event_type']}'", "action"),
    ):
        assert roc_auc_score(met.index.to_numpy(dtype=bool), met.to_numpy(dtype=bool)) > 0.9


@BOTH
def test_the_project_file_names_both_leaks(name: str) -> None:
    project = load_project(ROOT / f"configs/demo_{name}.yaml").project
    spec = WORLDS[name]
    assert project.known_after == (spec.leaking_attribute.name,)
    assert project.data.events
    assert spec.leaking_event.event_type in str(project.data.events.where)
    assert project.data.ends
    assert project.data.ends.date() == spec.start + timedelta(days=spec.days)
    assert project.scorecards == (f"scorecards/demo_{name}.yaml",)


def test_mail_scanners_click_within_seconds_whatever_they_are_sent() -> None:
    events = world("b2b_software").tables["events"].drop_duplicates("event_id")
    mails = events[events["event_type"].isin(["email_sent", "email_opened", "email_clicked"])]
    mails = mails.sort_values(["lead_id", "occurred_at", "event_id"])
    gap = mails["occurred_at"].diff().where(mails["lead_id"] == mails["lead_id"].shift())
    clicked = mails["event_type"] == "email_clicked"
    assert 0.4 < (gap[clicked] < timedelta(seconds=30)).mean() < 0.98


def test_nobody_is_mailed_after_unsubscribing() -> None:
    events = world("car_dealer").tables["events"]
    gone = events[events["event_type"] == "unsubscribed"].groupby("lead_id")["occurred_at"].min()
    sent = events[events["event_type"] == "email_sent"]
    assert not (sent["occurred_at"] > sent["lead_id"].map(gone)).any()


def test_a_world_is_written_and_read_back(tmp_path: Path) -> None:
    small = simulate("car_dealer", leads=200)
    paths = write_world(small, tmp_path / "data")
    assert set(paths) == {*small.tables, "truth"}
    for name, frame in small.tables.items():
        pd.testing.assert_frame_equal(pd.read_parquet(paths[name]), frame, check_dtype=False)
    assert json.loads(paths["truth"].read_text(encoding="utf-8")) == small.truth


@BOTH
def test_the_demo_sounds_no_alarm_about_itself(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLENS_HOME", str(tmp_path / "home"))
    shutil.copyfile(ROOT / f"configs/demo_{name}.yaml", tmp_path / "project.yaml")
    shutil.copytree(ROOT / "configs/scorecards", tmp_path / "scorecards")
    write_world(simulate(name, leads=1_500), tmp_path / "data")
    with open_history(load_project(tmp_path)) as history:
        assert [finding.message for finding in history.findings if finding.level == "warning"] == []
    look = check(load_project(tmp_path)).look
    assert look is not None
    assert look.found


@BOTH
@pytest.mark.parametrize("leads", [1, 2, 30])
def test_tiny_worlds_work(name: str, leads: int) -> None:
    assert len(simulate(name, leads=leads).tables["leads"]) == leads


@BOTH
def test_a_small_world_takes_less_than_three_seconds(name: str) -> None:
    start = time.process_time()
    simulate(name, leads=1_000)
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"world": "car_dealr"}, "car_dealer"),
        ({"world": "car_dealer", "leads": 0}, "at least one lead"),
        ({"world": "car_dealer", "seed": -1}, "negative"),
    ],
)
def test_wrong_use_is_told(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        simulate(**arguments)


def test_a_stream_does_not_depend_on_others() -> None:
    draws = Draws(1)
    draws.of("first").random(1000)
    assert draws.of("second").random() == Draws(1).of("second").random()


def test_draws_follow_their_weights_and_rates() -> None:
    rng = Draws(5).of("check")
    counts = np.bincount(pick(rng, [1, 0, 3], 20_000), minlength=3) / 20_000
    np.testing.assert_allclose(counts, [0.25, 0, 0.75], atol=0.02)
    rows, columns = poisson_cells(rng, np.full((400, 50), 0.7))
    cells = np.bincount(rows * 50 + columns, minlength=20_000)
    assert cells.mean() == pytest.approx(0.7, abs=0.03)
    assert cells.var() == pytest.approx(0.7, abs=0.05)


def test_the_guide_tells_every_rule_driver_and_leak() -> None:
    guide = (ROOT / "docs/demo_worlds.md").read_text(encoding="utf-8")
    for spec in WORLDS.values():
        for verdict in spec.verdicts:
            assert f"| {verdict.rule} | {verdict.verdict} | {verdict.why} |" in guide
        for driver in spec.drivers:
            assert driver.label in guide
            assert driver.why in guide
        assert spec.leaking_attribute.name in guide
        assert spec.leaking_event.event_type in guide


def test_a_spec_cannot_be_changed() -> None:
    spec = WORLDS["car_dealer"]
    with pytest.raises(AttributeError):
        spec.leads = 5  # type: ignore[misc]
    assert replace(spec, leads=5).leads == 5
